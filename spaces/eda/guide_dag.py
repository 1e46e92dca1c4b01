"""Guide-DAGs for maps of a chip (Chang et al., ICCAD 2021, arXiv 2012.01737): which edges of given graphs to keep.

A fixed frame: stages that begin with a downsampling convolution, in each stage two parallel guide-DAGs, and a residual
shortcut from one downsampling to the next. A guide-DAG has a pseudo vertex, the stage's input, and totally ordered
vertices with an operation each; an edge may join any vertex to any later one. A vertex concatenates what comes in and
applies its operation; what no taken edge leads on from is concatenated for the next stage. A search decides on every
edge.

Concatenation and convolution are here a sum of one convolution an edge, the same linear map, so that an edge can be
gated.

Source: notes on the paper, whose body could not be read in full. Deviates: the order of the operations on the vertices
is ours; kernels larger than a stage's map are cut to the largest odd one that fits; a DAG whose input leads nowhere
passes it on; an edge that leaves a vertex which nothing reaches is without effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.compute import derived, read
from appnas.space import IO, Arch, Choice, Gates, Mask, only
from appnas.spaces.eda.linear import Conv, MixConv, convolved
from appnas.spaces.eda.map_nets import map_head, number_head
from appnas.spaces.parts import Free, Style, convolution, norm
from appnas.supernet import Dag
from appnas.support import checked

EDGE = ("none", "edge")
Enter = Callable[[int, Tensor], Tensor]
OPERATIONS = ("conv", "wide", "atrous", "mix")
"""Convolution 3x3; the same twice as wide; 3x3 with dilation 2; MixConv: depthwise kernels of several sizes, then
1x1."""


@dataclass(frozen=True)
@checked(width=1, branches=1, dense=1)
class GuideDag(Free):
    """The guide-DAG space. For small maps and CPUs: strides=(1, 1), width=16, kernels=(3, 5, 7, 9)."""

    width: int = 32
    """Channels of an operation; "wide" has twice as many."""
    strides: tuple[int, ...] = (2, 2, 2)
    """Of the downsampling convolution that begins each stage, 1 or 2. 1, 1 keeps all gcells, for maps and for counts
    that are their sums: half of the edges are 48 M multiply-adds on 17 x 32 x 32; 1, 2, 2: 23 M; 2, 2, 2 (paper): 7."""
    branches: int = 2
    """Parallel guide-DAGs in a stage."""
    vertices: tuple[str, ...] = ("conv", "wide", "atrous", "mix", "conv", "atrous", "mix")
    """The operation of every vertex: conv, wide, atrous or mix."""
    kernels: tuple[int, ...] = (7, 9, 11, 13)
    """Of MixConv's groups of channels."""
    dense: int = 32
    """Hidden width of the head for numbers."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, another stride than 1 or 2, an even kernel, or an unknown operation.
        """
        if not self.strides or set(self.strides) - {1, 2}:
            raise ValueError(f"strides are 1 or 2, one a stage, got {self.strides}")
        if not self.vertices or set(self.vertices) - set(OPERATIONS):
            raise ValueError(f"vertices have operations of {OPERATIONS}, got {self.vertices}")
        if not self.kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError(f"kernels are odd, got {self.kernels}")

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Of one guide-DAG, every vertex to every later one; 0 is the pseudo vertex."""
        return tuple((u, v) for v in range(1, len(self.vertices) + 1) for u in range(v))

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Whether to take each edge of each guide-DAG."""
        names = [f"stage{s}{chr(97 + b)}" for s in range(len(self.strides)) for b in range(self.branches)]
        return tuple(Choice(name, EDGE, len(self.edges), name) for name in names)

    @cached_property
    def bundles(self) -> tuple[tuple[int, ...], ...]:
        """The decisions on the edges that leave one vertex: what the paper normalises over."""
        n = len(self.edges)
        return tuple(
            tuple(k * n + e for e, (source, _) in enumerate(self.edges) if source == u)
            for k in range(len(self.choices))
            for u in range(len(self.vertices))
        )

    def reached(self, arch: Arch) -> Arch:
        """The architecture without the edges that leave vertices which nothing reaches."""
        n, kept = len(self.edges), list(arch)
        for k in range(len(self.choices)):
            alive = {0}
            for e, (u, v) in enumerate(self.edges):
                if u not in alive:
                    kept[k * n + e] = 0
                elif kept[k * n + e]:
                    alive.add(v)
        return tuple(kept)

    def valid(self, arch: Arch) -> bool:
        """Every combination is in the space."""
        return len(arch) == len(self.choices) * len(self.edges) and all(index in (0, 1) for index in arch)

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """Every guide-DAG: the vertices that the input reaches, with their operations, and the edges between."""
        names = ["in", *(f"{k} {operation}" for k, operation in enumerate(self.vertices, 1))]
        ops: list[dict[str, str]] = [{}, *({"op": operation} for operation in self.vertices)]
        graphs, arch = {}, self.reached(arch)
        for k, choice in enumerate(self.choices):
            taken = [edge for edge, one in zip(self.edges, arch[k * choice.count :], strict=False) if one]
            graph = nx.MultiDiGraph(inputs=["in"])
            graph.add_nodes_from((names[v], ops[v]) for v in sorted({0, *(v for _, v in taken)}))
            graph.add_edges_from((names[u], names[v]) for u, v in taken)
            graph.graph["outputs"] = [name for name in graph if not graph.out_degree(name)]
            graphs[choice.name] = graph
        return graphs

    def supernet(self, io: IO, mask: Mask | None = None) -> GuideNetwork:
        """All edges, on batch statistics: forward(x, gates)."""
        return GuideNetwork(self, io, Style(affine=False, track=False), mask)

    def build(self, arch: Arch, io: IO) -> GuideNetwork:
        """The stand-alone network: forward(x)."""
        return GuideNetwork(self, io, Style(), only(self.choices, self.reached(arch)))


