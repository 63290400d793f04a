"""`scanside compile`: networks into plans for one device, and the store that keeps them."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from engine.errors import PlanRefused
from engine.package import trusted_keys
from engine.plans.build import Limits
from engine.plans.store import Kept, PlanStore, open_store
from engine.plans.target import TARGETS
from firmware.cli.compile_model import PRECISIONS, Wish, compile_model
from firmware.cli.compile_source import read_model
from firmware.clock import SystemClock
from models.shipped import KEYS

SCHEMA = "compile/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a shipped package's name, a package, an ONNX file")
    parser.add_argument("--target", choices=tuple(TARGETS), help="compiler, and so the runner, that the plan is for")
    parser.add_argument("--precision", choices=tuple(PRECISIONS), help="precision of the network")
    parser.add_argument(
        "--sm", type=_sms, default=(), metavar="SM[,SM]", help="compute capabilities, as 86 (default: the device here)"
    )
    parser.add_argument("--state", type=Path, default=Path("state"), metavar="DIR", help="the appliance's state folder")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="public keys to trust besides the release keys")
    parser.add_argument("--now", action="store_true", help="do not wait until no scan is open")
    parser.add_argument("--time-limit", type=_seconds, default=Limits().seconds, metavar="S", help="s for the build")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument("--list", action="store_true", help="the plans that are kept")
    actions.add_argument("--show", metavar="KEY", help="everything about one plan; the beginning of its key will do")
    actions.add_argument("--prune", action="store_true", help="remove plans that are neither current nor previous")
    actions.add_argument("--rollback", metavar="MODEL", help="make the previous plans of a network current again")
    parser.set_defaults(usage=parser)


def run(options: argparse.Namespace) -> int:
    action = next((act for name, act in _ACTIONS.items() if getattr(options, name)), None)
    if action is None:
        return _compile(options)
    if options.model:
        options.usage.error("give either a MODEL to compile, or one of --list, --show, --prune, --rollback")
    return action(options, open_store(options.state))


def _compile(options: argparse.Namespace) -> int:
    if not (options.model and options.target and options.precision):
        options.usage.error("give MODEL, --target and --precision; or one of --list, --show, --prune, --rollback")
    package = read_model(options.model, trusted_keys(KEYS, *([options.keys] if options.keys else [])), options.target)
    limits = Limits(seconds=options.time_limit)
    wish = Wish(package, options.precision, options.target, options.sm, options.state, options.now, limits)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=options.json or not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("starting", total=1.0)
        document = compile_model(
            wish,
            open_store(options.state),
            SystemClock(),
            lambda says, done: bar.update(task, description=says, completed=done),
        )
    _tell(options, document, _said(document))
    if not options.json:
        for advice in document["advice"]:
            Console(highlight=False, markup=False).print(f"  advice: {advice}", style="dim", soft_wrap=True)
    return 0


def _list(options: argparse.Namespace, store: PlanStore) -> int:
    kept = store.kept()
    if options.json:
        return _tell(options, {"plans": [_row(one) for one in kept]}, "")
    table = Table("key", "network", "form", "target", "size", "use")
    for one in kept:
        row = _row(one)
        size = f"{row['size_bytes'] / 1e6:.1f} MB" if row["size_bytes"] else ""
        target = f"{row['target']}, SM {row['sm']}" if row["target"] else ""
        table.add_row(one.key[:12], row["model"], row["form"], target, size, row["problem"] or ", ".join(row["use"]))
    Console(highlight=False).print(table if kept else "no plan is kept; scanside compile MODEL makes one")
    return 0


def _show(options: argparse.Namespace, store: PlanStore) -> int:
    found = [one for one in store.kept() if one.key.startswith(options.show)]
    if len(found) != 1:
        what = "no plan has this key" if not found else f"{len(found)} plans have keys that begin so"
        raise PlanRefused(what, options.show, "scanside compile --list", "missing")
    if found[0].problem:
        raise PlanRefused(found[0].problem, reason="damaged")
    print(json.dumps({"schema": SCHEMA, "plan": {**found[0].meta, "use": found[0].roles}}, indent=2))
    return 0


def _prune(options: argparse.Namespace, store: PlanStore) -> int:
    removed = store.prune()
    return _tell(options, {"removed": removed}, f"{len(removed)} plans removed")


def _rollback(options: argparse.Namespace, store: PlanStore) -> int:
    slots = [slot for slot, pointer in store.slots().items() if slot.startswith(f"{options.rollback}/")]
    able = [slot for slot in slots if store.slots()[slot].previous]
    if not able:
        raise PlanRefused("no earlier plan to go back to", options.rollback, "scanside compile --list", "missing")
    done = {slot: store.roll_back(slot).current for slot in able}
    return _tell(options, {"current": done}, "\n".join(f"{slot}: {key[:12]} is current" for slot, key in done.items()))


_ACTIONS = {"list": _list, "show": _show, "prune": _prune, "rollback": _rollback}


def _row(one: Kept) -> dict[str, Any]:
    inputs: Mapping[str, Any] = one.meta.get("inputs", {})
    return {
        "key": one.key,
        "model": inputs.get("package", ""),
        "form": inputs.get("form", ""),
        "target": inputs.get("target", ""),
        "sm": inputs.get("sm", ""),
        "backend": inputs.get("backend", ""),
        "device": inputs.get("device", ""),
        "size_bytes": one.meta.get("plan_bytes", 0),
        "made": one.meta.get("made"),
        "gate": one.meta.get("gate", {}),
        "use": list(one.roles),
        "problem": one.problem,
    }


def _said(made: Mapping[str, Any]) -> str:
    cpu, device = made["gate"]["cpu"], made["gate"]["device"]
    lines = [
        f"{made['model']} {made['form']} for {made['backend']}, SM {made['sm']}: {made['key'][:12]}"
        + (", made before" if made["reused"] else ""),
        f"  {made['size_bytes'] / 1e6:.1f} MB in {made['build_s']:.1f} s, {made['convolutions']} convolutions: "
        f"{made['int8_conv_share']:.0%} int8, {made['half_conv_share']:.0%} half",
        f"  gate in ONNX Runtime: {cpu['loss']:.3g} {cpu['unit']}, {cpu['limit']:g} allowed",
        f"  gate on the device: {device if isinstance(device, str) else 'passed'}",
    ]
    if made["site_table_not_used"]:
        lines.append(f"  table of this site not used: {made['site_table_not_used']}")
    if not made["signed"]:
        lines.append("  kept for looking at: it is not signed; for a plan that serves, compile a package")
    return "\n".join(lines)


def _tell(options: argparse.Namespace, document: Mapping[str, Any], said: str) -> int:
    print(json.dumps({"schema": SCHEMA, **document}, indent=2) if options.json else said)
    return 0


def _sms(text: str) -> tuple[str, ...]:
    sms = tuple(sm.strip().removeprefix("sm").removeprefix("SM") for sm in text.split(","))
    if not all(sm.isdecimal() and 2 <= len(sm) <= 3 for sm in sms):
        raise argparse.ArgumentTypeError(f"{text!r}: write it as 86, or 86,89")
    return tuple(sorted(set(sms), key=int))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: seconds, more than 0")
    return seconds
