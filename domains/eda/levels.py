"""How high every channel stands in the training placements, and whether another design stands there too.

A network is trusted on what it saw. Its export carries, of every channel, what the placements of its training had for a
mean over the map; `strange` says in what a new design differs. It says nothing of designs that stand where the training
did: that they are level with it in every channel's mean is necessary, not sufficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

QUANTILES = {"q01": 0.01, "q05": 0.05, "q50": 0.5, "q95": 0.95, "q99": 0.99}
"""Of the placements' means; a placement is one sample, however many gcells it has."""
FLAT = 1e-6
"""Relative to the mean: a level that deviates less is the same in all placements."""
Level = dict[str, float]
"""mean, std, and the quantiles by name."""


@dataclass(frozen=True)
class Strange:
    """A channel in which a design is not like those of the training."""

    channel: str
    """Its name."""
    value: float
    """Its mean over the design's map."""
    level: Mapping[str, float]
    """That of the training placements."""

    @property
    def deviations(self) -> float:
        """From the training placements' mean, in their deviations; infinite if they are all the same."""
        apart = self.value - self.level["mean"]
        return float(apart / self.level["std"]) if self.level["std"] > 0 else float(np.copysign(np.inf, apart))

    def __str__(self) -> str:
        """A line for people: `pin: mean 50 deviations above the training designs (12.3, there 1.1 to 2.4)`."""
        where = "above" if self.deviations > 0 else "below"
        if np.isinf(self.deviations):
            return f"{self.channel}: mean {self.value:.3g}, in all training designs {self.level['mean']:.3g}"
        low, high = self.level["q01"], self.level["q99"]
        far = f"{abs(self.deviations):.0f} deviations {where} the training designs"
        return f"{self.channel}: mean {far} ({self.value:.3g}, there {low:.3g} to {high:.3g})"


def levels(channels: Sequence[str], maps: np.ndarray) -> dict[str, Level]:
    """Mean, deviation and quantiles of every channel's mean over the map.

    Args:
        channels: names, C.
        maps: of the training placements, [N, C, H, W].
    """
    means = maps.reshape(*maps.shape[:2], -1).mean(2, dtype=np.float64)
    spread = np.where(means.std(0) > FLAT * np.abs(means.mean(0)), means.std(0), 0.0)
    found = {"mean": means.mean(0), "std": spread}
    found |= {name: np.quantile(means, q, 0) for name, q in QUANTILES.items()}
    return {channel: {key: float(of[k]) for key, of in found.items()} for k, channel in enumerate(channels)}


def bounds(level: Mapping[str, float]) -> tuple[float, float]:
    """Lowest and highest mean that is like the training: q01 - w and q99 + w, with w = (q95 - q05) / 2.

    Of a normal level that is 3.97 deviations either way (2.33 + 1.64), which one placement in 14,000 passes by chance,
    and one in 600 in any of 24 channels. Levels of designs are skewed, so each side goes as far as its own quantile:
    four deviations would allow less than no pins on one side and bar large training designs on the other.
    """
    width = (level["q95"] - level["q05"]) / 2
    slack = FLAT * abs(level["mean"])
    return level["q01"] - width - slack, level["q99"] + width + slack


def strange(known: Mapping[str, Mapping[str, float]], maps: np.ndarray) -> list[Strange]:
    """The channels whose mean is out of `bounds`, worst first.

    Args:
        known: levels of the training, by channel, in the order of the maps.
        maps: of one design, [C, H, W].
    """
    pairs = [Strange(name, float(x.mean(dtype=np.float64)), known[name]) for name, x in zip(known, maps, strict=True)]
    out = [one for one in pairs if not bounds(one.level)[0] <= one.value <= bounds(one.level)[1]]
    return sorted(out, key=lambda one: -abs(one.deviations))
