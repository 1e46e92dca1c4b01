"""Architectures scored by zero-cost proxies: the evaluator, and how several proxies become one number."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from appnas.compute import compute_of, moved
from appnas.estimate import Stateless
from appnas.one_shot.proxies import OF_A_LOSS, PROXIES, Probe
from appnas.one_shot.zero_cost import probing
from appnas.space import Arch, Space, random_arch
from appnas.strategy import Draw, Score
from appnas.support import forked, is_number, seeded
from appnas.task import Domain, Stream

Combine = Literal["rank", "vote"]
LEAST = -1e300
"""What minus infinity counts as in ranks: examples that a network does not tell apart (`naswot`)."""


def ranks(values: Tensor, among: Tensor) -> Tensor:
    """The share of others that lie below, of equal ones half.

    Beyond all others a value counts by how far it lies beyond them, up to one rank more, so that none are equal there.

    Shapes:
        values: [n]; among: [m]; returns: [n].
    """
    values, among, count = values.clamp_min(LEAST), among.clamp_min(LEAST), len(among)
    share = (values[:, None] > among).double().mean(1) + (values[:, None] == among).double().mean(1) / 2
    low, middle, high = among.min(), among.median(), among.max()
    above, below = (values - high).clamp_min(0), (low - values).clamp_min(0)
    tails = above / (above + (high - middle)), below / (below + (middle - low))
    return share + (tails[0].nan_to_num(0.0) - tails[1].nan_to_num(0.0)) / count


def rank_sum(values: Tensor, among: Tensor) -> Tensor:
    """The mean rank of each over the proxies.

    Shapes:
        values: [proxies, n]; among: [proxies, m]; returns: [n].
    """
    return torch.stack([ranks(x, others) for x, others in zip(values, among, strict=True)]).mean(0)


def vote(values: Tensor, among: Tensor) -> Tensor:
    """The share of others that most proxies say are worse (Abdelfattah et al., arXiv 2101.08134, section 4.2).

    Ties, a quarter of one other at most, are settled by the ranks.

    Shapes:
        values: [proxies, n]; among: [proxies, m]; returns: [n].
    """
    wins = (values[:, :, None] - among[:, None, :]).sign().sum(0).sign()
    return (wins.double().mean(1) + 1) / 2 + rank_sum(values, among) / (4 * among.shape[1])


COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"rank": rank_sum, "vote": vote}


class ZeroCost(Stateless):
    """What a network with new weights is worth by proxies, on one batch that is the same for all architectures.

    One proxy is the value itself. Several are compared with those of `reference` random architectures, by their ranks
    or by a majority vote, so that a value does not depend on what was scored before. A proxy that is NaN or plus
    infinity is an error, which fails that architecture; minus infinity is the worst.

    Args:
        space: builds the networks.
        domain: gives the batch and its loss; without batches (an agent) its example, for proxies without a loss.
        proxies: names of `appnas.one_shot.proxies.PROXIES`.
        combine: "rank" for the mean rank, "vote" for the share of the others that most proxies say are worse.
        seed: of the weights, the same for all architectures, of the batch, and of the random architectures.
        rows: examples at most that are compared with one another.
        reference: random architectures that several proxies are compared on.

    Raises:
        ValueError: no proxy, or one that there is not.
        TypeError: a table, or a domain without a loss for a proxy that needs one.
    """

    def __init__(
        self,
        space: Space,
        domain: Domain,
        proxies: Sequence[str] = ("synflow", "naswot"),
        combine: Combine = "rank",
        seed: int = 0,
        rows: int = 64,
        reference: int = 100,
    ):
        unknown = [name for name in proxies if name not in PROXIES]
        if unknown or not proxies or len(set(proxies)) < len(proxies):
            raise ValueError(f"proxies are one or more different of {', '.join(PROXIES)}, got {list(proxies)}")
        if combine not in COMBINE:
            raise ValueError(f"combine is one of {', '.join(COMBINE)}, got {combine!r}")
        if not isinstance(domain, Domain):
            raise TypeError(
                "zero-cost proxies look at networks and data: they need a domain with data, and a"
                f" {type(domain).__name__} has none; a method for it is random or evolution"
            )
        self.space, self.domain, self.seed, self.rows, self.reference = space, domain, seed, rows, reference
        self.proxies, self.combine = tuple(proxies), combine
        self.batched = has_batches(domain)
        if (lost := sorted(OF_A_LOSS & set(proxies))) and not self.batched:
            free = ", ".join(name for name in PROXIES if name not in OF_A_LOSS)
            raise TypeError(
                f"the proxies {', '.join(lost)} need a domain with batches and a loss, which an agent makes only while"
                f" it plays; those without are {free}"
            )

    def score(self, draw: Draw) -> Score:
        """The value, and every proxy among the metrics.

        Raises:
            ValueError: a proxy that is no number.
        """
        found = self.measured(draw.arch)
        if len(self.proxies) == 1:
            return Score(torch.tensor(found[self.proxies[0]], dtype=torch.float64), found)
        values = torch.tensor([[x] for x in found.values()], dtype=torch.float64)
        return Score(COMBINE[self.combine](values, self.among)[0], found)

    def measured(self, arch: Arch) -> dict[str, float]:
        """Every proxy of one architecture.

        Raises:
            ValueError: one that is no number.
        """
        device = compute_of(self.domain).device
        found = {}
        network = probing(seeded(self.seed, partial(self.space.build, arch, self.domain.io), device))
        probe = Probe(network, self.example, self.inputs(network), self._loss() if self.batched else None, self.rows)
        for name in self.proxies:
            with forked(device, self.seed):
                found[name] = PROXIES[name](probe)
            if not is_number(found[name]):
                raise ValueError(f"the proxy {name} of this network is {found[name]}: nothing can be told of it")
        return found

    @cached_property
    def among(self) -> Tensor:
        """The proxies of the random architectures. Shapes: [proxies, m].

        Raises:
            ValueError: fewer than two of them can be measured.
        """
        rng, columns, why = random.Random(self.seed), [], ""
        for _ in range(self.reference):
            arch = random_arch(self.space, rng)
            try:
                columns.append([*self.measured(arch).values()])
            except (ValueError, RuntimeError) as error:  # which its own evaluation will tell
                why = f": {error}"
        if len(columns) < 2:
            raise ValueError(
                f"{len(columns)} of {self.reference} random architectures could be measured, ranks need two{why}"
            )
        return torch.tensor(columns, dtype=torch.float64).T

    @cached_property
    def example(self) -> tuple[Tensor, ...]:
        """Inputs whose shapes alone matter: a batch norm needs two values a channel."""
        count = 1 if len(self.domain.io.inputs) > 1 else 2
        found: tuple[Tensor, ...] = moved(self.domain.example(count), compute_of(self.domain).device)
        return found

    @cached_property
    def batch(self) -> Any:
        """The batch that all architectures see."""
        return next(Stream(self.domain, "train", self.seed))  # type: ignore[arg-type]

    def inputs(self, network: nn.Module) -> tuple[Any, ...]:
        """What a network is called with, found out by the first."""
        if not hasattr(self, "_inputs"):
            self._inputs = self._called(network)
        return self._inputs

    @torch.no_grad()
    def _called(self, network: nn.Module) -> tuple[Any, ...]:
        if not self.batched:
            inputs: tuple[Any, ...] = moved(self.domain.example(self.rows), compute_of(self.domain).device)
            return inputs
        seen: list[tuple[Any, ...]] = []

        def watched(*inputs: Any) -> Any:
            seen.append(inputs)
            return network(*inputs)

        domain: Any = self.domain
        domain.loss(watched, self.batch)
        return seen[0]

    def _loss(self) -> Callable[[nn.Module], Tensor]:
        domain: Any = self.domain
        return lambda network: domain.loss(network, self.batch).mean()


def has_batches(domain: Any) -> bool:
    """Whether a domain offers batches of training data."""
    try:
        return int(domain.epoch("train")) > 0
    except (AttributeError, TypeError):  # `appnas.task.Locked` says so of what it hands on
        return False
