"""`scanside models`: packs networks into signed packages, shows and verifies them."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from engine.package import Package, load_package, trusted_keys
from engine.package.manifest import Tensor, axes_of
from firmware.cli import models_train
from firmware.cli.model_states import PackageState, find_packages, state_of
from models.shipped import KEYS, PACKAGES

SCHEMA = "models/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="the packages here, and whether each may be used")
    verify = actions.add_parser("verify", help="whether packages are signed, unchanged and keep the rules")
    for action in (listed, verify):
        action.add_argument(
            "paths", nargs="*", type=Path, metavar="PATH", help="packages, or folders of them (default: the shipped)"
        )
    show = actions.add_parser("show", help="what a package promises, and its card")
    show.add_argument("path", type=Path, metavar="PATH", help="a package")
    for action in (listed, verify, show):
        action.add_argument("--keys", type=Path, metavar="DIR", help="public keys to trust besides the release keys")
    pack = actions.add_parser("pack", help="make a signed package from a folder, or a draft of one from an ONNX file")
    pack.add_argument("source", type=Path, metavar="SOURCE", help="folder with manifest.toml, model.onnx, card.md")
    pack.add_argument("--key", type=Path, metavar="FILE", help="private key to sign with")
    pack.add_argument("--out", type=Path, metavar="DIR", help="the package (default: SOURCE/../NAME-VERSION)")
    pack.add_argument(
        "--draft", type=Path, metavar="DIR", help="write a draft of SOURCE, an ONNX file, into this folder"
    )
    pack.add_argument(
        "--axis",
        action="append",
        default=[],
        type=_bound,
        metavar="NAME=LEAST..GREATEST",
        help="with --draft: bounds of a size that varies; once for each",
    )
    keygen = actions.add_parser("keygen", help="make a key pair to sign with")
    keygen.add_argument("folder", type=Path, metavar="DIR", help="where the private and the public half go")
    train = actions.add_parser("train", help="train a network of ours (after make train-setup)")
    models_train.add_arguments(train)
    for action in (listed, verify, show, pack, keygen, train):
        action.add_argument("--json", action="store_true", help="one JSON document")
    parser.set_defaults(usage=parser)


def _bound(text: str) -> tuple[str, tuple[int, int]]:
    name, _, sizes = text.rpartition("=")
    least, _, greatest = sizes.partition("..")
    if not name or not least.isdecimal() or not greatest.isdecimal() or not 1 <= int(least) <= int(greatest):
        raise argparse.ArgumentTypeError(f"{text!r}: write it as y=16..1024")
    return name, (int(least), int(greatest))


def run(options: argparse.Namespace) -> int:
    actions = {"list": _list, "verify": _verify, "show": _show, "pack": _pack, "keygen": _keygen, "train": _train}
    return actions[options.action](options)


def _list(options: argparse.Namespace) -> int:
    _print_states(_states(options), options)
    return 0


def _verify(options: argparse.Namespace) -> int:
    states = _states(options)
    _print_states(states, options)
    return 0 if states and all(state.usable for state in states) else 1


def _show(options: argparse.Namespace) -> int:
    package = load_package(options.path, _keys(options))
    if options.json:
        print(json.dumps({"schema": SCHEMA, "package": _document(package)}, indent=2))
        return 0
    manifest = package.manifest
    print(f"{manifest.name} {manifest.version}: {manifest.task}, {package.parameters} parameters")
    print(f"sha256 {package.sha256}, signed with key {package.key_id}")
    for side, tensors in (("in", manifest.inputs), ("out", manifest.outputs)):
        for tensor in tensors:
            low, high = tensor.range
            print(f"{side:<4}{tensor.name} {_sizes(tensor)} {tensor.dtype}, {low:g} to {high:g} {tensor.unit}")
            if tensor.labels:
                print(f"    {'':<{len(tensor.name)}} {', '.join(tensor.labels)}")
    print(f"for: {manifest.trained_for}\nmust not: {manifest.must_not}\n\n{package.card}")
    return 0


def _pack(options: argparse.Namespace) -> int:
    if options.draft:
        return _draft(options)
    if options.key is None or options.axis:
        options.usage.error("pack needs --key FILE; or --draft DIR, which alone takes --axis")
    from models.pack import pack
    from models.signing import read_private_key

    package = pack(options.source, options.out, read_private_key(options.key))
    said = f"{package.path}: {package.manifest.name} {package.manifest.version}, sha256 {package.sha256}"
    return _tell(options, {"package": _document(package)}, said)


def _draft(options: argparse.Namespace) -> int:
    from models.draft import draft

    manifest = draft(options.source, options.draft, dict(options.axis))
    said = f"{manifest}: fill it in and write card.md, then scanside models pack {options.draft} --key FILE"
    return _tell(options, {"manifest": str(manifest)}, said)


def _keygen(options: argparse.Namespace) -> int:
    from models.signing import write_key_pair

    private, public = write_key_pair(options.folder)
    document = {"key_id": public.stem, "private": str(private), "public": str(public)}
    said = f"{private}: sign with it; keep it off the appliance\n{public}: give it to whoever shall trust you"
    return _tell(options, document, said)


def _train(options: argparse.Namespace) -> int:
    figures = models_train.run(options)
    said = ", ".join(
        f"{name} {value:.4g}" for name, value in figures["figures"].items() if isinstance(value, int | float)
    )
    return _tell(options, figures, said)


def _tell(options: argparse.Namespace, document: Mapping[str, object], said: str) -> int:
    print(json.dumps({"schema": SCHEMA, **document}, indent=2) if options.json else said)
    return 0


def _keys(options: argparse.Namespace) -> dict[str, bytes]:
    return trusted_keys(KEYS, *([options.keys] if options.keys else []))


def _states(options: argparse.Namespace) -> list[PackageState]:
    keys = _keys(options)
    return [state_of(path, keys) for path in find_packages(options.paths or [PACKAGES])]


def _print_states(states: list[PackageState], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps({"schema": SCHEMA, "packages": [state.document() for state in states]}, indent=2))
        return
    console = Console(highlight=False)
    for state in states:
        if state.usable:
            said = f"{state.task}, {state.parameters} parameters, sha256 {(state.sha256 or '')[:12]}, {state.signature}"
            console.print(f"[green]●[/] {escape(f'{state.name} {state.version}: {said}')}")
        else:
            console.print(f"[red]■[/] {escape(f'{state.name}: {state.signature}, not used')}")
            console.print(f"  {escape(state.refused)}", soft_wrap=True)


def _document(package: Package) -> dict[str, object]:
    manifest = package.manifest
    axes = axes_of((*manifest.inputs, *manifest.outputs)).values()
    return {
        "path": str(package.path),
        "name": manifest.name,
        "version": manifest.version,
        "task": manifest.task,
        "opset": manifest.opset,
        "parameters": package.parameters,
        "sha256": package.sha256,
        "key_id": package.key_id,
        "trained_for": manifest.trained_for,
        "must_not": manifest.must_not,
        "inputs": [_tensor(tensor) for tensor in manifest.inputs],
        "outputs": [_tensor(tensor) for tensor in manifest.outputs],
        "axes": {axis.name: {"min": axis.min, "typical": axis.typical, "max": axis.max} for axis in axes},
        "forms": sorted(package.forms),
        "card": package.card,
    }


def _tensor(tensor: Tensor) -> dict[str, object]:
    shape = [size if isinstance(size, int) else size.name for size in tensor.shape]
    document = {"name": tensor.name, "shape": shape, "dtype": tensor.dtype, "unit": tensor.unit, "range": tensor.range}
    return {**document, **({"labels": tensor.labels} if tensor.labels else {})}


def _sizes(tensor: Tensor) -> str:
    sizes = (str(s) if isinstance(s, int) else f"{s.name} {s.min}..{s.max}" for s in tensor.shape)
    return f"[{', '.join(sizes)}]"
