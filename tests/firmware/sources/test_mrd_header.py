"""The MRD header: what is read, what is refused, and that nothing of a patient is kept."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputRefused
from engine.types import CounterLimits, Scan, ScanRole, Trapezoid
from firmware.sources.mrd_file import read_mrd
from firmware.sources.mrd_header import make_header, parse_header
from models.scans import BRAIN16
from tests.appliance.mrd_client import header


def test_the_bundled_scan() -> None:
    scan = parse_header(read_mrd(BRAIN16).xml, "s1")
    (encoding,) = scan.encodings
    assert scan.coils == 16
    assert encoding.encoded.matrix == encoding.recon.matrix == (128, 128, 1)
    assert encoding.recon.field_of_view[:2] == (256.0, 256.0)
    assert scan.field_strength == pytest.approx(2.89, abs=0.01)
    assert encoding.trajectory == "cartesian"
    assert encoding.limits["kspace_encoding_step_1"].maximum == 127


def test_a_header_made_is_read_back() -> None:
    scan = parse_header(read_mrd(BRAIN16).xml, "s1")
    again = parse_header(make_header(scan, 20), "s1")
    assert again.encodings[0].limits["repetition"] == CounterLimits(0, 19, 0)
    limits = {**scan.encodings[0].limits, "repetition": CounterLimits(0, 19, 0)}
    expected = dataclasses.replace(scan.encodings[0], limits=limits)
    assert again.encodings[0].encoded == expected.encoded
    assert again.encodings[0].recon == expected.recon
    assert (again.coils, again.protocol, again.scanner) == (scan.coils, scan.protocol, scan.scanner)


GRADIENT = (
    "<trajectory>epi</trajectory><trajectoryDescription><identifier>ConventionalEPI</identifier>"
    "<userParameterLong><name>etl</name><value>128</value></userParameterLong>"
    "<userParameterLong><name>rampUpTime</name><value>130</value></userParameterLong>"
    "<userParameterLong><name>rampDownTime</name><value>140</value></userParameterLong>"
    "<userParameterLong><name>flatTopTime</name><value>450</value></userParameterLong>"
    "<userParameterLong><name>acqDelayTime</name><value>0</value></userParameterLong>"
    "<userParameterLong><name>numSamples</name><value>320</value></userParameterLong>"
    "<userParameterDouble><name>dwellTime</name><value>1.7</value></userParameterDouble>"
    "<comment>Conventional EPI sequence</comment></trajectoryDescription>"
)


def test_the_readout_gradient_of_an_echo_planar_scan_is_read_and_made() -> None:
    scan = parse_header(header().replace("<trajectory>cartesian</trajectory>", GRADIENT), "s1")
    assert scan.encodings[0].trajectory == "epi"
    assert scan.encodings[0].trapezoid == Trapezoid(130, 450, 140, 0, 320, 1.7)
    assert parse_header(make_header(scan, 1), "s1").encodings[0].trapezoid == scan.encodings[0].trapezoid


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("ConventionalEPI", "spiral"),
        ("rampUpTime", "rampTime"),
        (">450<", ">long<"),
        (">1.7<", ">0<"),
        (">320<", ">inf<"),
    ],
)
def test_half_a_gradient_is_none(said: str, instead: str) -> None:
    xml = header().replace("<trajectory>cartesian</trajectory>", GRADIENT.replace(said, instead))
    assert parse_header(xml, "s1").encodings[0].trapezoid is None


def test_nothing_of_a_patient_is_kept() -> None:
    planted = (
        "<subjectInformation><patientName>PLANTED</patientName><patientID>PLANTED</patientID></subjectInformation>"
    )
    xml = header().replace("<acquisitionSystemInformation>", planted + "<acquisitionSystemInformation>")
    assert "PLANTED" not in repr(parse_header(xml, "s1"))


@pytest.mark.parametrize(
    ("protocol", "role"),
    [
        ("AAHead_Scout", ScanRole.LOCALIZER),
        ("3-plane loc survey", ScanRole.LOCALIZER),
        ("Prescan", ScanRole.PRESCAN),
        ("coil sens refscan", ScanRole.CALIBRATION),
        ("t1_mprage", ScanRole.IMAGING),
    ],
)
def test_the_protocols_name_says_the_role(protocol: str, role: ScanRole) -> None:
    assert named(protocol).role is role


def named(protocol: str) -> Scan:
    measurement = f"<measurementInformation><protocolName>{protocol}</protocolName></measurementInformation>"
    xml = header().replace("<acquisitionSystemInformation>", measurement + "<acquisitionSystemInformation>")
    return parse_header(xml, "s1")


def test_what_cannot_be_seen_is_not_part_of_a_protocols_name() -> None:
    assert named("t1\u202e_\u2066mprage\u200b\u0085\ttra").protocol == "t1_mprage  tra"
    assert named("T2 Schädel ödem 頭部").protocol == "T2 Schädel ödem 頭部"


BAD = {
    "center out of range": header().replace("<center>16</center>", "<center>99</center>"),
    "matrix not a number": header().replace("<y>32</y>", "<y>many</y>"),
    "field of view negative": header(encoded_fov=-1),
    "field of view infinite": header(encoded_fov="inf"),
    "17 encodings": header().replace("</encoding>", "</encoding>" + "<encoding></encoding>" * 16),
    "another root": "<html></html>",
    "cut": header()[:200],
    "too many elements": header().replace("</ismrmrdHeader>", "<userParameters/>" * 30_000 + "</ismrmrdHeader>"),
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + header(),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_headers_get_one_sentence(case: str) -> None:
    with pytest.raises(InputRefused) as caught:
        parse_header(BAD[case], "s1")
    assert "MRD header" in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.text(max_size=500))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(InputRefused):
        parse_header(text, "s1")


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    garbage = tmp_path / "x.h5"
    garbage.write_bytes(b"not hdf5")
    with pytest.raises(InputRefused, match=r"x\.h5"):
        read_mrd(garbage)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(BRAIN16.read_bytes()[:100_000])
    with pytest.raises(InputRefused, match=r"cut\.h5"):
        read_mrd(cut)
