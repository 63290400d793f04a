"""The inference worker, a process of its own: `python -m firmware.inference.worker` with its wishes as JSON.

It verifies the package, runs one image after the other, and trusts nothing that the network answers. It ends when the
loop process closes the pipe of requests or dies; nothing it does, dying included, reaches further than its own pipe.
"""

import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import DeviceLost, InputRefused, ScansideError, Unavailable
from engine.package import load_package, trusted_keys
from engine.plans.choose import Choice
from engine.seams import Runner
from firmware.clock import SystemClock
from firmware.inference.chosen import chosen_runner
from firmware.inference.link import ANSWER, LONGEST_TEXT, REQUEST, SharedImages
from firmware.inference.tasks import TASKS, Task

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = "500"
_LONGEST_REASON = 100
_REFUSED = {"shape": "unsupported_size", "not_finite": "image_not_finite", "range": "out_of_range"}


def main() -> None:
    """Serve until the requests end, or the GPU is lost: another process may find it well."""
    signal.signal(signal.SIGTERM, _leave)
    wishes = json.loads(sys.argv[1])
    _die_with(wishes["parent"])
    try:
        _serve(wishes)
    except DeviceLost as error:
        log.error("%s", error)
        sys.exit(1)  # whoever waits learns it from the end of this process, and a new one begins


def _serve(wishes: Mapping[str, Any]) -> None:
    images, task = SharedImages(wishes["images"]), TASKS[wishes["task"]]
    try:
        package = load_package(Path(wishes["package"]), trusted_keys(*map(Path, wishes["keys"])))
        if why := task.why_not(package.manifest):
            mend = f"docs/packages.md says what a network for {wishes['task']} takes and gives"
            raise Unavailable(why, package.manifest.name, mend)
        state = Path(wishes["state"]) if wishes["state"] else None
        runner, choice = chosen_runner(package, wishes["backend"], state, SystemClock())
    except DeviceLost:
        raise
    except ScansideError as error:
        _say(wishes["answers"], {"refused": str(error)})
        return
    manifest = package.manifest
    about = {"name": manifest.name, "version": manifest.version, "sha256": package.sha256}
    told = {**asdict(runner.backend), "why": choice.why, "tried": _tried(choice)}
    _say(wishes["answers"], {**about, **told, "kinds": " ".join(manifest.outputs[0].labels)})
    while len(request := os.read(wishes["requests"], REQUEST.size)) == REQUEST.size:
        frame, slot, *shape = REQUEST.unpack(request)
        why = _answer(runner, task, images, slot, shape)
        os.write(wishes["answers"], ANSWER.pack(frame, why.encode()))


def _tried(choice: Choice) -> str:
    """One line for each candidate: how fast it is, or why it may not serve. Runners that are not here are left out."""
    lines = []
    for row in choice.rows:
        if row.p50_ms is not None:
            lines.append(f"{row.runner} {row.form}: {row.p50_ms:.3g} ms, p99 {row.p99_ms:.3g} ms")
        elif row.form:
            lines.append(f"{row.runner} {row.form}: {row.why_not[:_LONGEST_REASON]}")
    return "\n".join(lines)


def _answer(runner: Runner, task: Task, images: SharedImages, slot: int, shape: list[int]) -> str:
    """Put the answer to a slot's image beside it; returns why that could not be."""
    image = images.image(slot, shape)
    try:
        answers = runner.run(image.reshape(-1, task.channels, *shape[1:]))
    except InputRefused as error:
        return _REFUSED[error.reason]
    except DeviceLost:
        raise
    except Exception:
        # The seam to foreign code: whatever a network raises costs this image and nothing else.
        log.exception("the network failed")
        return "runner_failed"
    answer = task.usable(answers, image)
    if isinstance(answer, str):
        return answer
    np.copyto(images.answer(slot, answer.shape), answer)
    return ""


def _leave(number: int, _frame: object) -> None:
    """End in order, once: a second signal must not stop what the first has begun."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit()


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent, and end it before the loop process when memory runs out."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()  # it died before the kernel knew our wish
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


def _say(descriptor: int, message: Mapping[str, str | bool]) -> None:
    text = {key: value[:LONGEST_TEXT] if isinstance(value, str) else value for key, value in message.items()}
    os.write(descriptor, json.dumps(text, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
