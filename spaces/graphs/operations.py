"""The operations of the space `graphnet`, [N, I] -> [N, O], with the numbers of torch_geometric's layers.

They run on the products of `sparse`. Features of edges go into the scores of gat, gatv2 and transformer and into the
messages of transformer and gin, as in torch_geometric's layers; what has a place for weights alone (`by_weight`: gcn,
sage, appnp, gcnii) gets weights learnt of them, see `graph_parts.Weighed`; mlp does not look at edges. Imports
torch_geometric, so spaces import it when they build.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.inits import glorot, zeros

from appnas.spaces.graphs.edges import Edges, Looped
from appnas.spaces.graphs.inputs import Features, SparseLinear, dense, times
from appnas.spaces.graphs.kernels.edge_products import LEAKY, scores
from appnas.spaces.graphs.kernels.sparse import entry_products
from appnas.spaces.graphs.message import AutoGNNLayer, Weighted
from appnas.spaces.graphs.place import Place

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
        graph = edges.graph
        e = edges.mean(self.own.weight.dtype)
        if _sums_first(x, self.neighbours):
            mean = _times(self.gathered(x[:, None], e, graph)[:, 0], self.neighbours)
        else:
            mean = self.gathered(_times(x, self.neighbours)[:, None], e, graph)[:, 0]
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
        """New features. The first linear map goes before the sum, which is the same, where that has less to add up.

        Not with features of edges, which come into a neighbour's own.
        """
        x, edges, _ = given
        z, more = x, None
        if self.edge is not None:
            z, more = dense(x), self.edge(edges.kept)[:, None]
        elif not _sums_first(x, self.first):
            z = _times(x, self.first)
        assert isinstance(z, Tensor)
        summed = more is not None or z is x
        total = (1 + self.eps) * z + self.gathered(z[:, None], edges.alone(z.dtype), edges.graph, more)[:, 0]
        return self.second(functional.relu(self.first(total) if summed else total + self.first.bias))  # type: ignore[no-any-return]

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

    Features of edges, W_3 e_ij, add to what the LeakyReLU takes; those of loops are the mean of the others into their
    node. With them it holds a vector an edge and head in memory.
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
        if self.edge is None:
            e = scores(target, source, self.score, LEAKY, edges.graph.pattern)
        else:
            more = self.edge(edges.filled).view(shape)
            e = self.edge_updater(edges.graph.edge_index, target=target, source=source, more=more)
        e = edges.attention(e, self.place.dropout, self.training)
        return _joined(self.gathered(source, e, edges.graph), self.place.concat) + self.bias

    def edge_update(self, target_i: Tensor, source_j: Tensor, more: Tensor) -> Tensor:
        """Attention before its softmax, with features of edges. Shapes: [E, H, D] all; returns [E, H]."""
        return (self.score * functional.leaky_relu(target_i + source_j + more, 0.2)).sum(-1)


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

    Where a network is trained alone, W has twenty times the weight decay of other weights, as in the authors' code for
    Cora (0.01 and 0.0005): it keeps a deep stack near the identity, and is worth three points there.

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
        self.weight_decay_scale = 20.0 if self.same else 1.0

    def forward(self, given: Inputs) -> Tensor:
        """New features."""
        x, edges, initial = given
        if not self.same:
            z = self.linear(x)
            return self.gathered(z[:, None], edges.symmetric(z.dtype), edges.graph)[:, 0]
        x = dense(x)
        e = edges.symmetric(x.dtype) * (1 - self.teleport)
        z = torch.add(
            self.gathered(x[:, None], e, edges.graph)[:, 0], x if initial is None else initial, alpha=self.teleport
        )
        return torch.addmm(z, z, self.linear.weight.T, beta=1 - self.beta, alpha=self.beta)


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
