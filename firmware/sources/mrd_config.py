"""The configurations a scanner may ask for: a closed table, never a path and never an import."""

import json
from dataclasses import dataclass
from enum import StrEnum


class ReplyForm(StrEnum):
    """How images go back."""

    FLOAT32 = "float32"
    INT16 = "int16"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ReplyConfig:
    """What a configuration name means."""

    name: str
    form: ReplyForm
    remark: str = ""
    """Told to the scanner as TEXT when its wish was not met to the letter."""


OURS = {
    "scanside": ReplyForm.FLOAT32,
    "qc-only": ReplyForm.NONE,
    "openrecon": ReplyForm.INT16,
}
_MOST_SHOWN = 60


def choose_config(wanted: str) -> ReplyConfig:
    """The configuration of that name, or the default with a remark."""
    if wanted in OURS:
        return ReplyConfig(wanted, OURS[wanted])
    shown = wanted if len(wanted) <= _MOST_SHOWN else wanted[:_MOST_SHOWN] + "..."
    remark = f"config {shown!r} is not known here: scanside is used; known are {', '.join(OURS)}"
    return ReplyConfig("scanside", ReplyForm.FLOAT32, remark)


def config_from_text(text: str) -> str | None:
    """The configuration that a TEXT with JSON parameters asks for after the header, as OpenRecon sends it."""
    try:
        parameters = json.loads(text).get("parameters", {})
        wanted = parameters.get("config")
    except (ValueError, AttributeError):
        return None
    return wanted if isinstance(wanted, str) else None
