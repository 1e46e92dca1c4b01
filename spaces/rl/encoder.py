"""Image encoders of reinforcement-learning agents: RL-DARTS's two cell spaces in IMPALA-shaped networks, and IMPALA's.

Miao, Song, Co-Reyes, Peng, Yue, Brevdo and Faust, "Differentiable Architecture Search for Reinforcement Learning"
(AutoML 2022, arXiv 2106.02229); details are those of the authors' code. The hand-made baseline is that of Espeholt et
al. (IMPALA, arXiv 1802.01561, figure 3). A cell has one input and `nodes` nodes; a node is the normalised sum of
operations on earlier states, the output a 1x1 convolution of all nodes. A derived cell keeps two edges a node.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.space import IO, ZERO, Arch, Choice, Gates, Mask, only
from appnas.spaces.parts import Edges, Style, dense, drawn, number, obeys, operation, picture, strongest
from appnas.supernet import Dag, fast
from appnas.support import checked

MICRO_OPS = ("conv_3x3", "relu", "tanh", "skip", "zero")
CLASSIC_OPS = ("conv_3x3_relu", "dil_conv_3x3_relu", "conv_5x5_relu", "dil_conv_5x5_relu", "skip", "zero")
Norm = Literal["batch", "group", "none"]
Variant = Literal["micro", "classic"]


@dataclass(frozen=True)
@checked(nodes=1, cells=1, depth=1, hidden=1)
class Encoder:
    """The RL-DARTS spaces. `channels` and `cells` size the supernet, `width` and `depth` the derived networks."""

    variant: Variant = "micro"
    """Micro: normal cells after a convolution and a max-pooling. Classic: a reduction cell, then normal cells."""
    ops: tuple[str, ...] = ()
    """Candidate operations of every edge; by default the variant's own."""
    nodes: int = 4
    """Nodes of a cell."""
    channels: tuple[int, ...] = (16, 16, 16)
    """Channels of the supernet's stages, each of which halves the resolution."""
    cells: int = 2
    """Normal cells in a stage of the supernet."""
    width: tuple[int, ...] = (16, 32, 32)
    """Channels of a derived network's stages."""
    depth: int = 2
    """Normal cells in a stage of a derived network."""
    norm: Norm = "batch"
    """On the sum of a node: the batch's own statistics always, also when acting (the paper); groups of channels, which
    makes outputs independent of the rest of the batch; or none."""
    hidden: int = 256
    """Units of the layer that the flattened maps enter: the features of an agent, before its output layer."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: no candidate operation, no `zero` for the edges that a cell drops, no stage, or a size below 1.
        """
        if not set(self.options) - ZERO or not set(self.options) & ZERO:
            raise ValueError(f"a cell drops edges: its operations are 'zero' and at least one other, got {self.ops}")
        for name in ("channels", "width"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise ValueError(
                    f"{name} are the channels of at least one stage, each 1 or more, got {getattr(self, name)}"
                )

    @cached_property
    def options(self) -> tuple[str, ...]:
        """The candidate operations."""
        return self.ops or (MICRO_OPS if self.variant == "micro" else CLASSIC_OPS)

    @cached_property
    def edges(self) -> Edges:
        """(source, target) states of a cell; state 0 is its input."""
        return dense(1, self.nodes)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """One choice for each cell type, one decision an edge."""
        kinds = ("normal",) if self.variant == "micro" else ("normal", "reduce")
        return tuple(Choice(kind, self.options, len(self.edges), kind) for kind in kinds)

    def _parts(self, arch: Sequence[int]) -> dict[str, Sequence[int]]:
        count = len(self.edges)
        return {choice.name: arch[i * count : (i + 1) * count] for i, choice in enumerate(self.choices)}

    def valid(self, arch: Arch) -> bool:
        """Two operations enter every node, one the first; all other edges are `zero`."""
        return all(obeys(self.edges, self.options, cell) for cell in self._parts(arch).values())

    def count(self) -> int:
        """Number of architectures."""
        return math.prod(number(self.edges, self.options) for _ in self.choices)

    def discretise(self, gates: Gates) -> Arch:
        """The two strongest edges into every node, each with its strongest operation, `zero` excluded.

        Shapes:
            gates: one a cell type, each [E, K] or [B, E, K]; rows need not be normalised.
        """
        return tuple(index for matrix in gates for index in strongest(self.edges, self.options, matrix))

    def sample(self, rng: random.Random, mask: Mask | None = None) -> Arch:
        """One of all architectures, or of those that a mask allows, all alike."""
        return drawn(self, self.edges, self.options, rng, mask)

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """The cells as graphs: states as nodes, operations on the edges (attribute `op`)."""
        return {
            kind: picture(self.edges, self.options, cell, ["in"], "out") for kind, cell in self._parts(arch).items()
        }

    def supernet(self, io: IO, mask: Mask | None = None) -> EncoderNetwork:
        """All candidates of every edge, `channels` wide and `cells` deep: forward(x, gates)."""
        return EncoderNetwork(self, io, self.channels, self.cells, mask)

    def build(self, arch: Arch, io: IO) -> EncoderNetwork:
        """The derived network, `width` wide and `depth` deep: forward(x)."""
        return EncoderNetwork(self, io, self.width, self.depth, only(self.choices, arch))


def node_norm(channels: int, norm: Norm) -> nn.Module:
    """Normalise the sum of a node, without scale and shift.

    Batch norm never keeps running statistics: an agent acts in evaluation mode and learns in training mode, and its
    policy must not change between the two. Its epsilon is that of the authors' code, against vanishing gradients.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels, eps=1e-3, affine=False, track_running_stats=False)
    return nn.GroupNorm(math.gcd(channels, 8), channels, affine=False) if norm == "group" else nn.Identity()


class EncoderCell(nn.Module):
    """One cell: the input, through a 1x1 convolution if channels change; a graph of operations; the nodes joined."""

    def __init__(self, space: Encoder, c_in: int, channels: int, stride: int, mask: Tensor | None):
        super().__init__()
        self.before = nn.Identity() if c_in == channels else nn.Conv2d(c_in, channels, 1)

        def make(edge: int, option: str) -> nn.Module:
            return operation(option, channels, stride if space.edges[edge][0] == 0 else 1, Style())

        join = None if space.norm == "none" else lambda node: node_norm(channels, space.norm)
        self.dag = Dag(space.edges, 1, space.options, make, mask, stride, join)
        self.after = nn.Conv2d(space.nodes * channels, channels, 1)
        self.batch_norm = space.norm == "batch"

    def forward(self, x: Tensor, gates: Tensor | None) -> Tensor:
        """Shapes: x: [B, C, H, W]; gates: [E, K] or [B, E, K]; returns [B, C', H / stride, W / stride]."""
        nodes = self.dag([self.before(x)], gates)[1:]
        if self.batch_norm:
            nodes = [_dense(node) for node in nodes]
        return self.after(torch.cat(nodes, 1))  # type: ignore[no-any-return]


def _dense(x: Tensor) -> Tensor:
    """The same, whose gradient is a copy without gaps: batch norm's backward is slow on a part of another."""
    if fast(x) and x.requires_grad:
        x.register_hook(lambda grad: grad.contiguous(memory_format=torch.channels_last))  # type: ignore[no-untyped-call]
    return x


class Trunk(nn.Module):
    """The frame of all encoders: stages of maps, flattened into a hidden layer, and an output layer.

    forward(x, gates) for a supernet; forward(x) otherwise. With no outputs (`IO(inputs, ())`) it ends with the hidden
    layer: the features of an agent that has output layers of its own. Maps are kept channels last, which is faster.

    Raises:
        ValueError: an observation that is no image, or frames too small for the stages.
    """

    def __init__(self, io: IO, stages: Sequence[Sequence[nn.Module]], channels: int, hidden: int):
        super().__init__()
        self.stages = nn.ModuleList(nn.ModuleList(stage) for stage in stages)
        sides = [math.ceil(side / 2 ** len(stages)) for side in frame(io, len(stages))]
        self.hidden = nn.Linear(channels * math.prod(sides), hidden)
        self.output = nn.Linear(hidden, io.outputs[0]) if io.outputs else nn.Identity()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """The outputs, or the features if there are none.

        Shapes:
            x: [B, C, H, W]. gates: one a cell type, each [E, K] or [B, E, K]. returns: [B, outputs or hidden].
        """
        x = x.contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            for part in stage:  # type: ignore[attr-defined]
                x = part(x, gates) if isinstance(part, Gated) else part(x)
        return self.output(self.hidden(x.relu().flatten(1)).relu())  # type: ignore[no-any-return]


def frame(io: IO, stages: int) -> tuple[int, int]:
    """Height and width of the observations.

    Raises:
        ValueError: not images, or too small: at least 2 x 2 pixels must be left.
    """
    if len(io.inputs) != 3:
        raise ValueError(
            f"an image encoder takes observations [C, H, W], got the shape {io.inputs}; the space `torso` takes vectors"
        )
    height, width = io.inputs[1:]
    if min(height, width) < 2 ** (stages + 1):
        raise ValueError(
            f"{stages} stages halve a frame {stages} times: it needs at least {2 ** (stages + 1)} pixels a side, got"
            f" {height} x {width}; use larger frames or fewer stages"
        )
    return height, width


class Gated(nn.Module):
    """A cell that takes its own cell type's gates."""

    def __init__(self, kind: int, cell: EncoderCell):
        super().__init__()
        self.kind, self.cell = kind, cell

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Shapes: as `EncoderCell`."""
        return self.cell(x, None if gates is None else gates[self.kind])  # type: ignore[no-any-return]


def entry(c_in: int, channels: int) -> list[nn.Module]:
    """The entry of an IMPALA stage: a convolution, and a max-pooling that halves the resolution."""
    return [nn.Conv2d(c_in, channels, 3, padding=1), nn.MaxPool2d(3, 2, 1)]


class EncoderNetwork(Trunk):
    """Micro: an entry and normal cells a stage. Classic: one convolution, then a reduction and normal cells a stage.

    Deviates: an even frame is padded on both sides before the max-pooling, in the authors' code on one.
    """

    def __init__(self, space: Encoder, io: IO, channels: Sequence[int], cells: int, mask: Mask | None):
        frame(io, len(channels))
        before, stages = io.inputs[0], []

        def cell(kind: int, c_in: int, c: int) -> nn.Module:
            return Gated(kind, EncoderCell(space, c_in, c, 1 + kind, None if mask is None else mask[kind]))

        for i, c in enumerate(channels):
            if space.variant == "micro":
                stage = entry(before, c)
            else:
                stem = [nn.Conv2d(before, c, 3, padding=1)] if i == 0 else []
                stage = [*stem, cell(1, c if stem else before, c)]
            stages.append([*stage, *(cell(0, c, c) for _ in range(cells))])
            before = c
        super().__init__(io, stages, before, space.hidden)


class Residual(nn.Sequential):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int):
        convolutions = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)]
        super().__init__(nn.ReLU(), convolutions[0], nn.ReLU(), convolutions[1])

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> the same."""
        return x + super().forward(x)  # type: ignore[no-any-return, no-untyped-call]


class ImpalaCNN(Trunk):
    """The hand-made baseline: IMPALA's encoder (arXiv 1802.01561, figure 3), of entries and residual blocks.

    Args:
        io: sizes; no outputs for features.
        width: channels of the stages.
        hidden: units of the last layer before the output.
        norm: of what a block gives, as of a cell's nodes; the authors' encoder has none.
    """

    def __init__(self, io: IO, width: Sequence[int] = (16, 32, 32), hidden: int = 256, norm: Norm = "none"):
        frame(io, len(width))
        pairs = zip((io.inputs[0], *width), width, strict=False)
        stages: list[list[nn.Module]] = []
        for a, b in pairs:
            blocks = ([Residual(b)] if norm == "none" else [Residual(b), node_norm(b, norm)] for _ in range(2))
            stages.append([*entry(a, b), *(part for block in blocks for part in block)])
        super().__init__(io, stages, width[-1], hidden)
