"""What every graph network takes, and makes of it: features of any type, edges and their weights, graphs in one.

On Cora the 1433-wide features dominate a training step, not the graph: multiplied as a dense matrix they cost twenty
times what their 1.3 % of entries need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from appnas.space import IO
from appnas.spaces.graphs.kernels.sparse import Listed, Pattern, exporting, kept, starts, weighted_sum
from appnas.spaces.parts import dropout

Readout = Literal["mean", "sum", "max"]
FILLED = 0.1
"""Share of entries other than 0 above which features are multiplied as a dense matrix."""
FREE = {
    "x": {0: "nodes"}, "edge_index": {1: "edges"}, "graph": {0: "nodes"}, "edge_weight": {0: "edges"},
    "edge_attr": {0: "edges"},
}  # fmt: skip
"""Axes of the arguments of graph networks that differ from graph to graph, with their names."""


def kind_of(part: Tensor) -> str:
    """What an argument after edge_index is: features of edges [E, D], weights of edges [E], the graph of every node."""
    return "edge_attr" if part.dim() == 2 else "edge_weight" if part.is_floating_point() else "graph"


class OnGraphs(nn.Module):
    """Base of graph networks: what they tell of their inputs to those who write them down (`appnas.cost.to_onnx`)."""

    def axes(self, *inputs: Tensor) -> dict[str, dict[int, str]]:
        """Names of the inputs, those after edge_index by what they are, and of the axes that are free."""
        names = ["x", "edge_index", *map(kind_of, inputs[2:])]
        return {name: FREE[name] for name in names}

    def smaller(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The first half of the nodes and the edges between them: another graph, to compare on."""
        nodes = (len(inputs[0]) + 1) // 2
        inside = (inputs[1] < nodes).all(0).nonzero().flatten()
        part = {"nodes": lambda x, k: x.narrow(k, 0, nodes), "edges": lambda x, k: x.index_select(k, inside)}
        return tuple(
            part[free](x, axis)
            for x, named in zip(inputs, self.axes(*inputs).values(), strict=True)
            for axis, free in named.items()
        )


@dataclass(frozen=True)
class Features:
    """The entries of a feature matrix that are not 0. Shapes: values [E]."""

    pattern: Pattern
    values: Tensor


def sparse_features(x: Tensor) -> Features | None:
    """The features' entries, or None if more than `FILLED` of them are not 0. Shapes: x [N, F].

    None on an accelerator, too, which multiplies dense matrices fast, and waits to be asked how full one is.
    """
    if not x.is_cpu or torch.count_nonzero(x) > FILLED * x.numel():
        return None
    row, column = x.nonzero(as_tuple=True)
    return Features(Pattern(starts(row, len(x)), column, x.shape[1]), x[row, column])


def dropped(x: Tensor, rate: float, training: bool) -> Tensor | Features:
    """Dropout of features, which stay sparse if they are: entries of 0 are 0 afterwards. Shapes: x [N, F]."""
    entries = None if x.requires_grad or exporting() else kept(sparse_features, x)
    if entries is None:
        return dropout(x, rate, training)
    return Features(entries.pattern, dropout(entries.values, rate, training))


def times(x: Tensor | Features, weight: Tensor) -> Tensor:
    """The matrix product. Shapes: x [N, F], weight [F, D]; returns [N, D]."""
    if isinstance(x, Tensor):
        return x @ weight
    return weighted_sum(x.values[:, None].to(weight.dtype), weight[:, None], x.pattern)[:, 0]


class SparseLinear(nn.Linear):
    """A linear layer that multiplies sparse features as such. Shapes: [N, F] -> [N, D]."""

    def forward(self, x: Tensor | Features) -> Tensor:
        """Product and bias."""
        y = times(dropped(x, 0.0, False) if isinstance(x, Tensor) else x, self.weight.T.contiguous())
        return y if self.bias is None else y + self.bias


def features(x: Tensor, like: Tensor) -> Tensor:
    """Node features as a dense matrix of the type of a network's weights, made once. Shapes: [N, F] -> [N, F]."""
    if x.layout is torch.strided and x.dtype == like.dtype:
        return x
    if x.requires_grad:  # what is kept would keep the graph of the first backward pass
        return _features(x, like.dtype)
    made: Tensor = kept(_features, x, like.dtype)
    return made


def _features(x: Tensor, dtype: torch.dtype) -> Tensor:
    return (x if x.layout is torch.strided else x.to_dense()).to(dtype)


def with_embedding(network: nn.Module, io: IO) -> None:
    """Have a network learn the features of nodes that have none, if there are such: see `IO.embedding`."""
    if io.embedding:
        nodes, width = io.embedding
        network.embedding = nn.Embedding(nodes + 1, width, padding_idx=0)
        network.register_forward_pre_hook(_embedded)


