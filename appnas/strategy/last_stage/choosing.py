"""The choice among the last few architectures, each trained several times.

The best of many noisy values is mostly the luckiest. What helps: several trainings, on several splits of the data; the
loss, which hears of every example how sure a network is, where a share of right ones counts who is over a threshold;
and the rule of one standard error (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3): of those
that cannot be told from the best the simplest.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

from appnas.space import Arch

By = Literal["value", "loss", "both"]
"""What architectures are chosen by: the value, the validation loss, or both on one scale."""


def chosen(
    values: Mapping[Arch, Sequence[float]],
    losses: Mapping[Arch, Sequence[float]],
    sizes: Mapping[Arch, float],
    by: By = "value",
    simplest: bool = False,
) -> Arch:
    """The best by its mean over the trainings, or the smallest within one standard error of it.

    The n-th trainings of all are compared with each other, as they share seed and split: "both" is the value less the
    loss, each less its mean over the architectures and divided by its deviation there; the standard error is that of
    the mean difference to the best. Without losses everything is by the value.

    Args:
        values: of every training of every architecture, more is better.
        losses: of every training, NaN or infinite where there is none.
        sizes: of every architecture: its number of parameters.
        by: see `By`.
        simplest: whether the smallest is taken of those within a standard error.
    """
    marks = _marks(values, losses, by)
    means = {arch: statistics.fmean(own) for arch, own in marks.items()}
    best = max(means, key=means.__getitem__)
    if not simplest:
        return best
    near = [arch for arch in means if arch == best or _near(marks[best], marks[arch])]
    return min(near, key=lambda arch: (sizes.get(arch, math.inf), -means[arch]))


def _near(best: Sequence[float], other: Sequence[float]) -> bool:
    """Whether the mean difference is within its own standard error; without several finite ones it is not."""
    apart = [a - b for a, b in zip(best, other, strict=False)]
    if len(apart) < 2 or not all(map(math.isfinite, apart)):
        return False
    return statistics.fmean(apart) <= statistics.stdev(apart) / math.sqrt(len(apart))


def _marks(
    values: Mapping[Arch, Sequence[float]], losses: Mapping[Arch, Sequence[float]], by: By
) -> dict[Arch, list[float]]:
    """What every training counts."""
    known = any(math.isfinite(loss) for own in losses.values() for loss in own)
    if by == "value" or not known:
        return {arch: list(own) for arch, own in values.items()}
    if by == "loss":
        return {arch: [-loss for loss in own] for arch, own in losses.items()}
    apart = [_standard(values), _standard(losses)]
    return {arch: [v - loss for v, loss in zip(*(part[arch] for part in apart), strict=True)] for arch in values}


def _standard(told: Mapping[Arch, Sequence[float]]) -> dict[Arch, list[float]]:
    """Less the mean over the architectures, training by training, and over their deviation there."""
    found: dict[Arch, list[float]] = {arch: [] for arch in told}
    for n in range(max(map(len, told.values()))):
        there = {arch: own[n] for arch, own in told.items() if n < len(own)}
        finite = [x for x in there.values() if math.isfinite(x)]
        middle, scale = (statistics.fmean(finite), statistics.pstdev(finite)) if finite else (0.0, 0.0)
        for arch, x in there.items():
            found[arch].append((x - middle) / (scale or 1.0))
    return found
