"""Random labels of image domains."""

from __future__ import annotations

import copy
from typing import Any, Self

from torch import Tensor

from appnas.domains.random_labels import random_like


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
