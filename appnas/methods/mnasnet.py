"""MnasNet: a controller rewarded by value and measured latency (Tan et al., CVPR 2019, arXiv 1807.11626).

    maximise E[ACC(m) (LAT(m) / T)^w],  w = below if LAT(m) <= T, else above      (eq. 2)

by proximal policy optimisation. Every sampled network is trained shortly and measured; nothing is shared. -0.07 and
-0.07 make T a soft constraint, 0 and -1 a hard one.

Deviates: decisions are drawn in the order of the space's choices, kind by kind, not block by block. The entropy weight
is NASNet's, for rewards from 0 to 1; where values are in percent it weighs a hundredth of that. It is not felt: on a
surrogate of 5.9 x 10^11 networks (1,000 samples, independent softmaxes, soft and hard, two seeds) `scaled` rewards with
weights from 1e-5 to 0.03 end as the default does, and 0.1 is worse. So rewards are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appnas.cost import metric, weighted_product
from appnas.estimate import Evaluator
from appnas.loop import Callbacks, SearchResult
from appnas.methods import reinforce
from appnas.space import Space
from appnas.strategy import Kind
from appnas.support import checked
from appnas.task import Domain


@dataclass(frozen=True)
@checked()
class Config(reinforce.Config):
    """Settings; those of the controller are NASNet's, which the paper says it follows."""

    evaluations: int = 8000
    """Networks sampled (the paper: about 8,000)."""
    budget: int = 5
    """Epochs of every training (section 4.2); unused with a table."""
    controller: Kind = "lstm"
    """An LSTM in which every decision sees the earlier ones, or one softmax a decision."""
    hidden: int = 100
    """Width of the LSTM."""
    lr: float = 3.5e-4
    """Adam on the controller."""
    momentum: float = 0.95
    """Of the moving-average baseline."""
    entropy: float = 1e-5
    """Weight of the entropy bonus, in the unit of the rewards unless they are `scaled`."""
    per_update: int = 20
    """Networks an update."""
    clip: float = 0.2
    """Of PPO (arXiv 1707.06347)."""
    target: float = 75.0
    """T, in the unit of the cost: what your device must reach. The paper's A1 takes 78 ms on a Pixel 1."""
    below: float = -0.07
    """w where the cost is at most T (section 3); 0 for a hard constraint."""
    above: float = -0.07
    """w where it is larger; -1 for a hard constraint. See `appnas.cost.rewards.exponent`."""
    cost: str = "latency_ms"
    """Measured (parameters, macs, peak_bytes, latency_ms, energy_J, estimated_J), or a column of a table."""

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()  # type: ignore[misc]
        if not self.target > 0:
            raise ValueError(f"Config.target must be above 0, got {self.target!r}")


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search. Scores are rewards; what was validated is their metric `value`, the cost is there by its name.

    The trade is in the history: see `appnas.loop.front`.

    Raises:
        ValueError: the cost can neither be measured nor is it in the table.
    """

    def reward(metrics: Mapping[str, float]) -> float:
        found = metric(metrics, config.cost)
        return weighted_product(metrics["value"], found, config.target, config.below, config.above)

    return reinforce.search(space, domain, config, seed=seed, callbacks=callbacks, reward=reward, cost=config.cost)
