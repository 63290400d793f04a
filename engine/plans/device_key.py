"""The appliance's own secret: what it sealed is what it made. Nothing sealed by another machine is loaded."""

import hashlib
import hmac
import json
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import PlanRefused
from engine.plans.files import fsync_folder

FILE = "device.key"
"""In the state folder."""

_BYTES = 32

log = logging.getLogger(__name__)


def device_key(file: Path) -> bytes:
    """The 32 bytes in `file`, made once at random and readable by its owner only.

    Two processes that begin together get the same. Raises PlanRefused when it cannot be made or is none.
    """
    try:
        if not file.exists():
            _make(file)
        with file.open("rb") as stream:
            mode, key = os.fstat(stream.fileno()).st_mode, stream.read(_BYTES + 1)
    except OSError as error:
        raise PlanRefused(f"cannot be read ({error.strerror})", str(file), reason="store") from error
    if len(key) != _BYTES:
        mend = "remove it: a new one is made, and every plan is compiled again"
        raise PlanRefused(f"{len(key)} bytes instead of {_BYTES}: no device key", str(file), mend, "store")
    if stat.S_IMODE(mode) & 0o077:
        log.warning("device-key-readable file=%s: others can read it and forge plans; chmod 600", file)
    return key


def seal_of(key: bytes, document: Mapping[str, Any]) -> str:
    """HMAC-SHA256 of a JSON document, hexadecimal: the same however its keys are ordered."""
    return hmac.new(key, canonical(document), hashlib.sha256).hexdigest()


def is_sealed(key: bytes, document: Mapping[str, Any], seal: object) -> bool:
    """Whether `seal` is the document's, made with this key; what no seal can be made of has none."""
    try:
        return isinstance(seal, str) and hmac.compare_digest(seal_of(key, document).encode(), seal.encode())
    except (ValueError, RecursionError):
        return False


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes that stand for a JSON document; raises ValueError for numbers that JSON has not."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _make(file: Path) -> None:
    """Written whole under another name, then linked: whoever comes second finds the first one's."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(os.urandom(_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        fsync_folder(file.parent)
    except OSError as error:
        mend = "give a state folder on a local disk that can be written"
        raise PlanRefused(f"cannot be made ({error.strerror})", str(file), mend, "store") from error
