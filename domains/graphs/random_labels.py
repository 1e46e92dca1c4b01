"""Random labels of graph domains."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

from appnas.domains.graphs.loaders import Batch, joined

if TYPE_CHECKING:
    from appnas.domains.graphs.checks import Graph
from appnas.domains.random_labels import random_like


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
