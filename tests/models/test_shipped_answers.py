"""The shipped packages' golden answers are those of the networks, on whatever runs them here."""

import pytest

from engine.forms import fp32
from engine.package import load_package, trusted_keys
from engine.runners import RUNNERS, load_runner, why_not
from engine.runners.golden import check_golden
from models.shipped import KEYS, PACKAGES


@pytest.mark.parametrize("name", sorted(folder.name for folder in PACKAGES.iterdir() if folder.is_dir()))
@pytest.mark.parametrize("runner", [name for name, row in RUNNERS.items() if not row.needs_plan and not why_not(name)])
def test_every_runner_here_answers_as_the_package_says(name: str, runner: str) -> None:
    package = load_package(PACKAGES / name, trusted_keys(KEYS))
    check_golden(load_runner(runner, package, fp32(package)), package)
