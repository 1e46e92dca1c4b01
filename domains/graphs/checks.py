"""What a graph must be before anything is trained on it: one clear error for everything it is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from appnas.domains.graphs.edge_checks import as_edge_features, as_edges, as_weights, both_ways
from appnas.domains.labels import as_classes

SPLITS = ("train", "valid", "test")
MASKS = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}
"""What PyTorch Geometric calls the masks of the splits."""
NUMBERS = "biuf"
"""Kinds of numpy's types that are numbers."""


def listed(data: Any) -> list[Any]:
    """The graphs of a list, of a data set or of torch_geometric's `Batch`; else the one that it is."""
    if hasattr(data, "to_data_list"):
        return list(data.to_data_list())
    if isinstance(data, list | tuple | Dataset):
        return [data[i] for i in range(len(data))]  # type: ignore[arg-type]
    return [data]


class Graph(NamedTuple):
    """A checked graph.

    Shapes:
        x: [N, F], float32. edge_index: [2, E], int64, sources and targets. y: [N] or [N, labels] for labels of nodes,
            [1] or [1, labels] for a label of the graph. edge_weight: [E], float32, or None. edge_attr: [E, D], float32,
            or None.
    """

    x: Tensor
    edge_index: Tensor
    y: Tensor
    edge_weight: Tensor | None = None
    edge_attr: Tensor | None = None
    nodes: Tensor | None = None
    """Of several graphs whose nodes are the examples: those with a label, [n]; y has rows of these. None for all."""


def as_graph(
    data: Any, name: str, normalise: bool = False, undirected: bool = False, names: Sequence[Any] | None = None,
    features: str = "given", edge_attr: bool = True,
) -> Graph:  # fmt: skip
    """A `torch_geometric.data.Data`, or what has its attributes x, edge_index, y, edge_weight, edge_attr, checked.

    Args:
        data: the graph.
        name: of the graph in messages.
        normalise: divide the features of a node by the sum of their absolute values (a node without any stays 0).
        undirected: add the missing opposite of every edge, and drop repeated edges; weight and features of an edge are
            then the mean of those listed for it and its opposite. Otherwise edges stay as they are: messages flow from
            source to target, and an edge that is listed twice counts twice.
        names: of the classes, where labels are no tensors: see `named_labels`.
        features: "given", or those of a graph without: "constant", "degree" or "embedding", see `made_features`.
        edge_attr: whether features of edges are used.

    Raises:
        ValueError: an attribute is missing, has a wrong shape or type, holds NaN, or an edge leaves the graph.
    """
    x, edge_index, y = _parts(data, name, names, features)
    if x.layout != torch.strided:
        x = x.to_dense()
    if x.dim() != 2 or 0 in x.shape:
        raise ValueError(f"{name}: x is [nodes, features] with at least one of each, got {tuple(x.shape)}")
    x = x.float()
    if not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).any(1).sum())
        raise ValueError(f"{name}: {bad} of {len(x)} nodes have NaN or infinity among their features; clean them first")
    edge_index = as_edges(edge_index, len(x), name)
    if normalise and not is_learnt(data, features):
        x = x / x.abs().sum(1, keepdim=True).clamp_min(1e-12)
    weight = as_weights(getattr(data, "edge_weight", None), edge_index.shape[1], name)
    attr = as_edge_features(data, edge_index.shape[1], name) if edge_attr else None
    if undirected and edge_index.numel():
        edge_index, weight, attr = both_ways(edge_index, weight, attr)
    return Graph(x, edge_index.contiguous(), as_labels(y, name), weight, attr)


def typeless(data: Any, name: str) -> None:
    """Check that a graph has nodes of one type.

    Raises:
        ValueError: it has several.
    """
    if hasattr(data, "node_types"):
        raise ValueError(
            f"{name}: it has nodes of several types, {', '.join(map(str, data.node_types))}: of one such graph"
            " Graphs(data, target=...) predicts nodes of a type; of several, and for pairs of nodes, a graph has one"
            " type, and data.to_homogeneous() joins those that have as many features"
        )


