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
        self.kept = self._encoded([])

    def _see(self, arch: Arch) -> OpGraph:
        return op_graph(self.graph(arch))

    def __call__(self, archs: Tensor) -> Batch:
        """Shapes: archs [B, D], int64."""
        wanted = [tuple(row) for row in archs.tolist()]
        new = list(dict.fromkeys(arch for arch in wanted if arch not in self.rows))
        if len(self.rows) + len(new) > KEPT:
            self.rows, self.kept, new = {}, self._encoded([]), list(dict.fromkeys(wanted))
        if new:
            self.kept = _together(self.kept, self._encoded([self._see(arch) for arch in new]))
            self.rows |= {arch: row for row, arch in enumerate(new, len(self.rows))}
        rows = torch.tensor([self.rows[arch] for arch in wanted])
        adjacency, words, alive = (part[rows] for part in self.kept)
        return Batch(adjacency.float(), words, alive)

    def _encoded(self, graphs: Sequence[OpGraph]) -> Batch:
        nodes = max((len(graph.ops) for graph in graphs), default=2)
        most = max((len(op) for graph in graphs for op in graph.ops), default=1)
        unseen, nothing, flat = self.count - 1, [0] * most, []
        for graph in graphs:
            for op in graph.ops:
                flat += [self.words.get(word, unseen) for word in op] + nothing[len(op) :]
            flat += nothing * (nodes - len(graph.ops))
        words = torch.tensor(flat, dtype=torch.int64).view(len(graphs), nodes, most)
        adjacency = torch.zeros(len(graphs), nodes, nodes, dtype=torch.uint8)
        places = [(b * nodes + i) * nodes + j for b, graph in enumerate(graphs) for i, j in graph.arrows]
        adjacency.view(-1)[torch.tensor(places, dtype=torch.int64)] = 1
        return Batch(adjacency, words, (words[..., 0] > 0).float())


def _together(first: Batch, second: Batch) -> Batch:
    """Both, filled up to the larger size."""
    nodes = max(first.words.shape[1], second.words.shape[1])
    most = max(first.words.shape[2], second.words.shape[2])
    found = []
    for part in (first, second):
        more = nodes - part.words.shape[1]
        words = pad(part.words, (0, most - part.words.shape[2], 0, more))
        found.append((pad(part.adjacency, (0, more, 0, more)), words, pad(part.alive, (0, more))))
    return Batch(*(torch.cat(pair) for pair in zip(*found, strict=True)))


def view(space: Space) -> Decisions | Networks:
    """The networks of a space; without its `graph` the decisions, and a warning that says so."""
    if hasattr(space, "graph"):
        return Networks(space)
    count = len(decisions(space.choices))
    warnings.warn(
        f"the space {type(space).__name__} has no graph(arch), so the predictor sees its {count} decisions as a chain;"
        " with graph(arch), the network's operations and what feeds what, it would see the network",
        BlindWarning,
        stacklevel=2,
    )
    return Decisions(space)
