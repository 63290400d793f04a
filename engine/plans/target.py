"""What a plan can be compiled for: one row per compiler, written so that TensorRT 10.3 to 11.4 take the same path."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from engine.errors import PlanRefused, Unavailable
from engine.extras import to_install

TENSORRT, RTX = "tensorrt", "rtx"

_SM = re.compile(r"SM(\d+)")
_KNOWN_SMS = {"87": "Jetson Orin", "90": "Hopper", "110": "Jetson Thor"}


@dataclass(frozen=True, slots=True)
class Target:
    """One compiler."""

    modules: tuple[str, ...]
    """The first that can be imported is used."""
    runner: str
    """What runs its plans; a name of `engine.runners.RUNNERS`."""
    install: str


TARGETS = {
    TENSORRT: Target(("tensorrt",), "tensorrt", f"on a Jetson: docs/jetson.md; elsewhere {to_install('gpu')}"),
    RTX: Target(("tensorrt_rtx", "tensorrt_rtx_bindings"), "tensorrt-rtx", to_install("rtx")),
}
"""Name -> row."""


def target_row(name: str) -> Target:
    """The row; raises Unavailable for a name that is none."""
    if name not in TARGETS:
        raise Unavailable(f"no plan can be compiled for {name!r}", mend=f"known targets are {', '.join(TARGETS)}")
    return TARGETS[name]


def import_compiler(name: str) -> ModuleType:
    """The vendor's module for a target; raises Unavailable when there is none. For a child process only.

    Constructing anything from it without a driver may end the process.
    """
    row = target_row(name)
    why = ""
    for module in row.modules:
        try:
            return import_module(module)
        except ImportError as error:
            why = why or str(error)
    raise Unavailable(f"the compiler {row.modules[0]} is not installed ({why})", mend=row.install)


def version_of(trt: ModuleType) -> str:
    """The compiler and its full version, build number included."""
    return f"{trt.__name__.removesuffix('_bindings')} {trt.__version__}"


def buildable_sms(trt: ModuleType) -> tuple[str, ...]:
    """Compute capabilities that this compiler builds for from any machine, as "86"; empty: only its own device's."""
    names = getattr(getattr(trt, "ComputeCapability", None), "__members__", ())
    return tuple(found[1] for name in names if (found := _SM.fullmatch(name)))


def check_sms(version: str, known: Sequence[str], wanted: Sequence[str]) -> None:
    """Raises PlanRefused unless the compiler, which builds for `known`, builds for each of `wanted`."""
    for sm in wanted:
        if sm in known:
            continue
        device = f" ({_KNOWN_SMS[sm]})" if sm in _KNOWN_SMS else ""
        if not known:
            what = f"{version} builds only for the device it runs on, not for SM {sm}{device}"
            raise PlanRefused(what, mend="leave --sm out and compile on that device", reason="other")
        what = f"{version} builds for SM {', '.join(known)}, not for SM {sm}{device}"
        mend = f"compile on that device with --target {TENSORRT}, or choose one of these"
        raise PlanRefused(what, mend=mend, reason="other")
