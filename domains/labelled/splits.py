"""How examples are shared out: by a share, by places that are given, into folds; of classes evenly from each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def ordered(count: int, seed: int, classes: Tensor | None = None) -> Tensor:
    """Places in an order drawn by the seed; with classes, those of one class after the other."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order if classes is None else order[classes.cpu()[order].argsort(stable=True)]


def shared(count: int, valid: float, seed: int, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Places of training and validation examples. With classes, the same share of each is for validation.

    A class of one example is for training.

    Raises:
        ValueError: one of the two is left without an example.
    """
    order, size = ordered(count, seed, classes), round(count * valid)
    _check(count, size, f"valid={valid}")
    if classes is None:
        return order[: count - size], order[count - size :]
    alone = torch.bincount(classes.cpu()[classes.cpu() >= 0])[classes.cpu()[order].clamp_min(0)] == 1
    order = torch.cat([order[~alone], order[alone]])
    most = int((~alone).sum())
    size = min(size, most)
    _check(count, size, f"valid={valid} and classes of one example each")
    held = torch.zeros(count, dtype=torch.bool)
    held[((torch.arange(size) + 0.5) * most / size).long()] = True
    return order[~held], order[held]


def folded(count: int, index: int, folds: int, seed: int, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Places of training and validation examples of one of several folds; every example validates in one of them.

    Raises:
        ValueError: no such fold, or more of them than examples.
    """
    if not 0 <= index < folds or not 2 <= folds <= count:
        raise ValueError(f"folds are 2 to {count}, the number of examples, counted from 0, got fold {index} of {folds}")
    order = ordered(count, seed, classes)
    held = torch.arange(count) % folds == index
    return order[~held], order[held]


def chosen(count: int, valid: Any) -> tuple[Tensor, Tensor]:
    """Places of training and validation examples, where the latter are given: as places, or as a mask.

    Raises:
        ValueError: none of both, places that are not there or twice, or no example left.
    """
    try:
        places = torch.as_tensor(np.asarray(valid))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_right(count)}, got {valid!r:.80}") from error
    if places.dtype == torch.bool and places.shape == (count,):
        places = places.nonzero().flatten()
    if places.dim() != 1 or places.is_floating_point() or places.dtype == torch.bool:
        got = f"{valid!r:.80}" if places.dim() == 0 else f"{places.dtype} of the shape {tuple(places.shape)}"
        raise ValueError(f"{_right(count)}, got {got}")
    places = torch.where(places < 0, places + count, places).long()
    held = torch.zeros(count, dtype=torch.bool)
    if places.numel() and (int(places.min()) < 0 or int(places.max()) >= count):
        raise ValueError(f"valid: places are below {count}, the number of training examples, found {int(places.max())}")
    held[places] = True
    if int(held.sum()) != len(places):
        raise ValueError(f"valid: {len(places) - int(held.sum())} places are listed twice")
    _check(count, len(places), f"{len(places)} of them for validation")
    return (~held).nonzero().flatten(), places


def _right(count: int) -> str:
    return f"valid is a share, a pair (x, y), places of training examples or a mask [{count}] of them"


def _check(count: int, size: int, how: str) -> None:
    for name, left in (("train", count - size), ("valid", size)):
        if left == 0:
            raise ValueError(f"the split {name!r} is empty: {count} examples with {how} leave it none")
