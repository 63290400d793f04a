"""JSON Schemas of types with what their source says of each field, which lies in docstrings that Python drops."""

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from inspect import cleandoc, getsource
from typing import Any

import msgspec

REFERENCE = "#/components/schemas/{name}"


def components(kinds: Iterable[type[msgspec.Struct]], reference: str = REFERENCE) -> dict[str, Any]:
    """Schemas of `kinds` and of all that they refer to, by name; a field is described by the docstring below it."""
    kinds = list(kinds)
    schemas = msgspec.json.schema_components(kinds, ref_template=reference)[1]
    known = _structs({module for kind in kinds for module in _modules(kind)})
    for name, schema in schemas.items():
        if name in known:
            _describe(schema, known[name])
    return schemas


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """One type as a schema of its own."""
    return {"$ref": f"#/$defs/{kind.__name__}", "$defs": components([kind], "#/$defs/{name}")}


def _describe(schema: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    for base in reversed(_bases(kind)):
        for name, said in _said(base.__module__).get(base.__name__, {}).items():
            if name in schema["properties"]:
                schema["properties"][name]["description"] = said


def _structs(modules: Iterable[str]) -> dict[str, type[msgspec.Struct]]:
    """Types by name, of modules and of what they import."""
    there = [value for module in sorted(modules) for value in vars(sys.modules[module]).values()]
    return {one.__name__: one for one in there if isinstance(one, type) and issubclass(one, msgspec.Struct)}


def _modules(kind: type[msgspec.Struct]) -> list[str]:
    return [base.__module__ for base in _bases(kind)]


def _bases(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    return [base for base in kind.__mro__ if issubclass(base, msgspec.Struct) and base is not msgspec.Struct]


@cache
def _said(module: str) -> Mapping[str, Mapping[str, str]]:
    """Class -> field -> docstring."""
    classes = [node for node in ast.parse(getsource(sys.modules[module])).body if isinstance(node, ast.ClassDef)]
    return {one.name: dict(_fields(one)) for one in classes}


def _fields(one: ast.ClassDef) -> Iterable[tuple[str, str]]:
    for field, below in zip(one.body, one.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield name, cleandoc(said)
