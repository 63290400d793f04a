"""`python -m firmware.schemas` writes the schemas beside this file; a test fails when they are stale."""

import json
from pathlib import Path

from firmware.schemas import asyncapi, told
from firmware.sinks.payloads import TOPIC_PAYLOADS

ASYNCAPI = "asyncapi"


def rendered(name: str) -> str:
    """The committed text of one schema, or of the description that holds them all."""
    described = asyncapi.described() if name == ASYNCAPI else told.schema(TOPIC_PAYLOADS[name])
    return json.dumps(described, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write them all."""
    for name in (*TOPIC_PAYLOADS, ASYNCAPI):
        Path(__file__).with_name(f"{name}.json").write_text(rendered(name), "utf-8")


if __name__ == "__main__":
    main()
