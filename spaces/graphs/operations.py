"""The operations of the space `graphnet`, [N, I] -> [N, O], with the numbers of torch_geometric's layers.

They run on the products of `sparse`. Features of edges go into the scores of gat, gatv2 and transformer and into the
messages of transformer and gin, as in torch_geometric's layers; what has a place for weights alone (`by_weight`: gcn,
sage, appnp, gcnii) gets weights learnt of them, see `graph_parts.Weighed`; mlp does not look at edges. Imports
torch_geometric, so spaces import it when they build.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.inits import glorot, zeros

from appnas.spaces.graphs.edges import Edges, Looped
from appnas.spaces.graphs.inputs import SparseLinear, dense
from appnas.spaces.graphs.message import AutoGNNLayer, Weighted
from appnas.spaces.graphs.sparse import Features, entry_products, times


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
        edges: features of an edge.
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
    edges: int = 0

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


class Dense(nn.Module):
    """A linear map of every node; edges are not looked at."""

    def __init__(self, place: Place):
        super().__init__()
        self.linear = Glorot(place.inputs, place.outputs)

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        return self.linear(given[0])  # type: ignore[no-any-return]


class Attended(nn.Module):
    """GCNConv (arXiv 1609.02907) and GATConv (arXiv 1710.10903), which the AGNN space has too.

    Features of edges add to the scores of gat, with those of loops the mean of the others into their node.
    """

    def __init__(self, place: Place, attention: str):
        super().__init__()
        gcn = self.by_weight = attention == "gcn"
        heads, outputs = (1, place.outputs) if gcn else (place.heads, place.split)
        self.layer = AutoGNNLayer(
            place.inputs, outputs, heads, attention, concat=gcn or place.concat, dropout=place.dropout,
            edges=0 if gcn else place.edges,
        )  # fmt: skip

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        attr = None if self.by_weight or edges.attr is None else edges.filled
        return self.layer.on(x, edges.graph, edges.entries, attr)


class SAGE(Weighted):
    """SAGEConv with the mean (arXiv 1706.02216): W_1 x_i + W_2 mean of x_j. Weights of edges make a weighted mean."""

    by_weight: ClassVar[bool] = True

    def __init__(self, place: Place):
        super().__init__()
        self.own = Glorot(place.inputs, place.outputs, bias=False)
        self.neighbours = Glorot(place.inputs, place.outputs)

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        z = _times(x, self.neighbours)
        e, graph = edges.alone(z.dtype), edges.graph
        total = z.new_zeros(len(z), 1).index_add(0, graph.edge_index[1], e)
        mean = self.gathered(z[:, None], e / total.masked_fill(total == 0, 1.0)[graph.edge_index[1]], graph)[:, 0]
        return self.own(x) + mean + self.neighbours.bias  # type: ignore[no-any-return]


class GIN(Weighted):
    """GINConv (arXiv 1810.00826): an MLP of (1 + eps) x_i + sum of x_j, eps learnt from 0.

    With features of edges GINEConv (arXiv 1905.12265): the sum is of ReLU(x_j + W e_ij + b), a vector an edge, as wide
    as the inputs.
    """

    def __init__(self, place: Place):
        super().__init__()
        self.first = Glorot(place.inputs, place.outputs)
        self.second = Glorot(place.outputs, place.outputs)
        self.eps = nn.Parameter(torch.zeros(1))
        self.edge = Glorot(place.edges, place.inputs) if place.edges else None

    def forward(self, given: Inputs) -> Tensor:
        """New features. Without features of edges the first linear map goes before the sum, which is the same."""
        x, edges, _ = given
        if self.edge is None:
            z = _times(x, self.first)
            total = (1 + self.eps) * z + self.gathered(z[:, None], edges.alone(z.dtype), edges.graph)[:, 0]
        else:
            x, more = dense(x), self.edge(edges.kept)[:, None]
            total = (1 + self.eps) * x + self.gathered(x[:, None], edges.alone(x.dtype), edges.graph, more)[:, 0]
            total = _times(total, self.first)
        return self.second(functional.relu(total + self.first.bias))  # type: ignore[no-any-return]

    def message(self, x_j: Tensor, e: Tensor, more: Tensor | None = None) -> Tensor:
        """Of a neighbour and an edge. Shapes: x_j, more [E, 1, D], e [E, 1]."""
        return e[..., None] * (x_j if more is None else functional.relu(x_j + more))

    def summed(self, own: Tensor, e: Tensor, graph: Looped, more: Tensor | None = None) -> Tensor:
        """The fast form, and that of `more`."""
        if more is None:
            return super().summed(own, e, graph)
        source, target = graph.edge_index
        return torch.zeros_like(own).index_add(0, target, self.message(own.index_select(0, source), e, more))


class GATv2(Weighted):
    """GATv2Conv (arXiv 2105.14491): attention a LeakyReLU_0.2(W_1 x_i + W_2 x_j) to W_2 x_j.

    It holds a vector an edge and head in memory. Features of edges, W_3 e_ij, add to what the LeakyReLU takes; those of
    loops are the mean of the others into their node.
    """

    def __init__(self, place: Place):
        super().__init__()
        self.place, width = place, place.heads * place.split
        self.target, self.source = (Glorot(place.inputs, width) for _ in range(2))
        self.edge = Glorot(place.edges, width, bias=False) if place.edges else None
        self.score = nn.Parameter(torch.empty(1, place.heads, place.split))
        glorot(self.score)
        self.bias = nn.Parameter(torch.zeros(width if place.concat else place.split))

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        shape = (-1, self.place.heads, self.place.split)
        target, source = self.target(x).view(shape), self.source(x).view(shape)
        more = None if self.edge is None else self.edge(edges.filled).view(shape)
        e = self.edge_updater(edges.graph.edge_index, target=target, source=source, more=more)
        e = edges.attention(e, self.place.dropout, self.training)
        return _joined(self.gathered(source, e, edges.graph), self.place.concat) + self.bias

    def edge_update(self, target_i: Tensor, source_j: Tensor, more: Tensor | None = None) -> Tensor:
        """Attention before its softmax. Shapes: [E, H, D] all; returns [E, H]."""
        both = target_i + source_j
        return (self.score * functional.leaky_relu(both if more is None else both + more, 0.2)).sum(-1)


class Transformer(Weighted):
    """TransformerConv (arXiv 2009.03509): attention <W_1 x_i, W_2 x_j> / sqrt D to W_3 x_j, a loop at every node.

    W_4 x_i is added. Features of edges, W_5 e_ij, add to W_2 x_j and to W_3 x_j. Deviates: torch_geometric's layer
    leaves out loops that the graph does not have; their features are the mean of the others into the node.
    """

    def __init__(self, place: Place):
        super().__init__()
        self.place, width = place, place.heads * place.split
        self.query, self.key, self.value = (Glorot(place.inputs, width) for _ in range(3))
        self.edge = Glorot(place.edges, width, bias=False) if place.edges else None
        self.skip = Glorot(place.inputs, width if place.concat else place.split)

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, _ = given
        query, key, value = (
            of(x).view(-1, self.place.heads, self.place.split) for of in (self.query, self.key, self.value)
        )
        e, more = entry_products(query, key, edges.graph.pattern), None
        if self.edge is not None:
            more = self.edge(edges.kept).view(-1, self.place.heads, self.place.split)
            e = e + (query.index_select(0, edges.graph.edge_index[1]) * more).sum(-1)
        e = edges.attention(e / math.sqrt(self.place.split), self.place.dropout, self.training)
        return _joined(self.gathered(value, e, edges.graph, more), self.place.concat) + self.skip(x)  # type: ignore[no-any-return]


class Personalised(Weighted):
    """A linear map, then APPNP (arXiv 1810.05997): `steps` of z = (1 - teleport) A z + teleport z_0, A of a GCN."""

    by_weight: ClassVar[bool] = True

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

    by_weight: ClassVar[bool] = True

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
        x = dense(x)
        e = edges.symmetric(x.dtype) * (1 - self.teleport)
        z = self.gathered(x[:, None], e, edges.graph)[:, 0] + self.teleport * (x if initial is None else initial)
        return (1 - self.beta) * z + self.beta * self.linear(z)  # type: ignore[no-any-return]


def _joined(h: Tensor, concat: bool) -> Tensor:
    return h.flatten(1) if concat else h.mean(1)


def _times(x: Tensor | Features, linear: SparseLinear) -> Tensor:
    """The product without the bias."""
    return times(x, linear.weight.T.contiguous())


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
