"""Stories as one HTML file: no script, nothing from anywhere else, every text escaped."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from firmware.report.chart import HEIGHT, WIDTH
from firmware.report.story import Refused, Story
from firmware.version import VERSION

WORDS = {
    "ok": "OK",
    "warn": "WARNING",
    "rescan": "REPEAT",
    "cannot_judge": "NOT JUDGED",
    "refused": "REFUSED",
    "": "NO IMAGE",
}
"""Verdict -> word; the shapes are in the template."""


def render_report(scans: Sequence[Story | Refused], made: str) -> str:
    """The whole file; `made` says when, in words. Several scans get a list of contents."""
    entries: list[dict[str, object]] = [
        {"story": one, "refused": None, "verdict": one.verdict}
        if isinstance(one, Story)
        else {"story": None, "refused": one, "verdict": "refused"}
        for one in scans
    ]
    return _template().render(
        entries=entries,
        made=made,
        version=VERSION,
        words=WORDS,
        title=f"scanside: {_summary(entries)}",
        css=Markup(files("firmware.report").joinpath("report.css").read_text("utf-8")),
        chart_width=WIDTH,
        chart_height=HEIGHT,
    )


@cache
def _template() -> Template:
    folder = files("firmware.report")
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _summary(entries: Sequence[dict[str, object]]) -> str:
    if len(entries) == 1:
        return WORDS[str(entries[0]["verdict"])]
    return f"{len(entries)} scans"
