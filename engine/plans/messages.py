"""What a build and the process that asked for it say to each other."""

import msgspec


class Wishes(msgspec.Struct, frozen=True):
    """What to compile. The numbers are inherited file descriptors."""

    target: str
    parent: int
    messages: int
    network: int = -1
    """ONNX file; -1: nothing is compiled, only `Compiler` is said."""
    plan: int = -1
    timing: int = -1
    """Timing cache of earlier builds, replaced by this build's."""
    sms: tuple[str, ...] = ()
    """Compute capabilities, "86"; empty: the device here."""
    profiles: dict[str, tuple[tuple[int, ...], ...]] = {}
    """Input -> least, typical and greatest shape."""
    workspace_mib: int = 0


class Compiler(msgspec.Struct, frozen=True, tag=True):
    """First message: what compiles."""

    version: str
    """Module and full version."""
    sms: tuple[str, ...]


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far it is."""

    phase: str
    """parse or build"""
    done: float = 0.0
    """0 to 1"""


class Log(msgspec.Struct, frozen=True, tag=True):
    """A warning or an error of the compiler."""

    line: str


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Last message of a build that failed in words."""

    what: str
    where: str
    mend: str
    reason: str
    """That of PlanRefused; empty: Unavailable."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """Last message: the plan and the timing cache are in their files."""

    layers: int
    convolutions: int
    int8_conv_share: float
    half_conv_share: float
    peak_mib: int


Message = Compiler | Progress | Log | Refused | Done
