"""The DARTS convolutional space: a normal and a reduction cell (Liu, Simonyan and Yang, arXiv 1806.09055).

A cell has two inputs (the outputs of the two cells before it) and `nodes` nodes; every node is the sum of
operations on earlier states, and the cell's output concatenates the nodes. An architecture names one operation
for every edge of both cells; a node keeps two edges, all others are `none`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.space import IO, ZERO, Arch, Choice, Gates, Mask, only
from appnas.spaces.parts import FactorizedReduce, ReLUConvNorm, Separable, Style, concatenate, norm, operation
from appnas.spaces.parts.nodes import Edges, dense, drawn, number, obeys, picture, strongest, swapped
from appnas.supernet import Dag, Recompute, planned, recomputed
from appnas.support import checked

DARTS_OPS = (
    "none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
    "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip

# The published cells: for every node, (operation, state) twice.
DARTS_V1 = {
    "normal": (("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 0), ("sep_conv_3x3", 1),
               ("skip_connect", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 2)),
    "reduce": (("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 0),
               ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("avg_pool_3x3", 0)),
}  # fmt: skip
DARTS_V2 = {
    "normal": (("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
               ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)),
    "reduce": (("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
               ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)),
}  # fmt: skip


@dataclass(frozen=True)
@checked(nodes=1, channels=1, cells=3, width=1, depth=3, drop_path=0)  # fewer cells leave no normal one
class Cells:
    """The DARTS space. `channels` and `cells` size the supernet, `width` and `depth` the derived networks."""

    ops: tuple[str, ...] = DARTS_OPS
    """Candidate operations of every edge."""
    nodes: int = 4
    """Intermediate nodes of a cell."""
    channels: int = 16
    """Initial channels of the supernet."""
    cells: int = 8
    """Cells of the supernet."""
    width: int = 36
    """Initial channels of a derived network (ImageNet: 48)."""
    depth: int = 20
    """Cells of a derived network (ImageNet: 14)."""
    stem: Literal["cifar", "imagenet"] = "cifar"
    """One convolution, or three of stride 2."""
    auxiliary: bool = True
    """Auxiliary head at two thirds of a derived network's depth, in training only; the domain weighs its loss."""
    drop_path: float = 0.2
    """Largest drop-path probability of a derived network (ImageNet: 0)."""
    recompute: Recompute = "auto"
    """What the supernet computes again in backward instead of keeping it, at the same result: nothing, the outputs of
    separable convolutions, or whole cells; "auto" is as little as the memory that is free asks for."""
    threshold: float = 0.0
    """The supernet leaves out options whose gates are at most this for the whole batch: 0 is exact; a larger one is
    faster, and such options get no gradient."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: no candidate operation, no `none` for the edges that a cell drops, or a size below 1.
        """
        if not set(self.ops) - ZERO:
            raise ValueError(f"at least one operation besides 'none' is needed, got {self.ops}")
        if not set(self.ops) & ZERO:
            raise ValueError(f"a cell drops edges: its operations must include 'none', got {self.ops}")

    @cached_property
    def edges(self) -> Edges:
        """(source, target) states of a cell; states 0 and 1 are its inputs."""
        return dense(2, self.nodes)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """One choice for each cell type, one decision an edge."""
        return tuple(Choice(name, self.ops, len(self.edges), name) for name in ("normal", "reduce"))

    def valid(self, arch: Arch) -> bool:
        """Two operations enter every node; all other edges are `none` (if the space has it)."""
        count = len(self.edges)
        return all(obeys(self.edges, self.ops, cell) for cell in (arch[:count], arch[count:]))

    def count(self) -> int:
        """Number of architectures."""
        return number(self.edges, self.ops) ** 2

    def discretise(self, gates: Gates) -> Arch:
        """The two strongest edges into every node, each with its strongest operation, `none` excluded.

        Shapes:
            gates: normal and reduction, each [E, K] or [B, E, K]; rows need not be normalised.
        """
        return tuple(index for matrix in gates for index in strongest(self.edges, self.ops, matrix))

    def sample(self, rng: random.Random, mask: Mask | None = None) -> Arch:
        """One of all architectures, or of those that a mask allows, all alike."""
        return drawn(self, self.edges, self.ops, rng, mask)

    def from_cells(self, cells: dict[str, tuple[tuple[str, int], ...]]) -> Arch:
        """An architecture from the notation of published cells: for every node, (operation, state) twice.

        Raises:
            ValueError: both operations of a node on one state, which one decision an edge cannot express.
        """
        arch: list[int] = []
        for choice in self.choices:
            cell = [self.ops.index("none")] * len(self.edges)
            for position, (op, source) in enumerate(cells[choice.name]):
                edge = self.edges.index((source, 2 + position // 2))
                if self.ops[cell[edge]] != "none":
                    raise ValueError(f"node {2 + position // 2} of {choice.name!r} takes state {source} twice")
                cell[edge] = self.ops.index(op)
            arch += cell
        return tuple(arch)

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """Both cells as graphs: states as nodes, operations on the edges (attribute `op`)."""
        count = len(self.edges)
        cells = zip(self.choices, (arch[:count], arch[count:]), strict=True)
        inputs = ["c_{k-2}", "c_{k-1}"]
        return {choice.name: picture(self.edges, self.ops, cell, inputs, "c_{k}") for choice, cell in cells}

    def equivalents(self, arch: Arch) -> list[Arch]:
        """The same networks, up to the order of channels, with two neighbouring nodes of a cell exchanged."""
        count, found = len(self.edges), []
        for start in range(0, len(arch), count):
            for state in range(2, self.nodes + 1):
                cell = swapped(self.edges, self.ops, arch[start : start + count], state)
                if cell is not None:
                    found.append((*arch[:start], *cell, *arch[start + count :]))
        return found

    def supernet(self, io: IO, mask: Mask | None = None) -> CellNetwork:
        """All candidates of every edge, `channels` wide and `cells` deep: forward(x, gates)."""
        style = Style(affine=False, track=False, pool_norm=True)
        return CellNetwork(self, io, self.channels, self.cells, style, mask)

    def build(self, arch: Arch, io: IO) -> CellNetwork:
        """The derived network, `width` wide and `depth` deep: forward(x)."""
        style = Style(drop_path=self.drop_path)
        return CellNetwork(self, io, self.width, self.depth, style, only(self.choices, arch), self.auxiliary)


class Cell(nn.Module):
    """One cell: two preprocessed inputs, a graph of mixed operations, the nodes concatenated."""

    def __init__(
        self, space: Cells, before: tuple[int, int], channels: int, reduction: bool, after_reduction: bool,
        style: Style, mask: Tensor | None,
    ):  # fmt: skip
        super().__init__()
        self.reduction = int(reduction)
        self.first = (
            FactorizedReduce(before[0], channels, style)
            if after_reduction
            else ReLUConvNorm(before[0], channels, 1, 1, style)
        )
        self.second = ReLUConvNorm(before[1], channels, 1, 1, style)
        stride = 2 if reduction else 1

        def make(edge: int, option: str) -> nn.Module:
            return operation(option, channels, stride if space.edges[edge][0] < 2 else 1, style)

        self.dag = Dag(space.edges, 2, space.ops, make, mask, stride, threshold=space.threshold)

    def forward(self, s0: Tensor, s1: Tensor, gates: Tensor | None) -> Tensor:
        """Shapes: s0, s1 [B, C', H', W']; gates [E, K], [B, E, K] or None; returns [B, nodes * C, H, W]."""
        states = self.dag([self.first(s0), self.second(s1)], gates)
        return concatenate(states[2:])


class AuxiliaryHead(nn.Sequential):
    """A classifier on an intermediate feature map, used in training only (official DARTS code, model.py).

    Deviates: pools to 2x2 whatever the size of the map; the official code pools 5x5 with stride 3, for 8x8 maps only.
    """

    def __init__(self, c_in: int, classes: int):
        super().__init__(
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Conv2d(c_in, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(768, classes),
        )


class CellNetwork(nn.Module):
    """A stack of cells; reductions at one and two thirds of the depth double the channels.

    forward(x, gates) for a supernet; forward(x) adds the allocated operations up, which for a derived network is
    the architecture itself. In training mode a network with an auxiliary head returns (logits, auxiliary logits).
    """

    def __init__(
        self, space: Cells, io: IO, channels: int, cells: int, style: Style, mask: Mask | None,
        auxiliary: bool = False,
    ):  # fmt: skip
        super().__init__()
        stem_style = Style(track=style.track)
        self.stem, widths, after_reduction = _stem(space.stem, io.inputs[0], channels, stem_style)
        self.cells = nn.ModuleList()
        frugal, self.whole = planned(space.recompute).first(cells)
        self.tap = 2 * cells // 3 if auxiliary else -1
        for i in range(cells):
            reduction = i in (cells // 3, 2 * cells // 3)
            channels = 2 * channels if reduction else channels
            kind = None if mask is None else mask[int(reduction)]
            self.cells.append(Cell(space, widths, channels, reduction, after_reduction, style, kind))
            for part in self.cells[i].modules():
                if isinstance(part, Separable):
                    part.frugal = self.whole <= i < frugal
            widths, after_reduction = (widths[1], space.nodes * channels), reduction
            if i == self.tap:
                self.auxiliary = AuxiliaryHead(widths[1], io.outputs[0])
        self.classifier = nn.Linear(widths[1], io.outputs[0])

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Class scores.

        Shapes:
            x: [B, C, H, W]. gates: normal and reduction, each [E, K] or [B, E, K]. returns: [B, classes].
        """
        s0, s1 = self.stem(x.contiguous(memory_format=torch.channels_last))
        extra = None
        for i, cell in enumerate(self.cells):
            inputs = s0, s1, None if gates is None else gates[cell.reduction]  # type: ignore[index]
            s0, s1 = s1, recomputed(cell, *inputs) if i < self.whole and gates is not None else cell(*inputs)
            if i == self.tap and self.training:
                extra = self.auxiliary(s1)
        logits = self.classifier(s1.mean((2, 3)))
        return logits if extra is None else (logits, extra)


class CifarStem(nn.Sequential):
    """3x3 convolution and batch norm; both cell inputs see the same map."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes: [B, C, H, W] -> twice [B, 3 C', H, W]."""
        y: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return y, y


class ImageNetStem(nn.Module):
    """Three convolutions of stride 2; the inputs are the maps after the second and the third."""

    def __init__(self, c_in: int, channels: int, style: Style):
        super().__init__()
        half = channels // 2

        def conv(a: int, b: int) -> list[nn.Module]:
            return [nn.Conv2d(a, b, 3, 2, 1, bias=False), norm(b, style)]

        self.first = nn.Sequential(*conv(c_in, half), nn.ReLU(), *conv(half, channels))
        self.second = nn.Sequential(nn.ReLU(), *conv(channels, channels))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes: [B, C, H, W] -> [B, C', H / 4, W / 4], [B, C', H / 8, W / 8]."""
        s0 = self.first(x)
        return s0, self.second(s0)


def _stem(kind: str, c_in: int, channels: int, style: Style) -> tuple[nn.Module, tuple[int, int], bool]:
    if kind == "imagenet":
        return ImageNetStem(c_in, channels, style), (channels, channels), True
    wide = 3 * channels
    return CifarStem(nn.Conv2d(c_in, wide, 3, 1, 1, bias=False), norm(wide, style)), (wide, wide), False
