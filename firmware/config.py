"""The configuration: one TOML file; each key with default, unit and description in its type; all errors at once."""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

from engine.errors import ConfigError
from engine.runners import AUTO
from models.shipped import DENOISER, QUALITY

_MIB = 1 << 20

Port = Annotated[int, Meta(ge=0, le=65535)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Seconds = Annotated[float, Meta(gt=0)]


class ApplianceConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[appliance] who this box is and where it keeps its record."""

    name: Annotated[Name, Meta(description="name in MQTT topics: letters, digits, - and _")] = "scanside"
    state_dir: Annotated[str, Meta(description="folder of the journal; on a local disk")] = "state"


class ScannerConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[scanner] the MRD server that scanners connect to."""

    listen: Annotated[str, Meta(description="address to listen on; 127.0.0.1 is this machine only")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="TCP port; 0 lets the system choose")] = 9002
    allow: Annotated[list[str], Meta(description="addresses or networks that may connect")] = msgspec.field(
        default_factory=lambda: ["127.0.0.0/8", "::1/128"]
    )
    connections: Annotated[int, Meta(ge=1, description="open connections at most")] = 64
    connections_per_address: Annotated[int, Meta(ge=1, description="open connections per address at most")] = 16
    message_timeout_s: Annotated[Seconds, Meta(description="s for one message to arrive")] = 30.0
    idle_timeout_s: Annotated[Seconds, Meta(description="s of silence between messages before a scan ends")] = 600.0
    frame_memory_mib: Annotated[int, Meta(ge=1, description="MiB for the raw data of one image at most")] = 1024


class MqttConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[mqtt] the broker that verdicts go to."""

    enabled: Annotated[bool, Meta(description="publish at all")] = True
    host: Annotated[str, Meta(description="address of the broker")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="TCP port of the broker")] = 1883
    username: Annotated[str, Meta(description="empty: none")] = ""
    password_file: Annotated[str, Meta(description="file with the password, not readable by everybody")] = ""
    tls_ca: Annotated[str, Meta(description="file with the authority's certificate; empty: no TLS")] = ""
    consumers: Annotated[list[Name], Meta(description="consumers that must miss nothing and say what they have")] = []
    keepalive_s: Annotated[int, Meta(ge=5, description="s between signs of life")] = 15
    reconnect_min_s: Annotated[int, Meta(ge=1, description="s before the first new attempt")] = 1
    reconnect_max_s: Annotated[int, Meta(ge=1, description="s between attempts at most")] = 60


class JournalConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[journal] the record of every decision."""

    retention_days: Annotated[float, Meta(gt=0, description="days that rows are kept")] = 30.0
    limit_mib: Annotated[int, Meta(ge=16, description="MiB of the file at most; the oldest rows go first")] = 4096


class PicturesConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[pictures] what the page shows of each image; the verdicts need none."""

    retention_days: Annotated[float, Meta(gt=0, description="days that pictures are kept")] = 7.0
    limit_mib: Annotated[int, Meta(ge=16, description="MiB of all pictures at most; the oldest go first")] = 2048


class ConsoleConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[console] the page beside the scanner; in this version for this machine's own browser only."""

    enabled: Annotated[bool, Meta(description="serve the page at all")] = True
    listen: Annotated[str, Meta(description="address to listen on: 127.0.0.1 or ::1, the page has no login")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, Meta(description="TCP port; 0 lets the system choose")] = 9003
    room: Annotated[str, Meta(max_length=40, description="what the page calls this room; empty: appliance.name")] = ""
    viewers: Annotated[int, Meta(ge=1, le=1000, description="browsers that are kept up to date at once at most")] = 128
    exam_gap_minutes: Annotated[
        float, Meta(gt=0, description="minutes without a scan after which another examination has begun")
    ] = 30.0


class RecordConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[record] capture of what scanners send; off unless a folder is given."""

    directory: Annotated[str, Meta(description="folder; empty: off")] = ""
    limit_mib: Annotated[int, Meta(ge=1, description="MiB per connection at most")] = 2048


class ModelsConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[models] signed networks beside the frame loop; verdicts need none, and the quality network may only warn."""

    denoise: Annotated[
        str, Meta(description="a shipped package's name, or a folder; its images go back as series 2; empty: none")
    ] = DENOISER
    quality: Annotated[
        str, Meta(description="a shipped package's name, or a folder; its rows of faults may warn; empty: none")
    ] = QUALITY
    keys: Annotated[str, Meta(description="folder of public keys to trust besides the release keys; empty: none")] = ""
    backend: Annotated[
        str,
        Meta(description="what runs them: auto (the fastest that passed the gate here), a runner, or runner:form"),
    ] = AUTO


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    appliance: ApplianceConfig
    scanner: ScannerConfig
    mqtt: MqttConfig
    journal: JournalConfig
    pictures: PicturesConfig
    console: ConsoleConfig
    record: RecordConfig
    models: ModelsConfig


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "appliance": ApplianceConfig,
    "scanner": ScannerConfig,
    "mqtt": MqttConfig,
    "journal": JournalConfig,
    "pictures": PicturesConfig,
    "console": ConsoleConfig,
    "record": RecordConfig,
    "models": ModelsConfig,
}


def default_config() -> Config:
    """Everything at its default."""
    return parse_config("", "defaults")


def load_config(path: Path) -> Config:
    """Raises ConfigError that lists everything wrong with the file."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read ({error})", path.name, "`scanside check-config --defaults` prints one"
        ) from error
    return parse_config(text, path.name)


def parse_config(text: str, where: str) -> Config:
    """All sections, all errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML ({error})", where) from error
    errors = [_unknown(name, SECTIONS, "section") for name in table if name not in SECTIONS]
    sections = {name: _section(name, kind, table.get(name, {}), errors) for name, kind in SECTIONS.items()}
    if errors:
        raise ConfigError("\n  ".join(["", *errors]).lstrip("\n"), where)
    return Config(**sections)  # type: ignore[arg-type]


def _section(name: str, kind: type[msgspec.Struct], body: Any, errors: list[str]) -> msgspec.Struct | None:
    if not isinstance(body, dict):
        errors.append(f"{name} is a section, write [{name}]")
        return None
    fields = kind.__struct_fields__
    hints = get_type_hints(kind, include_extras=True)
    good = {}
    for key, value in body.items():
        if key not in fields:
            errors.append(_unknown(key, fields, f"key in [{name}]"))
            continue
        try:
            good[key] = msgspec.convert(value, hints[key])
        except msgspec.ValidationError as error:
            errors.append(f"{name}.{key} = {value!r}: {error} ({describe(hints[key])})")
    return kind(**good)


def _unknown(key: str, known: Any, what: str) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"unknown {what}: {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def describe(hint: Any) -> str:
    """The description of a key, from its type."""
    texts = [meta.description for meta in get_args(hint)[1:] if isinstance(meta, Meta) and meta.description]
    return texts[-1] if texts else ""


def commented_defaults() -> str:
    """The configuration file with every key at its default and its description."""
    lines = []
    for name, kind in SECTIONS.items():
        lines += [f"# {(kind.__doc__ or '').partition('] ')[2]}", f"[{name}]"]
        hints = get_type_hints(kind, include_extras=True)
        section = kind()
        for key in kind.__struct_fields__:
            lines += [f"# {describe(hints[key])}", f"{key} = {_toml(getattr(section, key))}"]
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    return str(value)