def _embedded(network: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """X [N, F + 1] -> [N, F + width]."""
    x, *more = given
    table = cast(nn.Embedding, network.embedding)
    return torch.cat([x[:, :-1].to(table.weight.dtype), table(x[:, -1].long())], 1), *more


def dense(x: Tensor | Features) -> Tensor:
    """Features as a matrix. Shapes: [N, D]."""
    return x if isinstance(x, Tensor) else x.pattern.matrix(x.values).to_dense()


def turned(edge_index: Tensor) -> Tensor:
    """The same edges, each against its direction. Shapes: [2, E] -> [2, E]."""
    return edge_index.flip(0)


def pooled(x: Tensor, graph: Tensor | None, readout: Readout = "mean") -> Tensor:
    """Mean, sum or maximum over the nodes of every graph, or the nodes themselves.

    Shapes:
        x: [N, D]. graph: [N], the graph of every node, from 0. returns: [graphs, D], or [N, D] without `graph`.
    """
    if graph is None:
        return x
    if exporting():
        return _pooled(x, graph, readout)
    count = torch.bincount(graph).to(x.dtype)
    zeros = x.new_zeros(len(count), x.shape[1])
    if readout == "max":
        return zeros.scatter_reduce(0, graph[:, None].expand_as(x), x, "amax", include_self=False)
    total = zeros.index_add(0, graph, x)
    return total if readout == "sum" else total / count[:, None]


def _pooled(x: Tensor, graph: Tensor, readout: Readout) -> Tensor:
    """The same, for any number of graphs."""
    every = Listed(graph, graph, graph.max().item() + 1)  # type: ignore[arg-type]
    torch._check(every.rows >= 1)  # type: ignore[no-untyped-call]
    count = every.counts[:, None]
    if readout == "max":
        return every.largest(x).masked_fill(count == 0, 0.0)
    total = every.added(x)
    return total if readout == "sum" else total / count.to(x.dtype)


def sorted_out(
    edge_index: Tensor, width: int, given: tuple[Tensor | None, ...], batch: Tensor | None
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The graph of every node, weights of edges and features of edges, by what they are.

    What is not there may be left out: in its place stands the next.

    Args:
        edge_index: [2, E].
        width: D, features of an edge that the network was made for.
        given: the graph of every node, integers [N]; weights [E]; features [E, D].
        batch: torch_geometric's name for the first.

    Raises:
        ValueError: one came twice, weights are not one number an edge, or features others than the network is made for.
    """
    found: dict[str, list[Tensor]] = {"graph": [], "edge_weight": [], "edge_attr": []}
    for part in (*given[:2], batch):
        if part is not None:
            found[kind_of(part)].append(part)
    found["edge_attr"] += [] if given[2] is None else [given[2]]
    for name, parts in found.items():
        if len(parts) > 1:
            what = "the graph of every node" if name == "graph" else name
            raise ValueError(f"{what} came twice: by its place and by its name")
    graph, weight, attr = (parts[0] if parts else None for parts in found.values())
    edges = edge_index.shape[1]
    if weight is not None and weight.shape != (edges,):
        raise ValueError(f"edge_weight is [{edges}], one an edge, got {tuple(weight.shape)}")
    if (attr is not None or width) and (attr is None or attr.shape != (edges, width) or not width):
        wanted = f"[{edges}, {width}]" if width else "not there"
        got = "none" if attr is None else tuple(attr.shape)
        raise ValueError(f"edge_attr, features of edges, is {wanted} in what this network was made for, got {got}")
    return graph, weight, attr


def on_edges(
    edge_index: Tensor, graph: Tensor | None, edge_weight: Tensor | None, batch: Tensor | None
) -> tuple[tuple[Tensor, ...], Tensor | None]:
    """What a layer takes beside nodes, and the graph of every node, from the arguments of a network.

    Args:
        edge_index: [2, E].
        graph: [N]; or floating-point weights of edges [E], which come third in torch_geometric's networks.
        edge_weight: [E].
        batch: torch_geometric's name for `graph`.

    Returns:
        (edge_index,) or (edge_index, edge_weight); the graph of every node, if there are several.

    Raises:
        ValueError: an argument came twice, or weights are not one number an edge.
    """
    if graph is not None and graph.is_floating_point():
        if edge_weight is not None:
            raise ValueError("weights of edges came twice: as the third argument and as edge_weight")
        graph, edge_weight = None, graph
    if graph is not None and batch is not None:
        raise ValueError("the graph of every node came twice: as the third argument and as batch")
    if edge_weight is None:
        return (edge_index,), batch if graph is None else graph
    if edge_weight.shape != edge_index.shape[1:]:
        raise ValueError(f"edge_weight is [{edge_index.shape[1]}], one an edge, got {tuple(edge_weight.shape)}")
    return (edge_index, edge_weight), batch if graph is None else graph
