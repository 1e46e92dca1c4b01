"""What the edges of a graph must be: their ends, weights and features, checked; edges made to go both ways."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


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


def both_ways(
    edge_index: Tensor, weight: Tensor | None, attr: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Every edge and its opposite, once each; with the mean of the weights and features that either was listed with."""
    edge_index, place = torch.unique(torch.cat([edge_index, edge_index.flip(0)], 1), dim=1, return_inverse=True)
    count = torch.bincount(place)

    def mean(given: Tensor | None) -> Tensor | None:
        if given is None:
            return None
        total = given.new_zeros(edge_index.shape[1], *given.shape[1:]).index_add(0, place, torch.cat([given, given]))
        return total / count.view(-1, *[1] * (given.dim() - 1))

    return edge_index, mean(weight), mean(attr)


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


def as_edge_features(data: Any, edges: int, name: str) -> Tensor | None:
    """Features of edges as float32, None if there are none, or one number an edge that might be its weight.

    Shapes: [E, D].

    Raises:
        ValueError: no rows of finite numbers, one for every edge.
    """
    attr = getattr(data, "edge_attr", None)
    if attr is None or _bare_number(data):
        return None
    attr = attr[:, None] if isinstance(attr, Tensor) and attr.dim() == 1 else attr
    if not isinstance(attr, Tensor) or attr.dim() != 2 or len(attr) != edges or not attr.shape[1]:
        found = tuple(attr.shape) if isinstance(attr, Tensor) else type(attr).__name__
        raise ValueError(
            f"{name}: edge_attr, features of edges, is [{edges}, features], got {found}; Options(edge_attr=False)"
            " leaves it out"
        )
    checked: Tensor = attr.float()
    if not torch.isfinite(checked).all():
        bad = int((~torch.isfinite(checked)).any(1).sum())
        raise ValueError(f"{name}: {bad} of {edges} edges have NaN or infinity among their features; clean them first")
    return checked


def _bare_number(data: Any) -> bool:
    """Whether edge_attr is one number an edge, and nothing says that it is not the edge's weight."""
    attr = getattr(data, "edge_attr", None)
    return isinstance(attr, Tensor) and attr.dim() == 1 and getattr(data, "edge_weight", None) is None


def warn_of_unused(graphs: Iterable[Any]) -> None:
    """Say once if graphs hold numbers of edges that are not used."""
    if any(_bare_number(graph) and len(graph.edge_attr) for graph in graphs):
        warnings.warn(
            "edge_attr is not used: one number an edge goes into edge_weight if it is a weight, and is edge_attr[:,"
            " None] if it is a feature",
            stacklevel=3,
        )
