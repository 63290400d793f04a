"""The MQTT sink: follows the journal and publishes it, whatever the broker does. The only file that knows paho.

A broker's acknowledgement is not durability, so rows stay in the journal. Sent again, marked historical, are: rows that
were in flight when the link broke, the last minutes when the broker lost our session, and whatever a configured
consumer says it does not have. Ids make duplicates harmless. A row is also marked historical when it could only be
sent more than `_LIVE_S` after it was recorded. Callbacks of paho only put events on a queue: a lock or an exception in
one would stop its network thread for good.
"""

import json
import logging
import queue
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from engine.errors import ConfigError
from engine.seams import Clock
from firmware.config import MqttConfig
from firmware.health import Health
from firmware.journal import Journal
from firmware.journal_rows import Row
from firmware.sinks import topics
from firmware.sinks.payloads import Envelope, Head, State, encode
from firmware.version import VERSION

log = logging.getLogger(__name__)

_IN_FLIGHT = 20
_LIVE_S = 15.0
_REPLAY_S = 900.0
_SETTLED_S = 2.0
_HAVE_AGAIN_S = 3.0
_HAVE_BATCH = 200
_LARGEST_PAYLOAD = 16384
_STALLED_S = 10.0
_ANSWER_S = 2.0
_TICK_S = 0.25
_STOP_S = 2.0
_REFUSED = 0x80
_UNSUPPORTED_VERSION = (0x01, 0x84)
_NOT_ALLOWED = (0x86, 0x87, 0x8C, 0x04, 0x05)
_SLOW_RETRY_S = 30


