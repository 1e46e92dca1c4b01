"""The operations of the space `graphnet`, [N, I] -> [N, O], with the numbers of torch_geometric's layers.

They run on the products of `sparse`. Imports torch_geometric, so spaces import it when they build.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.inits import glorot, zeros

from appnas.spaces.graphs.edges import LEAKY, Edges, scores
from appnas.spaces.graphs.inputs import Features, SparseLinear, times
from appnas.spaces.graphs.message import AutoGNNLayer, Weighted
from appnas.spaces.graphs.sparse import entry_products


@dataclass(frozen=True)
class Place:
    """Where an operation stands in its network.

    Attributes:
        inputs, outputs: features of a node, before and after.
        number: of the layer, from 1.
        heads: of attention, where they divide the outputs; a last layer averages its heads.
        last: whether the outputs are the scores of the classes.
        dropout: of attention.
        steps: of the propagation of appnp.
        teleport: what a node keeps of its own in every step of appnp, and of the initial state in gcnii.
        decay: how fast the linear map of gcnii becomes the identity with depth (lambda in the paper).
    """

    inputs: int
    outputs: int
    number: int = 1
    heads: int = 8
    last: bool = False
    dropout: float = 0.0
    steps: int = 10
    teleport: float = 0.1
    decay: float = 0.5

    @property
    def concat(self) -> bool:
        """Whether heads are joined; else they are averaged."""
        return not self.last and self.outputs % self.heads == 0

    @property
    def split(self) -> int:
        """Outputs of a head."""
        return self.outputs // self.heads if self.concat else self.outputs


Inputs = tuple[Tensor | Features, Edges, Tensor | None]
"""The features after their dropout; the edges; the initial state [N, W], None where this layer makes it."""


class Glorot(SparseLinear):
    """A linear map as torch_geometric begins it: Glorot's uniform weights, a bias of 0."""

    def reset_parameters(self) -> None:
        """The first weights."""
        glorot(self.weight)
        zeros(self.bias)

    def forward(self, x: Tensor | Features) -> Tensor:
        """Product and bias. The network has looked whether its features are sparse, and layers need not look again."""
        return functional.linear(x, self.weight, self.bias) if isinstance(x, Tensor) else super().forward(x)


class Dense(nn.Module):
    """A linear map of every node; edges are not looked at."""

    def __init__(self, place: Place):
        super().__init__()
        self.linear = Glorot(place.inputs, place.outputs)

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        return self.linear(given[0])  # type: ignore[no-any-return]


class Attended(nn.Module):
    """GCNConv (arXiv 1609.02907) and GATConv (arXiv 1710.10903), which the AGNN space has too."""

    def __init__(self, place: Place, attention: str):
        super().__init__()
        gcn = attention == "gcn"
        heads, outputs = (1, place.outputs) if gcn else (place.heads, place.split)
        self.layer = AutoGNNLayer(
            place.inputs, outputs, heads, attention, concat=gcn or place.concat, dropout=place.dropout
        )

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        return self.layer.on(x, edges.graph, edges.entries)


class SAGE(Weighted):
    """SAGEConv with the mean (arXiv 1706.02216): W_1 x_i + W_2 mean of x_j. Weights of edges make a weighted mean."""

    def __init__(self, place: Place):
        super().__init__()
        self.own = Glorot(place.inputs, place.outputs, bias=False)
        self.neighbours = Glorot(place.inputs, place.outputs)

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        graph = edges.graph
        e = edges.mean(self.own.weight.dtype)
        if _sums_first(x, self.neighbours):
            mean = _times(self.gathered(x[:, None], e, graph)[:, 0], self.neighbours)
        else:
            mean = self.gathered(_times(x, self.neighbours)[:, None], e, graph)[:, 0]
        return self.own(x) + mean + self.neighbours.bias  # type: ignore[no-any-return]


class GIN(Weighted):
    """GINConv (arXiv 1810.00826): an MLP of (1 + eps) x_i + sum of x_j, eps learnt from 0."""

    def __init__(self, place: Place):
        super().__init__()
        self.first = Glorot(place.inputs, place.outputs)
        self.second = Glorot(place.outputs, place.outputs)
        self.eps = nn.Parameter(torch.zeros(1))

    def forward(self, given: Inputs) -> Tensor:
        """New features. The first linear map goes before the sum, which is the same, where that has less to add up."""
        x, edges, _ = given
        z = x if _sums_first(x, self.first) else _times(x, self.first)
        total = (1 + self.eps) * z + self.gathered(z[:, None], edges.alone(z.dtype), edges.graph)[:, 0]
        return self.second(functional.relu(self.first(total) if z is x else total + self.first.bias))  # type: ignore[no-any-return]


