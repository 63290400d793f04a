"""`scanside check-config`: every mistake in a configuration at once."""

import argparse
import json
from pathlib import Path

from engine.errors import ConfigError
from firmware.config import commented_defaults, load_config
from firmware.console.reach import refuse_others


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, nargs="?", help="TOML file")
    parser.add_argument("--defaults", action="store_true", help="print the commented file with every default")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace) -> int:
    if options.defaults:
        print(commented_defaults())
        return 0
    if options.config is None:
        raise ConfigError("no file given", mend="scanside check-config FILE, or --defaults")
    try:
        refuse_others(load_config(options.config).console.listen)
    except ConfigError as error:
        if not options.json:
            raise
        print(json.dumps({"schema": "check-config/1", "good": False, "errors": error.what.strip().splitlines()}))
        return error.exit_code
    print(json.dumps({"schema": "check-config/1", "good": True, "errors": []}) if options.json else "good")
    return 0
