"""The edges of a graph as layers need them: with a loop at every node, ordered by target, with weights.

What is derived from the edges of a tensor is made once and kept (`sparse.kept`). What needs a vector of every edge and
head (scores that are no products, maxima) is computed for a piece of the edges at a time, and once more for the
gradient, so that there is never one for all: memory is that of the nodes, and a piece stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from appnas.compute import exact
from appnas.spaces.graphs.sparse import Listed, Pattern, exporting, kept, softmax, starts, widened
from appnas.spaces.parts import dropout

PIECE, PIECE_THERE = 2**16, 2**24
"""Numbers of a piece, of one vector an edge and head; on an accelerator, which many small kernels would slow down."""
Pair = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
TANH: Pair = (torch.tanh_, torch.ops.aten.tanh_backward.default)
"""A function of numbers, in place; and (gradient, value) -> gradient of its argument."""
LEAKY: Pair = (
    lambda z: functional.leaky_relu_(z, 0.2),
    lambda g, y: torch.ops.aten.leaky_relu_backward.default(g, y, 0.2, True),
)


@dataclass(frozen=True)
class Looped:
    """A graph with one loop at every node; entry (i, j) of the pattern is the edge from j to i.

    Shapes:
        edge_index: [2, E], sources and targets, in the order of the entries.
        order: [E], the number of every entry among the edges that were given (none of them loops), then the loops.
        between, loops: numbers of the edges that were given, those that are no loops and those that are.
        looped: [N], the loops of every node among the edges that were given.
    """

    pattern: Pattern | Listed
    edge_index: Tensor
    order: Tensor
    between: Tensor
    loops: Tensor
    looped: Tensor

    @cached_property
    def degree(self) -> Tensor:
        """Number of edges into every node, its loop included. Shapes: [N]."""
        return self.pattern.counts.float()

    @cached_property
    def gcn(self) -> Tensor:
        """1 / sqrt(d_i d_j) at every edge (Kipf and Welling, arXiv 1609.02907). Shapes: [E]."""
        scale = self.degree.rsqrt()
        source, target = self.edge_index
        return scale[source] * scale[target]

    @cached_property
    def ones(self) -> Tensor:
        """1 at every edge. Shapes: [E]."""
        return torch.ones(self.edge_index.shape[1], device=self.edge_index.device)

    @cached_property
    def given(self) -> Tensor:
        """1 at every edge that was given, 0 at the loops that were not. Shapes: [E]."""
        return torch.cat([self.looped.new_ones(self.between.shape[0]), self.looped])[self.order]

    @cached_property
    def mean(self) -> Tensor:
        """1 / the number of edges into a node, at every edge that was given, 0 at the loops that were not. [E]."""
        return self.shares(self.given)

    def shares(self, weight: Tensor) -> Tensor:
        """Weights divided by the sum of those into a node, where it is not 0. Shapes: [E] -> [E]."""
        target = self.edge_index[1]
        total = weight.new_zeros(self.pattern.rows).index_add(0, target, weight)
        return weight / total.masked_fill(total == 0, 1.0)[target]

    def weights(self, given: Tensor, edge_index: Tensor, absent: float = 1.0) -> Tensor:
        """Weights of the edges that were given, as those of the entries.

        Args:
            given: of the edges.
            edge_index: what the graph was made of.
            absent: what a loop weighs that was not there.

        Shapes:
            given: [E']. edge_index: [2, E']. returns: [E].
        """
        loops = given.new_full((self.pattern.rows,), absent)
        loops = loops.index_put((edge_index[0, self.loops],), given[self.loops])
        return torch.cat([given[self.between], loops])[self.order]

    def symmetric(self, weight: Tensor) -> Tensor:
        """`gcn` of weighted edges: w_ij / sqrt(d_i d_j), d_i the sum of the weights into a node. Shapes: [E] -> [E]."""
        source, target = self.edge_index
        degree = weight.new_zeros(self.pattern.rows).index_add(0, target, weight)
        scale = degree.masked_fill(degree == 0, torch.inf).rsqrt()
        return scale[source] * weight * scale[target]


def with_loops(edge_index: Tensor, nodes: int) -> Looped:
    """The graph with one loop at every node; loops that are there already are not doubled. Edges keep their direction.

    Shapes:
        edge_index: [2, E], sources and targets.
    """
    is_loop = edge_index[0] == edge_index[1]
    if exporting():
        return _listed(edge_index, nodes, is_loop)
    first, count = torch.argsort(is_loop, stable=True), edge_index.shape[1] - int(is_loop.sum())
    between, loops = first[:count], first[count:]
    at = edge_index[0, loops]
    looped = torch.zeros(nodes, device=at.device).index_put((at,), torch.ones(len(at), device=at.device))
    source, target = edge_index[:, between]
    every = torch.arange(nodes, device=source.device)
    source, target = torch.cat([source, every]), torch.cat([target, every])
    order = torch.argsort(target, stable=True)
    source, target = source[order], target[order]
    pattern = Pattern(starts(target, nodes), source, nodes)
    return Looped(pattern, torch.stack([source, target]), order, between, loops, looped)


def _listed(edge_index: Tensor, nodes: int, is_loop: Tensor) -> Looped:
    """The same in the order of the edges, the loops last, without looking at how many there are."""
    between, loops = (~is_loop).nonzero()[:, 0], is_loop.nonzero()[:, 0]
    at = edge_index[0, loops]
    looped = torch.zeros(nodes, device=at.device).index_put((at,), torch.ones_like(at, dtype=torch.float))
    every = torch.arange(nodes, device=at.device)
    source, target = (torch.cat([end.index_select(0, between), every]) for end in edge_index.unbind())
    order = torch.arange(source.shape[0], device=at.device)
    return Looped(Listed(target, source, nodes), torch.stack([source, target]), order, between, loops, looped)


@dataclass(frozen=True)
class Edges:
    """The edges of a forward pass, as they were given and as the operations need them.

    Shapes:
        index: [2, E']. weight: [E']. entries: [E], the weights in `graph`, where a loop that was not given has 1.
    """

    index: Tensor
    weight: Tensor | None
    graph: Looped
    entries: Tensor | None

    @staticmethod
    def of(index: Tensor, weight: Tensor | None, nodes: int, dtype: torch.dtype) -> Edges:
        """What is derived from the edges is made once for each tensor."""
        graph: Looped = kept(with_loops, index, nodes)
        if weight is None:
            return Edges(index, None, graph, None)
        weight = weight.to(dtype)
        return Edges(index, weight, graph, graph.weights(weight, index))

    def alone(self, dtype: torch.dtype) -> Tensor:
        """Weights at the entries, loops that were not given at 0. Shapes: [E, 1]."""
        if self.weight is None:
            return self.graph.given.to(dtype)[:, None]
        return self.graph.weights(self.weight, self.index, absent=0.0)[:, None]

    def mean(self, dtype: torch.dtype) -> Tensor:
        """What adds up to the weighted mean of the neighbours. Shapes: [E, 1]."""
        if self.weight is None:
            return self.graph.mean.to(dtype)[:, None]
        return self.graph.shares(self.alone(dtype)[:, 0])[:, None]

    def symmetric(self, dtype: torch.dtype) -> Tensor:
        """The propagation of a GCN. Shapes: [E, 1]."""
        graph = self.graph
        return (graph.gcn.to(dtype) if self.entries is None else graph.symmetric(self.entries))[:, None]

    def attention(self, e: Tensor, rate: float, training: bool) -> Tensor:
        """Scores at the entries as shares of every node, times the weights. Shapes: [E, H] -> [E, H]."""
        e = dropout(softmax(e, self.graph.pattern), rate, training)
        return e if self.entries is None else e * self.entries[:, None]


def _pieces(x: Tensor, pattern: Pattern) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Pieces of the entries, with their rows and columns. Shapes: x [N, H, D], vectors like those of an entry."""
    size = max((PIECE if x.is_cpu else PIECE_THERE) // max(x[:1].numel(), 1), 1)
    for first in range(0, len(pattern.column), size):
        piece = slice(first, first + size)
        yield piece, pattern.row[piece], pattern.column[piece]


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, vector: Tensor, pair: Pair, pattern: Pattern) -> Tensor:
        """The scores; of a piece only these are kept."""
        ctx.save_for_backward(left, right, vector)
        ctx.pair, ctx.pattern = pair, pattern
        found = []
        for _, row, column in _pieces(left, pattern):
            y = pair[0](left.index_select(0, row).add_(right.index_select(0, column)))
            found.append(y.mul_(vector).sum(-1))
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Every piece once more; made of steps that have gradients themselves."""
        left, right, vector = ctx.saved_tensors
        ends = (torch.zeros_like(left), torch.zeros_like(right))
        of_vector = torch.zeros_like(vector)
        for piece, row, column in _pieces(left, ctx.pattern):
            y = ctx.pair[0](left.index_select(0, row).add_(right.index_select(0, column)))
            g = gradients[0][piece][..., None]
            of_vector = of_vector + (g * y).sum(0, keepdim=True)
            z = ctx.pair[1](vector * g, y)
            for end, places in zip(ends, (row, column), strict=True):
                end.index_add_(0, places, z)
        return (*ends, of_vector, None, None)


class _RowMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, x: Tensor, pattern: Pattern) -> Tensor:
        """The maxima."""
        top = x.new_full((pattern.rows, *x.shape[1:]), -torch.inf)
        for piece, row, column in _pieces(x, pattern):
            m = x.index_select(0, column) * values[piece][..., None]
            top.scatter_reduce_(0, row[:, None, None].expand_as(m), m, "amax")
        ctx.save_for_backward(values, x, top)
        ctx.pattern = pattern
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """The gradient, shared by what attains the maximum."""
        (values, x, top), pattern = ctx.saved_tensors, ctx.pattern
        ties, of_values, of_x = torch.zeros_like(top), [], torch.zeros_like(x)
        with torch.no_grad():
            for _, row, _, _, first in _first(values, x, top, pattern):
                ties.index_add_(0, row, first)
        share = gradients[0] / ties
        for piece, row, column, own, first in _first(values, x, top, pattern):
            g = share.index_select(0, row) * first
            of_values.append((g * own).sum(-1))
            of_x.index_add_(0, column, g * values[piece][..., None])
        return torch.cat(of_values), of_x, None


def _first(
    values: Tensor, x: Tensor, top: Tensor, pattern: Pattern
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
    """Pieces of the entries, with x at their columns, and 1 where an entry attains the maximum of its row."""
    for piece, row, column in _pieces(x, pattern):
        own = x.index_select(0, column)
        first = (own * values[piece][..., None] == top.index_select(0, row)).to(x.dtype)
        yield piece, row, column, own, first


@exact
@widened
def scores(left: Tensor, right: Tensor, vector: Tensor, pair: Pair, pattern: Pattern | Listed) -> Tensor:
    """<vector, f(left_r + right_c)> at every entry (r, c), for each of H heads.

    Args:
        left: of the rows.
        right: of the columns.
        vector: of every head.
        pair: f in place, and its gradient: `TANH` or `LEAKY`.
        pattern: of R rows and C columns.

    Shapes:
        left: [R, H, D]. right: [C, H, D]. vector: [1, H, D]. returns: [E, H].
    """
    if isinstance(pattern, Listed):
        y = pair[0](left.index_select(0, pattern.row) + right.index_select(0, pattern.column))
        return (vector * y).sum(-1)
    e: Tensor = _Scores.apply(left, right, vector, pair, pattern)  # type: ignore[no-untyped-call]
    return e


@exact
@widened
def row_max(values: Tensor, x: Tensor, pattern: Pattern | Listed) -> Tensor:
    """y_r = maximum over the entries (r, c) of v_rc x_c, for each of H heads; ties share the gradient.

    Shapes:
        values: [E, H], at least one in every row. x: [C, H, D]. returns: [R, H, D].
    """
    if isinstance(pattern, Listed):
        return pattern.largest(values[..., None] * x.index_select(0, pattern.column))
    y: Tensor = _RowMax.apply(values, x, pattern)  # type: ignore[no-untyped-call]
    return y
