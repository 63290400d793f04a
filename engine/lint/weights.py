"""The rule for what is stored."""

from engine.errors import PackageRefused
from engine.lint.fault import Findings, Found
from engine.lint.view import View
from engine.package.weights import count_parameters


def weights(view: View) -> Findings:
    """The first stored value that no runner can use: NaN, infinite, of a type or in a place that is not taken."""
    try:
        count_parameters(view.model.graph, "")
    except PackageRefused as refused:
        yield Found("the network", refused.what, refused.mend)
