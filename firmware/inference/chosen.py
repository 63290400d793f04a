"""What a worker runs its package on: the choice of this machine, or what the configuration says."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from calibration.site import usable_ranges
from engine.cuda.probe import cuda_here
from engine.errors import DeviceLost, ScansideError
from engine.forms.make import make_form
from engine.forms.ranges import Ranges
from engine.package import Package
from engine.plans.candidate import SAFE
from engine.plans.choose import Choice, choose, forget_choice
from engine.plans.extremes import typical
from engine.plans.identity import read_machine
from engine.plans.serving import plan_form
from engine.plans.store import PlanStore, open_store
from engine.runners import AUTO, RUNNERS, load_runner
from engine.runners.golden import check_golden
from engine.seams import Clock, Runner
from firmware.device import read_device

log = logging.getLogger(__name__)


def chosen_runner(package: Package, backend: str, state: Path | None, clock: Clock) -> tuple[Runner, Choice]:
    """The runner that serves, loaded, and why it is that one; raises Unavailable when none can serve, and DeviceLost.

    A store or a table of the site that cannot be used costs what it holds, never the network. A choice that cannot be
    loaded any more is made anew; where that does not help, and none is asked for, the safe one serves.
    """
    ranges, power_mode = _ranges(state, package), read_device().power_mode or ""
    with _store(state) as store:
        for again in (False, True):
            choice = choose(package, store=store, clock=clock, ranges=ranges, forced=backend, power_mode=power_mode)
            try:
                return _loaded(package, choice, store, ranges, power_mode, clock), choice
            except Exception as error:
                # The libraries' exceptions share no base class, and the next start must not find this choice again.
                forget_choice(store, package, choice)
                if isinstance(error, DeviceLost) or (again and backend != AUTO):
                    raise
                log.warning("package=%s %s %s not loaded: %s", package.manifest.name, choice.runner, choice.form, error)
                why = f"{' '.join(SAFE)}: {choice.runner} {choice.form} was chosen and cannot be loaded ({error})"
        safe = Choice(*SAFE, why, choice.rows)
        return _loaded(package, safe, store, ranges, power_mode, clock), safe


def _loaded(
    package: Package, choice: Choice, store: PlanStore, ranges: Ranges | None, power_mode: str, clock: Clock
) -> Runner:
    """What was chosen, answering as the package says."""
    if RUNNERS[choice.runner].needs_plan:
        machine = read_machine(cuda_here(), power_mode)
        form = plan_form(store, package, choice.runner, choice.form, ranges, machine, clock)
    else:
        form = make_form(package, choice.form, ranges)
    runner = load_runner(choice.runner, package, form)
    check_golden(runner, package)
    runner.run(typical(package))  # a first image of this size is no slower than the others
    return runner


@contextlib.contextmanager
def _store(state: Path | None) -> Iterator[PlanStore]:
    """The store of plans and findings; without a folder that can be used, one that is forgotten afterwards."""
    if state is not None:
        try:
            opened = open_store(state)
        except ScansideError as error:
            log.warning("plan store not used: %s", error)
        else:
            yield opened
            return
    with tempfile.TemporaryDirectory(prefix="scanside-") as folder:
        yield open_store(Path(folder))


def _ranges(state: Path | None, package: Package) -> Ranges | None:
    ranges, why_not = usable_ranges(state, package)
    if why_not:
        log.warning("table of this site not used: %s", why_not)
    return ranges
