"""What a graph must be before anything is trained on it: one clear error for everything it is not."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from appnas.domains.labels import as_classes

SPLITS = ("train", "valid", "test")
MASKS = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}
"""What PyTorch Geometric calls the masks of the splits."""


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
            [1] or [1, labels] for a label of the graph. edge_weight: [E], float32, or None.
    """

    x: Tensor
    edge_index: Tensor
    y: Tensor
    edge_weight: Tensor | None = None


def as_graph(
    data: Any, name: str, normalise: bool = False, undirected: bool = False, names: Sequence[Any] | None = None
) -> Graph:
    """A `torch_geometric.data.Data`, or anything with its attributes x, edge_index, y and perhaps edge_weight, checked.

    Args:
        data: the graph.
        name: of the graph in messages.
        normalise: divide the features of a node by the sum of their absolute values (a node without any stays 0).
        undirected: add the missing opposite of every edge, and drop repeated edges; the weight of an edge is then the
            mean of those listed for it and its opposite. Otherwise edges stay as they are: messages flow from source to
            target, and an edge that is listed twice counts twice.
        names: of the classes, where labels are no tensors: see `named_labels`.

    Raises:
        ValueError: an attribute is missing, has a wrong shape or type, holds NaN, or an edge leaves the graph.
    """
    parts = {key: getattr(data, key, None) for key in ("x", "edge_index", "y")}
    if isinstance(parts["y"], np.ndarray | list | tuple | int | str):
        parts["y"] = as_classes(np.atleast_1d(np.asarray(parts["y"])), f"{name}: y", names=names)[0]
    if parts["edge_index"] is None and getattr(data, "adj_t", None) is not None:
        raise ValueError(f"{name}: it has adj_t in the place of edge_index; leave out the transform ToSparseTensor")
    for key, part in parts.items():
        if not isinstance(part, Tensor):
            raise ValueError(f"{name}: a graph has x, edge_index and y as tensors, its {key} is {type(part).__name__}")
    x, edge_index, y = parts["x"], parts["edge_index"], parts["y"]
    assert x is not None and edge_index is not None and y is not None
    if x.layout != torch.strided:
        x = x.to_dense()
    if x.dim() != 2 or 0 in x.shape:
        raise ValueError(f"{name}: x is [nodes, features] with at least one of each, got {tuple(x.shape)}")
    x = x.float()
    if not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).any(1).sum())
        raise ValueError(f"{name}: {bad} of {len(x)} nodes have NaN or infinity among their features; clean them first")
    edge_index = as_edges(edge_index, len(x), name)
    if normalise:
        x = x / x.abs().sum(1, keepdim=True).clamp_min(1e-12)
    weight = as_weights(getattr(data, "edge_weight", None), edge_index.shape[1], name)
    if undirected and edge_index.numel():
        edge_index, weight = both_ways(edge_index, weight)
    return Graph(x, edge_index.contiguous(), as_labels(y, name), weight)


def as_edges(edge_index: Tensor, nodes: int, name: str) -> Tensor:
    """Edges as int64. Shapes: [2, E].

    Raises:
        ValueError: anything else, or an edge that leaves the graph.
    """
    if (
        edge_index.dim() != 2
        or len(edge_index) != 2
        or edge_index.is_floating_point()
        or edge_index.dtype == torch.bool
    ):
        raise ValueError(
            f"{name}: edge_index is [2, edges] of integers, got {tuple(edge_index.shape)} of {edge_index.dtype}"
        )
    edge_index = edge_index.long()
    if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < nodes:
        low, high = int(edge_index.min()), int(edge_index.max())
        raise ValueError(f"{name}: edges join the nodes 0 to {nodes - 1}, found {low} to {high}")
    return edge_index


