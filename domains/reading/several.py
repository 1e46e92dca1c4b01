"""Inputs of networks that take several, cut and moved as one tensor is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Several:
    """Tensors with a row for each example."""

    def __init__(self, parts: Sequence[Tensor]):
        self.parts = tuple(parts)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, places: Any) -> Several:
        return Several([part[places] for part in self.parts])

    def to(self, device: torch.device, **more: Any) -> Several:
        """All of them on a device."""
        return Several([part.to(device, **more) for part in self.parts])

    def cpu(self) -> Several:
        """All of them on the CPU."""
        return self.to(torch.device("cpu"))

    def pin_memory(self) -> Several:
        """All of them in pinned memory."""
        return Several([part.pin_memory() for part in self.parts])

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.parts[0].device

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        return sum(part.nbytes for part in self.parts)


Inputs = Tensor | Several
"""What networks take, of some examples."""


def parts_of(x: Inputs) -> tuple[Tensor, ...]:
    """What a network is called with."""
    return x.parts if isinstance(x, Several) else (x,)


def chained(parts: Sequence[Inputs]) -> Inputs:
    """Inputs of some examples after those of others."""
    if isinstance(parts[0], Several):
        return Several([torch.cat(rows) for rows in zip(*map(parts_of, parts), strict=True)])
    return torch.cat([part for part in parts if isinstance(part, Tensor)])
