"""The edges of a graph as layers need them: with a loop at every node, ordered by target, with weights.

What is derived from the edges of a tensor is made once and kept (`sparse.kept`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from appnas.spaces.graphs.kernels.sparse import Listed, Pattern, exporting, kept, softmax, starts
from appnas.spaces.parts import dropout


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

    def features(self, given: Tensor, edge_index: Tensor, keep: bool) -> Tensor:
        """Features of the edges that were given, as those of the entries.

        A loop has the mean of those of the other edges into its node, 0 where there are none, as torch_geometric's
        `fill_value="mean"`.

        Args:
            given: of the edges.
            edge_index: what the graph was made of.
            keep: whether loops that were given keep theirs.

        Shapes:
            given: [E', D]. edge_index: [2, E']. returns: [E, D].
        """
        between = given[self.between]
        total = given.new_zeros(self.pattern.rows, given.shape[1]).index_add(0, edge_index[1, self.between], between)
        loops = total / (self.degree - 1).clamp_min(1).to(given.dtype)[:, None]
        if keep:
            loops = loops.index_put((edge_index[0, self.loops],), given[self.loops])
        return torch.cat([between, loops])[self.order]

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
        attr: [E', D], features; those of the entries are `filled` and `kept`, see `Looped.features`.
    """

    index: Tensor
    weight: Tensor | None
    graph: Looped
    entries: Tensor | None
    attr: Tensor | None = None
    relations: tuple[Edges, ...] = ()

    @staticmethod
    def of(index: Tensor, weight: Tensor | None, nodes: int, dtype: torch.dtype, attr: Tensor | None = None) -> Edges:
        """What is derived from the edges is made once for each tensor."""
        graph: Looped = kept(with_loops, index, nodes)
        attr = None if attr is None else attr.to(dtype)
        if weight is None:
            return Edges(index, None, graph, None, attr)
        weight = weight.to(dtype)
        return Edges(index, weight, graph, graph.weights(weight, index), attr)

    @staticmethod
    def of_relations(
        index: Tensor, weight: Tensor | None, nodes: int, dtype: torch.dtype, attr: Tensor, count: int
    ) -> Edges:
        """The same for edges of so many types, the last columns of `attr` being 1 for one of them; each by itself too.

        Shapes: attr: [E', D + count]; those of a relation are [E'', D].
        """
        parts, features = [], attr[:, :-count] if attr.shape[1] > count else None
        for rows in kept(_rows, attr, count):
            own = kept(_chosen, index, rows)
            mine = [None if part is None else part[rows] for part in (weight, features)]
            parts.append(Edges.of(own, mine[0], nodes, dtype, mine[1]))
        return replace(Edges.of(index, weight, nodes, dtype), relations=tuple(parts))

    @cached_property
    def filled(self) -> Tensor:
        """Features at the entries, those of all loops the mean of the others' into the node. Shapes: [E, D]."""
        assert self.attr is not None
        return self.graph.features(self.attr, self.index, keep=False)

    @cached_property
    def kept(self) -> Tensor:
        """The same, where loops that were given keep theirs. Shapes: [E, D]."""
        assert self.attr is not None
        return self.graph.features(self.attr, self.index, keep=True)

    def weighed(self, by: Tensor) -> Edges:
        """The same edges, their weights multiplied. Shapes: [E']."""
        weight = by if self.weight is None else self.weight * by
        return replace(self, weight=weight, entries=self.graph.weights(weight, self.index))

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


def _rows(attr: Tensor, count: int) -> tuple[Tensor, ...]:
    """The numbers of the edges of every type."""
    return tuple(column.nonzero().flatten() for column in attr[:, -count:].unbind(1))


def _chosen(index: Tensor, rows: Tensor) -> Tensor:
    return index[:, rows].contiguous()
