"""Searching for a mask: the strategy that moves indicators, and the evaluator that says with which weights.

    min_v E_{w ~ P} L(v * w) + lambda C(v),  v in {0, 1}^D

after Colombo and Gao (arXiv 2107.03375): if P does not depend on v, the mask is an architecture and not a set of
weights. The equations are our reading of the abstract; see `appnas.supernet.two_temperature`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from appnas.compute import CPU, moved
from appnas.one_shot import Shared
from appnas.prune.masks import complexity, dense, parts
from appnas.space import ZERO, Gates, Space
from appnas.space import one_hot as one_hot_gates
from appnas.strategy import Draw, Gradient, Score
from appnas.supernet import Gated, SelfGated, relaxed, two_temperature
from appnas.support import seeded
from appnas.task import DifferentiableDomain, Stream

Source = Literal["fixed", "resample", "resample_abs", "binary", "joint", "pretrained"]


def indicators(space: Space, theta: Sequence[Tensor], low: float, high: float) -> Gates:
    """The gates of logits: 0 for what is no part, and 1 for what the space's rules would keep whatever its theta."""
    on = moved(parts(space), theta[0].device)
    found = relaxed(theta, partial(two_temperature, low=low, high=high), on)
    held = tuple(moved(logits.detach(), CPU) for logits in theta)
    best = moved(torch.from_numpy(np.array(space.discretise(sureness(space, held, high)))), theta[0].device)
    archs = torch.split(best, [choice.count for choice in space.choices])
    rules = [one_hot(arch, g.shape[-1]) * m for arch, g, m in zip(archs, found, on, strict=True)]
    return tuple(g + (r * (g <= 0.5) * (1 - g)).detach() for g, r in zip(found, rules, strict=True))


@torch.no_grad()
def sureness(space: Space, theta: Sequence[Tensor], high: float) -> Gates:
    """How sure the logits are of every part at the high temperature, rows scaled to 1.

    `none` has what the strongest part lacks, so that it wins where every part is off.
    """
    found = relaxed(theta, lambda x: torch.sigmoid(x / high), parts(space))
    for choice, matrix in zip(space.choices, found, strict=True):
        zero = [k for k, name in enumerate(choice.options) if name in ZERO]
        if zero:
            matrix[:, zero] = 1 - matrix.amax(-1, keepdim=True)
    return tuple(matrix / matrix.sum(-1, keepdim=True) for matrix in found)


class Indicators(Gradient):
    """One logit theta for every part, relaxed at two temperatures; a part is kept where theta is above 0.

    Args:
        space: whose parts.
        generator: source of the initial logits.
        low: temperature of the indicator; 0 for a hard one.
        high: temperature of the gradient.
        lr: of Adam on theta.
        start, scale: mean and deviation of the initial logits.
        reach: largest |theta|: far beyond ten high temperatures a part can never come back.
    """

    def __init__(
        self,
        space: Space,
        generator: torch.Generator,
        low: float = 0.0,
        high: float = 0.5,
        lr: float = 0.02,
        start: float = 0.2,
        scale: float = 0.1,
        reach: float = 5.0,
    ):
        super().__init__(space, generator, lr=lr, betas=(0.9, 0.999), weight_decay=0.0, scale=scale)
        self.low, self.high, self.reach = low, high, reach
        with torch.no_grad():
            for theta in self.alpha:
                theta += start

    def gates(self) -> Gates:
        """The indicators, as the space's rules leave them."""
        return indicators(self.space, self.alpha, self.low, self.high)

    def _draw(self) -> Draw:
        with torch.no_grad():
            for theta in self.alpha:
                theta.clamp_(-self.reach, self.reach)
        return Draw(self.best(), self.gates())

    def distribution(self) -> Gates:
        """How sure it is of every part."""
        return sureness(self.space, self.alpha, self.high)


