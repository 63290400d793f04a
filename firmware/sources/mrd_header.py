"""The MRD header (XML) to a `Scan` and back. Nothing that names a patient is kept."""

import hashlib
import math
import re
import unicodedata
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from engine.errors import InputRefused
from engine.types import CounterLimits, Encoding, Scan, ScanRole, Space, Trapezoid

NAMESPACE = "http://www.ismrm.org/ISMRMRD"
_MOST_ELEMENTS, _DEEPEST = 20_000, 24
_LARGEST_MATRIX = 4096
_MOST_ENCODINGS = 16
_MOST_ECHOES = 1024
_MOST_LABELS = 1024
_COUNTERS = (
    "kspace_encoding_step_0",
    "kspace_encoding_step_1",
    "kspace_encoding_step_2",
    "average",
    "slice",
    "contrast",
    "phase",
    "repetition",
    "set",
    "segment",
)
_LONGEST_NAME = 64
_STUDY = "studyInformation/studyInstanceUID"
_TRAPEZOID = ("rampUpTime", "flatTopTime", "rampDownTime", "acqDelayTime", "numSamples", "dwellTime")
ROLES = (
    (re.compile(r"localizer|localiser|scout|survey|3.?plane", re.I), ScanRole.LOCALIZER),
    (re.compile(r"prescan|adjust|shim|noise.?scan", re.I), ScanRole.PRESCAN),
    (re.compile(r"calibration|coil.?sens|refscan|reference.?scan|b1.?map", re.I), ScanRole.CALIBRATION),
)
"""What a protocol's name says about the scan; all others are imaging."""


@dataclass
class _Node:
    name: str
    children: "list[_Node]" = field(default_factory=list)
    text: str = ""

    def find(self, path: str) -> "_Node | None":
        node: _Node | None = self
        for step in path.split("/"):
            node = next((child for child in node.children if child.name == step), None) if node else None
        return node

    def value(self, path: str) -> str:
        node = self.find(path)
        return node.text.strip() if node else ""


def _refuse(what: str) -> InputRefused:
    return InputRefused(what, "the MRD header", "correct the header and start the scan again", reason="header")


def parse_header(xml: str, scan_id: str, exam_key: bytes = b"") -> Scan:
    """Raises InputRefused with one sentence when the header cannot be used.

    `exam_key` makes the pseudonym of the examination; without it the scan belongs to none.
    """
    root = _parse(xml)
    encodings = [node for node in root.children if node.name == "encoding"]
    if not 1 <= len(encodings) <= _MOST_ENCODINGS:
        raise _refuse(f"{len(encodings)} encoding elements; 1 to {_MOST_ENCODINGS} are needed")
    protocol = root.value("measurementInformation/protocolName")
    system = root.find("acquisitionSystemInformation") or _Node("acquisitionSystemInformation")
    labels = [node for node in system.children if node.name == "coilLabel"]
    channels = system.value("receiverChannels")
    return Scan(
        id=scan_id,
        encodings=tuple(_encoding(node) for node in encodings),
        coils=_whole(channels, "receiverChannels", 0, 65535) if channels else None,
        coil_labels=tuple(node.value("coilName")[:32] for node in labels[:_MOST_LABELS]),
        protocol=_name(protocol),
        body_part=root.value("studyInformation/bodyPartExamined")[:64],
        vendor=system.value("systemVendor")[:64],
        scanner=system.value("systemModel")[:64],
        field_strength=_optional_number(system.value("systemFieldStrength_T")),
        relative_noise_bandwidth=_optional_number(system.value("relativeReceiverNoiseBandwidth")),
        echo_times=_echo_times(root.find("sequenceParameters")),
        role=next((role for pattern, role in ROLES if pattern.search(protocol)), ScanRole.IMAGING),
        exam=_exam(root, exam_key),
        exam_is_study=bool(exam_key and root.value(_STUDY)),
    )


