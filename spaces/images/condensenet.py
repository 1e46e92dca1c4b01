"""CondenseNets whose numbers of layers and growth rates are searched: MONAS's second space (arXiv 1806.10332).

The frame is that of Huang, Liu, van der Maaten and Weinberger (CondenseNet, arXiv 1711.09224): every layer reads all
earlier results, pooled where the resolution fell since, through grouped convolutions with their channels shuffled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.space import IO, Arch, Choice, Mask
from appnas.spaces.parts import Free, Unmixed, sequence
from appnas.support import checked


@dataclass(frozen=True)
@checked(blocks=1, stem=1, groups=1, bottleneck=1)
class CondenseNet(Free, Unmixed):
    """Number of layers (stage) and growth rate of every block.

    Deviates: the lists of options are ours (the paper's were not seen); the 1x1 convolutions have fixed groups where
    CondenseNet learns which inputs each group reads.
    """

    blocks: int = 3
    """Blocks, with a pooling between two."""
    stages: tuple[int, ...] = (6, 8, 10, 12, 14)
    """Numbers of layers that are offered."""
    growths: tuple[int, ...] = (4, 8, 16, 24, 32)
    """Channels that a layer adds, multiples of the groups."""
    stem: int = 16
    """Channels of the first convolution, a multiple of the groups."""
    groups: int = 4
    """Of every convolution but the first."""
    bottleneck: int = 4
    """Channels between the two convolutions of a layer, for each that it adds."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or channels that the groups do not divide.
        """
        if min((*self.stages, *self.growths), default=0) < 1:
            raise ValueError(f"stages and growths are at least 1, got {self.stages} and {self.growths}")
        if any(channels % self.groups for channels in (self.stem, *self.growths)):
            raise ValueError(
                f"stem and growths are multiples of groups={self.groups}, got {self.stem} and {self.growths}"
            )

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Two decisions a block."""
        return (
            Choice("stage", tuple(map(str, self.stages)), self.blocks, "stage"),
            Choice("growth", tuple(map(str, self.growths)), self.blocks, "growth"),
        )

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """Layers, each of which adds to its input, and poolings in a row, by their words (attribute `op` of nodes)."""
        parts: list[str | tuple[str, ...]] = []
        for i, (stage, growth) in enumerate(zip(arch[: self.blocks], arch[self.blocks :], strict=True)):
            parts += ["avg_pool"] * (i > 0) + [("dense", f"growth {self.growths[growth]}")] * self.stages[stage]
        return {"network": sequence(parts)}

    def build(self, arch: Arch, io: IO) -> CondenseNetwork:
        """The stand-alone network: forward(x)."""
        return CondenseNetwork(self, arch, io)


class DenseLayer(nn.Module):
    """Norm, ReLU, grouped 1x1 convolution, shuffle, norm, ReLU, grouped 3x3 convolution; joined to the input."""

    def __init__(self, c_in: int, growth: int, groups: int, bottleneck: int):
        super().__init__()
        inner = bottleneck * growth
        self.inner = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.ReLU(),
            nn.Conv2d(c_in, inner, 1, groups=groups, bias=False),
            nn.ChannelShuffle(groups),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, growth, 3, padding=1, groups=groups, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, C + growth, H, W]."""
        return torch.cat([x, self.inner(x)], 1)


class CondenseNetwork(nn.Module):
    """Convolution, blocks of dense layers with poolings between them, norm, ReLU, pooling, linear."""

    def __init__(self, space: CondenseNet, arch: Arch, io: IO):
        super().__init__()
        width = space.stem
        self.stem = nn.Conv2d(io.inputs[0], width, 3, padding=1, bias=False)
        parts: list[nn.Module] = []
        for i, (stage, growth) in enumerate(zip(arch[: space.blocks], arch[space.blocks :], strict=True)):
            if i:
                parts.append(nn.AvgPool2d(2, 2))
            for _ in range(space.stages[stage]):
                parts.append(DenseLayer(width, space.growths[growth], space.groups, space.bottleneck))
                width += space.growths[growth]
        self.blocks = nn.Sequential(*parts)
        self.head = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(width, io.outputs[0])

    def forward(self, x: Tensor) -> Tensor:
        """Class scores. Shapes: [B, C, H, W] -> [B, classes]."""
        return self.classifier(self.head(self.blocks(self.stem(x))))  # type: ignore[no-any-return]
