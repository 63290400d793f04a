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
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.errors import InputRefused, ScansideError, Unavailable
from engine.package import load_package, trusted_keys
from engine.runners import load_runner
from engine.runners.golden import check_golden
from engine.seams import Runner
from firmware.inference.link import ANSWER, LONGEST_TEXT, REQUEST, SharedImages
from firmware.inference.tasks import TASKS, Task

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = "500"
_REFUSED = {"shape": "unsupported_size", "not_finite": "image_not_finite", "range": "out_of_range"}


def main() -> None:
    """Serve until the requests end."""
    wishes = json.loads(sys.argv[1])
    _die_with(wishes["parent"])
    images, task = SharedImages(wishes["images"]), TASKS[wishes["task"]]
    try:
        package = load_package(Path(wishes["package"]), trusted_keys(*map(Path, wishes["keys"])))
        runner = load_runner(wishes["runner"], package)
        if why := task.why_not(package.manifest):
            mend = f"docs/packages.md says what a network for {wishes['task']} takes and gives"
            raise Unavailable(why, package.manifest.name, mend)
        check_golden(runner, package)  # also makes the first real image no slower than the others
    except ScansideError as error:
        _say(wishes["answers"], {"refused": str(error)})
        return
    manifest = package.manifest
    about = {"name": manifest.name, "version": manifest.version, "sha256": package.sha256}
    _say(wishes["answers"], {**about, **asdict(runner.backend), "kinds": " ".join(manifest.outputs[0].labels)})
    while len(request := os.read(wishes["requests"], REQUEST.size)) == REQUEST.size:
        frame, slot, *shape = REQUEST.unpack(request)
        why = _answer(runner, task, images, slot, shape)
        os.write(wishes["answers"], ANSWER.pack(frame, why.encode()))


def _answer(runner: Runner, task: Task, images: SharedImages, slot: int, shape: list[int]) -> str:
    """Put the answer to a slot's image beside it; returns why that could not be."""
    image = images.image(slot, shape)
    try:
        answers = runner.run(image.reshape(-1, task.channels, *shape[1:]))
    except InputRefused as error:
        return _REFUSED[error.reason]
    except Exception:
        # The seam to foreign code: whatever a network raises costs this image and nothing else.
        log.exception("the network failed")
        return "runner_failed"
    answer = task.usable(answers, image)
    if isinstance(answer, str):
        return answer
    np.copyto(images.answer(slot, answer.shape), answer)
    return ""


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent, and end it before the loop process when memory runs out."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()  # it died before the kernel knew our wish
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


def _say(descriptor: int, message: dict[str, str]) -> None:
    text = {key: value[:LONGEST_TEXT] for key, value in message.items()}
    os.write(descriptor, json.dumps(text, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
