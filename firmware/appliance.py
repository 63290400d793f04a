"""The composition root: builds the appliance from its configuration, starts and stops it."""

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

from engine.seams import Source
from firmware.clock import SystemClock
from firmware.config import Config
from firmware.health import Health
from firmware.journal import Journal
from firmware.latency import Latencies
from firmware.loop import Judged, Loop, run_scan
from firmware.sinks.mqtt import MqttSink
from firmware.sources.mrd_server import MrdServer

log = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005
_HEALTH_EVERY_S = 5.0
_NICE = -10

Listener = Callable[[Judged, dict[str, float]], None]
"""Told of each decision once it is on disk, with its latencies in ms; must not block."""


def raise_priority() -> bool:
    """Ask for scheduling before ordinary processes; False (and a log line) when the system refuses."""
    try:
        os.nice(_NICE)
    except PermissionError:
        log.warning("raised priority refused: latencies depend on what else runs here (grant CAP_SYS_NICE)")
        return False
    return True


class Appliance:
    """Everything between the scanner's socket and the broker, in one process."""

    def __init__(self, config: Config, *, listener: Listener | None = None) -> None:
        self.health = Health()
        self.latencies = Latencies()
        self._config = config
        self._listener = listener
        self._clock = SystemClock()
        self._stack = ExitStack()
        self._stopping = threading.Event()
        self.scanner_port = 0

    def start(self) -> None:
        """Open the journal, connect to the broker, listen; raises Unavailable when that cannot be."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        config = self._config
        with ExitStack() as stack:
            self.journal = Journal(config.journal_path, self._clock, retention_s=config.journal.retention_days * 86400)
            stack.callback(self.journal.close)
            self.mqtt = MqttSink(self.journal, config.mqtt, config.appliance.name, self.health, self._clock)
            self.mqtt.start()
            stack.callback(self.mqtt.close)
            warm_up()
            loop = Loop(self._clock, self.health, self._record)

            def take(source: Source) -> None:
                run_scan(source, loop)

            server = MrdServer(config.server_settings(), take, self.health, f"s{self.journal.session}")
            server.start()
            stack.callback(server.stop)
            self.scanner_port = server.port
            self._stack = stack.pop_all()
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """End open scans, write what is decided, tell the broker `stopped`; within some seconds."""
        self._stack.close()

    def _record(self, judged: Judged, committed: Callable[[], None]) -> None:
        raise AssertionError
