"""Batches cut down to a few nodes, on which the memory of a whole one is estimated: see `appnas.cost.fitting`."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from appnas.domains.graphs.loaders import Batch

LIGHTER = (
    "a space of smaller widths, fewer repeats and heads needs less (GraphNet(hidden=..., repeats=...),"
    " GNN(widest=...)); so do parts of the graph (Options(loader='parts', parts=...)), or fewer graphs a batch"
)
"""What to do where memory does not suffice."""


def cut_down(domain: Any, count: int) -> list[tuple[tuple[Tensor, ...], float, bool]]:
    """A training batch and the validation data of a task on graphs, cut down to so many nodes.

    Args:
        domain: of `Graphs`.
        count: about so many nodes.

    Returns:
        For both what a network is called with, how many times larger the whole is, and whether it is learnt from.
    """
    o, whole, valid = domain.options, domain._whole["train"], domain._whole["valid"]
    nodes, edges, graphs = len(whole.x), whole.edge_index.shape[1], len(whole.y)
    share = min(o.batch / graphs, 1.0)
    if o.loader == "parts":
        size = nodes / o.parts, edges / o.parts**2, 1.0
    elif o.loader == "neighbours":
        seen = o.batch * sum(math.prod(o.fanout[:i]) for i in range(len(o.fanout) + 1))
        size = float(min(nodes, seen)), float(min(edges, seen)), 1.0
    else:
        size = (share * nodes, share * edges, share * graphs) if domain._graphs else (nodes, edges, graphs)
    learnt, read = (cut(whole, *size, count), cut(valid, len(valid.x), valid.edge_index.shape[1], len(valid.y), count))
    return [(*learnt, True), (*read, False)]


def cut(whole: Batch, nodes: float, edges: float, graphs: float, count: int) -> tuple[tuple[Tensor, ...], float]:
    """What a network is called with, cut down to about so many nodes, and how many times larger it is itself.

    The nodes are the first ones; as many edges a node as there were join them at random.

    Args:
        whole: where nodes are from.
        nodes: how many the call itself has.
        edges: likewise.
        graphs: likewise.
        count: about so many nodes.
    """
    times = max(nodes / count, 1.0)
    few, rng = max(min(round(nodes / times), len(whole.x)), 1), torch.Generator().manual_seed(0)
    index = torch.randint(few, (2, max(round(edges / times), 1)), generator=rng)
    of = torch.arange(few) * max(round(graphs / times), 1) // few
    weights = None if whole.edge_weight is None else torch.ones(index.shape[1])
    attr = whole.edge_attr
    if attr is not None:
        many = index.shape[1]
        attr = attr[torch.arange(many) % len(attr)] if len(attr) else attr.new_zeros(many, attr.shape[1])
    graph = None if whole.graph is None else of
    part = Batch(whole.x[:few].cpu(), index, graph, None, whole.y, weights, None if attr is None else attr.cpu())
    return part.inputs, max(nodes / few, 1.0)
