"""The MQTT interface as AsyncAPI 3, from the topics and the types of what is said on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firmware.schemas import told
from firmware.sinks import topics
from firmware.sinks.payloads import TOPIC_PAYLOADS


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its address with the levels that vary in braces, how it is sent, what it says."""

    address: str
    says: str
    qos: int = 1
    retained: bool = False


_BOX, _SCAN = "{appliance}", "{scan}"

TOPICS: Mapping[str, Topic] = {
    "state": Topic(topics.state(_BOX), "Whether the appliance is there; also its will.", retained=True),
    "head": Topic(topics.head(_BOX), "The newest recorded message: shows a gap to whoever was away.", retained=True),
    "health": Topic(topics.health(_BOX), "Stages, counters, latencies, problems.", retained=True),
    "alert": Topic(topics.alert(_BOX), "Everything that is raised now, over all scans.", retained=True),
    "scan_state": Topic(topics.scan_state(_BOX, _SCAN), "A running scan; cleared at its end.", retained=True),
    "frame": Topic(topics.frame(_BOX, _SCAN), "One frame in passing; may be lost.", qos=0),
    "flag": Topic(topics.flag(_BOX, _SCAN, "{finding}"), "The life of a finding: new, update, end."),
    "decision": Topic(topics.decision(_BOX, _SCAN), "The verdict of each frame and of the series. Never expires."),
    "model_state": Topic(
        topics.model_state(_BOX, "model").replace("/model/model/", "/model/{model}/"),
        "Which form of a network runs on what, and whether it serves.",
        retained=True,
    ),
}
"""By the name of its schema."""

_LEVELS = {
    "appliance": "`appliance.name` of the configuration.",
    "scan": "Pseudonym of a series.",
    "finding": "Id of a finding.",
    "model": "Name of a network.",
    "consumer": "Name of a consumer in `mqtt.consumers` of the configuration.",
}


def described() -> dict[str, Any]:
    """The whole description."""
    components = told.components([TOPIC_PAYLOADS[name] for name in TOPICS])
    have = topics.have(_BOX, "{consumer}")
    integer = {
        "payload": {"type": "integer", "minimum": 0, "description": "Highest sequence that is held without gap."}
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "scanside over MQTT",
            "version": "1",  # of the payloads: the number in their `schema`
            "description": "What the appliance publishes. Nothing in a topic or payload identifies a patient, and the "
            "broker commands nothing: a consumer only says how far it has got.",
        },
        "channels": {
            **{name: _channel(topic.address, topic.says, _message(name)) for name, topic in TOPICS.items()},
            "have": _channel(have, "How far a consumer has got; what it lacks is sent again.", integer),
        },
        "operations": {
            **{name: _operation("send", name, topic) for name, topic in TOPICS.items()},
            "have": _operation("receive", "have", Topic(have, "A consumer says what it holds.", retained=True)),
        },
        "components": {"schemas": components},
    }


def _channel(address: str, says: str, message: dict[str, Any]) -> dict[str, Any]:
    levels = [level[1:-1] for level in address.split("/") if level.startswith("{")]
    return {
        "address": address,
        "description": says,
        "parameters": {level: {"description": _LEVELS[level]} for level in levels},
        "messages": {"message": {"contentType": "application/json", **message}},
    }


def _message(name: str) -> dict[str, Any]:
    return {"payload": {"$ref": told.REFERENCE.format(name=TOPIC_PAYLOADS[name].__name__)}}


def _operation(action: str, name: str, topic: Topic) -> dict[str, Any]:
    return {
        "action": action,
        "summary": topic.says,
        "channel": {"$ref": f"#/channels/{name}"},
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retained, "bindingVersion": "0.2.0"}},
    }
