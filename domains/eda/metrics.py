"""Metrics of numbers and maps: rank correlations, areas under curves, and the image metrics of CircuitNet.

All are plain functions of arrays. "Mean over placements" and "pooled" are different numbers: a pooled area also
rewards telling easy placements from hard ones, so it flatters.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
WINDOW = 11
"""Gcells along either side of what structural similarity looks at."""


def ranks(x: Array) -> Array:
    """Ranks from 1, ties sharing their mean."""
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place.reshape(-1)]


def kendall(x: Array, y: Array) -> float:
    """Kendall's tau-b (Biometrika 33, 1945); NaN if one of the two is constant."""
    dx, dy = np.sign(x[:, None] - x[None]), np.sign(y[:, None] - y[None])
    both = float(np.sqrt((dx**2).sum() * (dy**2).sum()))
    return float((dx * dy).sum()) / both if both else float("nan")


def pearson(x: Array, y: Array) -> float:
    """Pearson's correlation; NaN if one of the two is constant."""
    x, y = x - x.mean(), y - y.mean()
    both = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / both if both > 0 else float("nan")


def spearman(x: Array, y: Array) -> float:
    """Pearson's correlation of the ranks."""
    return pearson(ranks(x.ravel()), ranks(y.ravel()))


def roc_auc(scores: Array, truth: Array) -> float:
    """Area under the ROC curve: how often a positive scores above a negative; NaN without one of them.

    Args:
        scores: of anything, any shape.
        truth: what is positive; or probabilities p, where each counts as a positive with the weight p and as a negative
            with 1 - p. If p is the share of K routings, this is the area of the K truths one after another, against
            the same scores, and the best that can be had, p itself, stays below 1.
    """
    _, place = np.unique(scores.ravel(), return_inverse=True)
    weight = truth.ravel().astype(float)
    hits, misses = np.bincount(place.reshape(-1), weight), np.bincount(place.reshape(-1), 1 - weight)
    both = hits.sum() * misses.sum()
    return float((hits * (misses.cumsum() - misses / 2)).sum() / both) if both > 0 else float("nan")


def average_precision(scores: Array, truth: Array) -> float:
    """Sum of precision times gain in recall over the thresholds; NaN without a positive. Ties are one threshold.

    Args:
        scores: of anything, any shape.
        truth: what is positive, or probabilities, as for `roc_auc`.
    """
    _, place, counts = np.unique(scores.ravel(), return_inverse=True, return_counts=True)
    hits = np.bincount(place.reshape(-1), truth.ravel().astype(float))[::-1]
    if not hits.sum() > 0:
        return float("nan")
    return float((hits * hits.cumsum() / counts[::-1].cumsum()).sum() / hits.sum())


def mean_roc(scores: Array, truth: Array, thresholds: int = 200) -> float:
    """CircuitNet's ROC area: true and false positive rates at fixed thresholds, averaged over samples, then integrated.

    Args:
        scores: in 0 to 1, [N, H, W].
        truth: boolean, or probabilities as for `roc_auc`, the same shape; samples without a positive or a negative are
            left out.
        thresholds: evenly spaced in 0 to 1.
    """
    rates, at = [], np.arange(thresholds) / thresholds
    for score, positive in zip(scores.reshape(len(scores), -1), truth.reshape(len(truth), -1), strict=True):
        order = np.argsort(score, kind="stable")
        below = np.searchsorted(score[order], at)
        weights = positive[order].astype(float)
        if 0 < weights.sum() < len(weights):
            sums = (np.append(0, w.cumsum()) for w in (weights, 1 - weights))
            rates.append([1 - total[below] / total[-1] for total in sums])
    if not rates:
        return float("nan")
    tpr, fpr = np.mean(rates, 0)
    x, y = np.append(fpr, 0.0)[::-1], np.append(tpr, 0.0)[::-1]
    return float(np.trapezoid(y, x) if hasattr(np, "trapezoid") else np.trapz(y, x))  # type: ignore[attr-defined]


def eight_bits(x: Array) -> Array:
    """Values in 0 to 1 as the whole numbers 0 to 255 of a picture."""
    return np.floor(255 * x.clip(0, 1))  # type: ignore[no-any-return]


def nrms(prediction: Array, truth: Array) -> float:
    """Root mean square error of 8-bit pictures over the range of the truth (CircuitNet's NRMS); NaN if it has none."""
    p, t = eight_bits(prediction), eight_bits(truth)
    span = t.max() - t.min()
    return float(np.sqrt(((p - t) ** 2).mean()) / span) if span else float("nan")


def ssim(prediction: Array, truth: Array) -> float:
    """Structural similarity (Wang et al., 2004) of 8-bit pictures [H, W]: Gaussian window 11 x 11, sigma 1.5.

    Raises:
        ValueError: a side below 11.
    """
    if min(truth.shape) < WINDOW:
        raise ValueError(
            f"structural similarity looks through a window of {WINDOW} x {WINDOW}, got maps of {truth.shape}"
        )
    taps = np.exp(-0.5 * (np.arange(-(WINDOW // 2), WINDOW // 2 + 1) / 1.5) ** 2)
    taps /= taps.sum()

    def blurred(x: Array) -> Array:
        rows = sum(w * x[k : x.shape[0] - WINDOW + 1 + k] for k, w in enumerate(taps))
        return sum(w * rows[:, k : x.shape[1] - WINDOW + 1 + k] for k, w in enumerate(taps))  # type: ignore[no-any-return]

    p, t = eight_bits(prediction), eight_bits(truth)
    mp, mt = blurred(p), blurred(t)
    vp, vt, both = blurred(p * p) - mp**2, blurred(t * t) - mt**2, blurred(p * t) - mp * mt
    a, b = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * mp * mt + a) * (2 * both + b) / ((mp**2 + mt**2 + a) * (vp + vt + b))).mean())


def mean(values: list[float]) -> float:
    """Mean of those that are not NaN; NaN if none is left."""
    kept = [value for value in values if value == value]
    return float(np.mean(kept)) if kept else float("nan")


def of_counts(predicted: Array, truth: Array, designs: Array) -> dict[str, float]:
    """Tau-b and Pearson over all placements, and the mean of tau-b within a design."""
    of = [kendall(predicted[designs == d], truth[designs == d]) for d in sorted(set(designs))]
    return {"tau": kendall(predicted, truth), "tau_within": mean(of), "pearson": pearson(predicted, truth)}


def of_hotspots(predicted: Array, truth: Array) -> dict[str, float]:
    """Means over placements first: placements without a hotspot, or with nothing else, do not count there."""
    return {
        "roc_auc": mean([roc_auc(p, t) for p, t in zip(predicted, truth, strict=True)]),
        "precision": mean([average_precision(p, t) for p, t in zip(predicted, truth, strict=True)]),
        "roc_auc_pooled": roc_auc(predicted, truth),
        "precision_pooled": average_precision(predicted, truth),
        "roc_auc_circuitnet": mean_roc(predicted, truth),
    }


def of_congestion(predicted: Array, truth: Array) -> dict[str, float]:
    """Means over placements of NRMS and SSIM on 8-bit pictures, and of Spearman's correlation."""
    pairs = list(zip(predicted, truth, strict=True))
    return {
        "nrms": mean([nrms(p, t) for p, t in pairs]),
        "ssim": mean([ssim(p, t) for p, t in pairs]),
        "spearman": mean([spearman(p, t) for p, t in pairs]),
    }
