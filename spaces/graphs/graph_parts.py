"""What is around the operations in the networks of the space `graphnet`: norms, residuals, linear layers, heads.

And operations made of others: those of a library, of a relation each, weighed by what edges have for features.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import PairNorm

from appnas.spaces.graphs.edges import Edges
from appnas.spaces.graphs.inputs import Features, Readout, SparseLinear, dense, pooled
from appnas.spaces.graphs.operations import Dense, Glorot, Inputs
from appnas.spaces.graphs.place import Place
from appnas.spaces.parts import dropout

States = tuple[Tensor, ...]


Normed = tuple[Tensor, Tensor | None]
"""What a norm takes: nodes [N, D], and the graph of every node [N] where whole graphs are the examples."""


class Unchanged(nn.Module):
    """No norm."""

    def forward(self, given: Normed) -> Tensor:
        """Shapes: [N, D] -> [N, D]."""
        return given[0]


class BatchNorm(nn.BatchNorm1d):
    """Of every feature over all nodes."""

    def forward(self, given: Normed) -> Tensor:  # type: ignore[override]
        """Shapes: [N, D] -> [N, D]."""
        return super().forward(given[0])


class LayerNorm(nn.LayerNorm):
    """Of every node over its features."""

    def forward(self, given: Normed) -> Tensor:  # type: ignore[override]
        """Shapes: [N, D] -> [N, D]."""
        return super().forward(given[0])


class GraphPairNorm(nn.Module):
    """PairNorm (arXiv 1909.12223), of every graph by itself: what it is joined with in a batch changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.alone = PairNorm()

    def forward(self, given: Normed) -> Tensor:
        """Shapes: [N, D] -> [N, D]."""
        x, graph = given
        if graph is None:
            y: Tensor = self.alone(x)
            return y
        x = x - pooled(x, graph).index_select(0, graph)
        length = pooled(x.square().sum(-1, keepdim=True), graph).index_select(0, graph)
        y = x / (self.alone.eps + length).sqrt()
        return y


class UnitLength(nn.Module):
    """Every node's features divided by their Euclidean length."""

    def forward(self, given: Normed) -> Tensor:
        """Shapes: [N, D] -> [N, D]."""
        return functional.normalize(given[0], dim=-1)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "off": lambda width: Unchanged(),
    "batch": BatchNorm,
    "layer": LayerNorm,
    "pair": lambda width: GraphPairNorm(),
    "l2": lambda width: UnitLength(),
}


class Ego(nn.Module):
    """A linear map of the layer's own input."""

    def __init__(self, place: Place):
        super().__init__()
        self.linear = Glorot(place.inputs, place.outputs, bias=False)

    def forward(self, given: Inputs) -> Tensor:
        """Shapes: [N, I] -> [N, O]."""
        return self.linear(given[0])  # type: ignore[no-any-return]


class Initial(nn.Module):
    """A linear map of the first state of the network's width; the layer that makes it has none."""

    def __init__(self, place: Place, width: int):
        super().__init__()
        self.linear = Glorot(width, place.outputs, bias=False)

    def forward(self, given: Inputs) -> Tensor:
        """Shapes: [N, W] -> [N, O]."""
        return self.linear(given[2])  # type: ignore[no-any-return]


class Both(nn.Module):
    """An operation along the edges and one against them, averaged (Dir-GNN, arXiv 2305.10498, alpha 1/2)."""

    def __init__(self, along: nn.Module, against: nn.Module):
        super().__init__()
        self.along, self.against = along, against

    def forward(self, given: tuple[Tensor | Features, Sequence[Edges], Tensor | None]) -> Tensor:
        """Shapes: [N, I] -> [N, O]."""
        x, (edges, turned), initial = given
        y: Tensor = self.along((x, edges, initial)) + self.against((x, turned, initial))
        return y / 2


class Library(nn.Module):
    """A convolution of torch_geometric's, or of one's own like them: made by (inputs, outputs), called by (x, edges).

    Weights of edges are given to one whose `forward` has a parameter `edge_weight`, features of edges to one that has
    `edge_attr`, and then its class gets their number as `edge_dim`, if it has such a parameter. One that has a place
    for weights alone gets weights learnt of the features (`Weighed`); one that has neither does not see them.
    """

    def __init__(self, place: Place, kind: Callable[..., Any]):
        super().__init__()
        wide = bool(place.edges) and "edge_dim" in inspect.signature(kind).parameters
        self.conv = kind(place.inputs, place.outputs, **({"edge_dim": place.edges} if wide else {}))
        takes = inspect.signature(self.conv.forward).parameters
        self.weighted, self.featured = "edge_weight" in takes, "edge_attr" in takes and bool(place.edges)
        self.by_weight = self.weighted and not self.featured

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        weight = {"edge_weight": edges.weight} if self.weighted and edges.weight is not None else {}
        attr = {"edge_attr": edges.attr} if self.featured else {}
        return self.conv(dense(x), edges.index, **weight, **attr)  # type: ignore[no-any-return]