def _name(text: str) -> str:
    """Free text of people, at most 64 characters that can be seen; a longer one is told by its beginning and a digest.

    Without the digest two protocols that differ at their end would be one. What cannot be seen (control characters,
    changes of the writing's direction) could make the text around it say something else.
    """
    plain = "".join(" " if one.isspace() else one for one in text)
    seen = "".join(one for one in plain if unicodedata.category(one)[0] != "C")
    if len(seen) <= _LONGEST_NAME:
        return seen
    return f"{seen[: _LONGEST_NAME - 9]}~{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def _exam(root: _Node, key: bytes) -> str:
    """Keyed, or whoever holds a list of patients could try their numbers; the day, or a year of visits were one."""
    study = root.value(_STUDY)
    patient, day = root.value("subjectInformation/patientID"), root.value("studyInformation/studyDate")
    named = f"study {study}" if study else f"patient {day} {patient}" if patient and day else ""
    return hashlib.blake2b(named.encode(), key=key, digest_size=8).hexdigest() if key and named else ""


def _echo_times(parameters: _Node | None) -> tuple[float, ...]:
    """ms, in the order of the contrasts; none where any of them is missing or no number above 0."""
    texts = [node.text for node in parameters.children if node.name == "TE"] if parameters else []
    times = [_optional_number(text) for text in texts[:_MOST_ECHOES]]
    return tuple(time for time in times if time is not None) if None not in times else ()


def _parse(xml: str) -> _Node:
    """A plain tree without namespaces; no DTD, no entities, bounded depth and size."""
    parser = expat.ParserCreate("utf-8", " ")
    top = _Node("")
    stack = [top]
    count = 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS:
            raise _refuse(f"more than {_MOST_ELEMENTS} XML elements")
        if len(stack) > _DEEPEST:
            raise _refuse(f"XML nested more than {_DEEPEST} deep")
        node = _Node(name.rpartition(" ")[2])
        stack[-1].children.append(node)
        stack.append(node)

    def end(_: str) -> None:
        stack.pop()

    def characters(data: str) -> None:
        stack[-1].text += data

    def doctype(*_: object) -> None:
        raise _refuse("a DOCTYPE is not allowed")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = characters, doctype
    parser.buffer_text = True
    try:
        parser.Parse(re.sub(r"^\s*<\?xml[^>]*\?>", "", xml), True)
    except expat.ExpatError as error:
        raise _refuse(f"not well-formed XML ({error})") from error
    root = top.children[0]
    if root.name != "ismrmrdHeader":
        raise _refuse(f"the root element is {root.name[:40]!r}, not ismrmrdHeader")
    return root


def _encoding(node: _Node) -> Encoding:
    parallel = node.find("parallelImaging") or _Node("parallelImaging")
    factor = "accelerationFactor/kspace_encoding_step_"
    acceleration = tuple(
        _whole(parallel.value(f"{factor}{n}"), f"accelerationFactor {n}", 1, 64) if parallel.find(f"{factor}{n}") else 1
        for n in (1, 2)
    )
    bands = parallel.value("multiband/multiband_factor") or parallel.value("multiband/multibandFactor")
    limits = node.find("encodingLimits") or _Node("encodingLimits")
    return Encoding(
        encoded=_space(node, "encodedSpace"),
        recon=_space(node, "reconSpace"),
        limits={child.name: _limits(child) for child in limits.children if child.name in _COUNTERS and child.children},
        trajectory=(node.value("trajectory") or "cartesian").lower()[:32],
        acceleration=(acceleration[0], acceleration[1]),
        calibration_mode=parallel.value("calibrationMode")[:32],
        multiband=_whole(bands, "multiband factor", 1, 64) if bands else 1,
        trapezoid=_trapezoid(node.find("trajectoryDescription")),
    )


def _trapezoid(description: _Node | None) -> Trapezoid | None:
    """The gradient as the scanner vendors' converters describe it; a value that is missing or no number: none."""
    if description is None or description.value("identifier").lower() != "conventionalepi":
        return None
    values = {
        child.value("name"): _optional_number(child.value("value"), least=0.0)
        for child in description.children
        if child.name in ("userParameterLong", "userParameterDouble")
    }
    up, flat, down, delay, samples, dwell = (values.get(name) for name in _TRAPEZOID)
    if up is None or flat is None or down is None or delay is None or not samples or not dwell:
        return None
    return Trapezoid(up, flat, down, delay, int(samples), dwell)


def _space(node: _Node, name: str) -> Space:
    matrix = [
        _whole(node.value(f"{name}/matrixSize/{axis}"), f"{name} matrix {axis}", 1, _LARGEST_MATRIX) for axis in "xyz"
    ]
    view = [_number(node.value(f"{name}/fieldOfView_mm/{axis}"), f"{name} field of view {axis}") for axis in "xyz"]
    if min(view) <= 0:
        raise _refuse(f"{name} field of view {view} mm; it must be above 0")
    return Space((matrix[0], matrix[1], matrix[2]), (view[0], view[1], view[2]))


