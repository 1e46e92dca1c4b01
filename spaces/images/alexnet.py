"""A simplified AlexNet whose filters and kernels are searched: the first space of MONAS (Hsu et al., arXiv 1806.10332).

The frame is AlexNet's (Krizhevsky, Sutskever and Hinton, 2012): five convolutions, poolings after the first, second and
last, two hidden layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.space import IO, Arch, Choice, Mask
from appnas.spaces.images.mobile import conv_norm
from appnas.spaces.parts import Free, Style, Unmixed, sequence
from appnas.support import checked


@dataclass(frozen=True)
@checked(layers=1, hidden=1, dropout=0)
class AlexNet(Free, Unmixed):
    """Filters and kernel size of every convolution.

    Deviates: the lists of options are ours (the paper's were not seen), and every convolution has a batch norm, so that
    a few epochs tell networks apart.
    """

    layers: int = 5
    """Convolutions."""
    pools: tuple[int, ...] = (1, 2, 5)
    """Convolutions, from 1, that a max-pooling follows."""
    filters: tuple[int, ...] = (8, 16, 32, 48, 64)
    """Numbers of filters that are offered."""
    kernels: tuple[int, ...] = (3, 5, 7)
    """Kernel sizes that are offered."""
    hidden: int = 256
    """Units of the two hidden layers."""
    dropout: float = 0.5
    """Before each hidden layer."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or an even kernel.
        """
        if min((*self.filters, *self.kernels), default=0) < 1 or not all(k % 2 for k in self.kernels):
            raise ValueError(f"filters are at least 1 and kernels odd, got {self.filters} and {self.kernels}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Two decisions a convolution."""
        return (
            Choice("filters", tuple(map(str, self.filters)), self.layers, "filters"),
            Choice("kernel", tuple(f"{k}x{k}" for k in self.kernels), self.layers, "kernel"),
        )

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """Convolutions and poolings in a row, each by its words (attribute `op` of nodes)."""
        parts: list[str | tuple[str, ...]] = []
        for i, (count, kernel) in enumerate(zip(arch[: self.layers], arch[self.layers :], strict=True), start=1):
            parts.append(("conv", f"width {self.filters[count]}", f"kernel {self.kernels[kernel]}"))
            parts += ["max_pool"] * (i in self.pools)
        return {"network": sequence(parts)}

    def build(self, arch: Arch, io: IO) -> AlexNetwork:
        """The stand-alone network: forward(x)."""
        return AlexNetwork(self, arch, io)


class AlexNetwork(nn.Module):
    """Convolutions and poolings, two hidden layers, linear."""

    def __init__(self, space: AlexNet, arch: Arch, io: IO):
        super().__init__()
        parts: list[nn.Module] = []
        (width, *size), hidden = io.inputs, space.hidden
        for i, (count, kernel) in enumerate(zip(arch[: space.layers], arch[space.layers :], strict=True), start=1):
            filters = space.filters[count]
            parts.append(conv_norm(width, filters, space.kernels[kernel], 1, Style(), nn.ReLU))
            width = filters
            if i in space.pools:
                parts.append(nn.MaxPool2d(3, 2, 1))
                size = [(length + 1) // 2 for length in size]
        self.convolutions = nn.Sequential(*parts)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(space.dropout),
            nn.Linear(width * size[0] * size[1], hidden),
            nn.ReLU(),
            nn.Dropout(space.dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(hidden, io.outputs[0])

    def forward(self, x: Tensor) -> Tensor:
        """Class scores. Shapes: [B, C, H, W] -> [B, classes]."""
        x = self.convolutions(x.contiguous(memory_format=torch.channels_last))
        return self.classifier(self.dense(x))  # type: ignore[no-any-return]