class SelfMasked(SelfGated):
    """A supernet that owns its indicators: what goes into a host that owns its own loop, such as an RL agent.

    The price's gradient joins that of the host's loss at the indicators, once in every pass that is differentiated:
    d (F + lambda C) / dv_i = dF / dv_i + lambda c_i / sum c.

    Args:
        space, supernet: as `SelfGated`.
        generator, low, high, start, scale, reach: as `Indicators`.
        prices: cost of every part.
        penalty: lambda, in units of the host's loss.
    """

    def __init__(
        self, space: Space, supernet: nn.Module, generator: torch.Generator, prices: Gates, penalty: float,
        low: float = 0.0, high: float = 0.5, start: float = 0.2, scale: float = 0.1, reach: float = 5.0,
    ):  # fmt: skip
        super().__init__(space, supernet, partial(two_temperature, low=low, high=high))
        self.low, self.high, self.reach = low, high, reach
        whole = sum(float(c.sum()) for c in prices)
        self.pull = tuple(penalty * c / whole for c in prices)
        with torch.no_grad():
            for theta in self.alpha:
                theta.copy_(start + scale * torch.randn(theta.shape, generator=generator))

    def gates(self) -> Gates:
        """The indicators, as the space's rules leave them."""
        with torch.no_grad():
            for theta in self.alpha:
                theta.clamp_(-self.reach, self.reach)
        found = indicators(self.space, tuple(self.alpha), self.low, self.high)
        self.pull = moved(self.pull, found[0].device)
        for matrix, pull in zip(found, self.pull, strict=True):
            if matrix.requires_grad:
                matrix.register_hook(pull.add)  # type: ignore[no-untyped-call]
        return found


class Sourced(Shared):
    """A supernet under indicators, with weights from a given source, on training batches.

    Args:
        space: builds the supernet.
        domain: data and loss.
        source: "fixed": one random draw; "resample": a new draw of all weights every step; "resample_abs": their
            absolute values; "binary": 1 (Colombo and Gao, arXiv 2009.05346); "joint": trained along with the mask;
            "pretrained": trained for `pretrain` epochs without a mask, then fixed.
        prices: cost of every part.
        penalty: lambda.
        lr: of SGD on what is trained: everything in "joint", else the task's head only.
        pretrain: epochs (or environment steps) of the domain's own training.
        seed: of all weights and batches.
        head: name of the supernet's submodule that belongs to the task and is trained whatever the source.
    """

    def __init__(
        self,
        space: Space,
        domain: DifferentiableDomain,
        source: Source,
        prices: Gates,
        penalty: float,
        lr: Callable[[int], float] = lambda step: 0.05,
        pretrain: int = 10,
        seed: int = 0,
        head: str = "classifier",
    ):
        super().__init__(space, domain, lr, weight_decay=0.0, seed=seed)
        self.source, self.prices, self.penalty, self.pretrain, self.seed = source, prices, penalty, pretrain, seed
        self.everything = dense(space)
        self.valid = Stream(domain, "train", 2 * seed + 1)  # one level: masks and weights learn on the same data
        self.body = {
            name: w for name, w in self.supernet.named_parameters() if source != "joint" and head not in name.split(".")
        }
        for name, weight in self.body.items():
            weight.requires_grad_(False)
            if source == "binary":
                weight.fill_(0.0 if name.endswith("bias") else 1.0)

    def _refresh(self) -> None:
        """The weights of this step."""
        if self.source == "pretrained" and self.step == 0:
            self.supernet.requires_grad_(True)
            self.domain.fit(Gated(self.supernet, self.everything), self.pretrain, seed=self.seed)
            for weight in self.body.values():
                weight.requires_grad_(False)
        if self.source in ("resample", "resample_abs"):
            redraw(self.space, self.supernet, self.domain.io, self.body, 100_003 * (self.seed + 1) + self.step)
            if self.source == "resample_abs":
                for weight in self.body.values():
                    weight.abs_()

    def score(self, draw: Draw) -> Score:
        """Minus the loss on the next training batch and the penalty, with the share of parts that is kept."""
        self._refresh()
        there, batch = self._gates(draw), next(self.valid)
        gates = one_hot_gates(self.space.choices, draw.arch) if draw.gates is None else draw.gates
        with torch.set_grad_enabled(any(matrix.requires_grad for matrix in gates)):
            found, told = self._settled(lambda gates: self._loss(gates, batch), there)
            (loss,) = self.watch.values((found, f"training, search step {self.step}"))
            price: Tensor = complexity(gates, self.prices)
        metrics = {"loss": float(loss.detach()), "complexity": float(price.detach())}
        on = complexity(tuple((matrix > 0.5).float() for matrix in gates), self.everything)
        return Score(-loss - self.penalty * price, {**metrics, "density": float(on), **told})


def redraw(space: Space, supernet: nn.Module, io: Any, body: Mapping[str, Tensor], seed: int) -> None:
    """Give some weights of a supernet the values of a new one: right for every module, whatever it draws from."""
    fresh = dict(seeded(seed, partial(space.supernet, io)).named_parameters())
    with torch.no_grad():
        for name, weight in body.items():
            weight.copy_(fresh[name])
