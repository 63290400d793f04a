"""The MQTT consumer of the benchmarks: stamps each frame's decision; prints JSON on SIGTERM."""

import json
import os
import signal
import socket
import sys
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def main() -> None:
    stamps: list[tuple[str, int, float]] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)

    def heard(_c: Any, _u: Any, message: Any) -> None:
        now = time.monotonic()
        payload = json.loads(message.payload)
        if payload["scope"] == "frame":
            stamps.append((payload["scan"], payload["number"], now))

    def finish(*_: object) -> None:
        print(json.dumps(stamps), flush=True)
        os._exit(0)

    client.on_message = heard

    def connected(*_: Any) -> None:
        client.subscribe("scanside/+/scan/+/decision", qos=1)

    def no_delay(_c: Any, _u: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    client.on_connect = connected
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_socket_open = no_delay
    client.connect("127.0.0.1", int(sys.argv[1]))
    signal.signal(signal.SIGTERM, finish)
    client.loop_forever()


if __name__ == "__main__":
    main()