def linear(operation: str, c_in: int, width: int, kernels: Sequence[int]) -> nn.Module:
    """The linear part of a vertex's operation, on what comes along one edge."""
    if operation == "mix":
        return MixConv(c_in, width, kernels)
    spread = 2 if operation == "atrous" else 1
    return Conv(c_in, channels(operation, width), 3, padding=spread, dilation=spread, bias=False)


def channels(operation: str, width: int) -> int:
    """Channels that a vertex gives out."""
    return 2 * width if operation == "wide" else width


class Guide(nn.Module):
    """One guide-DAG with a convolution for every vertex that may end it: their sum goes to the next stage."""

    def __init__(self, space: GuideDag, side: int, stride: int, style: Style, mask: Tensor | None):
        super().__init__()
        widths = [space.width, *(channels(op, space.width) for op in space.vertices)]
        kernels = [min(kernel, side - 1 + side % 2) for kernel in space.kernels]
        self.edges = space.edges
        allowed = [[True, True]] * len(self.edges) if mask is None else mask.tolist()
        self.taken = [float(edge) for _, edge in allowed]
        reach = {0}
        for (u, v), (_, edge) in zip(self.edges, allowed, strict=True):
            reach |= {v} if edge and u in reach else set()
        leaving = {u for (u, _), (_, edge) in zip(self.edges, allowed, strict=True) if edge}
        self.last = sorted(reach - leaving)  # the ends of a DAG without gates
        left = {u for (u, _), (none, _) in zip(self.edges, allowed, strict=True) if not none}

        def make(e: int, option: str) -> nn.Module:
            u, v = self.edges[e]
            return linear(space.vertices[v - 1], widths[u], space.width, kernels)

        def join(vertex: int) -> nn.Module:
            if vertex not in reach:
                return nn.Identity()
            return nn.Sequential(norm(widths[vertex], style), nn.ReLU())

        self.dag = Shaped(self.edges, 1, EDGE, make, mask, join=join)
        self.dag.widths = widths
        self.exits = nn.ModuleDict(
            {str(v): nn.Conv2d(widths[v], space.width, 3, stride, 1, bias=False) for v in sorted(reach - left)}
        )

    def forward(self, x: Tensor, gates: Tensor | None, weights: Tensor | None = None) -> Tensor:
        """The sum over the ends.

        Of sampled gates the ends at 0 do not run, and give no gradient: an edge learns by the vertices that it feeds.

        Shapes:
            x: [B, width, H, W]. gates: [E, 2] or [B, E, 2]. weights: how much every vertex is an end, [V] or [B, V].
            returns: [B, width, H / stride, W / stride].
        """
        states = self.dag([x], gates)
        if weights is None:
            return sum(self.exits[str(v)](states[v]) for v in self.last)  # type: ignore[no-any-return]
        kept = weights.requires_grad and not getattr(weights, "sampled", False)
        used = [v for v in self.exits if kept or read(weights)[..., int(v)].any()]
        shares = weights.unbind(-1)
        exits: Any = self.exits
        return sum(convolved(exits[v], states[int(v)], shares[int(v)]) for v in used)  # type: ignore[return-value]