def both_ways(edge_index: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Every edge and its opposite, once each; with the mean of the weights that either was listed with."""
    edge_index, place = torch.unique(torch.cat([edge_index, edge_index.flip(0)], 1), dim=1, return_inverse=True)
    if weight is None:
        return edge_index, None
    total = weight.new_zeros(edge_index.shape[1]).index_add(0, place, weight.repeat(2))
    return edge_index, total / torch.bincount(place)


def as_weights(weight: Any, edges: int, name: str) -> Tensor | None:
    """Weights of edges as float32. Shapes: [E].

    Raises:
        ValueError: no number of at least 0 for every edge.
    """
    if weight is None:
        return None
    if not isinstance(weight, Tensor) or weight.shape != (edges,):
        found = tuple(weight.shape) if isinstance(weight, Tensor) else type(weight).__name__
        raise ValueError(f"{name}: edge_weight is [{edges}], one number an edge, got {found}")
    checked: Tensor = weight.float()
    if not (torch.isfinite(checked) & (checked >= 0)).all():
        raise ValueError(f"{name}: edge_weight is finite and at least 0, found {checked.min()} to {checked.max()}")
    return checked


def warn_of_unused(graphs: Iterable[Any]) -> None:
    """Say once if graphs hold features of edges."""
    if any(getattr(graph, "edge_attr", None) is not None for graph in graphs):
        warnings.warn("edge_attr is not used; weights of edges, one number each, go into edge_weight", stacklevel=3)


def named_labels(graphs: Iterable[Any]) -> tuple[Any, ...] | None:
    """The names of the classes of graphs whose labels are no tensors (texts, say); None if they are."""
    found = [np.atleast_1d(np.asarray(y)) for g in graphs if not isinstance(y := getattr(g, "y", None), Tensor | None)]
    if not found or any(part.dtype == object for part in found):
        return None
    return as_classes(np.concatenate(found), "labels")[1]


def classed(labels: dict[str, list[Tensor]]) -> tuple[dict[str, list[Tensor]], tuple[Any, ...]]:
    """Labels of every split as classes from 0, and their names; sets of labels as they are, without names.

    Args:
        labels: of the splits' graphs, each [n] or [n, labels]; rows that all have one 1 are one-hot.

    Raises:
        ValueError: see `appnas.domains.labels.as_classes`.
    """
    flat = [part for parts in labels.values() for part in parts]
    every = torch.cat(flat)
    if every.dim() == 2 and not (every.shape[1] > 1 and bool((every.sum(1) == 1).all())):
        return labels, ()
    found, names = as_classes(every, "labels")
    parts = iter(torch.split(found, [len(part) for part in flat]))
    return {split: [next(parts) for _ in some] for split, some in labels.items()}, names


def as_labels(y: Tensor, name: str) -> Tensor:
    """Labels [N] (or one of shape []) as they are, or a matrix of labels [N, labels] of 0 and 1 as float32.

    Raises:
        ValueError: anything else.
    """
    if y.dim() == 0:
        y = y[None]
    if y.dim() == 2 and y.shape[1] == 1 and not y.is_floating_point():
        y = y[:, 0]
    if y.is_floating_point() and bool((torch.isfinite(y) & (y != y.round())).any()):
        raise ValueError(
            f"{name}: y are numbers, such as {float(y[y != y.round()][0]):.6g}, and graphs are of classes or sets of"
            " labels: classes are made by y = torch.bucketize(y, edges)"
        )
    if y.dim() == 2:
        if not ((y == 0) | (y == 1)).all():
            raise ValueError(f"{name}: a matrix of labels holds 0 and 1 only, found {y.min()} to {y.max()}")
        return y.float()
    if y.dim() != 1:
        raise ValueError(
            f"{name}: y is [nodes] of classes, or [nodes, labels] of 0 and 1 (of a whole graph [1], or [1, labels]),"
            f" got {tuple(y.shape)} of {y.dtype}"
        )
    return y if y.is_floating_point() else y.long()


def as_masks(data: Any, nodes: int, column: int) -> dict[str, Tensor] | None:
    """The nodes of every split from the graph's masks; None if it has none. Shapes: each [n], int64.

    Args:
        data: with train_mask, val_mask and test_mask, each [N], or [N, S] for S splits.
        nodes: number of nodes.
        column: which of the S splits.

    Raises:
        ValueError: some masks are missing, have a wrong shape, are empty or overlap.
    """
    masks = {split: getattr(data, mask, None) for split, mask in MASKS.items()}
    missing = [MASKS[split] for split, mask in masks.items() if mask is None]
    if len(missing) == len(masks):
        return None
    if missing:
        raise ValueError(f"masks come together: {', '.join(MASKS.values())}; missing are {', '.join(missing)}")
    taken = torch.zeros(nodes, dtype=torch.long)
    splits = {}
    for split, mask in masks.items():
        assert mask is not None
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


def outputs(labels: dict[str, Tensor]) -> tuple[int, float]:
    """Number of outputs, and what guessing is worth in percent: accuracy, or the micro-F1 of guessing everything true.

    Args:
        labels: of every split: classes [n] or matrices [n, labels].

    Raises:
        ValueError: negative classes, only one class, or a class (a label) without a training example.
    """
    y = torch.cat(list(labels.values()))
    if y.dim() == 2:
        bare = (labels["train"].sum(0) == 0).nonzero().flatten().tolist()
        share = float(y.mean())
        chance, count = 200 * share / (1 + share), y.shape[1]
    else:
        if int(y.min()) < 0:
            raise ValueError(f"classes count from 0, found {int(y.min())} in a split")
        count = int(y.max()) + 1
        bare = (torch.bincount(labels["train"], minlength=count) == 0).nonzero().flatten().tolist()
        chance = 100 / count
        if count < 2:
            raise ValueError("all examples are of class 0: there is nothing to tell apart")
    if bare:
        raise ValueError(f"{len(bare)} of {count} classes have no training example: {bare[:10]}; split otherwise")
    return count, chance
