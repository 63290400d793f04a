"""From scores to probabilities and figures: logistic fit, area under the curve, thresholds."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

_MOST_SLOPE = 20.0


def fit_logistic(scores: NDArray[np.floating], true: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope (positive) and offset of the logistic function of `scores` that is likeliest for `true` (Platt 1999).

    With his targets, (n + 1) / (n + 2) and 1 / (m + 2), so that perfect scores do not become certainties.
    """
    count = int(true.sum())
    wanted = np.where(true, (count + 1) / (count + 2), 1 / (len(true) - count + 2))

    def cost(parameters: NDArray[np.float64]) -> float:
        logits = np.exp(parameters[0]) * scores + parameters[1]
        return float(np.mean(np.logaddexp(0, logits) - wanted * logits))

    bounds = [(-np.log(_MOST_SLOPE), np.log(_MOST_SLOPE)), (None, None)]
    slope, offset = minimize(cost, np.zeros(2), method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(slope)), float(offset)


def area(scores: NDArray[np.floating], true: NDArray[np.bool_]) -> float:
    """Area under the receiver operating characteristic, ties by halves; 0.5 where one side is empty."""
    count, others = int(true.sum()), int((~true).sum())
    if not count or not others:
        return 0.5
    ranks = float(rankdata(scores)[true].sum())
    return (ranks - count * (count + 1) / 2) / (count * others)


def threshold_at(sound: NDArray[np.floating], specificity: float) -> float:
    """The smallest score that at most `1 - specificity` of the sound samples exceed."""
    ordered = np.sort(sound)
    return float(ordered[min(int(np.ceil(specificity * len(ordered))), len(ordered)) - 1])
