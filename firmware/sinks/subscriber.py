"""Reads an appliance's topics from a broker, for `watch` and the tests."""

import contextlib
import json
import queue
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from engine.errors import Unavailable
from firmware.sinks.topics import ROOT


def messages(host: str, port: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(topic, payload) for ever, MQTT 5 first and 3.1.1 when refused; raises Unavailable when no broker answers."""
    received: queue.SimpleQueue[tuple[str, bytes] | int] = queue.SimpleQueue()
    for protocol in (paho.MQTTv5, paho.MQTTv311):
        client = _client(protocol, received)
        try:
            client.connect(host, port, keepalive=15)
        except OSError as error:
            raise Unavailable(f"no broker at {host} port {port} ({error})", mend="check host and port") from error
        client.loop_start()
        try:
            while True:
                item = received.get()
                if isinstance(item, int):
                    if item and protocol == paho.MQTTv5:
                        break
                    continue
                with contextlib.suppress(ValueError):
                    yield item[0], json.loads(item[1])
        finally:
            client.disconnect()
            client.loop_stop()


def _client(protocol: Any, received: "queue.SimpleQueue[tuple[str, bytes] | int]") -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol)

    def connected(_c: Any, _u: Any, _f: Any, code: Any, _p: Any) -> None:
        if not code.is_failure:
            client.subscribe(f"{ROOT}/#", qos=1)
        received.put(code.value)

    client.on_connect = connected
    client.on_message = lambda _c, _u, message: received.put((message.topic, bytes(message.payload)))
    return client
