"""The MQTT sink against real brokers: life, fall-back, refusals, and nothing lost over kills."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware.broker import start_broker
from firmware.clock import SystemClock
from firmware.config import MqttConfig
from firmware.health import Health
from firmware.journal import Entry, Journal, Outgoing
from firmware.sinks.mqtt import MqttSink
from firmware.sinks.payloads import Head, decision_payload
from tests.appliance.mrd_client import begin, frame, header, object_kspace, wire
from tests.appliance.processes import free_port
from tests.engine.decide.test_decide_raised import LARGE, closed, everything

pytestmark = pytest.mark.appliance


class Listener:
    """An independent subscriber that keeps everything."""

    def __init__(self, port: int, have: str = "", protocol: Any = paho.MQTTv5) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.contiguous = 0
        self._numbers: set[int] = set()
        self._have = have
        self._changed = threading.Condition()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda *_: self.client.subscribe("scanside/#", qos=1)
        self.client.on_message = self._take
        subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()
        assert subscribed.wait(10)

    def _take(self, _c: Any, _u: Any, message: Any) -> None:
        if not message.payload or message.topic.endswith("/have"):
            return
        payload = json.loads(message.payload)
        with self._changed:
            self.seen.append((message.topic, payload))
            if payload["sequence"]:
                self._numbers.add(payload["sequence"])
                while self.contiguous + 1 in self._numbers:
                    self.contiguous += 1
            self._changed.notify_all()

    def tell(self) -> None:
        self.client.publish(self._have, json.dumps({"have": self.contiguous}), qos=1, retain=True)

    def wait(self, condition: Callable[[], bool], timeout: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout), self.seen[-5:]

    def payloads(self, end: str) -> list[dict[str, Any]]:
        return [payload for topic, payload in self.seen if topic.endswith(end)]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def config(port: int, **more: Any) -> MqttConfig:
    return MqttConfig(port=port, reconnect_max_s=1, **more)


def decide(journal: Journal, text: str = "") -> None:
    journal.append(Entry((Outgoing("scanside/a/scan/s/decision", Head(schema="head/1", newest=0, boot=text)),)))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "j.db", SystemClock())
    yield opened
    opened.close()


def sink_for(journal: Journal, settings: MqttConfig) -> tuple[MqttSink, Health]:
    health = Health()
    sink = MqttSink(journal, settings, "a", health, SystemClock())
    sink.start()
    return sink, health


def test_birth_decisions_head_and_stopped(mosquitto, journal: Journal) -> None:
    listener = Listener(mosquitto.port)
    sink, _ = sink_for(journal, config(mosquitto.port))
    listener.wait(lambda: any(p["state"] == "online" for p in listener.payloads("a/state")))
    for _ in range(50):
        decide(journal)
    listener.wait(lambda: listener.contiguous == 50)
    listener.wait(lambda: any(p["newest"] == 50 for p in listener.payloads("/head")))
    assert not any(p["historical"] for p in listener.payloads("/decision"))
    sink.close()
    listener.wait(lambda: listener.payloads("a/state")[-1]["state"] == "stopped")
    listener.close()


class Ahead(SystemClock):
    """Lets quiet minutes pass at once."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def test_the_first_decision_after_a_quiet_time_is_no_stall(mosquitto, journal: Journal) -> None:
    clock, health = Ahead(), Health()
    listener = Listener(mosquitto.port)
    sink = MqttSink(journal, config(mosquitto.port), "a", health, clock)
    sink.start()
    for number in range(1, 4):
        decide(journal)
        listener.wait(lambda wanted=number: listener.contiguous == wanted)
        end = time.monotonic() + 10
        while sink._acknowledged < number:
            assert time.monotonic() < end
            time.sleep(0.01)
        clock.ahead += 60
    sink.close()
    listener.close()
    assert not {"mqtt_stalls", "mqtt_disconnects"} & health.snapshot()["counters"].keys()
    assert [p["historical"] for p in listener.payloads("/decision")] == [False] * 3


