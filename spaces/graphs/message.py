"""The layer of the AGNN space: one `MessagePassing` for every attention, aggregation and combination.

    h_i = AGG_{j in N(i) and i} a_ij W x_j,    x'_i = COMBINE(W x_i, h_i)    for each head; heads are joined or averaged

(Zhou, Song, Huang and Hu, arXiv 1909.03184, section 3; the attention functions are those of GraphNAS, arXiv 1904.09981,
as its code defines them.) Imports torch_geometric, so spaces import it when they build.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import GATConv, MessagePassing
from torch_geometric.nn.aggr import Aggregation, MaxAggregation, MeanAggregation, SumAggregation
from torch_geometric.nn.inits import glorot

from appnas.spaces.graphs.edges import Looped, with_loops
from appnas.spaces.graphs.inputs import Features, dropped, times
from appnas.spaces.graphs.kernels.edge_products import TANH, row_max, scores
from appnas.spaces.graphs.kernels.sparse import entry_products, exporting, kept, softmax, weighted_sum
from appnas.spaces.parts import dropout

FIXED = ("const", "gcn")
"""Attention that follows from the graph alone."""
ATTENTION = ("const", "gcn", "gat", "sym-gat", "cos", "linear", "gene-linear")
AGGREGATION = {"sum": SumAggregation, "mean": MeanAggregation, "max": MaxAggregation}
COMBINE_WIDTH = 128
"""Hidden units of the two-layer MLP that may combine a node with its neighbourhood."""


class Weighted(MessagePassing):  # type: ignore[misc]
    """Base of layers that sum up neighbours by weights of the edges, without a message an edge in memory (`sparse`).

    With `fuse = False`, and while torch_geometric explains a network, messages go through `propagate` and its
    aggregation instead: the same numbers, several times slower.
    """

    def __init__(self, aggr: Aggregation | None = None):
        super().__init__(aggr=aggr or SumAggregation(), node_dim=0)
        self.fuse = True  # MessagePassing's own switch: False goes through propagate and its aggregation

    def gathered(self, own: Tensor, e: Tensor, graph: Looped, more: Tensor | None = None) -> Tensor:
        """What every node gets, of neighbours and, if edges have something to say, of them: `more`.

        Shapes:
            own: [N, H, D]. e: [E, H] or [E, 1]. more: [E, H, D]. returns: [N, H, D].
        """
        if self.explain:  # explainers mask messages, in the order in which edges were given, loops last
            given = graph.order.argsort()
            more = None if more is None else more[given]
            return self.propagate(graph.edge_index[:, given], x=own, e=e[given], more=more)  # type: ignore[no-any-return]
        if not self.fuse:
            return self.propagate(graph.edge_index, x=own, e=e, more=more)  # type: ignore[no-any-return]
        return self.summed(own, e, graph, more)

    def summed(self, own: Tensor, e: Tensor, graph: Looped, more: Tensor | None = None) -> Tensor:
        """The fast form; only `more` is a vector an edge. Shapes: as `gathered`."""
        heads = own.view(own.shape[0], e.shape[1], -1)  # one matrix product serves all heads that share their weights
        h = weighted_sum(e, heads, graph.pattern).view_as(own)
        return h if more is None else h.index_add(0, graph.edge_index[1], e[..., None] * more)

    def message(self, x_j: Tensor, e: Tensor, more: Tensor | None = None) -> Tensor:
        """The weighted features of a neighbour, and of the edge. Shapes: x_j, more [E, H, D], e [E, H] or [E, 1]."""
        return e[..., None] * (x_j if more is None else x_j + more)


class TracedGAT(GATConv):  # type: ignore[misc]
    """GATConv, which torch can write down too: torch_geometric's asks a tensor for its size, to know if it is empty."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """New features of every node. Shapes: [N, I], [2, E] -> [N, H * D]."""
        if not exporting():
            return super().forward(x, edge_index)  # type: ignore[no-any-return]
        graph = with_loops(edge_index, x.shape[0])
        source, target = graph.edge_index
        own = self.lin(x).view(-1, self.heads, self.out_channels)
        left, right = ((own * by).sum(-1) for by in (self.att_dst, self.att_src))
        e = functional.leaky_relu(left.index_select(0, target) + right.index_select(0, source), self.negative_slope)
        y: Tensor = weighted_sum(softmax(e, graph.pattern), own, graph.pattern).flatten(1) + self.bias
        return y


