"""One-shot search: train a supernet on single paths, then score architectures with its weights.

Uniform single paths are those of Guo et al. (ECCV 2020, arXiv 1904.00420): every step draws one valid architecture
uniformly and updates its weights alone. Which steps train and which score is said by a phase (`appnas.strategy.Phase`)
that strategy and evaluator share:

    trains = first(2000)
    strategy = SinglePaths(space, rng, Evolution(space, rng), trains)
    evaluator = OneShot(space, domain, trains)
    search(strategy, evaluator, 2000 + 1000)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from appnas.estimate import Memory
from appnas.one_shot.weight_sharing import Shared
from appnas.space import IO, Arch, Space, one_hot, only
from appnas.strategy import Draw, Phase, Score
from appnas.supernet import Gated
from appnas.support import validated
from appnas.task import DifferentiableDomain


class OneShot(Shared):
    """A supernet trained on single paths, then asked for their validation metrics: the domain's own, over all its data.

    While it trains, the value of a step is minus the loss on its training batch. Scores are kept until the supernet is
    trained again: they depend on the architecture alone.

    Deviates: Guo et al. recompute the statistics of batch norms for every architecture; supernets here use the batch's.

    Args:
        space: builds the supernet.
        domain: data, loss and metric.
        trains: which steps train.
        shared, more: as `Shared`.
        nesterov: SGD with Nesterov's momentum.
    """

    saved: tuple[str, ...] = (*Shared.saved, "scored", "known")

    def __init__(
        self,
        space: Space,
        domain: DifferentiableDomain,
        trains: Phase,
        *shared: Any,
        nesterov: bool = False,
        **more: Any,
    ):
        super().__init__(space, domain, *shared, **more)
        self.optimiser.param_groups[0]["nesterov"] = nesterov
        self.trains = trains
        self.scored = 0
        self.pending: Tensor | None = None
        self.known = Memory()

    def score(self, draw: Draw) -> Score:
        """Minus the loss on the next training batch while it trains, then the metrics under the shared weights."""
        step, self.scored = self.scored, self.scored + 1
        if self.trains(step):
            self.supernet.train()
            self.pending = self._loss(self._gates(Draw(draw.arch)), self._next_batch())
            (loss,) = self.watch.values((self.pending, f"training, step {self.step} of the supernet"))
            return Score(-loss.detach(), {"train_loss": float(loss.detach())})
        if draw.arch not in self.known:
            self.known[draw.arch] = self.measure(draw.arch)
        return self.known[draw.arch]

    def measure(self, arch: Arch) -> Score:
        """Validation metrics of an architecture under the shared weights."""
        model = Gated(self.supernet, one_hot(self.space.choices, arch))
        metrics = validated(self.domain.score(model))
        return Score(torch.tensor(metrics.pop("value")), metrics)

    def learn(self, draw: Draw) -> None:
        """One SGD step on the weights of the path, if this step trains."""
        if self.pending is not None:
            self._descend(self.pending)
            self.pending = None
            self.known.clear()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.pending = None


class Alone:
    """A space whose networks are single paths of another's supernet, as large as they are there."""

    def __init__(self, space: Space):
        self.space = space

    def build(self, arch: Arch, io: IO) -> nn.Module:
        """The supernet that holds one architecture, under its gates."""
        choices = self.space.choices
        return Gated(self.space.supernet(io, only(choices, arch)), one_hot(choices, arch))