class Weighed(nn.Module):
    """An operation that knows weights of edges alone, on edges with features: each weighs 2 sigmoid(<w, e_ij> + b).

    w and b are learnt from 0, so that all weigh 1 at first; a weight that the edge has is multiplied by it, a loop that
    was not given weighs what it did. Deviates: the papers of these operations have no features of edges.
    """

    def __init__(self, operation: nn.Module, edges: int):
        super().__init__()
        self.operation, self.score = operation, nn.Linear(edges, 1)
        for parameter in self.score.parameters():
            nn.init.zeros_(parameter)

    def forward(self, given: Inputs) -> Tensor:
        """Shapes: [N, I] -> [N, O]."""
        x, edges, initial = given
        weight = 2 * torch.sigmoid(self.score(edges.attr))[:, 0]
        return self.operation((x, edges.weighed(weight), initial))  # type: ignore[no-any-return]


class Relational(nn.ModuleList):
    """An operation for each of several types of edges, with weights of its own, and the mean of what they give.

    With sage this is RGCNConv (arXiv 1703.06103) but for a factor. Deviates: there, and in HeteroConv of
    torch_geometric, it is the sum, with which appnp and gcnii would count a node's own state once a relation; and a
    node takes part in every relation, by its loop or its own state, also where no edge of it points at its type.
    """

    def forward(self, given: Inputs) -> Tensor:
        """Shapes: [N, I] -> [N, O].

        Raises:
            ValueError: torch_geometric explains the network.
        """
        if any(getattr(module, "explain", None) for module in self.modules()):
            raise ValueError(
                "torch_geometric's explainers mask every edge of one list, and a layer over several types has a"
                " list for each: explain a network for one type, Graphs(data.to_homogeneous())"
            )
        x, edges, initial = given
        every = [operation((x, part, initial)) for operation, part in zip(self, edges.relations, strict=True)]
        return torch.stack(every).mean(0)


def operation_of(make: Callable[[Place], nn.Module], place: Place, relations: int) -> nn.Module:
    """An operation at its place, for graphs with features of edges, or with several types of them."""
    made = make(place)
    if isinstance(made, Dense):
        return made
    if relations:
        return Relational([_on_features(each, place) for each in (made, *(make(place) for _ in range(relations - 1)))])
    return _on_features(made, place)


def _on_features(made: nn.Module, place: Place) -> nn.Module:
    return Weighed(made, place.edges) if place.edges and getattr(made, "by_weight", False) else made


class Perceptron(nn.Sequential):
    """So many linear maps, each but the last with a ReLU and dropout after it; the last too with `after`."""

    def __init__(self, inputs: int, width: int, outputs: int, layers: int, dropout: float, after: bool = False):
        sizes, maps = [inputs, *[width] * (layers - 1), outputs], list[nn.Module]()
        for i, (a, b) in enumerate(pairwise(sizes), 1):
            more = [nn.ReLU(), nn.Dropout(dropout)] if i < layers else [nn.ReLU()] if after else []
            maps += [SparseLinear(a, b), *more]
        super().__init__(*maps)


class Head(nn.Module):
    """What makes outputs of the states after every block: of the last, or of all of them joined (jumping knowledge)."""

    def __init__(self, kind: str, blocks: int, width: int, outputs: int, dropout: float):
        super().__init__()
        self.kind, self.dropout = kind, dropout
        inputs = width * blocks if kind == "concat" else width
        self.map = Perceptron(inputs, width, outputs, 2 if kind == "mlp" else 1, dropout)

    def forward(self, states: States) -> Tensor:
        """Shapes: [N, W] each -> [N, O]."""
        if self.kind in ("linear", "mlp"):
            x = states[-1]
        elif self.kind == "concat":
            x = torch.cat(states, -1)
        else:
            every = torch.stack(states)
            x = every.amax(0) if self.kind == "max" else every.mean(0)
        return self.map(dropout(x, self.dropout, self.training))  # type: ignore[no-any-return]


class Pool(nn.Module):
    """One vector a graph of the states of its nodes."""

    def __init__(self, readout: Readout):
        super().__init__()
        self.readout = readout

    def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
        """Shapes: [N, W] -> [graphs, W]."""
        return pooled(*given, self.readout)


class After(nn.Module):
    """The state after so many layers of a block."""

    def __init__(self, repeats: int):
        super().__init__()
        self.place = repeats - 1

    def forward(self, states: States) -> Tensor:
        """Shapes: [N, W] each -> [N, W]."""
        return states[self.place]