class GATv2(Weighted):
    """GATv2Conv (arXiv 2105.14491): attention a LeakyReLU_0.2(W_1 x_i + W_2 x_j) to W_2 x_j."""

    def __init__(self, place: Place):
        super().__init__()
        self.place, width = place, place.heads * place.split
        self.target, self.source = (Glorot(place.inputs, width) for _ in range(2))
        self.score = nn.Parameter(torch.empty(1, place.heads, place.split))
        glorot(self.score)
        self.bias = nn.Parameter(torch.zeros(width if place.concat else place.split))

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        shape = (-1, self.place.heads, self.place.split)
        target, source = self.target(x).view(shape), self.source(x).view(shape)
        e = scores(target, source, self.score, LEAKY, edges.graph.pattern)
        e = edges.attention(e, self.place.dropout, self.training)
        return _joined(self.gathered(source, e, edges.graph), self.place.concat) + self.bias


class Transformer(Weighted):
    """TransformerConv (arXiv 2009.03509): attention <W_1 x_i, W_2 x_j> / sqrt D to W_3 x_j, a loop at every node.

    W_4 x_i is added. Deviates: torch_geometric's layer leaves out loops that the graph does not have.
    """

    def __init__(self, place: Place):
        super().__init__()
        self.place, width = place, place.heads * place.split
        self.query, self.key, self.value = (Glorot(place.inputs, width) for _ in range(3))
        self.skip = Glorot(place.inputs, width if place.concat else place.split)

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        query, key, value = (
            of(x).view(-1, self.place.heads, self.place.split) for of in (self.query, self.key, self.value)
        )
        e = entry_products(query, key, edges.graph.pattern) / math.sqrt(self.place.split)
        e = edges.attention(e, self.place.dropout, self.training)
        return _joined(self.gathered(value, e, edges.graph), self.place.concat) + self.skip(x)  # type: ignore[no-any-return]


class Personalised(Weighted):
    """A linear map, then APPNP (arXiv 1810.05997): `steps` of z = (1 - teleport) A z + teleport z_0, A of a GCN."""

    def __init__(self, place: Place):
        super().__init__()
        self.linear = Glorot(place.inputs, place.outputs)
        self.steps, self.teleport = place.steps, place.teleport

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        first = z = self.linear(x)
        e = edges.symmetric(z.dtype) * (1 - self.teleport)
        for _ in range(self.steps):
            z = self.gathered(z[:, None], e, edges.graph)[:, 0] + self.teleport * first
        return z  # type: ignore[no-any-return]


class GCNII(Weighted):
    """GCN2Conv (arXiv 2007.02133, eq. 5): ((1 - b) I + b W) of (1 - a) A x + a x_0, b = log(decay / number + 1).

    Deviates: where the width changes there is no identity to keep, so b = 1, and no initial state of that width, so
    a = 0; the number counts all layers that the space could have before this one.
    """

    def __init__(self, place: Place):
        super().__init__()
        self.same = place.inputs == place.outputs
        self.teleport = place.teleport
        self.beta = math.log(place.decay / place.number + 1) if self.same else 1.0
        self.linear = Glorot(place.inputs, place.outputs, bias=False)

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, initial = given
        if not self.same:
            z = self.linear(x)
            return self.gathered(z[:, None], edges.symmetric(z.dtype), edges.graph)[:, 0]
        x = _dense(x)
        e = edges.symmetric(x.dtype) * (1 - self.teleport)
        z = self.gathered(x[:, None], e, edges.graph)[:, 0] + self.teleport * (x if initial is None else initial)
        return (1 - self.beta) * z + self.beta * self.linear(z)  # type: ignore[no-any-return]


class Library(nn.Module):
    """A convolution of torch_geometric's, or of one's own like them: made by (inputs, outputs), called by (x, edges).

    Weights of edges are given to one whose `forward` has a parameter `edge_weight`.
    """

    def __init__(self, place: Place, kind: Callable[..., Any]):
        super().__init__()
        self.conv = kind(place.inputs, place.outputs)
        self.weighted = "edge_weight" in inspect.signature(self.conv.forward).parameters

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        weight = {"edge_weight": edges.weight} if self.weighted and edges.weight is not None else {}
        return self.conv(_dense(x), edges.index, **weight)  # type: ignore[no-any-return]


def _dense(x: Tensor | Features) -> Tensor:
    return x if isinstance(x, Tensor) else x.pattern.matrix(x.values).to_dense()


def _joined(h: Tensor, concat: bool) -> Tensor:
    return h.flatten(1) if concat else h.mean(1)


def _times(x: Tensor | Features, linear: SparseLinear) -> Tensor:
    """The product without the bias."""
    return x @ linear.weight.T if isinstance(x, Tensor) else times(x, linear.weight.T.contiguous())


def _sums_first(x: Tensor | Features, linear: SparseLinear) -> TypeGuard[Tensor]:
    """Whether to add up neighbours before a linear map, which is the same: given features then need no gradient."""
    return isinstance(x, Tensor) and linear.in_features <= linear.out_features


OPERATIONS: dict[str, Callable[[Place], nn.Module]] = {
    "mlp": Dense,
    "gcn": lambda place: Attended(place, "gcn"),
    "sage": SAGE,
    "gin": GIN,
    "gat": lambda place: Attended(place, "gat"),
    "gatv2": GATv2,
    "transformer": Transformer,
    "appnp": Personalised,
    "gcnii": GCNII,
}
