"""One plan on disk: `plan`, `timing.cache`, and `meta.json`, which seals all of it with the device's key."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import PlanRefused
from engine.plans.device_key import is_sealed, seal_of
from engine.plans.files import fill_folder, fsync_folder, write_whole

PLAN, META, TIMING = "plan", "meta.json", "timing.cache"
FRESH = ".new-"
"""Begins the name of a folder that is being written."""

_AGAIN = "compile it again: scanside compile"
_MAX_META = 4 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that may be deserialised: it is what this machine made, whole and unchanged."""

    key: str
    data: bytes
    meta: Mapping[str, Any]
    """inputs, facts, gate, made (s since 1970), plan_bytes, plan_sha256."""


def sealed(key: bytes, document: Mapping[str, Any]) -> bytes:
    """The JSON file of a document with its seal; raises ValueError for numbers that JSON has not."""
    whole = {**document, "sealed_by": key_name(key)}
    text = json.dumps({**whole, "seal": seal_of(key, whole)}, indent=1, sort_keys=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def unsealed(key: bytes, file: Path) -> dict[str, Any]:
    """The document in a sealed file; raises PlanRefused (missing, damaged, foreign; store: not readable just now)."""
    try:
        with file.open("rb") as stream:
            document = json.loads(stream.read(_MAX_META))
        seal, by = document.pop("seal"), document["sealed_by"]
    except FileNotFoundError as error:
        raise PlanRefused("is not there", str(file), _AGAIN, "missing") from error
    except OSError as error:
        raise unreadable(error, file) from error
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise PlanRefused("cannot be read", str(file), _AGAIN, "damaged") from error
    if by != key_name(key):
        raise PlanRefused("was made by another machine, or before its key was replaced", str(file), _AGAIN, "foreign")
    if not is_sealed(key, document, seal):
        raise PlanRefused("was changed after it was sealed", str(file), _AGAIN, "damaged")
    del document["sealed_by"]
    return dict(document)


def unreadable(error: OSError, file: Path) -> PlanRefused:
    """What to raise when the system does not give a file: that says nothing about what is in it."""
    mend = "it stays as it is: let this process read it, or end what has too many files open"
    return PlanRefused(f"cannot be read just now ({error.strerror})", str(file), mend, "store")


def key_name(key: bytes) -> str:
    """What a device key is called; says nothing about the key."""
    return hashlib.sha256(b"scanside device key " + key).hexdigest()[:16]


def write_entry(store: Path, name: str, key: bytes, plan: bytes, timing: bytes, about: Mapping[str, Any]) -> None:
    """The entry `store`/`name`, there whole or not at all; raises OSError."""
    digests = {
        "plan_sha256": hashlib.sha256(plan).hexdigest(),
        "plan_bytes": len(plan),
        "timing_sha256": hashlib.sha256(timing).hexdigest(),
    }
    fresh = store / f"{FRESH}{name}-{os.getpid()}"
    files = {PLAN: plan, META: sealed(key, {"schema": 1, "key": name, **digests, **about})}
    try:
        fill_folder(fresh, files | ({TIMING: timing} if timing else {}))
        fresh.rename(store / name)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    fsync_folder(store)


def read_meta(folder: Path, key: bytes) -> dict[str, Any]:
    """What an entry says of itself; raises PlanRefused as `unsealed` does."""
    meta = unsealed(key, folder / META)
    if meta.get("key") != folder.name:
        raise PlanRefused("is the description of another plan", str(folder / META), _AGAIN, "damaged")
    return meta


def read_plan(folder: Path, key: bytes) -> Plan:
    """The entry in `folder`, its seal, size and digest checked; raises PlanRefused as `unsealed` does."""
    meta = read_meta(folder, key)
    file = folder / PLAN
    try:
        size = file.stat().st_size
        if size != meta["plan_bytes"]:
            raise PlanRefused(f"{size} bytes instead of {meta['plan_bytes']}", str(file), _AGAIN, "damaged")
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise PlanRefused("is not there, but its description is", str(file), _AGAIN, "damaged") from error
    except OSError as error:
        raise unreadable(error, file) from error
    if hashlib.sha256(data).hexdigest() != meta["plan_sha256"]:
        raise PlanRefused("was changed after it was made (its SHA-256 differs)", str(file), _AGAIN, "damaged")
    return Plan(folder.name, data, meta)


def read_timing(folder: Path, key: bytes) -> bytes:
    """The entry's timing cache; empty when there is none, or it is not the one that was sealed."""
    try:
        timing = (folder / TIMING).read_bytes()
        return timing if hashlib.sha256(timing).hexdigest() == read_meta(folder, key)["timing_sha256"] else b""
    except (OSError, PlanRefused):
        return b""


def replace_meta(folder: Path, key: bytes, changed: Mapping[str, Any]) -> None:
    """Seal the entry's description again with some fields replaced; raises PlanRefused, OSError."""
    write_whole(folder / META, sealed(key, {**read_meta(folder, key), **changed}))


def check_equal(plan: Plan, expected: Mapping[str, Any], folder: Path) -> None:
    """Raises PlanRefused (other) naming the first field of the plan's inputs that is not as expected."""
    held = plan.meta["inputs"]
    for field, wanted in expected.items():
        if held.get(field) != wanted:
            what = f"was made for {field} {_short(held.get(field))}, here it is {_short(wanted)}"
            raise PlanRefused(what, str(folder), _AGAIN, "other")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:12]}..." if len(text) == 64 else repr(text[:120])
