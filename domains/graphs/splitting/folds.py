"""Other splits of the examples that train and validate: for the last stage of a search."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from appnas.domains.graphs.checks import SPLITS
from appnas.domains.graphs.loaders import joined


def fold(domain: Any, index: int, count: int) -> Any:
    """The same domain with the index-th of `count` splits; test data are what they were.

    The first is the domain's own, every other one is drawn at random, with as many training examples of every class.
    The loss, with its weights, and the metric stay what they are, and so does the scale of numbers.

    Args:
        domain: of `Graphs`.
        index: which split, from 0.
        count: how many there are.

    Raises:
        ValueError: no such split.
    """
    if not 0 <= index < count:
        raise ValueError(f"splits are counted from 0 to {count - 1}, got {index}")
    if index == 0:
        return domain
    other, seed = copy.copy(domain), 1000 * domain.options.seed + index
    train = domain._whole["train"]
    if domain._graphs:
        every, first, whole = domain._graphs["all"], len(domain._graphs["train"]), train.graph is not None
        y = torch.cat([graph.y for graph in every]) if whole else torch.zeros(len(every))
        kept = redrawn(y, first, seed, whole and domain._task.kind == "classes")
        graphs = {split: [every[i] for i in part.tolist()] for split, part in zip(SPLITS, kept, strict=False)}
        other._graphs = {**domain._graphs, **graphs}
        other._whole = {**domain._whole, **{split: joined(part, whole) for split, part in graphs.items()}}
    else:
        of = domain._whole["all"]
        kept = redrawn(of.y, len(train.y), seed, domain._task.kind == "classes")
        parts = (part.to(of.y.device) for part in kept)
        there = (of._replace(nodes=of.nodes[part], y=of.y[part]) for part in parts)
        other._whole = {**domain._whole, **dict(zip(SPLITS, there, strict=False))}
    vars(other).pop("fingerprint", None)
    return other


def redrawn(y: Tensor, count: int, seed: int, classes: bool) -> tuple[Tensor, Tensor]:
    """Places of other training and validation examples: as many train as before.

    Args:
        y: of all examples, those that trained first. Shapes: [n] or [n, T].
        count: how many of them trained.
        seed: of the draw.
        classes: whether as many of every class train as before.
    """
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(y), generator=rng)
    if not classes:
        return order[:count], order[count:]
    y, chosen = y.cpu(), torch.zeros(len(y), dtype=torch.bool)
    for kind in torch.unique(y[:count]).tolist():
        chosen[order[y[order] == kind][: int((y[:count] == kind).sum())]] = True
    return order[chosen[order]], order[~chosen[order]]
