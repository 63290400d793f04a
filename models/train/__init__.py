"""Training, with torch (the extra `train`); nothing of it is imported by the appliance."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from models.train.task import Settings, Task

TASKS = {"denoiser": "models.train.denoiser", "quality": "models.train.quality"}
"""What can be trained -> module with `prepare(settings, folder, say) -> Task`."""


def prepare(settings: "Settings", folder: Path, say: Callable[[str], None]) -> "Task":
    """The task with its data read; raises Unavailable without torch, InputRefused for data that cannot be used."""
    if settings.name not in TASKS:
        raise ConfigError(f"no network is called {settings.name!r}; known are {', '.join(TASKS)}", "models train")
    try:
        module = import_module(TASKS[settings.name])
    except ImportError as error:
        raise Unavailable(f"training needs what is not installed ({error})", mend="make train-setup") from error
    task: Task = module.prepare(settings, folder, say)
    return task
