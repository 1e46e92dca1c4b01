"""Spaces of recurrent cells: DARTS's (Liu et al., arXiv 1806.09055, section 3.1.2) and NAO's (arXiv 1808.07233).

A cell's first state comes from the input and the hidden state; each node after it changes one earlier state by one
activation; the output is the mean of the nodes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import networkx as nx
import torch
from torch import Tensor

from appnas.space import IO, Arch, Choice, Gates, Mask, only
from appnas.spaces.parts import Edges, Free, dense, drawn, entering, number, obeys, picture, strongest
from appnas.spaces.text.highway import ACTIVATIONS, SCALE, Highway
from appnas.spaces.text.language import LanguageModel
from appnas.support import checked

OPTIONS = ("none", *ACTIVATIONS)
Allowed = list[list[list[str]]]
"""For every node and each of its predecessors, the activations on that edge."""

# The published cells: for every node, its activation and its predecessor. `linear` is the papers' `identity`.
DARTS_V1 = (
    ("relu", 0), ("relu", 1), ("tanh", 2), ("relu", 3), ("relu", 4), ("linear", 1), ("relu", 5), ("relu", 1),
)  # fmt: skip
DARTS_V2 = (
    ("sigmoid", 0), ("relu", 1), ("relu", 1), ("linear", 1), ("tanh", 2), ("sigmoid", 5), ("tanh", 3), ("relu", 5),
)  # fmt: skip

NAO = (
    ("relu", 0), ("relu", 1), ("sigmoid", 2), ("sigmoid", 1), ("relu", 4), ("relu", 4), ("relu", 4), ("relu", 7),
    ("sigmoid", 8), ("tanh", 1), ("relu", 4),
)  # fmt: skip


@dataclass(frozen=True)
@checked(nodes=1, hidden=1, width=1, scale=1e-06)
class Recurrent:
    """DARTS's recurrent cell in a language model. `hidden` sizes the supernet, `width` the derived networks."""

    nodes: int = 8
    """Nodes of a cell."""
    hidden: int = 300
    """Units of the supernet."""
    width: int = 850
    """Units of a derived network (WikiText-2: 700)."""
    drop_word: float = 0.1
    """Dropout of whole words, in derived networks only."""
    drop_embedding: float = 0.2
    """Dropout of the embedding."""
    drop_input: float = 0.75
    """Dropout of the cell's input."""
    drop_state: float = 0.25
    """Dropout of the states where they enter a matrix (WikiText-2: 0.15 in derived networks)."""
    drop_output: float = 0.75
    """Dropout of the cell's output."""
    scale: float = SCALE
    """Weights and embedding begin uniformly within this distance of 0. The papers' 0.04 is made for hundreds of units:
    narrow networks learn faster from 1 / sqrt(width)."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or a dropout that is no probability below 1.
        """
        for name in ("word", "embedding", "input", "state", "output"):
            if not 0 <= getattr(self, f"drop_{name}") < 1:
                raise ValueError(f"drop_{name} is a probability below 1, got {getattr(self, f'drop_{name}')}")

    @cached_property
    def edges(self) -> Edges:
        """(source, target) states of the cell; state 0 is the first one."""
        return dense(1, self.nodes)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """One decision an edge."""
        return (Choice("recurrent", OPTIONS, len(self.edges), "recurrent"),)

    def valid(self, arch: Arch) -> bool:
        """One activation enters every node; all other edges are `none`."""
        return obeys(self.edges, OPTIONS, arch, 1)

    def count(self) -> int:
        """Number of architectures."""
        return number(self.edges, OPTIONS, 1)

    def discretise(self, gates: Gates) -> Arch:
        """The strongest edge into every node with its strongest activation, `none` excluded.

        Shapes:
            gates: one matrix [E, 5] or [B, E, 5]; rows need not be normalised.
        """
        return tuple(strongest(self.edges, OPTIONS, gates[0], 1))

    def sample(self, rng: random.Random, mask: Mask | None = None) -> Arch:
        """One of all architectures, or of those that a mask allows, all alike."""
        return drawn(self, self.edges, OPTIONS, rng, mask, 1)

    def from_cell(self, cell: tuple[tuple[str, int], ...]) -> Arch:
        """An architecture from the notation of published cells: for every node, its activation and its predecessor.

        Raises:
            ValueError: another number of nodes than the space's.
        """
        if len(cell) != self.nodes:
            raise ValueError(f"a cell of this space has {self.nodes} nodes, got {len(cell)}: {cell}")
        chosen = {self.edges.index((source, node)): name for node, (name, source) in enumerate(cell, 1)}
        return tuple(OPTIONS.index(chosen.get(e, "none")) for e in range(len(self.edges)))

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """The cell as a graph: states as nodes, activations on the edges (attribute `op`)."""
        return {"recurrent": picture(self.edges, OPTIONS, arch, ["first"], "h", "mean")}

    def supernet(self, io: IO, mask: Mask | None = None) -> LanguageModel:
        """All candidates of every edge, `hidden` wide: forward(tokens, hidden, gates)."""
        return self._model(io, self.hidden, self._allowed(mask), True)

    def build(self, arch: Arch, io: IO) -> LanguageModel:
        """The stand-alone network, `width` wide, without batch norms: forward(tokens, hidden)."""
        return self._model(io, self.width, self._allowed(only(self.choices, arch)), False)

    def _allowed(self, mask: Mask | None) -> Allowed:
        if mask is None:
            return [[list(ACTIVATIONS)] * i for i in range(1, self.nodes + 1)]
        return [[_named(mask[0][e][1:]) for e in edges] for edges in entering(self.edges)]

    def _model(self, io: IO, width: int, allowed: Allowed, mixed: bool) -> LanguageModel:
        word = 0.0 if mixed else self.drop_word
        drops = (word, self.drop_embedding, self.drop_input, self.drop_state, self.drop_output)
        cell = Highway(width, allowed, mixed, self.scale)
        return LanguageModel(io, width, cell, drops, type(self).by_node, self.scale)

    @staticmethod
    def by_node(gates: Gates) -> list[Tensor]:
        """The gates of the edges into every node, without `none`.

        Shapes:
            gates: [E, 5] or [B, E, 5]. returns: for each node i from 1, [i, 4] or [B, i, 4].
        """
        edges = gates[0].shape[-2]
        nodes = next(n for n in range(1, edges + 1) if n * (n + 1) // 2 == edges)
        return [part[..., 1:] for part in torch.split(gates[0], list(range(1, nodes + 1)), -2)]


@dataclass(frozen=True)
class NAORecurrent(Free, Recurrent):
    """NAO's recurrent cell: the same nodes, named by a predecessor and an activation each (arXiv 1808.07233).

    22 decisions of 16 tokens (`appnas.space.encoding`). A candidate's gate is the product of its two decisions' gates.

    Deviates: in supernets the candidates of a node share one matrix and states are normalised as in DARTS, and the
    output is the mean of the nodes as in the derived cell; the official search has a matrix for every candidate and
    adds the first state to the mean.
    """

    nodes: int = 11
    """Nodes of a cell."""
    sample: ClassVar[None] = None  # type: ignore[assignment]
    """None of its own: every combination is in the space."""

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """For every node its predecessor and its activation."""
        return tuple(
            choice
            for i in range(1, self.nodes + 1)
            for choice in (
                Choice(f"predecessor {i}", tuple(map(str, range(i))), 1, "predecessor"),
                Choice(f"activation {i}", tuple(ACTIVATIONS), 1, "activation"),
            )
        )

    def from_cell(self, cell: tuple[tuple[str, int], ...]) -> Arch:
        """An architecture from the notation of published cells.

        Raises:
            ValueError: another number of nodes than the space's.
        """
        super().from_cell(cell)
        names = list(ACTIVATIONS)
        return tuple(index for name, source in cell for index in (source, names.index(name)))

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """The cell as a graph: states as nodes, activations on the edges (attribute `op`)."""
        names = list(ACTIVATIONS)
        return super().graph(
            super().from_cell(tuple((names[f], j) for j, f in zip(arch[0::2], arch[1::2], strict=True)))
        )

    def _allowed(self, mask: Mask | None) -> Allowed:
        if mask is None:
            return super()._allowed(None)
        pairs = zip(mask[0::2], mask[1::2], strict=True)
        return [[_named(f[0]) if on else [] for on in j[0]] for j, f in pairs]

    @staticmethod
    def by_node(gates: Gates) -> list[Tensor]:
        """The gates of every node's candidates.

        Shapes:
            gates: for each node i from 1, [1, i] and [1, 4], or with a first axis B. returns: [i, 4] or [B, i, 4].
        """
        return [j.transpose(-1, -2) * f for j, f in zip(gates[0::2], gates[1::2], strict=True)]


def _named(row: Tensor) -> list[str]:
    return [name for name, on in zip(ACTIVATIONS, row, strict=True) if on]
