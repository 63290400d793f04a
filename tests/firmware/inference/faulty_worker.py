"""The real worker with a network that fails on demand: the first pixel of an image says how. A program, not a test."""

import signal

if __name__ == "__main__":  # before libraries begin threads that would take it
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

import os
import threading

import numpy as np

from engine import runners
from engine.errors import DeviceLost
from firmware.inference import worker

CRASH, EXIT, HANG, NAN, CONSTANT, SHAPE, RAISE, UNTIL_SIGNAL, LOST = (1000.0 + n for n in range(9))
"""First pixel -> what happens."""


class Faulty:
    def __init__(self, real: runners.Runner) -> None:
        self._real, self.backend = real, real.backend

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        wish = float(batch.flat[0])
        answers = self._real.run(batch)
        answer = answers[0]
        if wish == CRASH:
            os.kill(os.getpid(), signal.SIGSEGV)
        elif wish == EXIT:
            os._exit(0)
        elif wish == HANG:
            threading.Event().wait()
        elif wish == UNTIL_SIGNAL:
            signal.sigwait({signal.SIGUSR1})
        elif wish == NAN:
            answer.flat[-1] = np.nan
        elif wish == CONSTANT:
            answer[:] = 5
        elif wish == SHAPE:
            return (answer[..., 1:], *answers[1:])
        elif wish == RAISE:
            raise RuntimeError("the device is lost")
        elif wish == LOST:
            raise DeviceLost("the GPU failed while running")
        return answers


def main() -> None:
    real = worker.chosen_runner

    def chosen(*arguments: object) -> tuple[Faulty, object]:
        runner, choice = real(*arguments)
        return Faulty(runner), choice

    worker.chosen_runner = chosen
    worker.main()


if __name__ == "__main__":
    main()
