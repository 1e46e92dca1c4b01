"""Batches of graphs: several joined into one, and parts of one that does not fit, by torch_geometric's loaders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor

from appnas.domains.graphs.checks import Graph

EDGES = ("edge_weight", "edge_attr")
"""What edges may have, as torch_geometric calls it."""


class Batch(NamedTuple):
    """Nodes, edges and what is asked of them.

    Attributes:
        x: [N, F].
        edge_index: [2, E].
        graph: [N], the graph of every node where graphs are the examples, else None.
        nodes: [n], the nodes that are examples; None for all. Where edges are examples [n, 2], their ends.
        y: [n] or [n, labels], one row an example.
        edge_weight: [E], or None for a graph without weights.
        edge_attr: [E, D], or None for a graph without features of edges.
    """

    x: Tensor
    edge_index: Tensor
    graph: Tensor | None
    nodes: Tensor | None
    y: Tensor
    edge_weight: Tensor | None = None
    edge_attr: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What a network is called with: x, edge_index; and `graph`, `edge_weight`, `edge_attr` that there are."""
        more = (part for part in (self.graph, self.edge_weight, self.edge_attr) if part is not None)
        return (self.x, self.edge_index, *more)


def joined(graphs: Sequence[Graph], whole: bool) -> Batch:
    """Several graphs as one without edges between them; `whole` if a graph is an example, not a node.

    All of them have weights of edges, or none; and likewise features.
    """
    sizes = [len(graph.x) for graph in graphs]
    first = torch.tensor([0, *sizes]).cumsum(0)
    edges = torch.cat([graph.edge_index + start for graph, start in zip(graphs, first, strict=False)], 1)
    x, y = torch.cat([graph.x for graph in graphs]), torch.cat([graph.y for graph in graphs])
    weights = [graph.edge_weight for graph in graphs if graph.edge_weight is not None]
    of = torch.repeat_interleave(torch.tensor(sizes)) if whole else None
    features = [graph.edge_attr for graph in graphs if graph.edge_attr is not None]
    nodes = None
    if any(graph.nodes is not None for graph in graphs):
        every = (torch.arange(len(graph.x)) if graph.nodes is None else graph.nodes for graph in graphs)
        nodes = torch.cat([part + start for part, start in zip(every, first, strict=False)])
    return Batch(x, edges, of, nodes, y, *(torch.cat(parts) if parts else None for parts in (weights, features)))


def parts(whole: Batch, count: int, rng: torch.Generator) -> Iterator[Batch]:
    """Random parts of a graph, with the edges inside them; every part has its share of the examples.

    Args:
        whole: the graph, with `nodes`.
        count: number of parts.
        rng: of the parts.

    Raises:
        ImportError: torch_geometric is missing.
    """
    from torch_geometric.loader import RandomNodeLoader

    data = _data(whole)
    mine = data.example >= 0
    place = torch.rand(len(whole.x), generator=rng)
    for kind in (mine, ~mine):  # both kinds of nodes are spread evenly, in a random order
        place[kind] = (place[kind].argsort().argsort() + 0.5) / max(int(kind.sum()), 1)
    for part in RandomNodeLoader(data, num_parts=count, sampler=place.argsort().tolist(), generator=rng):
        yield _batch(part, (part.example >= 0).nonzero().flatten(), whole.y)


def neighbours(whole: Batch, fanout: Sequence[int], batch: int, rng: torch.Generator) -> Iterator[Batch]:
    """A batch of examples with sampled neighbours, theirs, and so on (Hamilton et al., arXiv 1706.02216).

    What is sampled comes from torch's global generator, which is seeded from `rng` and put back after every batch.

    Args:
        whole: the graph, with `nodes`.
        fanout: neighbours sampled of a node, one number a layer.
        batch: nodes a batch.
        rng: of the order, and of what is sampled.

    Raises:
        ImportError: no package with a sampler is installed.
    """
    if not (find_spec("pyg_lib") or find_spec("torch_sparse")):
        raise ImportError(
            "loader='neighbours' needs the compiled package pyg-lib or torch-sparse; loader='parts' needs neither"
        )
    from torch_geometric.loader import NeighborLoader

    assert whole.nodes is not None
    order = whole.nodes[torch.randperm(len(whole.nodes), generator=rng)]
    loader = iter(NeighborLoader(_data(whole), list(fanout), input_nodes=order, batch_size=batch))
    for chosen in torch.split(order, batch):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
            part = next(loader)
        yield _batch(part, torch.arange(len(chosen)), whole.y)


def _data(whole: Batch) -> Any:
    """The graph as torch_geometric's; `example` [N] is the row of a node in y, or -1."""
    from torch_geometric.data import Data

    assert whole.nodes is not None
    example = torch.full((len(whole.x),), -1)
    example[whole.nodes] = torch.arange(len(whole.nodes))
    more = {key: part for key in EDGES if (part := getattr(whole, key)) is not None}
    return Data(x=whole.x, edge_index=whole.edge_index, example=example, **more)


def _batch(part: Any, nodes: Tensor, y: Tensor) -> Batch:
    return Batch(
        part.x, part.edge_index, None, nodes, y[part.example[nodes]], *(getattr(part, key, None) for key in EDGES)
    )
