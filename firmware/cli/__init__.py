"""The command line: `scanside COMMAND`. Each command is a module with `add_arguments` and `run`, imported when used."""

import os

for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    # Before numpy is imported: thread pools cost more than they gain beside a frame loop.
    os.environ.setdefault(_pool, "1")

import argparse  # noqa: E402
import importlib  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402

COMMANDS = {
    "demo": "the appliance with a real scan played into it, start to verdict, no scanner needed",
    "run": "the appliance, from a configuration file",
    "replay": "play a recorded scan into a running appliance",
    "check": "judge files or folders offline",
    "watch": "live verdicts in the terminal, from any broker",
    "compile": "make plans of networks for one device, and look after those that are kept",
    "calibrate": "fit the tables of networks in int8 to this site",
    "models": "pack, show and verify networks in signed packages",
    "doctor": "what this machine can do, and the mend for what it cannot",
    "check-config": "what is wrong with a configuration",
    "bench": "the benchmarks",
}
"""Command -> what it is for."""

GOOD, FOUND, WRONG_USE, COULD_NOT, INTERRUPTED = 0, 1, 2, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 good, 1 found something wrong, 2 wrong use, 3 could not run, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="scanside", description="Judges MRI frames while the patient is on the table."
    )
    parser.add_argument("--verbose", action="store_true", help="also log what goes well")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        if name in arguments:
            _module(name).add_arguments(command)
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from engine.errors import ScansideError

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(_module(options.command).run(options))
    except ScansideError as error:
        print(f"scanside: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads our output has enough (`| head`); what Python flushes at its end must have somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD


def _module(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return importlib.import_module(f"firmware.cli.{name.replace('-', '_')}")
