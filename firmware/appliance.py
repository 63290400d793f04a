"""The composition root: builds the appliance from its configuration, starts and stops it."""

import gc
import ipaddress
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from engine.errors import ConfigError
from engine.reconstruct.series import Budget
from engine.seams import Source
from firmware.clock import SystemClock
from firmware.compiling import ScanningLock
from firmware.config import Config, ScannerConfig
from firmware.console.configured import configured_link
from firmware.console.link import ConsoleLink
from firmware.health import Health
from firmware.health_report import HealthReport
from firmware.inference.configured import ConfiguredNetworks
from firmware.journal import Entry, Journal
from firmware.latency import Latencies
from firmware.loop import Loop, run_scan
from firmware.pictures.writer import Pictures
from firmware.recorder import Listener, Recorder
from firmware.sinks import topics
from firmware.sinks.mqtt import MqttSink
from firmware.sinks.payloads import Envelope, ModelState
from firmware.sources.mrd_connection import ConnectionLimits
from firmware.sources.mrd_server import MrdServer, ServerSettings
from firmware.state_folder import held
from firmware.warmup import warm_up

log = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005
_HEALTH_EVERY_S = 5.0
_HEALTH_REST_S = 0.25
"""Between two tellings, however often something goes wrong and is well again."""
_NICE = -10

ModelListener = Callable[[ModelState], None]
"""Told when a network begins or ceases to serve; must not block."""

PageListener = Callable[[str], None]
"""Told the page's address when it is served, and an empty one when it no longer is; must not block."""


def raise_priority() -> bool:
    """Ask to be scheduled before ordinary processes; False (and a log line) when the system refuses."""
    try:
        os.nice(_NICE)
    except PermissionError:
        log.warning("raised priority refused: latencies depend on what else runs here (grant CAP_SYS_NICE)")
        return False
    return True


class Appliance:
    """Everything between the scanner's socket, the broker and the page."""

    def __init__(
        self,
        config: Config,
        *,
        listener: Listener | None = None,
        model_listener: ModelListener | None = None,
        page_listener: PageListener | None = None,
        priority_raised: bool = False,
    ) -> None:
        self.health = Health()
        self.latencies = Latencies()
        self._config, self._priority_raised = config, priority_raised
        self._listener, self._model_listener, self._page_listener = listener, model_listener, page_listener
        self._name, self._folder = config.appliance.name, Path(config.appliance.state_dir)
        self._clock = SystemClock()
        self._stack = ExitStack()
        self._stopping = threading.Event()
        self._scanning = ScanningLock(self._folder)
        self._networks = ConfiguredNetworks(config, self.health, self._clock, self._retain_model, self._tell_model)
        self._console: ConsoleLink | None = None
        self.scanner_port = 0

    @property
    def backend(self) -> str:
        """What computes here, in words."""
        return self._networks.backend

    def start(self) -> None:
        """Open the journal, begin to connect to the broker, listen; raises Unavailable when that cannot be."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        with ExitStack() as stack:
            stack.enter_context(held(self._folder))
            self._open_record(stack)
            warm_up()
            take = self._taker(stack)
            server = MrdServer(
                _server_settings(self._config), take, self.health, f"s{self.journal.session}", self.journal.exam_key
            )
            self._health_report = HealthReport(
                self._folder,
                self.health,
                self._clock,
                self.journal,
                self.mqtt,
                self._pictures,
                self.latencies,
                lambda: self.backend,
                priority_raised=self._priority_raised,
            )
            server.start()
            stack.callback(server.stop)
            self.scanner_port = server.port
            threading.Thread(target=self._report_health, name="health", daemon=True).start()
            stack.callback(self._stop_reporting)
            self._publish_health()
            self._recorder.tell_alerts()  # nothing of an earlier run stays on
            for scan in self.journal.lost:
                self._retain(topics.scan_state(self._name, scan), None)
            self.mqtt.start()  # last: whoever reads `online` may connect a scanner
            self._stack = stack.pop_all()
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """End open scans, write what is decided, tell the broker `stopped`; within some seconds."""
        self._stack.close()

    def _open_record(self, stack: ExitStack) -> None:
        """What keeps and what tells, each ended after all that has something for it."""
        config = self._config
        self.journal = Journal(
            self._folder / "journal.db",
            self._clock,
            appliance=self._name,
            retention_s=config.journal.retention_days * 86400,
            limit_bytes=config.journal.limit_mib << 20,
            on_problem=self.health.changed.set,
        )
        stack.callback(self.journal.close)
        self.mqtt = MqttSink(self.journal, config.mqtt, self._name, self.health, self._clock)
        stack.callback(self.mqtt.close)
        if config.console.enabled:
            self._console = configured_link(config, self.journal, self.health, self._clock, self._tell_page)
            stack.callback(self._console.stop)
            self._console.start()
        self._pictures = Pictures(
            self._folder / "pictures",
            self._clock,
            self.health,
            retention_days=config.pictures.retention_days,
            limit_mib=config.pictures.limit_mib,
            on_dropped=lambda note: self.journal.append(Entry(note=note)),
        )
        self._pictures.start()
        stack.callback(self._pictures.close)

    def _taker(self, stack: ExitStack) -> Callable[[Source], None]:
        """What becomes of each connection of a scanner."""
        self._recorder = Recorder(
            self._name,
            self.journal,
            self._clock,
            self.health,
            self.latencies,
            retain=self._retain,
            hint=self.mqtt.hint,
            listener=self._listener,
        )
        loop = Loop(
            self._clock,
            self.health,
            self._recorder.record,
            began=self._recorder.begin,
            left=self._recorder.leave,
            budget=Budget(max_frame_bytes=self._config.scanner.frame_memory_mib << 20),
            networks=self._networks.start(stack),
            pictures=self._pictures,
            scanning=self._scanning,
        )
        return lambda source: run_scan(source, loop)

    def _retain(self, topic: str, payload: Envelope | None) -> None:
        """What stands on a topic: for the broker and for the page, the same bytes."""
        told = self.mqtt.filled(payload) if payload is not None else b""
        self.mqtt.retain(topic, told)
        if self._console is not None:
            self._console.retain(topic, told or None)

    def _retain_model(self, name: str, state: ModelState) -> None:
        self._retain(topics.model_state(self._name, name), state)

    def _tell_model(self, state: ModelState) -> None:
        if self._model_listener is not None:
            self._model_listener(state)

    def _tell_page(self, address: str) -> None:
        if self._page_listener is not None:
            self._page_listener(address)

    def _report_health(self) -> None:
        while not self._stopping.wait(_HEALTH_REST_S):
            self.health.changed.wait(_HEALTH_EVERY_S)
            self.health.changed.clear()
            try:
                self._networks.take_new_plans(self._scanning)
                self._publish_health()
            except Exception:
                # The supervisor seam: health that cannot be told once (a disk that answers nothing) is told later.
                log.exception("the appliance's health could not be told")
                self.health.count("health_not_told")

    def _stop_reporting(self) -> None:
        self._stopping.set()
        self.health.changed.set()

    def _publish_health(self) -> None:
        self._networks.tell()
        self._retain(topics.health(self._name), self._health_report.make())


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
