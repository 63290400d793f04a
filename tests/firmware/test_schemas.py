"""The committed JSON Schemas are those of the types, and the types are what is sent."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

import firmware.schemas
from engine.quality import LEARNED
from engine.types import Decision, Life, Scan, Verdict
from firmware.schemas.__main__ import rendered
from firmware.schemas.told import schema
from firmware.sinks.payloads import TOPIC_PAYLOADS, DecisionPayload, Flag, decision_payload, flag_payload, frame_hint
from tests.engine.decide.test_decide_decider import SCAN, Decider, frame, measurements, with_coils
from tests.engine.decide.test_decide_learned import seen
from tests.engine.decide.test_decide_raised import LARGE, LARGEST, everything

FOLDER = Path(firmware.schemas.__file__).parent


@pytest.mark.parametrize("name", TOPIC_PAYLOADS)
def test_committed_schemas_are_fresh(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == rendered(name), "run: python -m firmware.schemas"


def test_a_field_is_described_by_the_words_below_it_wherever_it_is_inherited() -> None:
    told = schema(Flag)["$defs"]
    assert told["Flag"]["properties"]["id"]["description"].startswith("Idempotency key")
    assert told["Flag"]["properties"]["place"]["description"] == "Where, in words."
    assert told["MeasurementPayload"]["properties"]["why_missing"]["description"].startswith("Reason in one word")
    assert "description" not in told["Flag"]["properties"]["kind"]
    assert told["Life"]["enum"] == ["end", "new", "update"]
    jsonschema.Draft202012Validator.check_schema(schema(Flag))


def decisions() -> tuple[Scan, list[Decision]]:
    decider = Decider(SCAN)
    first = decider.frame(frame(0), measurements({"m13": "first_frame"}))
    second = decider.frame(frame(1), with_coils(measurements(m04=40.0, m04_impact=3.0), 3))
    return SCAN, [first, second, decider.close("close")]


def test_what_is_sent_fits_the_schemas() -> None:
    scan, made = decisions()
    for decision in made:
        sent = msgspec.json.encode(decision_payload(decision, scan, {"image": 1.23456}))
        jsonschema.validate(json.loads(sent), schema(DecisionPayload))
        for finding in decision.changes:
            jsonschema.validate(json.loads(msgspec.json.encode(flag_payload(finding, scan))), schema(Flag))
        hint = frame_hint(decision, {})
        assert (hint is None) == (decision.scope == "series")


def test_payloads_stay_small() -> None:
    scan, made = decisions()
    assert all(len(msgspec.json.encode(decision_payload(d, scan, {}))) < 8192 for d in made)
    many = [*measurements(m04=40.0, m13=3.0, m05=3.0), *seen(**{kind.replace("-", "_"): 1.0 for kind in LEARNED})]
    crowded = Decider(SCAN).frame(frame(0), many)
    assert len(crowded.findings) > len(LEARNED)
    assert len(msgspec.json.encode(decision_payload(crowded, scan, {}))) < 16384, "what is larger is not sent"
    hopeless = Decider(LARGE).frame(frame(0), everything(3.0))
    sent = decision_payload(hopeless, LARGE, {"image": 12.345})
    assert len(msgspec.json.encode(sent)) < LARGEST < len(msgspec.json.encode(list(hopeless.findings))) * 2
    assert [f.finding for f in sent.findings] == [f.id for f in hopeless.findings[: len(sent.findings)]]
    assert made[1].verdict is not Verdict.OK
    assert made[2].changes[0].life is Life.END
