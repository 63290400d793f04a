"""Compiles one network: `python -m engine.plans.builder` with its wishes as JSON. A process of its own, because a node
that the compiler does not expect has ended the process before now (signal 11).

It runs at the lowest priority and is the first to go when memory runs out. Network, plan and timing cache cross in
memory files, what it has to say in a pipe, so a killed build leaves nothing behind.
"""

import contextlib
import ctypes
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import PlanRefused, ScansideError, Unavailable
from engine.plans.memory_file import content, replace
from engine.plans.messages import Compiler, Done, Log, Message, Progress, Refused, Wishes
from engine.plans.parsed import count_precisions
from engine.plans.progress import PhaseShare
from engine.plans.target import TENSORRT, buildable_sms, check_sms, import_compiler, version_of

VERSION = 1
"""Of what is asked of the compiler; part of every plan's key."""

_MIB = 1 << 20
_PR_SET_PDEATHSIG = 1
_LEAST_PRIORITY = 19
_FIRST_TO_GO = "1000"
_LONGEST_LINE = 400
_HIGH_WATER = re.compile(r"VmHWM:\s+(\d+) kB")


def main() -> None:
    """Compile, and say how it went."""
    wishes = msgspec.json.decode(sys.argv[1], type=Wishes)
    _step_back(wishes.parent)

    def say(message: Message) -> None:
        os.write(wishes.messages, msgspec.json.encode(message) + b"\n")

    try:
        trt = import_compiler(wishes.target)
        say(Compiler(version_of(trt), buildable_sms(trt)))
        if wishes.network >= 0:
            check_sms(version_of(trt), buildable_sms(trt), wishes.sms)
            _compile(trt, wishes, say)
    except PlanRefused as error:
        say(Refused(error.what, error.where, error.mend, error.reason))
    except ScansideError as error:
        say(Refused(error.what, error.where, error.mend, ""))


def _compile(trt: Any, wishes: Wishes, say: Any) -> None:
    errors: list[str] = []
    logger = _logger(trt, errors, say)
    builder = _make_builder(trt, logger, wishes.target)
    network = builder.create_network(_creation_flags(trt))
    say(Progress("parse"))
    _parse(trt, network, logger, content(wishes.network))
    parsed = count_precisions(trt, network)
    config = _configure(trt, builder, network, wishes)
    kept = (_monitor(trt, config, say), _timing_cache(config, wishes))  # must live until the plan is made
    say(Progress("build"))
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise _no_plan(errors[-1] if errors else "no reason given", wishes)
    replace(wishes.plan, memoryview(plan))
    replace(wishes.timing, memoryview(kept[1].serialize()) if kept[1] else b"")
    say(Done(parsed.layers, parsed.convolutions, parsed.int8_share, parsed.half_share, _peak_mib()))


def _no_plan(why: str, wishes: Wishes) -> ScansideError:
    if not wishes.sms and "cudaError" in why:
        mend = "name the one to build for, for example --sm 86; `scanside doctor` says what the driver lacks"
        return Unavailable("there is no GPU here to build for", mend=mend)
    mend = "lower the greatest sizes of the manifest, or simplify the network"
    return PlanRefused(f"the compiler made no plan ({_plain(why)})", mend=mend, reason="builder")


def _make_builder(trt: Any, logger: Any, target: str) -> Any:
    try:
        return trt.Builder(logger)
    except TypeError as error:  # TensorRT's way of saying that there is no usable driver
        mend = "compile on the device itself; `scanside doctor` says what its driver lacks"
        raise Unavailable(f"{target} finds no GPU here and builds for no other", mend=mend) from error


def _creation_flags(trt: Any) -> int:
    """Precision is in the file. 10.x must be told, 11 takes it for granted; the other flag left with 11."""
    kinds = trt.NetworkDefinitionCreationFlag
    return sum(1 << int(getattr(kinds, n)) for n in ("STRONGLY_TYPED", "EXPLICIT_BATCH") if hasattr(kinds, n))


def _parse(trt: Any, network: Any, logger: Any, data: bytes) -> None:
    parser = trt.OnnxParser(network, logger)
    if parser.parse(data):
        return
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    said = [f"{_place(error, data)}: {_plain(error.desc())}" for error in errors] or ["no reason given"]
    more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    raise PlanRefused(f"{said[0]}{more}", "the compiler's parser", "replace it and export the network again", "parser")


def _place(error: Any, data: bytes) -> str:
    """The node as people find it in a viewer."""
    from onnx import ModelProto

    from engine.package.nodes import named

    with contextlib.suppress(Exception):  # whatever the bytes are, the vendor's own words remain
        nodes = ModelProto.FromString(data).graph.node
        node = nodes[error.node()] if 0 <= error.node() < len(nodes) else None
        if node is not None and node.op_type == error.node_operator():
            return named(node)
    return f"{error.node_operator()} node {error.node_name()!r}" if error.node_operator() else "the file"


def _plain(description: str) -> str:
    """The vendor's complaint without the C++ around it."""
    if "Plugin not found" in description:
        return "no such operator is known to it"
    for pattern in (r"Error \((.+?)(?:\. In \S+ at |\)\s*$)", r'"([^"]+)"', r"\): (.+)", r"failed: (.+)"):
        if said := re.search(pattern, description, re.DOTALL):
            return " ".join(said[1].split()).rstrip(".")
    return " ".join(description.split())


def _configure(trt: Any, builder: Any, network: Any, wishes: Wishes) -> Any:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, wishes.workspace_mib * _MIB)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if buildable_sms(trt):
        config.num_compute_capabilities = max(len(wishes.sms), 1)
        for index, sm in enumerate(wishes.sms or ("",)):
            kind = getattr(trt.ComputeCapability, f"SM{sm}" if sm else "CURRENT")
            config.set_compute_capability(kind, index)
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        name = network.get_input(index).name
        profile.set_shape(name, *wishes.profiles[name])
    if config.add_optimization_profile(profile) < 0:
        what = f"the compiler does not take the sizes {wishes.profiles}"
        raise PlanRefused(what, mend="correct the axes of the manifest", reason="builder")
    return config


def _timing_cache(config: Any, wishes: Wishes) -> Any:
    """What earlier builds measured, or an empty one; None for a compiler that measures nothing."""
    if wishes.target != TENSORRT:
        return None
    cache = config.create_timing_cache(content(wishes.timing))
    if not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def _logger(trt: Any, errors: list[str], say: Any) -> Any:
    worst = trt.ILogger.Severity.WARNING

    class _Logger(trt.ILogger):  # type: ignore[misc]  # the vendor's callbacks are subclasses
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, line: str) -> None:
            if int(severity) <= int(worst):
                said = " ".join(line.split())[:_LONGEST_LINE]
                if int(severity) < int(worst):
                    errors.append(said)
                say(Log(said))

    return _Logger()


def _monitor(trt: Any, config: Any, say: Any) -> Any:
    share = PhaseShare(lambda done, _phase: say(Progress("build", round(done, 3))))

    class _Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            share.start(name, parent, steps)

        def step_complete(self, name: str, step: int) -> bool:
            share.step(name, step)
            return True  # go on

        def phase_finish(self, name: str) -> None:
            share.finish(name)

    config.progress_monitor = monitor = _Monitor()
    return monitor


def _peak_mib() -> int:
    found = _HIGH_WATER.search(Path("/proc/self/status").read_text("ascii"))
    return int(found[1]) // 1024 if found else 0


def _step_back(parent: int) -> None:
    """End with the parent; make way for everybody else."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()  # it died before the kernel knew our wish
    os.nice(_LEAST_PRIORITY)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


if __name__ == "__main__":
    main()
