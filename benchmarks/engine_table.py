"""The rows for people: in the terminal, and as markdown from the results of several machines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

Columns = tuple[tuple[str, str], ...]

_COLUMNS: Columns = (
    ("model", "model"),
    ("form", "form"),
    ("runner", "runner"),
    ("p50, ms", "p50_ms"),
    ("p99", "p99_ms"),
    ("p99.9", "p999_ms"),
    ("frames/s", "frames_per_s"),
    ("times ORT fp32", "speed_ratio_to_ort_fp32"),
    ("loss", "loss"),
    ("MiB", "memory_mb"),
    ("build, s", "build_s"),
)
_PACED = _COLUMNS[:6]


_NAMES = {"model", "form", "runner"}
_TEXT = {*_NAMES, "loss"}


def shown(document: Mapping[str, Any]) -> Iterator[Table | str]:
    """The document as tables, CPU and GPU apart, back to back and paced apart."""
    for where, rows in _by_processor(document["rows"]):
        yield _table(rows, _COLUMNS, f"{_machine(document)}, on the {where}, back to back")
    for where, rows in _by_processor(document["paced"]):
        yield _table(rows, _PACED, f"on the {where}, paced")
    for model, why in document.get("site_tables_not_used", {}).items():
        yield f"{model}: table of this site not used: {why}"
    for goal in document["goals"]:
        word = {True: "reached", False: "missed", None: "not measured"}[goal["reached"]]
        found = " ".join(str(goal[name]) for name in ("value", "runner", "why") if goal.get(name) is not None)
        yield f"{word}: {goal['model']}, {goal['goal']}" + (f": {found}" if found else "")
    for one in document["missing"]:
        names = " ".join(one[name] for name in ("model", "form", "runner") if name in one)
        yield f"missing: {names}: {one['why_missing']}"


def markdown(documents: Iterable[Mapping[str, Any]]) -> str:
    """One table for each machine and processor; the rows that were called back to back."""
    parts = []
    for document in documents:
        for where, rows in _by_processor(document["rows"]):
            parts.append(f"**{_machine(document)}, on the {where}**, back to back, one thread" + _mode(rows) + "\n")
            known = _known(rows, _COLUMNS)
            parts.append(_line(name for name, _ in known))
            parts.append(_line("---" if key in _TEXT else "---:" for _, key in known))
            parts.extend(_line(_cell(row, key) for _, key in known) for row in rows)
            parts.append("")
    return "\n".join(parts).rstrip() or "no machine has been measured yet: `scanside bench engine --json`"


def _by_processor(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    listed = list(rows)
    for real_gpu, where in ((False, "CPU"), (True, "GPU")):
        chosen = [row for row in listed if bool(row["real_gpu"]) is real_gpu]
        if chosen:
            yield where, chosen


def _machine(document: Mapping[str, Any]) -> str:
    on, device = document["machine"], document["device"]
    names = [device.get("model"), on["processor"], f"{on['cores']} cores", device.get("gpu")]
    return ", ".join(str(name) for name in dict.fromkeys(names) if name)


def _mode(rows: Sequence[Mapping[str, Any]]) -> str:
    """Power mode, and what held the clocks down meanwhile."""
    modes = sorted({str(row["power_mode"]) for row in rows if row.get("power_mode")})
    held = sorted({str(by) for row in rows for by in _held(row["device"])})
    said = f", power mode {', '.join(modes)}" if modes else ""
    return said + (f", throttled by {', '.join(held)}" if held else "")


def _held(device: Mapping[str, Any]) -> tuple[str, ...]:
    """What the sensors name, and a clock that is low for no reason that they do."""
    named = tuple(device.get("throttled_by", ()))
    return named or (("an unknown cause",) if device.get("gpu_below_max") else ())


def _table(rows: Sequence[Mapping[str, Any]], columns: Columns, title: str) -> Table:
    out = Table(box=None, pad_edge=False, title=title, title_justify="left")
    known = _known(rows, columns)
    for name, key in known:
        out.add_column(name, justify="left" if key in _TEXT else "right", no_wrap=key in _NAMES)
    for row in rows:
        out.add_row(*(_cell(row, key) for _, key in known))
    return out


def _known(rows: Sequence[Mapping[str, Any]], columns: Columns) -> Columns:
    """Without those that no row has a value for."""
    return tuple((name, key) for name, key in columns if any(_cell(row, key) for row in rows))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: Mapping[str, Any], key: str) -> str:
    """Two digits after the point for times and ratios, what is unknown left empty."""
    if key == "loss":
        said = f"{_number(row.get('quality_loss'))} {row.get('quality_loss_unit', '')}".strip()
        return said if row.get("gate_passed", True) else f"{said} (refused)"
    return _number(row.get(key))


def _number(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
