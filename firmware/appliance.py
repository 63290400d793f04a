"""The composition root: builds the appliance from its configuration, starts and stops it."""

import gc
import ipaddress
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from engine.errors import ConfigError, Unavailable
from engine.reconstruct.series import Budget
from engine.runners import named
from engine.seams import Source
from engine.types import Decision
from firmware.alerts import Alerts
from firmware.clock import SystemClock
from firmware.compiling import ScanningLock, pointed_plans, read_job
from firmware.config import Config, ScannerConfig
from firmware.health import Health
from firmware.inference.networks import Networks
from firmware.inference.process import Wishes
from firmware.inference.supervisor import InferenceWorker
from firmware.journal import Entry, Journal, Outgoing
from firmware.latency import Latencies
from firmware.loop import Judged, Loop, run_scan
from firmware.sinks import topics
from firmware.sinks.mqtt import MqttSink
from firmware.sinks.payloads import (
    CompileJob,
    HealthPayload,
    ModelState,
    ScanStatePayload,
    decision_payload,
    flag_payload,
    frame_hint,
)
from firmware.sources.mrd_connection import ConnectionLimits
from firmware.sources.mrd_server import MrdServer, ServerSettings
from firmware.warmup import warm_up
from models.shipped import KEYS, package_folder

log = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005
_HEALTH_EVERY_S = 5.0
_NICE = -10

Listener = Callable[[Judged], None]
"""Told of each decision once it is on disk; must not block."""

ModelListener = Callable[[ModelState], None]
"""Told when a network begins or ceases to serve; must not block."""


def raise_priority() -> bool:
    """Ask to be scheduled before ordinary processes; False (and a log line) when the system refuses."""
    try:
        os.nice(_NICE)
    except PermissionError:
        log.warning("raised priority refused: latencies depend on what else runs here (grant CAP_SYS_NICE)")
        return False
    return True


