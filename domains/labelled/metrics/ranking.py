"""Metrics of scores alone: how far what is there ranks above what is not there. Functions of outputs and targets.

A true example is ranked against all false ones of its split, which all share, as the leaderboards of OGB (arXiv
2005.00687) have it for ogbl-ppa, ogbl-collab and ogbl-ddi; not against false ones of its own, as ogbl-citation2 has
them. So mrr and hits depend on how many false ones there are, and compare among the same alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Ranking = Callable[[Tensor, Tensor], float]


def _places(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, int]:
    """Of every true score, how many false ones are below, and not above; and how many there are."""
    score, y = outputs.flatten().double(), targets.flatten() > 0
    others = score[~y].sort().values
    below, upto = (torch.searchsorted(others, score[y], right=right) for right in (False, True))
    return below, upto, len(others)


def auc(outputs: Tensor, targets: Tensor) -> float:
    """Area under the ROC curve in percent: how often a pair with an edge is above one without, ties counting half.

    Shapes:
        outputs, targets: [n, 1].
    """
    below, upto, count = _places(outputs, targets)
    pairs = len(below) * count
    return 50.0 * float((below + upto).sum()) / pairs if pairs else 50.0


def mrr(outputs: Tensor, targets: Tensor) -> float:
    """Mean reciprocal rank in percent, the rank of a true score being 1 + the false ones above it, ties counting half.

    Shapes:
        outputs, targets: [n, 1].
    """
    below, upto, count = _places(outputs, targets)
    rank = 1 + count - (below + upto).double() / 2
    return 100.0 * float((1 / rank).mean()) if len(rank) else 0.0


@dataclass(frozen=True)
class Hits:
    """How many true scores, in percent, are above the k-th largest of the false ones; all where these are fewer."""

    k: int

    @property
    def __name__(self) -> str:
        """As it is asked for."""
        return f"hits@{self.k}"

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """Shapes: outputs, targets: [n, 1]."""
        below, _, count = _places(outputs, targets)
        return 100.0 * float((count - below < self.k).double().mean()) if len(below) else 0.0


def ranking(name: str) -> Ranking | None:
    """auc, mrr, or hits@k for a number k; None for any other name."""
    if found := re.fullmatch(r"hits@([1-9]\d*)", name.lower()):
        return Hits(int(found[1]))
    return {"auc": auc, "mrr": mrr}.get(name.lower())
