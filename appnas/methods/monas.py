"""MONAS: a recurrent controller under mixed and constrained rewards (Hsu et al., arXiv 1806.10332).

    mixed:        R = alpha v - (1 - alpha) c
    cost limit:   R = v if the cost is below its limit, else 0      (power, or multiply-adds)
    value limit:  R = 1 - c if v is above its limit, else 0

with the value v and the cost c scaled to about [0, 1] by fixed references. The paper's second objective is energy or
peak power of a graphics card: here it is whatever can be counted or measured, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from appnas.cost import constrained, linear, metric
from appnas.estimate import Evaluator
from appnas.loop import Callbacks, SearchResult
from appnas.methods import reinforce
from appnas.space import Space
from appnas.strategy import Kind
from appnas.support import checked
from appnas.task import Domain


@dataclass(frozen=True)
@checked(alpha=0)
class Config(reinforce.Config):
    """Settings. The paper's own could not be confirmed: these are ours.

    Deviates: a moving-average baseline and an entropy bonus, which the paper's formula lacks: a constrained reward is 0
    over most of some spaces.
    """

    controller: Kind = "lstm"
    """An LSTM in which every decision sees the earlier ones (the paper), or one softmax a decision."""
    hidden: int = 24
    """Width of the LSTM."""
    lr: float = 0.03
    """Adam on the controller."""
    entropy: float = 0.01
    """Weight of the entropy bonus, against rewards of about 0 to 1 unless they are `scaled`."""
    reward: Literal["mixed", "cost_limit", "value_limit"] = "mixed"
    """Value and cost weighed, the value under a limit on the cost, or the cost under a limit on the value."""
    alpha: float = 0.5
    """Weight of the value in the mixed reward, from 0 to 1: moves along the Pareto front."""
    cost: str = "macs"
    """Measured (parameters, macs, peak_bytes, latency_ms, energy_J, estimated_J), or a column of a table."""
    reference: float = 1e8
    """Cost that counts as 1 in the mixed and the value-limited reward; the limit in the cost-limited one."""
    scale: float = 100.0
    """Value that counts as 1: 100 for accuracies in %."""
    least: float = 0.85
    """Limit of the scaled value in the value-limited reward."""

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()  # type: ignore[misc]
        if self.alpha > 1:
            raise ValueError(f"Config.alpha must be at most 1, got {self.alpha!r}")
        if not min(self.reference, self.scale) > 0:
            raise ValueError(f"reference and scale must be above 0, got {self.reference!r} and {self.scale!r}")

    def of(self, metrics: Mapping[str, float]) -> float:
        """The reward of a score's metrics."""
        value, cost = metrics["value"] / self.scale, metric(metrics, self.cost)
        if self.reward == "mixed":
            return linear(value, cost / self.reference, self.alpha)
        if self.reward == "cost_limit":
            return constrained(value, cost, self.reference)
        return constrained(1 - cost / self.reference, -value, -self.least)


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search. Scores are rewards; what was validated is their metric `value`, the cost is there by its name.

    Raises:
        ValueError: the cost can neither be measured nor is it in the table.
    """
    return reinforce.search(space, domain, config, seed=seed, callbacks=callbacks, reward=config.of, cost=config.cost)
