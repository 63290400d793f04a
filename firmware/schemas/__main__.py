"""`python -m firmware.schemas` writes the schemas beside this file; a test fails when they are stale."""

import json
from pathlib import Path

from firmware.sinks.payloads import TOPIC_PAYLOADS, schema_of


def rendered(name: str) -> str:
    """The committed text of one schema."""
    return json.dumps(schema_of(name), indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write them all."""
    for name in TOPIC_PAYLOADS:
        Path(__file__).with_name(f"{name}.json").write_text(rendered(name), "utf-8")


if __name__ == "__main__":
    main()