class MqttSink:
    """One connection to one broker, one thread of its own beside paho's."""

    def __init__(self, journal: Journal, config: MqttConfig, appliance: str, health: Health, clock: Clock) -> None:
        self._journal, self._config, self._appliance = journal, config, appliance
        self._health, self._clock = health, clock
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._retained: dict[str, bytes] = {}
        self._protocol = paho.MQTTv5
        self._client: paho.Client | None = None
        self._connected = False
        self._outage_logged = False
        self._cursor = journal.cursor("mqtt")
        self._known_to_broker = self._cursor > 0
        self._sent = self._cursor
        self._acknowledged = self._cursor
        self._saved = self._cursor
        self._in_flight: dict[int, int] = {}
        self._answer_at = 0.0
        self._opened_at: float | None = None
        self._have: dict[str, tuple[int, float]] = {}
        self._settled: list[tuple[float, int]] = []
        self._settled_up_to = 0
        self._thread = threading.Thread(target=self._run, name="mqtt-sink", daemon=True)

    # --- from any thread ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect; never waits for the broker."""
        if not self._config.enabled:
            return
        self._journal.subscribe(lambda: self._events.put(("wake",)), "mqtt")
        self._client = self._new_client()
        self._thread.start()

    def hint(self, topic: str, payload: Envelope) -> None:
        """Publish once, unrecorded, QoS 0: gone when the broker is away."""
        if self._config.enabled:
            self._events.put(("hint", topic, self.filled(payload)))

    def retain(self, topic: str, payload: bytes) -> None:
        """The current state on a retained topic, kept for the next connect; none clears the topic."""
        if self._config.enabled:
            self._events.put(("retain", topic, payload))

    def filled(self, payload: Envelope) -> bytes:
        """What is not recorded, with its envelope, as it is sent."""
        now = self._clock.now()
        payload.session = self._journal.session
        payload.time = _stamp(now)
        payload.id = payload.id or f"{self._journal.boot}-{payload.schema}-{now:.6f}"
        return encode(payload)

    @property
    def broker(self) -> str:
        """connected, away, or off."""
        if not self._config.enabled:
            return "off"
        return "connected" if self._connected else "away"

    @property
    def waiting(self) -> int:
        """Recorded messages that the broker has not acknowledged."""
        return self._journal.newest - self._acknowledged if self._config.enabled else 0

    def close(self) -> None:
        """Say `stopped` and disconnect, within some seconds."""
        if self._thread.is_alive():
            self._events.put(("stop",))
            self._thread.join(_STOP_S + 3)

    # --- the sink's own thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                event = self._events.get(timeout=_TICK_S)
            except queue.Empty:
                event = ("tick",)
            try:
                if event[0] == "stop":
                    self._say_stopped()
                    return
                self._take(event)
                self._check_answered()
                if self._connected:
                    self._send_more()
                    self._answer_consumers()
                    self._check_stalled()
            except Exception:
                # The sink's retry seam: a fault here must not end the only thread that tells the world.
                log.exception("mqtt: %s failed; reconnecting", event[0])
                self._health.count("mqtt_faults")
                self._rebuild()

    def _take(self, event: tuple[Any, ...]) -> None:
        match event:
            case ("opened",):
                self._opened_at = self._clock.monotonic()
            case ("connected", code, present):
                self._opened_at = None
                self._on_connected(code, present)
            case ("disconnected", reason):
                self._on_disconnected(reason)
            case ("acked", mid, code):
                self._on_acked(mid, code)
            case ("have", name, payload):
                self._on_have(name, payload)
            case ("hint", topic, payload):
                if self._connected and self._client is not None:
                    self._client.publish(topic, payload, qos=0)
            case ("retain", topic, payload):
                self._retained[topic] = payload
                self._publish_retained(topic)

    def _new_client(self) -> paho.Client:
        config, events = self._config, self._events
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"scanside-{self._appliance}",
            protocol=self._protocol,
            clean_session=None if self._protocol == paho.MQTTv5 else False,
        )
        client.max_inflight_messages_set(_IN_FLIGHT + 10)
        client.max_queued_messages_set(1000)
        client.reconnect_delay_set(config.reconnect_min_s, config.reconnect_max_s)
        if config.username:
            client.username_pw_set(config.username, _secret(config.password_file))
        if config.tls_ca:
            client.tls_set(config.tls_ca)
        client.will_set(topics.state(self._appliance), self._state("offline"), qos=1, retain=True)
        client.on_connect = lambda _c, _u, flags, code, _p: events.put(("connected", code, flags.session_present))
        client.on_disconnect = lambda _c, _u, _f, code, _p: events.put(("disconnected", code))
        client.on_publish = lambda _c, _u, mid, code, _p: events.put(("acked", mid, code))
        client.on_message = lambda _c, _u, message: events.put(
            ("have", message.topic.split("/")[-2], bytes(message.payload))
        )
        client.on_socket_open = self._socket_opened
        if self._protocol == paho.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 86400
            client.connect_async(
                config.host, config.port, keepalive=config.keepalive_s, clean_start=False, properties=properties
            )
        else:
            client.connect_async(config.host, config.port, keepalive=config.keepalive_s)
        client.loop_start()
        return client

    def _socket_opened(self, _client: Any, _data: Any, sock: Any) -> None:
        """paho's callback: nothing but the socket option and an event."""
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._events.put(("opened",))

    def _rebuild(self) -> None:
        old, self._client, self._connected = self._client, None, False
        if old is not None:
            old.on_disconnect = None
            old.disconnect()
            old.loop_stop()
        self._forget_in_flight()
        self._client = self._new_client()

    # --- events ------------------------------------------------------------------------------------

    def _on_connected(self, code: Any, session_present: bool) -> None:
        if code.value in _UNSUPPORTED_VERSION and self._protocol == paho.MQTTv5:
            self._fall_back()
            return
        if code.is_failure:
            self._refused(code)
            return
        assert self._client is not None
        self._connected = True
        self._client.reconnect_delay_set(self._config.reconnect_min_s, self._config.reconnect_max_s)
        self._health.problem("mqtt", None)
        log.info("mqtt: connected to %s port %d", self._config.host, self._config.port)
        self._outage_logged = False
        if self._known_to_broker and not session_present:
            # The broker forgot us, and with it perhaps what it acknowledged: the last minutes go out again.
            self._cursor = min(self._cursor, self._journal.sequence_before(self._clock.now() - _REPLAY_S))
        self._known_to_broker = True
        self._forget_in_flight()
        for name in self._config.consumers:
            self._client.subscribe(topics.have(self._appliance, name), qos=1)
        self._retained[topics.state(self._appliance)] = self._state("online")
        for topic in list(self._retained):  # what was cleared meanwhile leaves it on the way
            self._publish_retained(topic)
        self._publish_head()
        self._answer_at = self._clock.monotonic()

    def _fall_back(self) -> None:
        log.info("mqtt: the broker does not speak MQTT 5, going on with 3.1.1")
        self._protocol = paho.MQTTv311
        self._rebuild()

    def _check_answered(self) -> None:
        """Some brokers of 3.1.1 do not refuse a CONNECT of version 5 but leave it without an answer."""
        if self._protocol != paho.MQTTv5 or self._connected or self._opened_at is None:
            return
        if self._clock.monotonic() - self._opened_at > _ANSWER_S:
            self._opened_at = None
            self._fall_back()

    def _refused(self, code: Any) -> None:
        self._health.count("mqtt_refused_connections")
        self._health.problem("mqtt", f"the broker refuses the connection ({code})")
        if not self._outage_logged:
            log.error("mqtt: the broker refuses the connection (%s); check mqtt.username and the broker's rules", code)
            self._outage_logged = True
        if code.value in _NOT_ALLOWED and self._client is not None:
            self._client.reconnect_delay_set(_SLOW_RETRY_S, 2 * _SLOW_RETRY_S)

    def _on_disconnected(self, reason: Any) -> None:
        if not self._connected and self._outage_logged:
            return
        self._connected = False
        self._health.problem(
            "mqtt", f"broker away ({reason}); {self._journal.newest - self._acknowledged} messages wait"
        )
        self._health.count("mqtt_disconnects")
        if not self._outage_logged:
            log.warning("mqtt: broker away (%s); decisions are kept and sent later", reason)
            self._outage_logged = True
        self._forget_in_flight()

    def _forget_in_flight(self) -> None:
        """What was not acknowledged goes out again."""
        if self._in_flight:
            self._cursor = min(self._cursor, min(self._in_flight.values()) - 1)
            self._in_flight.clear()

    def _on_acked(self, mid: int, code: Any) -> None:
        sequence = self._in_flight.pop(mid, None)
        if sequence is None:
            return
        self._answer_at = self._clock.monotonic()
        self._health.progress("mqtt")
        if code is not None and code.value >= _REFUSED:
            self._health.count("mqtt_refused_messages")
            self._health.problem("mqtt", f"the broker refuses messages ({code}); they stay in the journal")
        self._acknowledged = min(self._in_flight.values(), default=self._cursor + 1) - 1
        self._settled.append((self._answer_at, self._acknowledged))
        if self._acknowledged - self._saved >= 100 or not self._in_flight:
            self._saved = self._acknowledged
            self._journal.save_cursor("mqtt", self._saved)
        if not self._in_flight:
            self._publish_head()

    def _on_have(self, name: str, payload: bytes) -> None:
        try:
            said = json.loads(payload)
            sequence = int(said["have"] if isinstance(said, dict) else said)
        except (ValueError, TypeError, KeyError):
            self._health.count("mqtt_unreadable_have")
            return
        if name in self._config.consumers and self._have.get(name, (-1, 0.0))[0] != sequence:
            self._have[name] = sequence, self._clock.monotonic()

    # --- sending -----------------------------------------------------------------------------------

    def _send_more(self) -> None:
        while len(self._in_flight) < _IN_FLIGHT and self._cursor < self._journal.newest:
            rows = self._journal.read_after(self._cursor, _IN_FLIGHT - len(self._in_flight))
            if not rows:
                self._cursor = self._journal.newest  # what is left is damaged
                return
            for row in rows:
                self._send(row, historical=row.sequence <= self._sent or self._clock.now() - row.time > _LIVE_S)
                self._cursor = row.sequence
                self._sent = max(self._sent, row.sequence)

    def _send(self, row: Row, *, historical: bool) -> None:
        payload = row.payload
        if len(payload) > _LARGEST_PAYLOAD:
            self._health.count("mqtt_too_large")
            log.error("mqtt: message %s has %d bytes and stays in the journal", row.id, len(payload))
            return
        if historical:
            payload = payload.replace(b'"historical":false', b'"historical":true', 1)
        assert self._client is not None
        if not self._in_flight:
            self._answer_at = self._clock.monotonic()  # nothing was asked before: silence until now is no stall
        sent = self._client.publish(row.topic, payload, qos=1)
        self._in_flight[sent.mid] = row.sequence

    def _answer_consumers(self) -> None:
        """Send again what a configured consumer says it does not have, once that had time to arrive."""
        now = self._clock.monotonic()
        while self._settled and self._settled[0][0] <= now - _SETTLED_S:
            self._settled_up_to = max(self._settled_up_to, self._settled.pop(0)[1])
        for name, (have, asked) in self._have.items():
            if have >= self._settled_up_to or now < asked or len(self._in_flight) >= _IN_FLIGHT:
                continue
            for row in self._journal.read_after(have, _HAVE_BATCH):
                if row.sequence <= self._settled_up_to:
                    self._send(row, historical=True)
            self._have[name] = have, now + _HAVE_AGAIN_S
            self._health.count("mqtt_replays")

    def _check_stalled(self) -> None:
        """Acknowledgements that stay away mean a dead network thread or broker: start over."""
        if self._in_flight and self._clock.monotonic() - self._answer_at > _STALLED_S:
            log.warning("mqtt: no acknowledgement for %g s; reconnecting", _STALLED_S)
            self._health.count("mqtt_stalls")
            self._answer_at = self._clock.monotonic()
            self._rebuild()

    def _publish_retained(self, topic: str) -> None:
        if self._connected and self._client is not None:
            self._client.publish(topic, self._retained[topic], qos=1, retain=True)
            if not self._retained[topic]:
                del self._retained[topic]

    def _publish_head(self) -> None:
        head = Head(schema="head/1", newest=self._journal.newest, boot=self._journal.boot)
        self._retained[topics.head(self._appliance)] = self.filled(head)
        self._publish_retained(topics.head(self._appliance))

    def _state(self, word: str) -> bytes:
        return self.filled(State(schema="state/1", state=word, version=VERSION))

    def _say_stopped(self) -> None:
        client = self._client
        if client is None:
            return
        if self._connected:
            self._send_more()
            told = client.publish(topics.state(self._appliance), self._state("stopped"), qos=1, retain=True)
            try:
                told.wait_for_publish(_STOP_S)
            except (RuntimeError, ValueError) as error:
                log.info("mqtt: `stopped` could not be told: %s", error)
        client.disconnect()
        client.loop_stop()


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _secret(path: str) -> str | None:
    if not path:
        return None
    file = Path(path)
    if file.stat().st_mode & 0o007:
        raise ConfigError(f"{file.name} can be read by everybody", "mqtt.password_file", "chmod o-rwx it")
    return file.read_text("utf-8").strip()
