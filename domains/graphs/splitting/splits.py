"""Which nodes, or graphs, train, validate and are held out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any

import torch
from torch import Tensor

from appnas.domains.graphs.checks import MASKS, SPLITS, Graph, as_graph, as_masks, is_learnt, random_splits
from appnas.domains.graphs.targets import labelled, note_unlabelled


def split_nodes(data: Any, graph: Graph, options: Any) -> dict[str, Tensor]:
    """The nodes of every split, by the graph's masks or at random; nodes without a label are in none.

    Shapes:
        returns: [n] each, int64.

    Raises:
        ValueError: see `as_masks` and `random_splits`; or a split whose nodes have no labels.
    """
    o, asked = options, getattr(data, "asked", None)
    known = labelled(graph.y)
    if asked is not None:  # nodes of one type, see `typed`
        known = torch.zeros_like(known).index_put((asked,), labelled(graph.y[asked]))
    nodes = as_masks(data, len(graph.x), o.split)
    if nodes is None:
        count = len(known) if asked is None else len(asked)
        note_unlabelled(count - int(known.sum()), count, "nodes")
        places = known.nonzero().flatten()
        parts = random_splits(len(places), o.train, o.valid, o.seed, "nodes")
        return {split: places[part] for split, part in parts.items()}
    inside = torch.cat(list(nodes.values()))
    note_unlabelled(int((~known[inside]).sum()), len(inside), "nodes of the masks")
    nodes = {split: part[known[part]] for split, part in nodes.items()}
    if bare := [split for split, part in nodes.items() if not len(part)]:
        raise ValueError(f"no node of the split {bare[0]!r} has a label: all are -1 or NaN")
    return nodes


def split_graphs(lists: list[list[Any]], options: Any, names: Sequence[Any] | None) -> dict[str, list[Graph]]:
    """The checked graphs of every split: three lists as they are, or one split at random.

    Graphs without nodes and, where graphs are the examples, without a label are left out, with a note.

    Raises:
        ValueError: another number of lists, or none left of a split; see `as_graph`.
    """
    o = options
    if o.loader != "full":
        raise ValueError(f"several graphs come in batches of whole graphs: loader='full', got {o.loader!r}")
    if any(is_learnt(data, o.features) for data in chain(*lists)):
        raise ValueError(
            "vectors are learnt for the nodes of one graph, features='embedding', and of several graphs the next has"
            " others: features='degree' or 'constant'"
        )
    if not lists[0] or (lists[2] and not lists[1]):
        raise ValueError(f"give training, validation and test graphs, or one list, got {[len(x) for x in lists]}")
    found = {split: _kept(some, split, o, names) for split, some in zip(SPLITS, lists, strict=True) if some}
    found = with_features(found)
    note_shared(found)
    if "valid" in found:
        return found
    (every,) = found.values()
    parts = random_splits(len(every), o.train, o.valid, o.seed, "graphs")
    return {split: [every[i] for i in part.tolist()] for split, part in parts.items()}


def only_labelled(found: dict[str, list[Graph]]) -> dict[str, list[Graph]]:
    """Several graphs whose nodes are the examples: of each those with a label.

    Raises:
        ValueError: a split has none.
    """
    graphs = [graph for some in found.values() for graph in some]
    known = labelled(torch.cat([graph.y for graph in graphs]))
    if known.all():
        return found
    note_unlabelled(int((~known).sum()), len(known), "nodes")
    cut = iter(torch.split(known, [len(graph.y) for graph in graphs]))
    kept = {}
    for split, some in found.items():
        nodes = [next(cut).nonzero().flatten() for _ in some]
        kept[split] = [g._replace(y=g.y[n], nodes=n) for g, n in zip(some, nodes, strict=True)]
        if not sum(map(len, nodes)):
            raise ValueError(f"no node of the split {split!r} has a label: all are -1 or NaN")
    return kept


def _kept(some: list[Any], split: str, options: Any, names: Sequence[Any] | None) -> list[Graph]:
    empty = [i for i, data in enumerate(some) if getattr(getattr(data, "x", None), "shape", (1,))[0] == 0]
    if empty:
        warnings.warn(
            f"{len(empty)} of {len(some)} graphs of {split} have no nodes and are left out, the first is graph"
            f" {empty[0]}", stacklevel=5,
        )  # fmt: skip
    o, left = options, [(i, data) for i, data in enumerate(some) if i not in set(empty)]
    graphs = [
        as_graph(data, f"graph {i} of {split}", o.normalise, o.undirected, names, o.features, o.edge_attr)
        for i, data in left
    ]
    if all(len(graph.y) == 1 for graph in graphs):
        y = torch.cat([graph.y for graph in graphs]) if len({graph.y.shape[1:] for graph in graphs}) == 1 else None
        known = [True] * len(graphs) if y is None else labelled(y).tolist()
        note_unlabelled(known.count(False), len(graphs), f"graphs of {split}")
        graphs = [graph for graph, on in zip(graphs, known, strict=True) if on]
    if not graphs:
        raise ValueError(f"the split {split!r} is empty: none of its {len(some)} graphs has nodes and a label")
    return graphs


def note_shared(found: dict[str, list[Graph]]) -> None:
    """Say how many graphs are in two splits, with labels of the same examples."""
    places: dict[str, dict[int, list[Graph]]] = {}
    for split, graphs in found.items():
        places[split] = {}
        for graph in graphs:
            parts = (graph.x, graph.edge_index, graph.edge_weight, graph.edge_attr)
            key = hash(tuple(part.numpy().tobytes() for part in parts if part is not None))
            places[split].setdefault(key, []).append(graph)
    for first, second in combinations(found, 2):
        both = places[first].keys() & places[second].keys()
        count = sum(any(_alike(a, b) for b in places[first][key]) for key in both for a in places[second][key])
        if count:
            warnings.warn(
                f"{count} of {len(found[second])} graphs of {second} are graphs of {first} too, with labels of the same"
                f" examples: what they measure has been seen before; give every graph once",
                stacklevel=5,
            )


def _alike(a: Graph, b: Graph) -> bool:
    """Whether two graphs that differ in labels at most are the same examples."""
    whole = len(a.y) == 1 and len(b.y) == 1 < len(b.x)
    return not whole or (a.y.shape == b.y.shape and torch.equal(a.y.nan_to_num(), b.y.nan_to_num()))


def with_features(found: dict[str, list[Graph]]) -> dict[str, list[Graph]]:
    """The same graphs; those without an edge have features of edges if others have, of which there are none.

    Raises:
        ValueError: features of some graphs' edges only, or of different numbers.
    """
    graphs = [graph for some in found.values() for graph in some]
    widths = {g.edge_attr.shape[1] for g in graphs if g.edge_attr is not None}
    if not widths:
        return found
    bare = sum(g.edge_attr is None and g.edge_index.numel() > 0 for g in graphs)
    if len(widths) > 1 or bare:
        raise ValueError(
            "edges of all graphs have as many features, edge_attr [edges, features], or none have any; got"
            f" {sorted(widths)}, and {bare} of {len(graphs)} graphs with edges without; Options(edge_attr=False) leaves"
            " them out"
        )
    none = torch.zeros(0, widths.pop())
    return {s: [g._replace(edge_attr=none) if g.edge_attr is None else g for g in some] for s, some in found.items()}


def unmasked(graphs: Sequence[Any]) -> None:
    """Whether no graph of a list, whose nodes are the examples, has masks.

    Raises:
        ValueError: some have, which would decide the split, and graphs are split as wholes.
    """
    masked = sum(any(getattr(data, mask, None) is not None for mask in MASKS.values()) for data in graphs)
    if masked:
        raise ValueError(
            f"{masked} of {len(graphs)} graphs have masks, which split the nodes of one graph: join them into one (of"
            " b = Batch.from_data_list(graphs) a Data with b.x, b.edge_index, b.y and its masks), give three lists of"
            " graphs, or leave the masks out"
        )


def fit_each_other(graphs: Sequence[Graph]) -> bool:
    """Whether whole graphs are the examples, else their nodes.

    Raises:
        ValueError: graphs of several kinds.
    """
    whole = all(len(graph.y) == 1 for graph in graphs)
    shapes = {(graph.x.shape[1], *graph.y.shape[1:]) for graph in graphs}
    if len(shapes) > 1:
        raise ValueError(f"all graphs have the same number of features, and of labels, got {sorted(shapes)}")
    if not (whole or all(len(graph.y) == len(graph.x) for graph in graphs)):
        raise ValueError(
            "y is [1] or [1, labels] where a whole graph is an example, else it has a row for every node; got"
            f" {sorted({len(graph.y) for graph in graphs})} rows"
        )
    if len({graph.edge_weight is None for graph in graphs}) > 1:
        raise ValueError("all graphs have edge_weight or none has; an edge without a weight weighs 1")
    return whole
