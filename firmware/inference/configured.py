"""The networks that the configuration names: each in a worker of its own, what is said of them, and new plans."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from engine.errors import ConfigError, Unavailable
from engine.runners import named
from engine.seams import Clock
from firmware.compiling import ScanningLock, pointed_plans, read_job
from firmware.config import Config
from firmware.health import Health
from firmware.inference.networks import Networks
from firmware.inference.process import Wishes
from firmware.inference.supervisor import InferenceWorker
from firmware.sinks.payloads import CompileJob, ModelState
from models.shipped import KEYS, package_folder

Retain = Callable[[str, ModelState], None]
"""Takes what stands for a network, by the name of its package's folder; must not block."""


class ConfiguredNetworks:
    """`retain` hears every state, `changed` only what is new."""

    def __init__(
        self, config: Config, health: Health, clock: Clock, retain: Retain, changed: Callable[[ModelState], None]
    ) -> None:
        self._wanted, self._state = config.models, Path(config.appliance.state_dir)
        self._health, self._clock, self._retain, self._changed = health, clock, retain, changed
        self._telling = Lock()
        self._workers: dict[str, InferenceWorker] = {}
        """By name of the package's folder."""
        self._plans: dict[str, list[bytes]] = {}
        """Name -> the plans that the network's worker has had the choice of."""

    @property
    def backend(self) -> str:
        """What computes here, in words."""
        if not self._workers:
            return "cpu (numpy, no network)"
        said = []
        for model in (worker.status for worker in self._workers.values()):
            on = f"{model.form} on {model.runner}, {model.actual}" if model.state == "serving" else model.state
            said.append(f"; network {model.name} {model.version} ({on})")
        return f"cpu (numpy){''.join(said)}"

    def start(self, stack: ExitStack) -> Networks:
        """A process for each network.

        Raises ConfigError when two would be one on MQTT, and for a backend that is none.
        """
        wanted = self._wanted
        self._plans = pointed_plans(self._state)
        try:
            named(wanted.backend)
        except Unavailable as error:
            raise ConfigError(error.what, "models.backend", error.mend) from error
        if wanted.denoise and Path(wanted.denoise).name == Path(wanted.quality).name:
            raise ConfigError("its folder has the name of the other network's", "models.quality", "rename one of them")
        return Networks(
            self._start_one(wanted.denoise, "denoise", stack), self._start_one(wanted.quality, "quality", stack)
        )

    def tell(self) -> None:
        """The state of every network, whether it has changed or not."""
        for name in self._workers:
            self._tell_one(name)

    def take_new_plans(self, scanning: ScanningLock) -> None:
        """Have a network choose again when another plan for it became current, between two scans."""
        plans = pointed_plans(self._state)
        for worker in self._workers.values():
            name = worker.status.name
            if plans.get(name, []) != self._plans.get(name, []) and not scanning.open_scans:
                self._plans[name] = plans.get(name, [])
                worker.renew()

    def _start_one(self, folder: str, task: str, stack: ExitStack) -> InferenceWorker | None:
        if not folder:
            return None
        keys = self._wanted.keys
        wishes = Wishes(
            package_folder(folder), (KEYS, *([Path(keys)] if keys else [])), task, self._wanted.backend, self._state
        )
        name = wishes.package.name
        worker = InferenceWorker(wishes, self._health, self._clock, lambda _: self._changed(self._tell_one(name)))
        self._workers[name] = worker
        worker.start()
        stack.callback(worker.stop)
        return worker

    def _tell_one(self, name: str) -> ModelState:
        worker = self._workers[name]
        job = self._compile_job(worker.status.name)
        with self._telling:  # or what was read first could be told last
            state = ModelState(
                schema="model_state/1", latency_ms=worker.pace.summary(), compile=job, **asdict(worker.status)
            )
            self._retain(name, state)
        return state

    def _compile_job(self, package: str) -> CompileJob | None:
        job = read_job(self._state, package)
        if job is None:
            return None
        return CompileJob(
            form=job.form, target=job.target, state=job.state, done=job.done, says=job.says, plan=job.plan
        )
