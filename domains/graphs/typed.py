"""Graphs with nodes and edges of several types (torch_geometric's HeteroData) as one graph.

    x          one block of columns for every type of nodes that has features, then a column for every type of nodes, 1
               for those of it: a linear map of x is one of each type's own features, with a bias of its own
    edge_attr  likewise for types of edges; networks of `GraphNet` have weights of their own for every type

Deviates from torch_geometric's `to_hetero`: types of nodes share the weights of all but the first layer, as in RGCN
(arXiv 1703.06103). x is a dense matrix as wide as all types together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from appnas.domains.graphs.checks import MASKS
from appnas.domains.graphs.edge_checks import as_edge_features, as_edges, as_weights, both_ways


@dataclass
class Typed:
    """A graph of several types of nodes as one.

    Shapes:
        x: [N, F]. edge_index: [2, E]. y: [N, ...], of nodes of other types those of some node. asked: [n], the nodes
        that are asked for. edge_attr: [E, D + relations]. edge_weight: [E]. Masks: [N] or [N, S].
    """

    x: Tensor
    edge_index: Tensor
    y: Any
    asked: Tensor
    edge_attr: Tensor
    edge_weight: Tensor | None
    relations: int
    learnt: int
    """Nodes whose features are learnt; the last column of x numbers them from 1."""
    names: tuple[tuple[str, ...], tuple[str, ...]]
    """Of types of nodes, and of edges, in the order of the columns."""
    target: str
    train_mask: Tensor | None = None
    val_mask: Tensor | None = None
    test_mask: Tensor | None = None


def target_of(data: Any, target: str | None) -> str:
    """The type of nodes that is asked for: as told, else the only one with y.

    Raises:
        ValueError: there is no such type, or none or several have y and none is told.
    """
    types = list(data.node_types)
    if target is not None and target not in types:
        raise ValueError(f"target is a type of nodes of the graph, {', '.join(types)}, got {target!r}")
    labelled = [kind for kind in types if getattr(data[kind], "y", None) is not None]
    wanted = labelled if target is None else [target]
    if len(wanted) != 1 or wanted[0] not in labelled:
        has = f"those with y are {', '.join(labelled)}" if labelled else "no type has y"
        raise ValueError(
            f"nodes of one type with y are predicted: {has}, got target={target!r}; Graphs(data, target=...) names it"
        )
    return wanted[0]


def one_graph(data: Any, target: str | None = None, options: Any = None) -> Typed:
    """A HeteroData as one graph; of new data, that from which an exported network predicts.

    Args:
        data: with x of every type of nodes, or `options.features` other than "given"; with edge_index and perhaps
            edge_weight and edge_attr of every type of edges; y and masks of the target, if there are any.
        target: the type of nodes to predict; the only one with y, unless told.
        options: `Options`, of which normalise, undirected, features and edge_attr are read here. Undirected adds to
            every type of edges between two types of nodes one that goes back, and inside one type of nodes the missing
            opposites.

    Raises:
        ValueError: no such target, no edges, nodes without features, or what is no graph.
    """
    from appnas.domains.graphs.options import Options

    o = options or Options()
    kinds = sorted(data.node_types)
    target = target if target is not None and target in kinds else target_of(data, target)
    counts = {kind: _count(data[kind], kind) for kind in kinds}
    first = dict(zip(kinds, np.cumsum([0, *counts.values()]).tolist(), strict=False))
    relations = _relations(data, first, counts, o)
    edge_index = torch.cat([edges for _, edges, _, _ in relations], 1)
    attr = _blocks([part for *_, part in relations], [edges.shape[1] for _, edges, _, _ in relations])
    weights: list[Tensor | None] = [weight for _, _, weight, _ in relations]
    weighted = any(weight is not None for weight in weights)
    every = [torch.ones(e.shape[1]) if w is None else w for w, (_, e, _, _) in zip(weights, relations, strict=True)]
    x, learnt = _features({kind: data[kind] for kind in kinds}, counts, first, edge_index, o)
    own = torch.arange(counts[target]) + first[target]
    store, place = data[target], torch.zeros(len(x), dtype=torch.long)
    place[own] = torch.arange(len(own))
    given = getattr(store, "y", None)
    given = torch.full((len(own),), torch.nan) if given is None else given
    y = given if isinstance(given, Tensor) else np.asarray(given)
    if len(y) != len(own):
        raise ValueError(f"the {len(own)} nodes of type {target} need as many rows of y, got {len(y)}")
    masks = {name: _wide(getattr(store, name, None), len(x), own, name) for name in MASKS.values()}
    names = tuple(kinds), tuple(name for name, *_ in relations)
    return Typed(x, edge_index, y[place if isinstance(y, Tensor) else place.numpy()], own, attr,
                 torch.cat(every) if weighted else None, len(relations), learnt, names, target, **masks)  # fmt: skip


def _count(store: Any, kind: str) -> int:
    known = [len(store[key]) for key in ("x", "y") if key in store and store[key] is not None]
    count = [*known, *([int(store["num_nodes"])] if "num_nodes" in store else [])]
    if not count or not count[0]:
        raise ValueError(f"nodes of type {kind} have neither x nor num_nodes to tell how many they are, or are none")
    return count[0]


def _relations(
    data: Any, first: dict[str, int], counts: dict[str, int], o: Any
) -> list[tuple[str, Tensor, Tensor | None, Tensor | None]]:
    """Name, edges in the whole graph, weights and features of every type of edges."""
    found = []
    for kind in sorted(data.edge_types):
        source, _, end = kind
        name, store = " ".join(kind), data[kind]
        given = getattr(store, "edge_index", None)
        if not isinstance(given, Tensor):
            raise ValueError(f"edges {name}: edge_index is a tensor [2, edges], got {type(given).__name__}")
        edges = as_edges(given, max(counts[source], counts[end]), f"edges {name}")
        for row, type_ in zip(edges, (source, end), strict=True):
            if len(row) and int(row.max()) >= counts[type_]:
                raise ValueError(
                    f"edges {name}: there are {counts[type_]} nodes {type_}, found number {int(row.max())}"
                )
        count = edges.shape[1]
        weight = as_weights(getattr(store, "edge_weight", None), count, f"edges {name}")
        attr = as_edge_features(store, count, f"edges {name}") if o.edge_attr else None
        edges = edges + torch.tensor([[first[source]], [first[end]]])
        if o.undirected and source == end and count:
            edges, weight, attr = both_ways(edges, weight, attr)
        found.append((name, edges, weight, attr))
        if o.undirected and source != end:
            found.append((f"{name}, back", edges.flip(0), weight, attr))
    if not found:
        raise ValueError("the graph has no edges of any type: Labelled(x, y) predicts from features alone")
    return found


def _blocks(parts: list[Tensor | None], counts: list[int]) -> Tensor:
    """Matrices along the diagonal, then a column for each that is 1 there. Shapes: [c_i, d_i] -> [sum c, sum d + n]."""
    given = [torch.zeros(count, 0) if part is None else part for part, count in zip(parts, counts, strict=True)]
    width = sum(part.shape[1] for part in given)
    whole, row, column = torch.zeros(sum(counts), width + len(given)), 0, 0
    for number, part in enumerate(given):
        rows = slice(row, row + len(part))
        whole[rows, column : column + part.shape[1]] = part
        whole[rows, width + number] = 1
        row, column = row + len(part), column + part.shape[1]
    return whole


def _features(
    stores: dict[str, Any], counts: dict[str, int], first: dict[str, int], edge_index: Tensor, o: Any
) -> tuple[Tensor, int]:
    """x, and how many nodes have features that are learnt."""
    parts: list[Tensor | None] = []
    bare = [kind for kind, store in stores.items() if getattr(store, "x", None) is None]
    if bare and o.features == "given":
        raise ValueError(
            f"nodes of type {', '.join(bare)} have no features x; Options(features='embedding') learns some,"
            " 'degree' makes some of the edges, 'constant' the same for all of a type"
        )
    for kind, store in stores.items():
        nodes = torch.arange(counts[kind]) + first[kind]
        if kind not in bare:
            parts.append(_given(store.x, kind, o.normalise))
        elif o.features == "degree":
            degrees = [torch.bincount(end, minlength=sum(counts.values()))[nodes] for end in edge_index.flip(0)]
            parts.append(torch.log1p(torch.stack(degrees, 1).float()))
        else:
            parts.append(None)
    x = _blocks(parts, list(counts.values()))
    if not bare or o.features != "embedding":
        return x, 0
    number, last = torch.zeros(len(x), 1), 0
    for kind in bare:
        number[first[kind] : first[kind] + counts[kind], 0] = torch.arange(counts[kind]) + last + 1.0
        last += counts[kind]
    return torch.cat([x, number], 1), last


def _given(x: Any, kind: str, normalise: bool) -> Tensor:
    if not isinstance(x, Tensor) or x.dim() != 2 or not x.shape[1]:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x of nodes {kind} is [nodes, features], got {got}")
    dense: Tensor = (x if x.layout == torch.strided else x.to_dense()).float()
    return dense / dense.abs().sum(1, keepdim=True).clamp_min(1e-12) if normalise else dense


def _wide(mask: Any, nodes: int, own: Tensor, name: str) -> Tensor | None:
    """A mask of the target as one of all nodes."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or len(mask) != len(own):
        got = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"{name} of the target is [{len(own)}] of bool, got {got}")
    wide = torch.zeros(nodes, *mask.shape[1:], dtype=torch.bool)
    wide[own] = mask
    return wide
