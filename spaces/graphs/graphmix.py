"""A differentiable graph space: layers whose candidates all map [N, D] to [N, D].

Every layer mixes attention x aggregation; every layer may skip to a last aggregation over layers, itself a choice. The
frame is SANE's (Zhao, Yao and Tu, arXiv 2104.06608), the candidates are those of `appnas.spaces.graphs.message`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional

from appnas.compute import exact
from appnas.space import IO, Arch, Choice, Gates, Mask, describe, only
from appnas.spaces.graphs.gnn import AGGREGATION, ATTENTION, layer_type
from appnas.spaces.graphs.inputs import (
    OnGraphs,
    Readout,
    SparseLinear,
    features,
    on_edges,
    pooled,
    with_embedding,
)  # fmt: skip
from appnas.spaces.parts import Free, dropout, wired
from appnas.supernet import Mixed, live_options
from appnas.support import checked

JOINS = ("sum", "mean", "max", "concat", "lstm")


@dataclass(frozen=True)
@checked(layers=2, hidden=1, heads=1, dropout=0)
class GraphMix(Free):
    """The differentiable graph space. Networks are forward(x, edge_index), or forward(x, edge_index, graph).

    Weights of edges come last, or by their name edge_weight.
    """

    layers: int = 3
    """Graph layers."""
    hidden: int = 32
    """Width of every layer."""
    heads: int = 4
    """Heads of every attention; the width is divided among them."""
    attention: tuple[str, ...] = ATTENTION
    """Attention functions that are offered."""
    aggregation: tuple[str, ...] = AGGREGATION
    """Aggregations that are offered."""
    dropout: float = 0.5
    """Of the input of every layer of a stand-alone network; supernets have none."""
    readout: Readout = "mean"
    """What makes one vector of a graph of those of its nodes, where whole graphs are the examples."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, heads that do not divide the width, or an unknown candidate.
        """
        if self.hidden % self.heads:
            raise ValueError(f"the heads must divide the width, got hidden={self.hidden}, heads={self.heads}")
        for given, known in ((self.attention, ATTENTION), (self.aggregation, AGGREGATION)):
            if not given or set(given) - set(known):
                raise ValueError(f"candidates are some of {known}, got {given}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """The message of every layer, the skip of every layer but the last, how layers are joined."""
        messages = tuple(f"{a}-{g}" for a in self.attention for g in self.aggregation)
        return (
            Choice("message", messages, self.layers, "message"),
            Choice("skip", ("none", "skip"), self.layers - 1, "skip"),
            Choice("join", JOINS, 1, "join"),
        )

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The layers and what joins those that skip to it, and the last (attribute `op` of nodes)."""
        named = describe(self.choices, arch)
        layers = {str(i): tuple(message.rsplit("-", 1)) for i, message in enumerate(named["message"], 1)}
        joined = [(i, "out") for i, skip in zip(layers, [*named["skip"], "skip"], strict=True) if skip == "skip"]
        ops = {"in": None, **layers, "out": ("join", *named["join"])}
        return {"network": wired(ops, [*pairwise(["in", *layers]), *joined])}

    def supernet(self, io: IO, mask: Mask | None = None) -> MixedNetwork:
        """All candidates: forward(*inputs, gates)."""
        return MixedNetwork(self, io, mask, 0.0)

    def build(self, arch: Arch, io: IO) -> MixedNetwork:
        """The stand-alone network: forward(*inputs)."""
        return MixedNetwork(self, io, only(self.choices, arch), self.dropout)


class OnEdges(nn.Module):
    """A graph layer that takes nodes and edges as one argument, as mixed operations do, and an ELU."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, graph: tuple[Tensor, ...]) -> Tensor:
        """Shapes: ([N, D], [2, E]) or, with weights of edges, ([N, D], [2, E], [E]) -> [N, D]."""
        return functional.elu(self.layer(*graph))


@exact
def _last(states: Tensor, lstm: nn.LSTM) -> Tensor:
    """The last output; oneDNN has no LSTM in bfloat16 for processors without AVX-512."""
    return lstm(states)[0][:, -1]  # type: ignore[no-any-return]


class Join(nn.Module):
    """One way to make one vector of a node of those of all layers."""

    def __init__(self, kind: str, layers: int, width: int):
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(layers * width, width) if kind == "concat" else None
        self.lstm = nn.LSTM(width, width, batch_first=True) if kind == "lstm" else None

    def forward(self, states: Tensor) -> Tensor:
        """Shapes: [N, L, D] -> [N, D]."""
        if self.linear is not None:
            return self.linear(states.flatten(1))  # type: ignore[no-any-return]
        if self.lstm is not None:
            return _last(states, self.lstm)
        return states.amax(1) if self.kind == "max" else getattr(states, self.kind)(1)


class MixedNetwork(OnGraphs):
    """A linear layer, mixed graph layers, a mixed join of those that skip to it and the last, a classifier.

    A layer that does not skip to the join counts as zeros there.
    """

    def __init__(self, space: GraphMix, io: IO, mask: Mask | None, dropout: float):
        super().__init__()
        layer = layer_type(io)
        messages, skips, joins = space.choices
        rows = [[None] * choice.count if mask is None else mask[i].tolist() for i, choice in enumerate(space.choices)]
        d, heads = space.hidden, space.heads

        def message(option: str) -> nn.Module:
            attention, aggregation = option.rsplit("-", 1)
            return OnEdges(layer(d, d // heads, heads, attention, aggregation))

        self.dropout, self.readout = dropout, space.readout
        self.first = SparseLinear(io.inputs[0], d)
        self.layers = nn.ModuleList(Mixed(messages.options, message, row) for row in rows[0])
        self.skips = nn.ModuleList(Mixed(skips.options, lambda option: nn.Identity(), row) for row in rows[1])
        self.join = Mixed(joins.options, lambda option: Join(option, space.layers, d), rows[2][0])
        self.last = nn.Linear(d, io.outputs[0])
        with_embedding(self, io)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        graph: Tensor | None = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        gates: Gates | None = None,
    ) -> Tensor:
        """Class scores of every node, or of every graph. The arguments are those of `on_edges`.

        Shapes:
            x: [N, F]. edge_index: [2, E]. graph: [N]. edge_weight: [E].
            gates: ([L, K], [L - 1, 2], [1, 5]), or with a first axis N.
            returns: [N, classes] or [graphs, classes].
        """
        edges, graph = on_edges(edge_index, graph, edge_weight, batch)
        live = None if gates is None else [live_options(matrix) for matrix in gates]

        def mixed(choice: int, row: int, op: nn.Module, x: object) -> Tensor | None:
            if gates is None or live is None:
                return op(x)  # type: ignore[no-any-return]
            return op(x, gates[choice][..., row, :], live[choice][row])  # type: ignore[no-any-return]

        x = features(x, self.first.weight)
        x = functional.elu(self.first(dropout(x, self.dropout, self.training)))
        states = []
        for i, layer in enumerate(self.layers):
            y = mixed(0, i, layer, (dropout(x, self.dropout, self.training), *edges))
            assert y is not None
            x = y
            skipped = mixed(1, i, self.skips[i], x) if i < len(self.skips) else x
            states.append(torch.zeros_like(x) if skipped is None else skipped)
        y = mixed(2, 0, self.join, torch.stack(states, 1))
        assert y is not None
        return pooled(self.last(functional.relu(y)), graph, self.readout)