def _limits(node: _Node) -> CounterLimits:
    low = _whole(node.value("minimum") or "0", f"{node.name} minimum", 0, 65535)
    high = _whole(node.value("maximum") or "0", f"{node.name} maximum", 0, 65535)
    center = node.value("center")
    middle = _whole(center, f"{node.name} center", 0, 65535) if center else None
    if low > high or (middle is not None and not low <= middle <= high):
        raise _refuse(f"limits of {node.name}: minimum {low}, center {middle}, maximum {high} are not in order")
    return CounterLimits(low, high, middle)


def _whole(text: str, name: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise _refuse(f"{name} is {text[:20]!r}, not a whole number") from None
    if not low <= value <= high:
        raise _refuse(f"{name} is {value}; {low} to {high} are possible")
    return value


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _refuse(f"{name} is {text[:20]!r}, not a number") from None
    if not math.isfinite(value):
        raise _refuse(f"{name} is {value}, not a finite number")
    return value


def _optional_number(text: str, least: float = math.ulp(0.0)) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= least else None


def make_header(scan: Scan, repetitions: int = 1) -> str:
    """The XML that `parse_header` reads back, for the simulated scanner."""
    encodings = "".join(_encoding_xml(encoding, repetitions) for encoding in scan.encodings)
    bandwidth = scan.relative_noise_bandwidth
    system = "".join(
        f"<{name}>{escape(str(value))}</{name}>"
        for name, value in (
            ("systemVendor", scan.vendor),
            ("systemModel", scan.scanner),
            ("systemFieldStrength_T", scan.field_strength),
            ("relativeReceiverNoiseBandwidth", bandwidth),
            ("receiverChannels", scan.coils),
        )
        if value
    )
    echoes = "".join(f"<TE>{time:g}</TE>" for time in scan.echo_times)
    sequence = f"<sequenceParameters>{echoes}</sequenceParameters>" if echoes else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ismrmrdHeader xmlns="{NAMESPACE}">'
        f"<measurementInformation><protocolName>{escape(scan.protocol)}</protocolName></measurementInformation>"
        f"<acquisitionSystemInformation>{system}</acquisitionSystemInformation>"
        "<experimentalConditions><H1resonanceFrequency_Hz>123000000</H1resonanceFrequency_Hz>"
        f"</experimentalConditions>{encodings}{sequence}</ismrmrdHeader>"
    )


def _encoding_xml(encoding: Encoding, repetitions: int) -> str:
    limits = {**encoding.limits, "repetition": CounterLimits(0, repetitions - 1, 0)}
    spaces = "".join(
        f"<{name}><matrixSize>{_axes(space.matrix)}</matrixSize>"
        f"<fieldOfView_mm>{_axes(space.field_of_view)}</fieldOfView_mm></{name}>"
        for name, space in (("encodedSpace", encoding.encoded), ("reconSpace", encoding.recon))
    )
    counters = "".join(
        f"<{name}><minimum>{limits[name].minimum}</minimum><maximum>{limits[name].maximum}</maximum>"
        f"<center>{limits[name].center or 0}</center></{name}>"
        for name in _COUNTERS
        if name in limits
    )
    return (
        f"<encoding>{spaces}<encodingLimits>{counters}</encodingLimits>"
        f"<trajectory>{encoding.trajectory}</trajectory>{_trapezoid_xml(encoding.trapezoid)}</encoding>"
    )


def _trapezoid_xml(found: Trapezoid | None) -> str:
    if found is None:
        return ""
    values = found.ramp_up, found.flat_top, found.ramp_down, found.delay, found.samples, found.dwell
    parameters = "".join(
        f"<userParameterDouble><name>{name}</name><value>{value:g}</value></userParameterDouble>"
        for name, value in zip(_TRAPEZOID, values, strict=True)
    )
    return f"<trajectoryDescription><identifier>ConventionalEPI</identifier>{parameters}</trajectoryDescription>"


def _axes(values: tuple[float, ...]) -> str:
    return "".join(f"<{axis}>{value:g}</{axis}>" for axis, value in zip("xyz", values, strict=True))
