"""`scanside bench`: the benchmarks, which live in a package of their own."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        choices=("loop", "metrics", "faults", "models"),
        help="loop: from the last readout to image and verdict; metrics: time per row of measurements; "
        "faults: is each simulated fault named; models: the networks beside their peers",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer rows, fewer frames")


def run(options: argparse.Namespace) -> int:
    # The benchmarks import the appliance, so the appliance must not import them until one is asked for.
    import importlib

    return int(importlib.import_module(f"benchmarks.{options.what}").run(json_output=options.json, quick=options.quick))