class Shaped(Dag):
    """A DAG whose vertices differ in their channels: one that nothing reaches is zeros of its own width."""

    widths: list[int]

    def _node(self, node: int, sums: dict[int, Tensor], like: Tensor) -> Tensor:  # type: ignore[override]
        if node not in sums:
            return like.new_zeros(like.shape[0], self.widths[node], *like.shape[2:])
        return self.join[str(node)](sums[node])  # type: ignore[no-any-return]


def ends(taken: Tensor, edges: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """How much every vertex is an end, and how much it is reached: exactly 0 or 1 where edges are taken or not.

    reach(0) = 1, reach(v) = 1 - prod_u (1 - reach(u) taken(u, v)), end(v) = reach(v) prod_k (1 - taken(v, k)).

    Args:
        taken: gates of the edges, [..., E].
        edges: source and target of each.

    Returns two tensors [..., V].
    """
    count, each = edges[-1][1] + 1, taken.unbind(-1)
    reach = [torch.ones_like(each[0])]
    for v in range(1, count):
        missed = torch.ones_like(reach[0])
        for e, (u, target) in enumerate(edges):
            if target == v:
                missed = missed * (1 - reach[u] * each[e])
        reach.append(1 - missed)
    end = []
    for v in range(count):
        open_ = reach[v]
        for e, (source, _) in enumerate(edges):
            if source == v:
                open_ = open_ * (1 - each[e])
        end.append(open_)
    return torch.stack(end, -1), torch.stack(reach, -1)


class GuideNetwork(nn.Module):
    """Downsampling, guide-DAGs, shortcuts; a head for numbers or for maps, as the outputs ask."""

    def __init__(self, space: GuideDag, io: IO, style: Style, mask: Mask | None):
        super().__init__()
        w, side = space.width, min(io.inputs[1:])
        self.branches, self.out = space.branches, io.outputs
        self.first = nn.Conv2d(io.inputs[0], w, 3, space.strides[0], 1, bias=False)
        self.norms, self.shortcuts, self.guides = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for stage, stride in enumerate(space.strides):
            side = -(-side // stride)
            after = space.strides[stage + 1] if stage + 1 < len(space.strides) else 1
            self.norms.append(nn.Sequential(norm(w, style), nn.ReLU()))
            self.shortcuts.append(convolution(w, w, 1, after, bias=False))
            for branch in range(space.branches):
                row = None if mask is None else mask[stage * space.branches + branch]
                self.guides.append(Guide(space, side, after, style, row))
        self.last = nn.Sequential(norm(w, style), nn.ReLU())
        self.head = map_head(w, space.strides, style) if len(io.outputs) == 2 else number_head(w, space.dense, io)

    def forward(self, x: Tensor, gates: Gates | None = None, enter: Enter = lambda stage, x: x) -> Tensor:
        """Numbers, or a map; `enter` makes what a stage, or after the last one the head, reads.

        Shapes:
            x: [B, C, H, W]. gates: one [E, 2] or [B, E, 2] a guide-DAG. returns: [B, n] or [B, H, W].
        """
        weights = None if gates is None else derived(self._ends, gates)
        x = self.first(x.contiguous(memory_format=torch.channels_last))
        for stage, join in enumerate(self.norms):
            x = join(enter(stage, x))
            total = self.shortcuts[stage](x)
            for k in range(stage * self.branches, (stage + 1) * self.branches):
                given = () if gates is None or weights is None else (gates[k], weights[k])
                total = total + self.guides[k](x, *(given or (None,)))
            x = total
        y = self.head(self.last(enter(len(self.norms), x)))
        return y[:, 0, : self.out[0], : self.out[1]] if len(self.out) == 2 else y  # type: ignore[no-any-return]

    def _ends(self, gates: Gates) -> Gates:
        """How much every vertex of every guide-DAG is an end, of all of them at once."""
        guides = [guide for guide in self.guides if isinstance(guide, Guide)]
        taken = [g[..., 1] * g.new_tensor(guide.taken) for g, guide in zip(gates, guides, strict=True)]
        return ends(torch.stack(taken), guides[0].edges)[0].unbind()
