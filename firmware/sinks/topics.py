"""Every MQTT topic, as a function. One root per appliance; nothing in a topic names a patient."""

import re

ROOT = "scanside"


def state(appliance: str) -> str:
    """Retained; the will."""
    return f"{ROOT}/{appliance}/state"


def head(appliance: str) -> str:
    """Retained: the newest decision."""
    return f"{ROOT}/{appliance}/head"


def health(appliance: str) -> str:
    """Retained."""
    return f"{ROOT}/{appliance}/health"


def alert(appliance: str) -> str:
    """Retained: what is raised now."""
    return f"{ROOT}/{appliance}/alert"


def have(appliance: str, consumer: str) -> str:
    """Retained, written by consumers: how far they have got."""
    return f"{ROOT}/{appliance}/consumer/{consumer}/have"


def scan_state(appliance: str, scan: str) -> str:
    """Retained until the scan has ended."""
    return f"{ROOT}/{appliance}/scan/{scan}/state"


def frame(appliance: str, scan: str) -> str:
    """A hint per frame; may be lost."""
    return f"{ROOT}/{appliance}/scan/{scan}/frame"


def flag(appliance: str, scan: str, finding: str) -> str:
    """A finding's life."""
    return f"{ROOT}/{appliance}/scan/{scan}/flag/{finding}"


def decision(appliance: str, scan: str) -> str:
    """Verdict of each frame and of the series."""
    return f"{ROOT}/{appliance}/scan/{scan}/decision"


def model_state(appliance: str, model: str) -> str:
    """Retained: what a network runs on, and whether it does. Characters that a topic level cannot hold become `-`."""
    return f"{ROOT}/{appliance}/model/{re.sub('[^A-Za-z0-9_-]', '-', model)}/state"
