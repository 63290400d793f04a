"""`scanside bench models`: what the shipped networks are worth beside their peers, as tables or JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.loop import machine
from benchmarks.throughput import package_rows, throughput
from models.shipped import DENOISER, PACKAGES, QUALITY

SCHEMA = "bench-models/1"
NETWORKS = (DENOISER, QUALITY)

_SAID = ("shipped", "not_better_than", "missing", "why_missing", "warnings")


def run(*, json_output: bool, quick: bool) -> int:
    """Prints both tables; 1 where the denoiser is no better than a plain peer, or a network was not measured."""
    document = measure(quick)
    if json_output:
        print(json.dumps(document, indent=2))
    else:
        talk = Console(highlight=False)
        for one in tables(document):
            talk.print(one, "")
    return 0 if document[DENOISER]["shipped"] and not any("missing" in document[name] for name in NETWORKS) else 1


def measure(quick: bool) -> dict[str, Any]:
    """The document: which packages, one part per network, and what a frame costs in each."""
    from benchmarks.denoisers import denoiser_table

    document = {
        "schema": SCHEMA,
        "machine": machine(),
        "quick": quick,
        "packages": package_rows(PACKAGES, NETWORKS),
        "throughput": throughput(PACKAGES, NETWORKS),
        DENOISER: denoiser_table(quick),
    }
    if not (PACKAGES / QUALITY).is_dir():
        return {**document, QUALITY: {"shipped": False, "missing": "no package of that name is shipped"}}
    from benchmarks.quality import quality_table

    return {**document, QUALITY: quality_table(quick)}


def tables(document: Mapping[str, Any]) -> Iterator[Table]:
    """The same for people."""
    from benchmarks.denoisers import tables as denoiser_tables

    yield _table(document["packages"], "packages")
    yield _table(document["throughput"]["rows"], "throughput, one thread")
    yield from _said(document[DENOISER], DENOISER)
    yield from denoiser_tables(document[DENOISER])
    yield from listed(document[QUALITY], QUALITY)


def listed(part: Mapping[str, Any], title: str) -> Iterator[Table]:
    """A table for each list of rows anywhere in `part`, and for what it says of itself; nothing else is shown."""
    yield from _said(part, title)
    for name, value in part.items():
        if isinstance(value, Mapping):
            yield from listed(value, f"{title}, {name}")
        elif isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
            yield _table(value, f"{title}, {name}")


def _said(part: Mapping[str, Any], title: str) -> Iterator[Table]:
    """Whether the network is shipped, and what is missing."""
    said = {name: part[name] for name in _SAID if name in part}
    if said:
        yield _table([said], title)


def _table(rows: list[Mapping[str, Any]], title: str) -> Table:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in columns:
        out.add_column(name.replace("_", " "))
    for row in rows:
        out.add_row(*(_cell(row.get(name)) for name in columns))
    return out


def _cell(value: Any) -> str:
    if isinstance(value, Mapping) and {"low", "high"} <= value.keys():
        middle = next(iter(value.values()))
        return f"{middle} ({value['low']} to {value['high']})"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items())
    return "" if value is None else str(value)
