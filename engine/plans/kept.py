"""Findings that are kept from start to start, sealed in the plan store, and found only while nothing has changed."""

import functools
import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from engine.errors import ScansideError
from engine.plans.store import PlanStore

log = logging.getLogger(__name__)

Found = TypeVar("Found")


def key_of(facts: Mapping[str, Any]) -> str:
    """One digest of everything that a finding depends on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def find(store: PlanStore, name: str, key: str, kind: type[Found]) -> Found | None:
    """What was kept under `name`, when it was found under the same `key`; None: it must be found again."""
    try:
        document = store.noted(name)
        if document is None or document.get("key") != key:
            return None
        return msgspec.convert(document["found"], kind)
    except (ScansideError, KeyError, msgspec.ValidationError) as error:
        log.warning("note=%s is not used: %s", name, error)
        return None


def keep(store: PlanStore, name: str, key: str, found: Any) -> None:
    """Keeps a value of plain data; where that fails it is found again next time."""
    try:
        store.note(name, {"key": key, "found": msgspec.to_builtins(found)})
    except ScansideError as error:
        log.info("note=%s is not kept", name)
        _tell(str(error))


@functools.cache
def _tell(why: str) -> None:
    """One line for each reason, not for each of the dozens of findings."""
    log.warning("what is found now is found again at the next start: %s", why)


def forget(store: PlanStore, name: str) -> None:
    """What is kept under `name` must be found again."""
    keep(store, name, "", None)
