"""The description of the MQTT interface names every topic, and its schemas are those of what is sent."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest

import firmware.schemas
from firmware.schemas.__main__ import ASYNCAPI, rendered
from firmware.schemas.asyncapi import TOPICS, described
from firmware.sinks import topics
from firmware.sinks.payloads import TOPIC_PAYLOADS, Head, encode

SAID = {
    "state": topics.state("box"),
    "head": topics.head("box"),
    "health": topics.health("box"),
    "alert": topics.alert("box"),
    "scan_state": topics.scan_state("box", "s1-1"),
    "frame": topics.frame("box", "s1-1"),
    "flag": topics.flag("box", "s1-1", "s1-1-spike-0"),
    "decision": topics.decision("box", "s1-1"),
    "model_state": topics.model_state("box", "quality"),
    "have": topics.have("box", "archive"),
}


def test_the_committed_description_is_fresh() -> None:
    committed = Path(firmware.schemas.__file__).with_name(f"{ASYNCAPI}.json").read_text()
    assert committed == rendered(ASYNCAPI), "run: python -m firmware.schemas"


def test_every_payload_has_its_topic() -> None:
    assert set(TOPICS) == set(TOPIC_PAYLOADS)


@pytest.mark.parametrize("name", SAID)
def test_each_address_is_the_topic_that_is_used(name: str) -> None:
    channel = described()["channels"][name]
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(channel["address"]))
    assert [other for other, said in SAID.items() if re.fullmatch(pattern, said)] == [name]
    assert set(channel["parameters"]) == set(re.findall(r"\{(\w+)\}", channel["address"]))


def test_references_lead_somewhere() -> None:
    told = described()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(told)):
        found = told
        for level in reference.split("/"):
            found = found[level]


def test_what_is_sent_fits_the_description() -> None:
    told = described()
    schema = {**told["channels"]["head"]["messages"]["message"]["payload"], "components": told["components"]}
    sent = json.loads(encode(Head(schema="head/1", newest=3, boot="x")))
    jsonschema.validate(sent, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**sent, "newest": "3"}, schema)
    assert msgspec.json.decode(json.dumps(sent), type=Head).newest == 3
