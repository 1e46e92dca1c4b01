"""Pairs of nodes that train, validate and are held out, where edges are predicted; and pairs without an edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from appnas.domains.graphs.checks import SPLITS, Graph, as_labels, as_tensor, random_splits
from appnas.domains.graphs.edge_checks import as_edges
from appnas.domains.graphs.options import LinkOptions
from appnas.domains.graphs.targets import labelled, note_unlabelled


class Pairs(NamedTuple):
    """Examples of a split.

    Attributes:
        graph: along whose edges messages pass.
        ends: [n, 2], first and second node.
        y: [n] or [n, T].
    """

    graph: Graph
    ends: Tensor
    y: Tensor


def known_edges(parts: dict[str, Pairs], split: str) -> Tensor:
    """The edges that a pair without one must not be; in training only its own, to learn nothing of what is held out.

    Shapes: returns [E, 2].
    """
    seen = {"train": ("train",), "all": ("train", "valid")}.get(split, tuple(parts))
    mine = [parts[name] for name in seen]
    return torch.cat([end for p in mine for end in (p.ends[p.y > 0], p.graph.edge_index.T)])


def of_edges(graph: Graph, options: LinkOptions, directed: bool) -> dict[str, Pairs]:
    """The edges split at random: messages of validation pass along those of training, of the test along both."""
    edges, weight, nodes = graph.edge_index, graph.edge_weight, len(graph.x)
    between = edges[0] != edges[1]  # loops are no examples, and always there
    ends, place = by_ends(edges[:, between], nodes, directed)
    splits = random_splits(len(ends), options.train, options.valid, options.seed, "edges")
    part, of = torch.empty(len(ends), dtype=torch.long), torch.zeros(edges.shape[1], dtype=torch.long)
    for number, split in enumerate(SPLITS):
        part[splits[split]] = number
    of[between] = part[place]
    found = {}
    for split, most in (("train", 0), ("valid", 0), ("test", 1), ("all", 1)):
        kept = of <= most
        mine = (None if part is None else part[kept] for part in (weight, graph.edge_attr))
        seen = Graph(graph.x, edges[:, kept], graph.y, *mine)
        asked = torch.cat([splits["train"], splits["valid"]]) if split == "all" else splits[split]
        found[split] = Pairs(seen, ends[asked], torch.ones(len(asked), dtype=torch.long))
    return found


def by_ends(edges: Tensor, nodes: int, directed: bool) -> tuple[Tensor, Tensor]:
    """Different pairs of ends, [n, 2], and the place of every edge among them; directed or not."""
    first, second = edges if directed else edges.sort(0).values
    keys, place = torch.unique(first * nodes + second, return_inverse=True)
    return torch.stack([keys // nodes, keys % nodes], 1), place


def of_labels(graph: Graph, y: Tensor, options: LinkOptions, directed: bool) -> dict[str, Pairs]:
    """The labels of edges split at random, all of one pair of nodes alike; messages pass along all."""
    if len(y) != graph.edge_index.shape[1]:
        raise ValueError(
            f"edge_label has a row for each of the {graph.edge_index.shape[1]} edges, got {len(y)}; edges are made"
            " undirected before they are labelled"
        )
    known = labelled(y)
    note_unlabelled(int((~known).sum()), len(known), "edges")
    edges, y = graph.edge_index[:, known], y[known]
    pairs, place = by_ends(edges, len(graph.x), directed)
    splits = random_splits(len(pairs), options.train, options.valid, options.seed, "edges")
    splits = {split: torch.isin(place, part).nonzero().flatten() for split, part in splits.items()}
    splits["all"] = torch.cat([splits["train"], splits["valid"]])
    return {split: Pairs(graph, edges.T[part], y[part]) for split, part in splits.items()}


def of_three(given: Sequence[Any], graphs: Sequence[Graph]) -> dict[str, Pairs]:
    """The pairs and labels that three graphs, or two without a test, hold."""
    if len(given) < 2:
        raise ValueError("pairs are given for training and validation, perhaps for a test: Links(train, valid, test)")
    found = {}
    for split, data, graph in zip(SPLITS, given, graphs, strict=False):
        index, y = (getattr(data, key, None) for key in ("edge_label_index", "edge_label"))
        if not isinstance(index, Tensor):
            raise ValueError(f"the graph of {split} has no edge_label_index [2, n], the pairs that are its examples")
        ends = as_edges(index, len(graph.x), f"edge_label_index of {split}").T
        labels = torch.ones(len(ends), dtype=torch.long)
        if y is not None:
            labels = as_labels(as_tensor(y, f"edge_label of {split}"), f"edge_label of {split}")
        if len(labels) != len(ends) or not len(ends):
            raise ValueError(f"{split}: {len(ends)} pairs need as many rows of edge_label, and one; got {len(labels)}")
        found[split] = Pairs(graph, ends, labels)
    known = labelled(torch.cat([part.y for part in found.values()]))
    note_unlabelled(int((~known).sum()), len(known), "pairs")
    cut = iter(torch.split(known, [len(part.y) for part in found.values()]))
    found = {split: Pairs(g, ends[on], y[on]) for on, (split, (g, ends, y)) in zip(cut, found.items(), strict=True)}
    both = (found["train"], found["valid"])
    found["all"] = Pairs(graphs[1], *(torch.cat(parts) for parts in zip(*(p[1:] for p in both), strict=True)))
    return found


def without_edge(edges: Tensor, nodes: int, count: int, directed: bool, rng: torch.Generator) -> Tensor:
    """Random pairs of two nodes without an edge between them. Shapes: edges [E, 2]; returns [count, 2].

    Raises:
        ValueError: there are hardly any.
    """
    ends = edges if directed else torch.cat([edges, edges.flip(1)])
    taken, found, left = torch.unique(ends[:, 0] * nodes + ends[:, 1]), [], count
    for _ in range(20):
        pairs = torch.randint(nodes, (2 * left + 8, 2), generator=rng)
        free = (pairs[:, 0] != pairs[:, 1]) & ~torch.isin(pairs[:, 0] * nodes + pairs[:, 1], taken)
        found.append(pairs[free][:left])
        left -= len(found[-1])
        if not left:
            return torch.cat(found)
    raise ValueError(f"{nodes} nodes have hardly a pair without an edge: LinkOptions(negatives=...) asks for {count}")
