"""Training, with torch (the extra `train`); nothing of it is imported by the appliance."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError, Unavailable
from models.data.anatomy import Anatomy, read_anatomy

if TYPE_CHECKING:
    from models.train.run_folder import RunFolder
    from models.train.task import Settings, Task

TASKS = {"denoiser": "models.train.denoiser", "quality": "models.train.quality"}
"""What can be trained -> module with `prepare(settings, anatomy, folder, say) -> Task`."""


def prepare(settings: "Settings", run: "RunFolder", say: Callable[[str], None]) -> "Task":
    """The task with its data read, and the run begun once name and data are known to be good.

    Raises ConfigError for an unknown name, Unavailable without torch, InputRefused for data that cannot be used.
    """
    if settings.name not in TASKS:
        raise ConfigError(f"no network is called {settings.name!r}; known are {', '.join(TASKS)}", "models train")
    try:
        module = import_module(TASKS[settings.name])
    except ImportError as error:
        raise Unavailable(f"training needs what is not installed ({error})", mend="make train-setup") from error
    anatomy = read_anatomy(Path(settings.data)) if settings.data else Anatomy((), ())
    for problem in anatomy.problems:
        say(f"left out: {problem}")
    for warning in anatomy.warnings:
        say(f"note: {warning}")
    run.begin()
    task: Task = module.prepare(settings, anatomy, run.path, say)
    return task