def lone(data: Any) -> Any:
    """The one graph of a data set whose graphs have several types, else the data as they are.

    Raises:
        ValueError: it has several such graphs.
    """
    if not (isinstance(data, Dataset) and hasattr(data, "node_types")):
        return data
    if len(data) > 1:  # type: ignore[arg-type]
        typeless(data[0], "graph 0")
    return data[0]


def _parts(data: Any, name: str, names: Sequence[Any] | None, features: str) -> tuple[Tensor, Tensor, Tensor]:
    """x, edge_index and y as tensors."""
    typeless(data, name)
    if getattr(data, "edge_label_index", None) is not None:
        raise ValueError(
            f"{name}: it has edge_label_index: its examples are edges, and appnas.domains.graphs.Links is their domain"
        )
    parts: dict[str, Any] = {key: getattr(data, key, None) for key in ("x", "edge_index", "y")}
    parts["y"] = as_tensor(parts["y"], f"{name}: y", names)
    if parts["edge_index"] is None and getattr(data, "adj_t", None) is not None:
        raise ValueError(f"{name}: it has adj_t in the place of edge_index; leave out the transform ToSparseTensor")
    if parts["x"] is None and features != "given" and isinstance(parts["edge_index"], Tensor):
        parts["x"] = made_features(parts["edge_index"], getattr(data, "num_nodes", None), features)
    for key, part in parts.items():
        if key == "x" and part is None:
            raise ValueError(
                f"{name}: it has no features x; Options(features='degree') makes some of the edges, 'constant' the same"
                " for all nodes, 'embedding' learns some"
            )
        if (
            part is None
            and key == "y"
            and any(hasattr(data, label) for label in ("edge_label", "pos_edge_label_index"))
        ):
            raise ValueError(
                f"{name}: it has no y, but labels of edges: appnas.domains.graphs.Links is their domain (of"
                " RandomLinkSplit without split_labels)"
            )
        if not isinstance(part, Tensor):
            raise ValueError(f"{name}: a graph has x, edge_index and y as tensors, its {key} is {type(part).__name__}")
    return parts["x"], parts["edge_index"], parts["y"]


def as_tensor(y: Any, name: str, names: Sequence[Any] | None = None) -> Any:
    """Labels as a tensor, if they are an array, a list, a number or texts; else as they are.

    Raises:
        ValueError: see `as_classes`.
    """
    if not isinstance(y, np.ndarray | list | tuple | int | float | str):
        return y
    values = np.atleast_1d(np.asarray(y))
    return torch.from_numpy(values) if values.dtype.kind in NUMBERS else as_classes(values, name, names=names)[0]


def is_learnt(data: Any, features: str) -> bool:
    """Whether the features of a graph's nodes are learnt."""
    return features == "embedding" and getattr(data, "x", None) is None


def made_features(edge_index: Tensor, nodes: int | None, kind: str) -> Tensor:
    """Features of nodes that have none: 1; for "degree" also the logarithms of 1 + edges into a node, and out of it.

    For "embedding" the number of a node from 1, by which networks know the vector that they learn for it.

    Shapes:
        edge_index: [2, E]. returns: [N, 1] or [N, 3].

    Raises:
        ValueError: more nodes than float32 can number.
    """
    count = int(edge_index.max()) + 1 if nodes is None and edge_index.numel() else nodes or 0
    if kind == "embedding":
        if count >= 2**24:
            raise ValueError(f"vectors are learnt for up to {2**24 - 1:,} nodes, got {count:,}: features='degree'")
        return torch.arange(1.0, count + 1)[:, None]
    one = torch.ones(count, 1)
    if kind == "constant":
        return one
    degrees = [torch.bincount(end.long(), minlength=count)[:count, None] for end in (edge_index[1], edge_index[0])]
    return torch.cat([one, *(torch.log1p(degree.float()) for degree in degrees)], 1)


