"""`scanside bench`: the benchmarks, which live in a package of their own."""

import argparse
from pathlib import Path

from engine.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        choices=("loop", "metrics", "faults", "models", "engine", "backends", "console"),
        help="loop: from the last readout to image and verdict; metrics: time per row of measurements; "
        "faults: is each simulated fault named; models: the networks beside their peers; "
        "engine: the networks in every form on every runner that works here; "
        "backends: do verdicts depend on which of these runs the networks; "
        "console: from a decision to the screen, and what viewers cost",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer rows, fewer frames")
    engine = parser.add_argument_group("engine")
    engine.add_argument("--model", action="append", metavar="NAME", help="only this network; may be given again")
    engine.add_argument("--state", type=Path, metavar="DIR", help="folder of plans and calibration tables (state)")
    engine.add_argument("--table", action="store_true", help="only print the results of all machines, as markdown")


def run(options: argparse.Namespace) -> int:
    # The benchmarks import the appliance, so the appliance must not import them until one is asked for.
    import importlib

    benchmark = importlib.import_module(f"benchmarks.{options.what}").run
    chosen = {"models": options.model or (), "state": options.state or Path("state"), "table": options.table}
    if options.what == "engine":
        return int(benchmark(json_output=options.json, quick=options.quick, **chosen))
    if options.model or options.state or options.table:
        raise ConfigError("--model, --state and --table belong to `scanside bench engine`")
    return int(benchmark(json_output=options.json, quick=options.quick))
