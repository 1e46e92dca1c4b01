"""Moving a mask to another task: the same parts, fresh or inherited weights, a few examples, and controls beside it.

The question of Colombo and Gao (arXiv 2107.03375): is a sub-architecture worth something without the weights it was
found with? The controls are ours: the dense network, a random mask that keeps as many parts of every layer, magnitude
pruning of the trained source network, and SNIP on the target's few examples.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from appnas.compute import compute_of, home
from appnas.cost import counts
from appnas.prune import masks
from appnas.space import IO, Arch, Space, constant_arch
from appnas.supernet import Gated
from appnas.support import seeded
from appnas.task import Domain


class Outcome(NamedTuple):
    """One network, trained on the target and tested.

    Attributes:
        name: whose mask: "learned", or a control.
        weights: "fresh" or "inherited".
        shots: training examples of a class.
        density: share of the parts that the mask keeps.
        parameters: of the smaller network.
        seed: of mask, weights and examples.
        test: held-out metrics.
    """

    name: str
    weights: str
    shots: int
    density: float
    parameters: int
    seed: int
    test: Mapping[str, float]


def train_source(space: Space, source: Domain, epochs: int, seed: int = 0) -> nn.Module:
    """The whole supernet, trained on the source: where weights are inherited from, and magnitudes read."""
    supernet = seeded(seed, partial(space.supernet, source.io), compute_of(source).device)
    source.fit(Gated(supernet, masks.dense(space)), epochs, seed=seed)
    return supernet


def adopt(space: Space, io: IO, seed: int, source: nn.Module | None = None, head: str = "classifier") -> nn.Module:
    """A supernet of the target: new weights, or those of the source's everywhere but in the task's head.

    Raises:
        ValueError: a weight outside the head that does not fit the target.
    """
    supernet = seeded(seed, partial(space.supernet, io), home(source) if source else None)
    if source is not None:
        have = dict(source.named_parameters())
        for name, weight in supernet.named_parameters():
            if head in name.split("."):
                continue
            if have[name].shape != weight.shape:
                raise ValueError(
                    f"the source's weight {name!r} has the shape {tuple(have[name].shape)}, the target's"
                    f" {tuple(weight.shape)}: give both tasks inputs of one size, or take fresh weights"
                )
            weight.data.copy_(have[name])
    return supernet


def carry(space: Space, arch: Arch, target: Domain, epochs: int, seed: int, supernet: nn.Module) -> Outcome:
    """Shrink a supernet of the target to a mask, train what is left on all that the target has, and test it."""
    network = masks.shrink(space, supernet, arch, target.io)
    target.fit(network, epochs, final=True, seed=seed)
    share = masks.density(space, arch)
    return Outcome("", "", 0, share, counts.parameters(network), seed, target.test(network))


def controls(space: Any, arch: Arch, target: Any, trained: nn.Module, fresh: nn.Module, seed: int) -> dict[str, Arch]:
    """Masks as sparse as a learned one, by other means.

    Args:
        space: of masks.
        arch: the learned mask.
        target: its few examples are what SNIP sees, and magnitude pruning of parts without weights.
        trained: the source's supernet after training.
        fresh: the target's supernet with the very weights that SNIP's mask will be trained with.
        seed: of the random mask.

    Returns:
        "random" and "magnitude" keep as many parts of every choice, "SNIP" as many in all.
    """
    generator = torch.Generator().manual_seed(seed)
    counts = masks.kept(space, arch)
    found = {"random": masks.random_like(space, arch, generator)}
    found["magnitude"] = masks.strongest(space, masks.magnitudes(space, trained, target.example(64)), counts)
    loss = masks.mean_loss(fresh, target, target.batches("all", generator))
    found["SNIP"] = masks.strongest(space, masks.snip(space, loss), sum(counts))
    return found


def compare(
    space: Space, masks: Sequence[Arch], target: Any, shots: int, trained: nn.Module, epochs: int, seed: int
) -> list[Outcome]:
    """Every learned mask and its controls on one draw of few examples, with fresh and with inherited weights.

    Args:
        space: of masks.
        masks: learned ones, of several densities.
        target: a domain of `shots` examples a class (`appnas.domains.images.few`).
        shots: to be noted in the outcomes.
        trained: the source's supernet after training.
        epochs: of every training on the target.
        seed: of weights, the random masks and the order of the data.
    """
    both = {"fresh": adopt(space, target.io, seed), "inherited": adopt(space, target.io, seed, trained)}
    supernets = {name: supernet.to(compute_of(target).device) for name, supernet in both.items()}
    outcomes = []
    for weights, supernet in supernets.items():
        named = [("dense", constant_arch(space, "keep"))]
        for arch in masks:
            rivals = controls(space, arch, target, trained, supernet, seed)
            named += [("learned", arch), *rivals.items()]
        for name, arch in named:
            made = carry(space, arch, target, epochs, seed, supernet)
            outcomes.append(made._replace(name=name, weights=weights, shots=shots))
    return outcomes


class Point(NamedTuple):
    """A mean over seeds: density, the metric's mean, its standard deviation, and the number of networks."""

    density: float
    mean: float
    spread: float
    networks: int


def curves(outcomes: Iterable[Outcome], groups: int, metric: str = "accuracy") -> dict[str, list[Point]]:
    """Mean metric against density, one curve a name.

    Args:
        outcomes: of one kind of weights and one number of shots: a seed's outcomes of a name come in the order of
            the masks, from the first to the last of `groups`.
        groups: number of masks a seed.
        metric: of the tests.
    """
    named: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        named.setdefault(outcome.name, []).append(outcome)
    found = {}
    for name, rows in named.items():
        step = 1 if name == "dense" else groups
        found[name] = [_point(rows[i::step], metric) for i in range(step)]
    return found


def _point(rows: Sequence[Outcome], metric: str) -> Point:
    values = [row.test[metric] for row in rows]
    spread = statistics.stdev(values) if len(values) > 1 else math.nan
    return Point(statistics.fmean(row.density for row in rows), statistics.fmean(values), spread, len(rows))