def named_labels(graphs: Iterable[Any]) -> tuple[Any, ...] | None:
    """The names of the classes of graphs whose labels are no tensors (texts, say); None if they are."""
    found = [np.atleast_1d(np.asarray(y)) for g in graphs if not isinstance(y := getattr(g, "y", None), Tensor | None)]
    if not found or any(part.dtype.kind in "O" + NUMBERS for part in found):
        return None
    return as_classes(np.concatenate(found), "labels")[1]


def as_labels(y: Tensor, name: str) -> Tensor:
    """Labels [n] (or one of shape []) as they are, or a matrix of them [n, T], of integers 0 and 1 as float32.

    Raises:
        ValueError: anything else.
    """
    if y.dim() == 0:
        y = y[None]
    if y.dim() == 2 and y.shape[1] == 1 and not y.is_floating_point():
        y = y[:, 0]
    if y.dim() == 2:
        if not y.is_floating_point() and not ((y == 0) | (y == 1)).all():
            raise ValueError(
                f"{name}: a matrix of labels holds 0 and 1 only, found {y.min()} to {y.max()}; numbers are y.float()"
            )
        return y.float()
    if y.dim() != 1:
        raise ValueError(
            f"{name}: y is [nodes] of classes or numbers, or [nodes, labels] of 0 and 1 or numbers (of a whole graph"
            f" [1], or [1, labels]), got {tuple(y.shape)} of {y.dtype}"
        )
    return y if y.is_floating_point() else y.long()


def as_masks(data: Any, nodes: int, column: int) -> dict[str, Tensor] | None:
    """The nodes of every split from the graph's masks; None if it has none. Shapes: each [n], int64.

    Args:
        data: with train_mask, val_mask and perhaps test_mask, each [N], or [N, S] for S splits.
        nodes: number of nodes.
        column: which of the S splits.

    Raises:
        ValueError: some masks are missing, have a wrong shape, are empty or overlap.
    """
    given = {split: getattr(data, mask, None) for split, mask in MASKS.items()}
    masks = {split: None if mask is None else torch.as_tensor(mask) for split, mask in given.items()}
    missing = [MASKS[split] for split, mask in masks.items() if mask is None]
    if len(missing) == len(masks):
        return None
    if "train_mask" in missing or "val_mask" in missing:
        raise ValueError(f"masks come together: {', '.join(MASKS.values())}; missing are {', '.join(missing)}")
    taken = torch.zeros(nodes, dtype=torch.long)
    splits = {}
    for split, mask in masks.items():
        if mask is None:  # of the test nodes: there is nothing held out
            continue
        if mask.dim() == 2 and not 0 <= column < mask.shape[1]:
            raise ValueError(f"{MASKS[split]} holds {mask.shape[1]} splits, got split={column}")
        mask = mask[:, column] if mask.dim() == 2 else mask
        if mask.shape != (nodes,) or mask.dtype != torch.bool:
            raise ValueError(f"{MASKS[split]} is [{nodes}] of bool, got {tuple(mask.shape)} of {mask.dtype}")
        if not mask.any():
            raise ValueError(f"{MASKS[split]} is empty: no node is in the split {split!r}")
        taken += mask
        splits[split] = mask.nonzero().flatten()
    if int(taken.max()) > 1:
        raise ValueError(f"the masks overlap: {int((taken > 1).sum())} nodes are in more than one split")
    return splits


def random_splits(count: int, train: float, valid: float, seed: int, what: str) -> dict[str, Tensor]:
    """A random split into training, validation and test examples. Shapes: each [n], int64, sorted.

    Raises:
        ValueError: a split without an example.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    cuts = [round(count * train), round(count * (train + valid))]
    splits = dict(zip(SPLITS, (part.sort().values for part in torch.tensor_split(order, cuts)), strict=True))
    for split, part in splits.items():
        if len(part) == 0:
            raise ValueError(f"the split {split!r} is empty: {count} {what} with train={train}, valid={valid}")
    return splits
