"""Cross-validation: a training in a search is one on each fold, and its score is their mean."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from appnas.compute import CPU
from appnas.support import digest

KEPT = "cross_validated"
"""Attribute of a network: the digest of its weights, and what was measured on the folds that they were trained in."""


def crossed(model: nn.Module, folds: Sequence[Any], train: Callable[[Any, nn.Module, int], None]) -> None:
    """Train a network on the first fold and copies of it on the others; keep the mean of their scores with it.

    Args:
        model: trained in place.
        folds: domains.
        train: (domain, network, index) -> trains it.
    """
    networks = [model, *(copy.deepcopy(model) for _ in folds[1:])]
    found = []
    for index, (fold, network) in enumerate(zip(folds, networks, strict=True)):
        train(fold, network, index)
        found.append(fold.score(network))
    means = {name: statistics.fmean(scores[name] for scores in found) for name in found[0]}
    setattr(model, KEPT, (weights(model), {**means, "spread": statistics.stdev(s["value"] for s in found)}))


def kept(model: nn.Module) -> dict[str, float] | None:
    """The mean over the folds, if the network has the weights that it was trained to there; else None."""
    told = getattr(model, KEPT, None)
    return dict(told[1]) if told and told[0] == weights(model) else None


def weights(model: nn.Module) -> str:
    """A digest of all weights."""
    return digest(*(value.detach().to(CPU) for value in model.state_dict().values()))