class Appliance:
    """Everything between the scanner's socket and the broker, in one process."""

    def __init__(
        self,
        config: Config,
        *,
        listener: Listener | None = None,
        model_listener: ModelListener | None = None,
        priority_raised: bool = False,
    ) -> None:
        self.health = Health()
        self.latencies = Latencies()
        self._config, self._priority_raised = config, priority_raised
        self._listener, self._model_listener = listener, model_listener
        self._name = config.appliance.name
        self._clock = SystemClock()
        self._alerts = Alerts()
        self._stack = ExitStack()
        self._stopping = threading.Event()
        self._model_lock = threading.Lock()
        self.scanner_port = 0
        self._workers: dict[str, InferenceWorker] = {}
        """By name of the package's folder."""
        self._scanning = ScanningLock(Path(config.appliance.state_dir))
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

    def start(self) -> None:
        """Open the journal, begin to connect to the broker, listen; raises Unavailable when that cannot be."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        config = self._config
        with ExitStack() as stack:
            path = Path(config.appliance.state_dir) / "journal.db"
            self.journal = Journal(path, self._clock, retention_s=config.journal.retention_days * 86400)
            stack.callback(self.journal.close)
            self.mqtt = MqttSink(self.journal, config.mqtt, self._name, self.health, self._clock)
            stack.callback(self.mqtt.close)
            warm_up()
            budget = Budget(max_frame_bytes=config.scanner.frame_memory_mib << 20)
            networks = self._start_networks(stack)
            loop = Loop(
                self._clock, self.health, self._record, budget=budget, networks=networks, scanning=self._scanning
            )

            def take(source: Source) -> None:
                run_scan(source, loop)

            server = MrdServer(_server_settings(config), take, self.health, f"s{self.journal.session}")
            server.start()
            stack.callback(server.stop)
            self.scanner_port = server.port
            reporter = threading.Thread(target=self._report_health, name="health", daemon=True)
            reporter.start()
            stack.callback(self._stopping.set)
            self._publish_health()
            self.mqtt.retain(topics.alert(self._name), self._alerts.payload())  # nothing of an earlier run stays on
            self.mqtt.start()  # last: whoever reads `online` may connect a scanner
            self._stack = stack.pop_all()
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """End open scans, write what is decided, tell the broker `stopped`; within some seconds."""
        self._stack.close()

    def _start_networks(self, stack: ExitStack) -> Networks:
        """A process for each configured network.

        Raises ConfigError when two would be one on MQTT, and for a backend that is none.
        """
        wanted = self._config.models
        self._plans = pointed_plans(Path(self._config.appliance.state_dir))
        try:
            named(wanted.backend)
        except Unavailable as error:
            raise ConfigError(error.what, "models.backend", error.mend) from error
        if wanted.denoise and Path(wanted.denoise).name == Path(wanted.quality).name:
            raise ConfigError("its folder has the name of the other network's", "models.quality", "rename one of them")
        return Networks(
            self._start_network(wanted.denoise, "denoise", stack), self._start_network(wanted.quality, "quality", stack)
        )

    def _start_network(self, folder: str, task: str, stack: ExitStack) -> InferenceWorker | None:
        if not folder:
            return None
        keys = self._config.models.keys
        wishes = Wishes(
            package_folder(folder),
            (KEYS, *([Path(keys)] if keys else [])),
            task,
            self._config.models.backend,
            Path(self._config.appliance.state_dir),
        )
        name = wishes.package.name
        worker = InferenceWorker(wishes, self.health, self._clock, lambda _: self._tell_model(name))
        self._workers[name] = worker
        worker.start()
        stack.callback(worker.stop)
        return worker

    def _tell_model(self, name: str) -> None:
        payload = self._retain_model(name)
        if self._model_listener is not None:
            self._model_listener(payload)

    def _retain_model(self, name: str) -> ModelState:
        worker = self._workers[name]
        job = self._compile_job(name)
        with self._model_lock:  # or what was read first could be retained last
            payload = ModelState(
                schema="model_state/1", latency_ms=worker.pace.summary(), compile=job, **asdict(worker.status)
            )
            self.mqtt.retain(topics.model_state(self._name, name), payload)
        return payload

    def _compile_job(self, name: str) -> CompileJob | None:
        job = read_job(Path(self._config.appliance.state_dir), self._workers[name].status.name)
        if job is None:
            return None
        return CompileJob(
            form=job.form, target=job.target, state=job.state, done=job.done, says=job.says, plan=job.plan
        )

    def _take_new_plans(self) -> None:
        """Have a network choose again when another plan for it became current, between two scans."""
        plans = pointed_plans(Path(self._config.appliance.state_dir))
        for worker in self._workers.values():
            name = worker.status.name
            if plans.get(name, []) != self._plans.get(name, []) and not self._scanning.open_scans:
                self._plans[name] = plans.get(name, [])
                worker.renew()

    def _record(self, judged: Judged, committed: Callable[[], None]) -> None:
        """One decision with its flags to the journal; everybody is told from its commit."""
        scan, decision = judged.scan, judged.decision
        messages = [Outgoing(topics.decision(self._name, scan.id), decision_payload(decision, scan, judged.latency_ms))]
        messages += [
            Outgoing(topics.flag(self._name, scan.id, finding.id), flag_payload(finding, scan))
            for finding in decision.changes
            if self._alerts.concerns(finding, decision)
        ]

        def on_commit() -> None:
            if judged.timings is not None:
                after = (self._clock.monotonic() - judged.timings.last_readout) * 1e3
                self.latencies.record({**judged.latency_ms, "recorded": after})
            committed()
            self._tell(judged)

        self.journal.append(Entry(tuple(messages), on_commit))

    def _tell(self, judged: Judged) -> None:
        decision = judged.decision
        if (hint := frame_hint(decision, judged.latency_ms)) is not None:
            self.mqtt.hint(topics.frame(self._name, decision.scan), hint)
        if self._alerts.take(decision):
            self.mqtt.retain(topics.alert(self._name), self._alerts.payload())
        self._tell_scan_state(judged, decision)
        if self._listener is not None:
            self._listener(judged)

    def _tell_scan_state(self, judged: Judged, decision: Decision) -> None:
        topic = topics.scan_state(self._name, decision.scan)
        if decision.scope == "series":
            self.mqtt.retain(topic, None)
            return
        limits = judged.scan.encodings[0].limits.get("repetition")
        self.mqtt.retain(
            topic,
            ScanStatePayload(
                schema="scan_state/1",
                scan=decision.scan,
                frames=(decision.number or 0) + 1,
                frames_expected=limits.maximum + 1 if limits is not None else None,
                verdict=decision.verdict.value,
                ended=False,
            ),
        )

    def _report_health(self) -> None:
        while not self._stopping.wait(_HEALTH_EVERY_S):
            self._take_new_plans()
            self._publish_health()

    def _publish_health(self) -> None:
        self.health.problem("journal", self.journal.problem)
        for name in self._workers:
            self._retain_model(name)
        now = self.health.snapshot()
        self.mqtt.retain(
            topics.health(self._name),
            HealthPayload(
                schema="health/1",
                backend=self.backend,
                latency_ms=self.latencies.summary(),
                priority_raised=self._priority_raised,
                **now,
            ),
        )


def _server_settings(config: Config) -> ServerSettings:
    scanner: ScannerConfig = config.scanner
    for network in scanner.allow:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as error:
            raise ConfigError(
                str(error), "scanner.allow", "write addresses like 10.1.2.3 or networks like 10.1.2.0/24"
            ) from error
    record = config.record
    return ServerSettings(
        host=scanner.listen,
        port=scanner.port,
        allow=tuple(scanner.allow),
        connections=scanner.connections,
        connections_per_address=scanner.connections_per_address,
        connection=ConnectionLimits(message_s=scanner.message_timeout_s, idle_s=scanner.idle_timeout_s),
        record_dir=Path(record.directory) if record.directory else None,
        record_limit_bytes=record.limit_mib << 20,
    )