def test_a_broker_that_is_away_loses_nothing(mosquitto, journal: Journal) -> None:
    listener = Listener(mosquitto.port, "scanside/a/consumer/page/have")
    sink, health = sink_for(journal, config(mosquitto.port, consumers=["page"]))
    decide(journal)
    listener.wait(lambda: listener.contiguous == 1)
    mosquitto.kill()
    for _ in range(30):
        decide(journal)
    end = time.monotonic() + 10
    while "mqtt" not in health.snapshot()["problems"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    mosquitto.start()
    end = time.monotonic() + 30
    while listener.contiguous < 31:  # the subscriber may come back after the sink: then it asks
        assert time.monotonic() < end
        listener.tell()
        time.sleep(0.2)
    sink.close()
    listener.close()


def test_what_is_cleared_while_the_broker_is_away_is_cleared_when_it_is_back(mosquitto, journal: Journal) -> None:
    sink, health = sink_for(journal, config(mosquitto.port))
    listener = Listener(mosquitto.port)
    for scan in ("one", "two"):
        sink.retain(f"scanside/a/scan/{scan}/state", sink.filled(Head(schema="head/1", newest=0, boot=scan)))
    listener.wait(lambda: len(listener.payloads("/state")) >= 3)
    listener.close()
    mosquitto.kill()
    end = time.monotonic() + 10
    while "mqtt" not in health.snapshot()["problems"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    for scan in ("one", "two"):
        sink.retain(f"scanside/a/scan/{scan}/state", b"")
    mosquitto.start()
    listener = Listener(mosquitto.port)
    decide(journal)
    listener.wait(lambda: listener.contiguous == 1)
    sink.close()
    listener.close()
    assert "mqtt_faults" not in health.snapshot()["counters"]


def test_amqtt_is_served_with_3_1_1(journal: Journal) -> None:
    broker = start_broker("amqtt")
    try:
        listener = Listener(broker.port, protocol=paho.MQTTv311)
        sink, _ = sink_for(journal, config(broker.port))
        decide(journal)
        listener.wait(lambda: listener.contiguous == 1)
        sink.close()
        listener.close()
    finally:
        broker.close()


def test_refused_topics_keep_their_rows_and_are_said(mosquitto, journal: Journal) -> None:
    mosquitto.kill()
    (mosquitto.folder / "acl").write_text("topic readwrite scanside/a/state\n")
    mosquitto.extra = f"acl_file {mosquitto.folder / 'acl'}\n"
    mosquitto.start()
    sink, health = sink_for(journal, config(mosquitto.port))
    decide(journal)
    end = time.monotonic() + 10
    while "refuses messages" not in health.snapshot()["problems"].get("mqtt", ""):
        assert time.monotonic() < end, health.snapshot()
        time.sleep(0.01)
    assert len(journal.read_after(0, 10)) == 1
    sink.close()


def test_a_message_too_large_is_parked_and_the_rest_flows(mosquitto, journal: Journal) -> None:
    listener = Listener(mosquitto.port)
    sink, health = sink_for(journal, config(mosquitto.port))
    decide(journal, "x" * 20_000)
    decide(journal, "small")
    listener.wait(lambda: len(listener.payloads("/decision")) == 1)
    assert listener.payloads("/decision")[0]["boot"] == "small"
    assert health.snapshot()["counters"]["mqtt_too_large"] == 1
    sink.close()
    listener.close()


def test_a_series_with_every_fault_in_every_slice_is_delivered(mosquitto, journal: Journal) -> None:
    series = closed(2, 60, lambda _, place: everything(3.0 + place))
    listener = Listener(mosquitto.port)
    sink, health = sink_for(journal, config(mosquitto.port))
    payload = decision_payload(series, LARGE, {"image": 12.345})
    journal.append(Entry((Outgoing("scanside/a/scan/s/decision", payload),)))
    listener.wait(lambda: len(listener.payloads("/decision")) == 1)
    assert listener.payloads("/decision")[0]["sentence"] == series.sentence
    assert "mqtt_too_large" not in health.snapshot()["counters"]
    sink.close()
    listener.close()


def test_what_a_consumer_does_not_have_comes_again_marked_historical(mosquitto, journal: Journal) -> None:
    sink, _ = sink_for(journal, config(mosquitto.port, consumers=["page"]))
    first = Listener(mosquitto.port)
    for _ in range(5):
        decide(journal)
    first.wait(lambda: first.contiguous == 5)
    late = Listener(mosquitto.port, "scanside/a/consumer/page/have")
    late.wait(lambda: bool(late.payloads("/head")))
    late.tell()
    late.wait(lambda: late.contiguous == 5)
    assert all(p["historical"] for p in late.payloads("/decision"))
    for listener in (first, late):
        listener.close()
    sink.close()


class Feeder:
    """A scanner that sends frames for ever and comes back whenever the appliance is gone."""

    def __init__(self, port: int) -> None:
        self._port, self._stop = port, threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        frames = [wire(*frame(object_kspace(), repetition)) for repetition in range(200)]
        while not self._stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
                    connection.sendall(begin(header(repetitions=len(frames))))
                    for one in frames:
                        connection.sendall(one)
                        if self._stop.wait(0.03):
                            return
            except OSError:
                self._stop.wait(0.05)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)


@pytest.mark.timeout(400)
def test_killing_broker_and_appliance_loses_and_invents_nothing(mosquitto, tmp_path: Path) -> None:
    kills = int(os.environ.get("SCANSIDE_CHAOS_KILLS", "20"))
    seed = int(os.environ.get("SCANSIDE_CHAOS_SEED", "1"))
    rng = random.Random(seed)
    path, port = tmp_path / "journal.db", free_port()
    settings = tmp_path / "c.toml"
    settings.write_text(
        f'[appliance]\nname = "a"\nstate_dir = "{tmp_path}"\n[scanner]\nport = {port}\n'
        f'[console]\nenabled = false\n[mqtt]\nport = {mosquitto.port}\nconsumers = ["page"]\nreconnect_max_s = 1\n'
    )

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "firmware.cli", "run", "--config", str(settings)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    listener = Listener(mosquitto.port, "scanside/a/consumer/page/have")
    appliance, feeder = start(), Feeder(port)
    victims = ["broker", "appliance"] * kills
    rng.shuffle(victims)
    try:
        for victim in victims:
            time.sleep(rng.uniform(0.3, 2.0))
            if victim == "broker":
                mosquitto.kill()
                time.sleep(rng.uniform(0, 0.4))
                mosquitto.start()
            else:
                appliance.send_signal(signal.SIGKILL)
                appliance.wait(10)
                appliance = start()
            listener.tell()
        time.sleep(3)
        feeder.close()
        time.sleep(2)
        reader = Journal(path, SystemClock())
        recorded = {row.sequence: row for row in reader.read_after(0, 1_000_000)}
        reader.close()
        end = time.monotonic() + 60
        while listener.contiguous < max(recorded) and time.monotonic() < end:
            listener.tell()
            time.sleep(0.5)
    finally:
        feeder.close()
        appliance.kill()
        appliance.wait(10)
        listener.close()
    seen = [payload for _, payload in listener.seen if payload["sequence"]]
    lost = set(recorded) - {p["sequence"] for p in seen}
    invented = [p for p in seen if p["sequence"] not in recorded or recorded[p["sequence"]].id != p["id"]]
    print(f"seed {seed}: {kills}+{kills} kills, {len(recorded)} recorded, {len(seen)} heard, {len(lost)} lost")
    assert not lost
    assert not invented
    assert len(recorded) > 10 * kills
