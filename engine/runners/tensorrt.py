"""TensorRT on the first CUDA device; a form handed to it holds the plan that was compiled for this device."""

from engine.forms import Form
from engine.package import Package
from engine.plans.target import TENSORRT
from engine.runners.plan import PlanRunner, load_plan, low_share_of_plan, why_no_plans


def load(package: Package, form: Form) -> PlanRunner:
    """The plan in `form`, ready to run; raises Unavailable."""
    return load_plan(TENSORRT, package, form)


def why_not() -> str:
    """What keeps it from running here, in words; empty: nothing."""
    return why_no_plans(TENSORRT)


def low_share(package: Package, form: Form) -> float | None:
    """Share of the convolutions that the plan computes below float32; None: it has none, or does not tell."""
    return low_share_of_plan(TENSORRT, package, form)
