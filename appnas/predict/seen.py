"""Architectures as predictors see them: the operations of their networks, or, where a space shows none, decisions.

Architectures are on the CPU and so is what is kept of them; what a network gets of a batch goes where its weights are.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from appnas.space import ZERO, Arch, OpGraph, Space, decisions, offsets, op_graph, vocabulary

SAMPLE = 200
"""Random architectures whose words are learnt; what others have beyond them shares one word."""
KEPT = 16_384
"""Architectures of which the graphs are kept."""


class BlindWarning(UserWarning):
    """A predictor sees the decisions of a space in a chain, for want of its `graph`."""


class Batch(NamedTuple):
    """Graphs of several architectures, filled up to one size.

    Shapes:
        adjacency: [B, N, N], 1 where the row's node feeds the column's. words: [B, N, W], indices of words, 0 for none.
        alive: [B, N], 0 for what is filled up, and for decisions that are `none`.
    """

    adjacency: Tensor
    words: Tensor
    alive: Tensor


class Decisions:
    """The decisions in a chain between an input and an output.

    Args:
        space: whose decisions.
    """

    def __init__(self, space: Space):
        starts, self.count = offsets(space.choices), vocabulary(space.choices) + 2
        self.dead = torch.zeros(self.count)
        for start, names in zip(starts, decisions(space.choices), strict=True):
            self.dead[start + 1 : start + 1 + len(names)] = torch.tensor([float(name in ZERO) for name in names])
        self.adjacency = torch.ones(len(starts) + 1).diag(1)
        self.offset = torch.tensor([0, *starts, self.count - 2]) + 1

    def __call__(self, archs: Tensor) -> Batch:
        """Shapes: archs [B, D], int64."""
        ends = archs.new_zeros(len(archs), 1)
        words = torch.cat([ends, archs, ends], 1) + self.offset
        return Batch(self.adjacency.expand(len(archs), -1, -1), words[..., None], 1 - self.dead[words])


class Networks:
    """The operations of the networks, by the space's `graph`.

    Args:
        space: whose architectures.
    """

    def __init__(self, space: Space):
        self.graph = space.graph  # type: ignore[attr-defined]
        options = [name for choice in space.choices for name in choice.options]
        rng, every = random.Random(0), decisions(space.choices)
        drawn = [tuple(rng.randrange(len(names)) for names in every) for _ in range(SAMPLE)]
        met = [word for arch in drawn for words in self._see(arch).ops for word in words]
        known = dict.fromkeys(["input", "output", *options, *met])
        self.words = {word: i for i, word in enumerate(known, 1)}
        self.count = len(self.words) + 2
        self.rows: dict[Arch, int] = {}
        self.adjacency, self.said = torch.zeros(0, 2, 2, dtype=torch.uint8), torch.zeros(0, 2, 1, dtype=torch.int64)

    def _see(self, arch: Arch) -> OpGraph:
        return op_graph(self.graph(arch))

    def __call__(self, archs: Tensor) -> Batch:
        """Shapes: archs [B, D], int64."""
        wanted = [tuple(row) for row in archs.tolist()]
        new = list(dict.fromkeys(arch for arch in wanted if arch not in self.rows))
        if len(self.rows) + len(new) > KEPT:
            self.rows, new = {}, list(dict.fromkeys(wanted))
        if new:
            self._keep([self._see(arch) for arch in new])
            self.rows |= {arch: row for row, arch in enumerate(new, len(self.rows))}
        rows = torch.tensor([self.rows[arch] for arch in wanted])
        words = self.said[rows]
        return Batch(self.adjacency[rows].float(), words, (words[..., 0] > 0).float())

    def _keep(self, graphs: Sequence[OpGraph]) -> None:
        """Write graphs behind those that are kept, in twice the room where it is too small."""
        start, end = len(self.rows), len(self.rows) + len(graphs)
        room, nodes, most = self.said.shape
        sizes = max(len(graph.ops) for graph in graphs), max(len(op) for graph in graphs for op in graph.ops)
        if end > room or sizes[0] > nodes or sizes[1] > most:
            more = max(end, 2 * start) - start, max(sizes[0], nodes) - nodes, max(sizes[1], most) - most
            self.adjacency = pad(self.adjacency[:start], (0, more[1], 0, more[1], 0, more[0]))
            self.said = pad(self.said[:start], (0, more[2], 0, more[1], 0, more[0]))
            nodes, most = self.said.shape[1:]
        nothing, flat = [0] * most, []
        known = {op: self._indices(op) + nothing[len(op) :] for op in {op for graph in graphs for op in graph.ops}}
        for graph in graphs:
            for op in graph.ops:
                flat += known[op]
            flat += nothing * (nodes - len(graph.ops))
        self.said[start:end] = torch.tensor(flat, dtype=torch.int64).view(len(graphs), nodes, most)
        places = [(b * nodes + i) * nodes + j for b, graph in enumerate(graphs) for i, j in graph.arrows]
        fresh = torch.zeros(len(graphs), nodes, nodes, dtype=torch.uint8)
        fresh.view(-1)[torch.tensor(places, dtype=torch.int64)] = 1
        self.adjacency[start:end] = fresh

    def _indices(self, op: tuple[str, ...]) -> list[int]:
        return [self.words.get(word, self.count - 1) for word in op]


def view(space: Space) -> Decisions | Networks:
    """The networks of a space; without its `graph` the decisions, and a warning that says so."""
    if getattr(space, "graph", None) is not None:
        return Networks(space)
    count = len(decisions(space.choices))
    warnings.warn(
        f"the space {type(space).__name__} has no graph(arch), so the predictor sees its {count} decisions as a chain;"
        " with graph(arch), the network's operations and what feeds what, it would see the network",
        BlindWarning,
        stacklevel=2,
    )
    return Decisions(space)
