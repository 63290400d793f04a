"""The real builder with a compiler that fails, or is older, as its first argument says. A program, not a test."""

import os
import signal
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from engine.plans import builder
from engine.plans.messages import Log, Progress

_HELD: list[bytearray] = []


def fail(how: str, messages: int) -> None:
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "hang":
        signal.pause()
    elif how == "greedy":
        while True:
            _HELD.append(bytearray(os.urandom(1 << 20) * 8))
    elif how == "no memory":
        os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
        os.abort()
    elif how == "raise":
        raise RuntimeError("the compiler is confused")
    elif how == "mute":
        os.close(messages)
        signal.pause()
    elif how == "babble":
        os.write(messages, b"no message\n")
        signal.pause()
    elif how == "babble in bytes":
        os.write(messages, b"\xff\xfe\n")
        signal.pause()
    elif how == "silent":
        os._exit(0)


class OldBuilder:
    """The real compiler behind the flags of TensorRT 10: both must be set."""

    def __init__(self, logger: Any) -> None:
        self._real = rtx().Builder(logger)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_network(self, flags: int) -> Any:
        assert flags == 0b11
        return self._real.create_network(1 << int(rtx().NetworkDefinitionCreationFlag.STRONGLY_TYPED))


class NoDriver:
    def __init__(self, _logger: Any) -> None:
        raise TypeError("pybind11::init(): factory function returned nullptr")


def rtx() -> Any:
    return import_module("tensorrt_rtx_bindings")


def tensorrt_10(how: str) -> Any:
    """The real module with what TensorRT 10.3 has and has not."""
    flags = SimpleNamespace(EXPLICIT_BATCH=0, STRONGLY_TYPED=1)
    old = {name: held for name, held in vars(rtx()).items() if name != "ComputeCapability"}
    old |= {"__name__": "tensorrt", "__version__": "10.3.0.26", "NetworkDefinitionCreationFlag": flags}
    return SimpleNamespace(**{**old, "Builder": NoDriver if how == "no driver" else OldBuilder})


def main() -> None:
    how = sys.argv.pop(1)
    if how in ("tensorrt 10", "no driver"):
        builder.import_compiler = lambda _target: tensorrt_10(how)
        return builder.main()

    def compile_network(_trt: Any, wishes: Any, say: Any) -> None:
        say(Progress("build", 0.25))
        say(Log("tactic 7 is slow"))
        fail(how, wishes.messages)

    kinds = SimpleNamespace(__members__=("SM86",))
    faulty = SimpleNamespace(__name__="faulty", __version__="1.2.3", ComputeCapability=kinds)
    builder.import_compiler = lambda _target: faulty
    builder._compile = compile_network
    return builder.main()


if __name__ == "__main__":
    main()
