"""The kinds of fault that the quality network may learn, and how strong their simulations are.

Left out, because one magnitude frame cannot tell: lost and weak elements (seen element by element in the raw data; to
the eye they are shading), low SNR (the noise is measured), drop-out and frequency drift (need the series), cut off
(an object that ends at the border is common), the wrong coil. Pulsation is in the training as background: every scan
of a living body has some, nothing is wrong with the scan, and the network must not call it motion.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prior:
    """How strong one simulated fault is: log-uniform between two strengths, in the unit of its recipe."""

    fault: str
    """In `models.simulate.FAULTS`."""
    finding: str
    low: float
    high: float
    weight: float = 1.0
    """How often, beside the other faults."""


PRIORS = (
    Prior("motion", "motion", 0.4, 12.0, 1.2),
    Prior("nod", "motion", 0.5, 10.0, 0.5),
    Prior("tremor", "motion", 0.1, 4.0, 0.5),
    Prior("breathing", "motion", 0.4, 12.0, 0.5),
    Prior("drift", "motion", 10.0, 100.0, 0.3),
    Prior("ghost", "ghost", 1.5, 60.0, 0.8),
    Prior("ghost-delay", "ghost", 0.05, 1.5, 0.5),
    Prior("spike", "spike", 1.0, 60.0),
    Prior("rf-interference", "rf-interference", 0.02, 1.5),
    Prior("wrap", "wrap", 4.0, 40.0),
    Prior("saturation", "saturation", 20.0, 95.0),
    Prior("missing-lines", "missing-lines", 0.1, 25.0),
    Prior("gibbs", "gibbs", 30.0, 85.0),
    Prior("chemical-shift", "chemical-shift", 1.5, 10.0),
    Prior("bias-field", "bias-field", 15.0, 300.0),
    Prior("dc-offset", "dc-offset", 50.0, 2000.0, 0.7),
)

KINDS = tuple(dict.fromkeys(prior.finding for prior in PRIORS))
"""Finding kinds, in the order of the network's answers."""

NOT_SHIPPED = {
    "ghost": "the rows find more of it, and nearly all that it finds",
    "spike": "the rows find more of it, and all that it finds",
    "wrap": "the rows find all of it",
    "saturation": "the rows find all of it",
    "missing-lines": "the rows find all of it",
    "chemical-shift": "too few found where sound frames raise no alarm",
    "bias-field": "too few found where sound frames raise no alarm",
    "dc-offset": "not learned: one bright pixel",
}
"""Kind -> why its head is left out of the shipped graph; measured on the validation split (see the card)."""

SHIPPED = tuple(kind for kind in KINDS if kind not in NOT_SHIPPED)
"""Kinds whose heads are in the shipped graph."""