class AutoGNNLayer(Weighted):
    """One graph layer, sparse where the features are.

    Attention at the edge from j to i, a head's vectors u, v, w being learnt; all but the first two are then normalised
    by a softmax over the edges into i, a loop at every node among them:

        const        1
        gcn          1 / sqrt(d_i d_j)
        gat          LeakyReLU_0.2(u W x_i + v W x_j)
        sym-gat      gat of (i, j) + gat of (j, i)
        cos          <u * W x_i, v * W x_j>
        linear       tanh(u W x_i + v W x_j)
        gene-linear  w tanh(u * W x_i + v * W x_j)

    Weights of edges multiply the attention, after the softmax, and make the degrees of `gcn` (one head of it, summed,
    is torch_geometric's GCNConv); a mean divides by the number of edges all the same.

    Args:
        inputs: features of a node.
        outputs: features of a head.
        heads: number of heads.
        attention: a name of `ATTENTION`.
        aggregation: "sum", "mean" or "max".
        combine: "identity" takes h_i; "mlp" a two-layer MLP of W x_i + h_i.
        concat: join the heads; else they are averaged.
        dropout: of the input features, and of attention that is learnt.
        skip: add a linear map of the input.
        edges: features of an edge, of attention gat; to its scores they add as in torch_geometric's GATConv.

    Shapes:
        x: [N, inputs]. edge_index: [2, E]. edge_weight: [E]. returns: [N, heads * outputs], or [N, outputs] for
            averaged heads.

    Deviates: `linear` reads both ends of an edge (GraphNAS's code reads j twice), and the softmax is over the edges
    that a node sums up (GraphNAS's code: those that leave the source).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        heads: int = 1,
        attention: str = "gcn",
        aggregation: str = "sum",
        combine: str = "identity",
        concat: bool = True,
        dropout: float = 0.0,
        skip: bool = False,
        edges: int = 0,
    ):
        super().__init__(AGGREGATION[aggregation]())
        self.heads, self.outputs, self.concat, self.dropout = heads, outputs, concat, dropout
        self.attention, self.aggregation = attention, aggregation
        width = heads * outputs if concat else outputs
        self.weight = nn.Parameter(torch.empty(inputs, heads * outputs))
        self.bias = nn.Parameter(torch.zeros(width))
        glorot(self.weight)
        if attention not in FIXED:
            self.left, self.right = (nn.Parameter(torch.empty(1, heads, outputs)) for _ in range(2))
            glorot(self.left), glorot(self.right)
        if edges:
            self.between = nn.Parameter(torch.empty(edges, heads * outputs))
            self.middle = nn.Parameter(torch.empty(1, heads, outputs))
            glorot(self.between), glorot(self.middle)
        if attention == "gene-linear":
            self.vector = nn.Parameter(torch.empty(1, heads, outputs))
            glorot(self.vector)
        if combine == "mlp":
            self.combine = nn.Sequential(nn.Linear(width, COMBINE_WIDTH), nn.ReLU(), nn.Linear(COMBINE_WIDTH, width))
        if skip:
            self.skip = nn.Parameter(torch.empty(inputs, width))
            glorot(self.skip)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """New features of every node."""
        graph: Looped = kept(with_loops, edge_index, x.shape[0])
        edges = None if edge_weight is None else graph.weights(edge_weight.to(x.dtype), edge_index)
        return self.on(dropped(x, self.dropout, self.training), graph, edges)

    def on(
        self, inputs: Tensor | Features, graph: Looped, edges: Tensor | None = None, attr: Tensor | None = None
    ) -> Tensor:
        """The same of features after their dropout, and of weights and features at the entries of the graph.

        Shapes: edges: [E]. attr: [E, edges].
        """
        own = times(inputs, self.weight).view(-1, self.heads, self.outputs)
        h = self.gathered(own, self.weights(own, graph, edges, attr), graph)
        if hasattr(self, "combine"):
            h = self.combine(self._joined(own + h))
        else:
            h = self._joined(h)
        if hasattr(self, "skip"):
            h = h + times(inputs, self.skip)
        return h + self.bias

    def _joined(self, h: Tensor) -> Tensor:
        return h.flatten(1) if self.concat else h.mean(1)

    def weights(self, own: Tensor, graph: Looped, edges: Tensor | None = None, attr: Tensor | None = None) -> Tensor:
        """Attention at every edge of the graph with loops, times the weights of the edges.

        Shapes:
            own: [N, H, D]. edges: [E]. attr: [E, edges]. returns: [E, H], or [E, 1] where all heads have the same.
        """
        if self.attention in FIXED and edges is not None:
            return (edges if self.attention == "const" else graph.symmetric(edges))[:, None]
        if self.attention in FIXED:
            return (graph.ones if self.attention == "const" else graph.gcn).to(own.dtype)[:, None]
        e = self._learnt(own, graph, attr)
        return e if edges is None else e * edges[:, None]

    def _learnt(self, own: Tensor, graph: Looped, attr: Tensor | None) -> Tensor:
        left, right = own * self.left, own * self.right
        if self.attention == "cos":
            e = entry_products(left, right, graph.pattern)
        elif self.attention == "gene-linear":
            e = scores(left, right, self.vector, TANH, graph.pattern)
        else:
            left, right = left.sum(-1, keepdim=True), right.sum(-1, keepdim=True)
            if self.attention == "sym-gat":
                left, right = torch.cat([left, right], -1), torch.cat([right, left], -1)
            more = None
            if attr is not None:  # the vector of a head first: [E, D] x [D, H] instead of [E, H, D]
                more = attr @ (self.between.view(-1, self.heads, self.outputs) * self.middle).sum(-1)
            e = self.edge_updater(graph.edge_index, left=left, right=right, more=more)
        return dropout(softmax(e, graph.pattern), self.dropout, self.training)

    def edge_update(self, left_i: Tensor, right_j: Tensor, more: Tensor | None = None) -> Tensor:
        """Learnt attention before its softmax. Shapes: left_i, right_j [E, H, 1 or 2], more [E, H]; returns [E, H]."""
        if more is not None:
            left_i = left_i + more[..., None]
        if self.attention == "linear":
            return torch.tanh(left_i + right_j).sum(-1)
        return functional.leaky_relu(left_i + right_j, 0.2).sum(-1)

    def summed(self, own: Tensor, e: Tensor, graph: Looped, more: Tensor | None = None) -> Tensor:
        """The fast form of every aggregation."""
        if self.aggregation == "max":
            return row_max(e, own.view(own.shape[0], e.shape[1], -1), graph.pattern).view_as(own)
        h = super().summed(own, e, graph, more)
        return h if self.aggregation == "sum" else h / graph.degree.to(h.dtype)[:, None, None]
