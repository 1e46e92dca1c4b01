"""What users of a network must do to a graph before they give it to the network, in lines of code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appnas.domains.graphs.options import Options
from appnas.domains.graphs.typed import Typed

NORMALISE = "x = x / x.abs().sum(1, keepdim=True).clamp_min(1e-12)"
UNDIRECTED = "edge_index = torch_geometric.utils.to_undirected(edge_index)"
WITH = "edge_index, {0} = torch_geometric.utils.to_undirected(edge_index, {1}, reduce='mean')"
"""For edges that have weights or features."""
JOINED = "graph = appnas.domains.graphs.one_graph(data, {0!r}, appnas.domains.graphs.Options({1}))"
"""For graphs with nodes of several types."""
READ = ("normalise", "undirected", "edge_attr", "features")
"""Options that change a graph."""


def instructions(options: Options, known: Sequence[str], typed: Typed | None) -> dict[str, Any]:
    """What `Options` does to a graph, and the lines of "code" that do it.

    Args:
        options: of the domain.
        known: what edges have, "edge_weight" and "edge_attr".
        typed: the graph, if it has nodes of several types.
    """
    o = options
    said: dict[str, Any] = {"divide_features_by_their_absolute_sum": o.normalise, "undirected": o.undirected}
    if typed is not None:
        nodes, edges = typed.names
        code = [JOINED.format(typed.target, ", ".join(f"{name}={getattr(o, name)!r}" for name in READ))]
        return {**said, "code": code, "node_types": list(nodes), "edge_types": list(edges)}
    several = f"({', '.join(known)})" if len(known) > 1 else "".join(known)
    both = WITH.format(several, several.replace("(", "[").replace(")", "]")) if known else UNDIRECTED
    return {**said, "code": [NORMALISE] * o.normalise + [both] * o.undirected}
