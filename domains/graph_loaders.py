"""Batches of graphs: several joined into one, and parts of one that does not fit, by torch_geometric's loaders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor

from appnas.domains.graph_checks import Graph

Part = tuple[Tensor, Tensor, Tensor, Tensor]
"""x [N', F]; edge_index [2, E']; the nodes of the split in this part [n]; their numbers in the whole graph [n]."""


class Batch(NamedTuple):
    """Nodes, edges and what is asked of them.

    Attributes:
        x: [N, F].
        edge_index: [2, E].
        graph: [N], the graph of every node where graphs are the examples, else None.
        nodes: [n], the nodes that are examples; None for all.
        y: [n] or [n, labels], one row an example.
    """

    x: Tensor
    edge_index: Tensor
    graph: Tensor | None
    nodes: Tensor | None
    y: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What a network is called with."""
        return (self.x, self.edge_index) if self.graph is None else (self.x, self.edge_index, self.graph)


def joined(graphs: Sequence[Graph], whole: bool) -> Batch:
    """Several graphs as one without edges between them; `whole` if a graph is an example, not a node."""
    sizes = [len(graph.x) for graph in graphs]
    first = torch.tensor([0, *sizes]).cumsum(0)
    edges = torch.cat([graph.edge_index + start for graph, start in zip(graphs, first, strict=False)], 1)
    x, y = torch.cat([graph.x for graph in graphs]), torch.cat([graph.y for graph in graphs])
    return Batch(x, edges, torch.repeat_interleave(torch.tensor(sizes)) if whole else None, None, y)


def digest(settings: str, batches: Sequence[Batch]) -> str:
    """SHA-256 of settings and of every byte of the batches; of what they share once."""
    found, seen = hashlib.sha256(settings.encode()), set()
    for batch in batches:
        for name, part in batch._asdict().items():
            if part is None or id(part) in seen:
                continue
            seen.add(id(part))
            found.update(f"{name} {part.dtype} {tuple(part.shape)}".encode())
            found.update(part.flatten().numpy())
    return found.hexdigest()


def parts(x: Tensor, edge_index: Tensor, nodes: Tensor, count: int, rng: torch.Generator) -> Iterator[Part]:
    """Random parts of a graph, with the edges inside them; every part has its share of the split's nodes.

    Args:
        x: features of the graph.
        edge_index: its edges.
        nodes: of the split.
        count: number of parts.
        rng: of the parts.

    Raises:
        ImportError: torch_geometric is missing.
    """
    from torch_geometric.data import Data
    from torch_geometric.loader import RandomNodeLoader

    mine = torch.zeros(len(x), dtype=torch.bool)
    mine[nodes] = True
    place = torch.rand(len(x), generator=rng)
    for kind in (mine, ~mine):  # both kinds of nodes are spread evenly, in a random order
        place[kind] = (place[kind].argsort().argsort() + 0.5) / max(int(kind.sum()), 1)
    data = Data(x=x, edge_index=edge_index, mine=mine, number=torch.arange(len(x)))
    for part in RandomNodeLoader(data, num_parts=count, sampler=place.argsort().tolist(), generator=rng):
        yield part.x, part.edge_index, part.mine.nonzero().flatten(), part.number[part.mine]


def neighbours(
    x: Tensor, edge_index: Tensor, nodes: Tensor, fanout: Sequence[int], batch: int, rng: torch.Generator
) -> Iterator[Part]:
    """A batch of nodes with sampled neighbours, theirs, and so on (Hamilton et al., arXiv 1706.02216).

    What is sampled comes from torch's global generator, which is seeded from `rng` and put back after every batch.

    Args:
        x: features of the graph.
        edge_index: its edges.
        nodes: of the split.
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
    from torch_geometric.data import Data
    from torch_geometric.loader import NeighborLoader

    order = nodes[torch.randperm(len(nodes), generator=rng)]
    loader = iter(NeighborLoader(Data(x=x, edge_index=edge_index), list(fanout), input_nodes=order, batch_size=batch))
    for chosen in torch.split(order, batch):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
            part = next(loader)
        yield part.x, part.edge_index, torch.arange(len(chosen)), chosen
