"""A ladder: layers on the pixels, one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from appnas.space import IO, Arch, Choice, Gates, Mask, allowed, argmax, only
from appnas.supernet import Mixed, live_options
from appnas.support import check

OPTIONS = ("skip", "tanh", "sigmoid", "linear")


@dataclass(frozen=True)
class Ladder:
    """Layers of one width, each one of four operations."""

    layers: int = 2
    """Layers."""
    width: int = 8
    """Units of each."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes."""
        check(self, layers=1, width=1)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """An operation for each layer."""
        return (Choice("layer", OPTIONS, self.layers, "layer"),)

    def valid(self, arch: Arch) -> bool:
        """Any."""
        return len(arch) == self.layers and allowed(self.mask, arch)

    def discretise(self, gates: Gates) -> Arch:
        """The strongest."""
        return argmax(gates)

    def supernet(self, io: IO, mask: Mask | None = None) -> nn.Module:
        """All operations: forward(x, gates)."""
        return Network(self, io, mask)

    def build(self, arch: Arch, io: IO) -> nn.Module:
        """One of them: forward(x)."""
        return Network(self, io, only(self.choices, arch))


class Network(nn.Module):
    """A first layer, the ladder, the classes' scores."""

    def __init__(self, space: Ladder, io: IO, mask: Mask | None):
        super().__init__()
        rows = [None] * space.layers if mask is None else mask[0].tolist()
        self.first = nn.Linear(math.prod(io.inputs), space.width)
        self.layers = nn.ModuleList(Mixed(OPTIONS, lambda o: operation(o, space.width), row) for row in rows)
        self.last = nn.Linear(space.width, io.outputs[0])

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Shapes: [B, ...] -> [B, classes]."""
        x = self.first(x.flatten(1))
        for i, layer in enumerate(self.layers):
            row = None if gates is None else gates[0][..., i, :]
            used = None if gates is None else live_options(gates[0])[i]
            x = layer(x, row, used)
        return self.last(x)


def operation(option: str, width: int) -> nn.Module:
    """A candidate of one layer."""
    if option == "skip":
        return nn.Identity()
    after = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": nn.Identity}[option]
    return nn.Sequential(nn.Linear(width, width), after())
