"""The page on its own in a real Chromium: its files from disk, its stream and its clock in the test's hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser, Route

from firmware.console.api import Exam, FrameSummary, Now, Series
from firmware.sinks.payloads import FindingPayload, Flag, MeasurementPayload, WherePayload

STATIC = Path(__file__).parents[3] / "firmware" / "console" / "static"
ADDRESS = "http://127.0.0.1:9003"
BEGAN = "2026-11-25T14:00:00.000Z"
TYPES = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}
STAND_INS = """
delete window.SharedWorker;
window.streams = [];
window.EventSource = class {
  static OPEN = 1;
  constructor() { this.readyState = 1; this.heard = {}; window.streams.push(this); }
  addEventListener(name, act) { (this.heard[name] ??= []).push(act); }
  close() { this.readyState = 2; }
};
window.say = (name, event) => (window.streams.at(-1).heard[name] ?? []).forEach((act) => act(event));
window.health = null;
const fetched = window.fetch;
window.fetch = (address, options) => address !== "/api/v1/health" ? fetched(address, options)
  : window.health ? Promise.resolve(new Response(JSON.stringify(window.health)))
  : new Promise((_, refuse) => options.signal.addEventListener("abort", () => refuse(new Error("no answer"))));
window.tones = 0;
window.AudioContext = class {
  constructor() { this.state = "running"; this.currentTime = 0; }
  createOscillator() { window.tones += 1; return { frequency: {}, connect: (next) => next, start() {}, stop() {} }; }
  createGain() { return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: (next) => next }; }
};
"""


class MadeUpPage:
    """A page that hears what the test says; time goes on only when the test lets it."""

    def __init__(self, chromium: Browser) -> None:
        self.answers: dict[str, Any] = {}
        """Path below /api/v1/ -> what the console answers; the rest it does not know."""
        self.context = chromium.new_context(viewport={"width": 1280, "height": 720}, color_scheme="dark")
        self.context.route("**/*", self._answer)
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.page.add_init_script(STAND_INS)
        self.page.clock.install(time="2026-11-25T14:05:00Z")
        self.page.goto(ADDRESS)
        self.page.wait_for_selector("[data-verdict]")
        self.page.clock.pause_at("2026-11-25T14:06:00Z")

    def say(self, event: str, data: Any) -> None:
        """One event of the stream."""
        text = msgspec.json.encode(data).decode()
        self.page.evaluate("([name, data]) => window.say(name, { data })", [event, text])
        self.wait(50)

    def wait(self, ms: int) -> None:
        """Time goes on, with every timer that is due."""
        self.page.clock.run_for(ms)

    def beats(self, count: int) -> None:
        """So many signs of life, half a second apart."""
        for _ in range(count):
            self.wait(450)
            self.say("beat", {"newest": 1, "time": "2026-11-25T14:06:00.000Z"})

    def show(self, view: str, there: str) -> None:
        """Go to a view, until what is named stands there; effects run as time goes on."""
        self.page.evaluate("(view) => { location.hash = `#/${view}`; }", view)
        for _ in range(200):
            self.wait(50)
            if self.page.locator(there).count():
                return
        raise AssertionError(f"{there} is not in the view {view}")

    def loop_silent(self, seconds: float | None) -> None:
        """What the console's process says of the loop when it is asked; None: it does not answer."""
        self.page.evaluate("(health) => { window.health = health; }", seconds and {"loop_silent_s": seconds})

    def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(ADDRESS).partition("?")[0]
        file = STATIC / ("index.html" if path == "/" else path.removeprefix("/static/"))
        if path == "/" or (path.startswith("/static/") and file.is_file()):
            route.fulfill(body=file.read_bytes(), content_type=TYPES.get(file.suffix, "text/javascript"))
        elif (answer := self.answers.get(path.removeprefix("/api/v1/"))) is not None:
            route.fulfill(body=msgspec.json.encode(answer), content_type="application/json")
        else:
            route.fulfill(status=404, json={"what": "this scan is not recorded", "mend": ""})

    @property
    def verdict(self) -> str | None:
        """What the large word stands for."""
        self.page.wait_for_selector("[data-verdict]")
        return self.page.get_attribute("[data-verdict]", "data-verdict")


def series(scan: str = "s1", verdict: str = "ok", **others: Any) -> Series:
    """One running series; a REPEAT has a finding that asks for it."""
    plain: dict[str, Any] = {
        "exam": "", "protocol": "t2_tse", "body_part": "", "scanner": "", "stratum": "", "role": "imaging",
        "began": BEGAN, "ended": "", "ended_by": "", "frames": 4, "frames_expected": 20,
        "sentence": "OK: All checks passed. Go on.", "latest_verdict": verdict, "latest_number": 3,
        "findings": [finding()] if verdict == "rescan" else [], "acknowledged": [], "opinion": "",
        "alerting": True, "learning": None,
    }  # fmt: skip
    return Series(scan=scan, verdict=verdict, **{**plain, **others})


def finding(name: str = "f1", severity: str = "rescan", caused_by: str = "") -> FindingPayload:
    """A coil that lost its signal."""
    return FindingPayload(
        finding=name, kind="coil-loss", severity=severity, where=WherePayload(), first_frame=3, first_number=3,
        placed_number=3, advice="coil-loss", message="A coil element lost its signal", action="Reseat the coil plug",
        evidence="9 dB, 6 allowed", place="coil element 4", learned=False, caused_by=caused_by,
    )  # fmt: skip


def life() -> Flag:
    """The first word on that finding."""
    row = MeasurementPayload(row="m04", name="coil_element", value=9.0, unit="dB")
    return Flag(
        schema="flag/1", scan="s1", finding="f1", kind="coil-loss", life="new", severity="rescan",
        where=WherePayload(), first_frame=3, last_frame=3, first_number=3, placed_number=3, measurement=row, limit=6.0,
        limit_source="one false alarm in 1000 frames", caused_by="", advice="coil-loss",
        message="A coil element lost its signal", action="Reseat the coil plug", end_reason="", time=BEGAN,
    )  # fmt: skip


def frame(number: int, scan: str = "s1", **others: Any) -> FrameSummary:
    """One image without a picture, three seconds after the one before."""
    plain: dict[str, Any] = {
        "slice": 0, "contrast": 0, "phase": 0, "repetition": number, "set": 0, "verdict": "ok", "sentence": "",
        "kinds": [], "time": f"2026-11-25T14:05:{3 * number % 60:02d}.000Z", "picture": False,
    }  # fmt: skip
    return FrameSummary(scan=scan, number=number, **{**plain, **others})


def now(
    *running: Series, frames: Mapping[str, list[FrameSummary]] | None = None, silent_s: float = 0.0, problem: str = ""
) -> Now:
    """How things stand."""
    return Now(
        appliance="scanside", room="MR 2", version="1", session=1, time="2026-11-25T14:06:00.000Z", newest=1, token="t",
        running=list(running), frames=dict(frames or {}), exam=Exam(exam="", answer="nothing", line="", series=[]),
        health=None, models=[], loop_silent_s=silent_s, problem=problem,
    )  # fmt: skip
