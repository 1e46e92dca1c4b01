"""Value against cost: costs of architectures, measured once each, and evaluators whose score is a reward of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from appnas.compute import compute_of
from appnas.cost import Meter
from appnas.estimate.evaluator import Evaluator, Rewarded, evaluator_of
from appnas.space import Arch, Space
from appnas.support import Saved
from appnas.task import Domain


class Measured(Saved):
    """Named costs of architectures, for `appnas.estimate.Rewarded`: those of stand-alone networks, one example a pass.

    Every architecture is measured once and remembered, so that a latency is the same whenever it is asked for.

    Args:
        space: builds the networks.
        domain: gives the example.
        names: some of `appnas.cost.timing.COSTS`.
        more: of the meter.

    Raises:
        ValueError: an unknown name.
    """

    saved = ("known", "meter")

    def __init__(self, space: Space, domain: Domain, names: Sequence[str], **more: Any):
        self.space, self.io, self.device = space, domain.io, compute_of(domain).device
        self.meter = Meter(domain.example(1), names, **more)
        self.known: dict[Arch, dict[str, float]] = {}

    def __call__(self, arch: Arch) -> Mapping[str, float]:
        """The costs by name."""
        if arch not in self.known:
            with torch.random.fork_rng(devices=[]):  # random weights are drawn; the search's own generator stays
                self.known[arch] = self.meter(self.space.build(arch, self.io).to(self.device))
        return self.known[arch]


def rewarded(
    space: Space,
    domain: Domain | Evaluator,
    budget: int,
    seed: int,
    cost: str,
    reward: Callable[[Mapping[str, float]], float],
) -> Rewarded:
    """What `evaluator_of` gives, under a reward made of its value and a cost.

    Args:
        space: what is searched.
        domain: a domain, on whose example the cost is measured; or an evaluator, whose metrics tell it.
        budget: of every training.
        seed: of every training.
        cost: its name, see `appnas.cost.Meter` for what can be measured.
        reward: metrics -> value to maximise.

    Raises:
        TypeError: neither a domain nor an evaluator.
        ValueError: a cost that cannot be measured.
    """
    measured = Measured(space, domain, [cost]) if isinstance(domain, Domain) else None
    return Rewarded(evaluator_of(space, domain, budget, seed), reward, measured)
