"""Whether a network serves, for people and for MQTT."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What the worker runs, and whether it does."""

    name: str
    """Of the package; of its folder until it is verified."""
    task: str
    """denoise or quality."""
    runner: str = ""
    form: str = ""
    """Precision of the network that serves."""
    state: str = "starting"
    """starting, serving, failed, restarting or off."""
    reason: str = ""
    """A word, or the sentence with which a package was refused."""
    version: str = ""
    sha256: str = ""
    requested: str = ""
    actual: str = ""
    real_gpu: bool = False
    why: str = ""
    """Why this runner and form, in a sentence."""
    tried: str = ""
    """What else could have served, and how fast: one line each."""
    restarts: int = 0
