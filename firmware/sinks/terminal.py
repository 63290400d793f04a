"""Live verdicts in the terminal: shape, colour and word, then what is wrong and what to do."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

LOOK = {
    "ok": ("●", "OK", "bold green"),
    "warn": ("▲", "WARNING", "bold yellow"),
    "rescan": ("■", "REPEAT", "bold white on red"),
    "cannot_judge": ("◆", "NOT JUDGED", "bold magenta"),
}
"""Verdict -> shape, word, colour: readable without colour, too."""


class Terminal:
    """Prints decision payloads as they appear on MQTT; the same for `demo`, `run` and `watch`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_sentence: dict[str, str] = {}

    def decision(self, payload: Mapping[str, Any]) -> None:
        """One line per frame; the sentence only when it is new."""
        shape, word, style = LOOK[payload["verdict"]]
        scan, series = payload["scan"], payload["scope"] == "series"
        place = "whole series" if series else f"image {_frame_name(payload)}"
        line = Text(f"{scan:>8}  {place:<16} ")
        line.append(f" {shape} {word} ", style)
        sentence = payload["sentence"].partition(": ")[2]
        key = f"{payload['verdict']} {sentence}"
        if series or self._last_sentence.get(scan) != key:
            line.append(f"  {sentence}")
        self._last_sentence[scan] = key
        if series:
            self._last_sentence.pop(scan, None)
        if (image := payload["latency_ms"].get("image")) is not None:
            line.append(f"  (image {image:.1f} ms)", "dim")
        self._console.print(line, soft_wrap=True)

    def model(self, payload: Mapping[str, Any]) -> None:
        """One line when a network begins or ceases to serve."""
        name = f"{payload['name']} {payload['version']}".strip()
        if payload["state"] == "serving":
            gives = "what it sees may warn" if payload.get("task") == "quality" else "processed images are series 2"
            line = f"network {name} serves in {payload['form']} on {payload['runner']} ({payload['actual']}); {gives}"
            self._console.print(line, style="dim", soft_wrap=True, markup=False)
        elif payload["state"] in ("failed", "restarting"):
            line = f"▲ network {name} {payload['state']}: {payload['reason']}; images and verdicts go on without it"
            self._console.print(line, style="yellow", soft_wrap=True, markup=False)


def _frame_name(payload: Mapping[str, Any]) -> str:
    index = payload["index"] or {}
    others = [f"{name} {index[name]}" for name in ("slice", "contrast", "phase", "set") if index.get(name)]
    return ", ".join([str(index.get("repetition", payload["number"])), *others])
