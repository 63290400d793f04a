"""The published description is what the running server does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from engine.types import ScanRole
from firmware.console.openapi import EVENTS, described
from firmware.console.routes import ROUTES
from firmware.journal import Entry, Outgoing
from firmware.pictures import files
from tests.firmware.console.loop_end import LoopEnd
from tests.firmware.console.record_cases import decision, decision_topic, measurement, scan_record
from tests.firmware.report.stories import plane


def test_every_route_is_described_once():
    told = described()
    assert [(path, method.upper()) for path, methods in told["paths"].items() for method in methods] == [
        (route.path, route.method) for route in ROUTES
    ]
    names = [operation["operationId"] for methods in told["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def test_every_parameter_of_a_path_is_described():
    for path, methods in described()["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


def test_every_event_has_its_type_in_the_description():
    schemas = described()["components"]["schemas"]
    assert {kind.__name__ for kind in EVENTS.values()} <= set(schemas)


def test_every_field_that_has_words_in_the_source_has_them_in_the_description():
    schemas = described()["components"]["schemas"]
    assert schemas["Series"]["properties"]["verdict"]["description"].startswith("Of the series; while it runs")
    assert schemas["HealthPayload"]["properties"]["queues"]["description"].startswith("What waits")
    assert schemas["HealthPayload"]["properties"]["session"]["description"] == "Counts the appliance's starts."


def test_closed_sets_of_words_are_described():
    schemas = described()["components"]["schemas"]
    words = ["", "ok", "warn", "rescan", "cannot_judge"]
    assert schemas["Series"]["properties"]["verdict"]["enum"] == words
    assert schemas["Series"]["properties"]["role"]["enum"] == [role.value for role in ScanRole]
    assert set(schemas["Verdict"]["enum"]) == set(words[1:])
    assert schemas["FindingPayload"]["properties"]["severity"]["$ref"].endswith("/Verdict")
    assert schemas["Flag"]["properties"]["life"]["$ref"].endswith("/Life")


def test_who_is_not_ready_says_so_as_described(desk):
    desk.clock.at += 10.0
    answer = desk.client.get("/ready")
    assert answer.status_code == 503
    told = described()
    schema = told["paths"]["/ready"]["get"]["responses"]["503"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Ready"}
    jsonschema.validate(answer.json(), {**schema, "components": told["components"]})


@pytest.mark.parametrize("ending", ["png", "npy", "raw"])
def test_the_headers_of_a_picture_are_those_described(desk, ending):
    desk.picture()
    path = f"/api/v1/scans/{{scan}}/frames/{{number}}/{{kind}}.{ending}"
    said = described()["paths"][path]["get"]
    assert "If-None-Match" in {one["name"] for one in said["parameters"]}
    address = path.format(scan="s1-1", number=0, kind="image")
    answer = desk.client.get(address)
    sent = {name for name in answer.headers if name == "etag" or name.startswith("x-scanside")}
    assert sent == {name.lower() for name in said["responses"]["200"]["headers"]}
    assert desk.client.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert "ETag" in said["responses"]["304"]["headers"]


def test_what_the_guard_refuses_is_described_everywhere():
    for methods in described()["paths"].values():
        for operation in methods.values():
            assert {"403", "413", "421"} <= set(operation["responses"])
    assert "408" in described()["paths"]["/api/v1/notes"]["post"]["responses"]


KNOWN = """
[parameters]
"path.scan" = "s1-1"
"path.number" = 0
"header.X-Scanside-Token" = "{token}"
"""
"""What the record of the test holds."""


def answered(har):
    """(method, address, status) of everything that was asked; addresses as in the table of routes."""
    patterns = {
        re.compile(re.sub(r"\\{\w+\\}", "[^/?]*", re.escape(route.path)) + r"(\?.*)?"): route for route in ROUTES
    }
    for entry in json.loads(har.read_text())["log"]["entries"]:
        address = "/" + entry["request"]["url"].split("/", 3)[3]
        for pattern, route in patterns.items():
            if pattern.fullmatch(address):
                yield entry["request"]["method"], route.path, entry["response"]["status"]


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True])
def test_the_running_server_does_what_is_described(tmp_path, known):
    with LoopEnd(tmp_path) as loop:
        rows = [measurement("m04", 1.0), measurement("m13", None)]
        messages = tuple(Outgoing(decision_topic(), decision(number, measurements=rows)) for number in range(5))
        loop.record(Entry(messages, scan=scan_record("s1-1")))
        for kind in files.KINDS:
            files.write(loop.pictures, "s1-1", 0, kind, plane(0))
        if known:
            (tmp_path / "schemathesis.toml").write_text(KNOWN.format(token=loop.get("now")["token"]))
        program, har = Path(sys.executable).with_name("st"), tmp_path / "asked.har"
        command = [
            str(program),
            "run",
            f"{loop.url}/api/v1/openapi.json",
            "--checks=all",
            # What is gone cannot be told from the description: a scan that is dropped, a cursor of another list.
            "--exclude-checks=positive_data_acceptance",
            "--exclude-path=/api/v1/events",
            "--phases=coverage,fuzzing",
            "--max-examples=5",
            "--seed=1",
            "--report=har",
            f"--report-har-path={har}",
            f"--header=Origin: {loop.url}",
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout[-4000:]
        assert loop.process.poll() is None
    given = {(method, path) for method, path, status in answered(har) if status == 200}
    left_out = {("GET", "/api/v1/events"), ("GET", "/api/v1/openapi.json")}  # the latter is read before it all
    if known:
        assert {(route.method, route.path) for route in ROUTES} - given == left_out
