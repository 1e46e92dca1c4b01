"""Random labels: what a search without labels (RLNAS, arXiv 2101.11834) asks of a domain.

They are drawn once, uniformly, for every training example, so a network can memorise them. Validation data keep theirs.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from appnas.domains.graph_loaders import Batch, joined

if TYPE_CHECKING:
    from appnas.domains.graph_checks import Graph


def random_like(y: Tensor, count: int, seed: int) -> Tensor:
    """Labels of the same shape, uniform: one of `count` classes for integers, 0 or 1 for each label of a set."""
    drawn = torch.randint(count if y.dim() == 1 else 2, y.shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to(y.dtype)


class RandomImageLabels:
    """`random_labels` of image domains."""

    io: Any
    _splits: dict[str, tuple[Tensor, Tensor]]

    def random_labels(self, seed: int) -> Self:
        """The same domain, whose training images have random labels."""
        other = copy.copy(self)
        images, labels = self._splits["train"]
        other._splits = {**self._splits, "train": (images, random_like(labels, self.io.outputs[0], seed))}
        return other


class RandomGraphLabels:
    """`random_labels` of graph domains."""

    io: Any
    _whole: dict[str, Batch]
    _graphs: dict[str, list[Graph]]

    def random_labels(self, seed: int) -> Self:
        """The same domain, whose training nodes, or graphs, have random labels."""
        other, count = copy.copy(self), self.io.outputs[0]
        if self._graphs:
            graphs = [g._replace(y=random_like(g.y, count, seed + i)) for i, g in enumerate(self._graphs["train"])]
            other._graphs = {**self._graphs, "train": graphs}
            train = joined(graphs, self._whole["train"].graph is not None)
        else:
            train = self._whole["train"]._replace(y=random_like(self._whole["train"].y, count, seed))
        other._whole = {**self._whole, "train": train}
        vars(other).pop("fingerprint", None)  # it was of the true labels
        return other
