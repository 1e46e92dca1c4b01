"""Mini-batches of one graph that does not fit at once, by torch_geometric's loaders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import torch
from torch import Tensor

Part = tuple[Tensor, Tensor, Tensor, Tensor]
"""x [N', F]; edge_index [2, E']; the nodes of the split in this part [n]; their numbers in the whole graph [n]."""


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
