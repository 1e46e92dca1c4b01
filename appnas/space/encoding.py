"""Architectures as one-hot gates, tokens and operation graphs, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import networkx as nx
import torch
from torch import Tensor
from torch.nn.functional import one_hot as torch_one_hot

from appnas.space.space import Arch, Choice, Gates, Space, decisions


def one_hot(choices: tuple[Choice, ...], arch: Arch) -> Gates:
    """One-hot gates of an architecture.

    Shapes:
        returns: for each choice [count, K], float32.
    """
    gates, start = [], 0
    for choice in choices:
        indices = torch.tensor(arch[start : start + choice.count])
        gates.append(torch_one_hot(indices, len(choice.options)).float())
        start += choice.count
    return tuple(gates)


def features(choices: tuple[Choice, ...], arch: Arch) -> Tensor:
    """The one-hot code as one vector, for predictors.

    Shapes:
        returns: [sum of K over all decisions].
    """
    return torch.cat([matrix.flatten() for matrix in one_hot(choices, arch)])


def _alphabets(choices: tuple[Choice, ...]) -> list[tuple[str, ...]]:
    """For every decision the longest options that begin with its own: earlier states are numbered like later ones."""
    every = decisions(choices)
    longest = {own: max((o for o in every if o[: len(own)] == own), key=len) for own in set(every)}
    return [longest[own] for own in every]


def offsets(choices: tuple[Choice, ...]) -> list[int]:
    """First token of every decision: decisions over the same options, or the first of them, share their tokens."""
    first: dict[tuple[str, ...], int] = {}
    starts, used = [], 1
    for options in _alphabets(choices):
        if options not in first:
            first[options] = used
            used += len(options)
        starts.append(first[options])
    return starts


def vocabulary(choices: tuple[Choice, ...]) -> int:
    """Number of tokens, with 0 for the start of a sequence."""
    return 1 + sum(len(options) for options in dict.fromkeys(_alphabets(choices)))


def tokens(choices: tuple[Choice, ...], arch: Arch) -> list[int]:
    """One token a decision; 0 is kept for the start of a sequence."""
    return [start + index for start, index in zip(offsets(choices), arch, strict=True)]


def from_tokens(choices: tuple[Choice, ...], sequence: list[int]) -> Arch:
    """The inverse of `tokens`.

    Raises:
        ValueError: wrong length, or a token that is not legal at its position.
    """
    options = decisions(choices)
    if len(sequence) != len(options):
        raise ValueError(f"a sequence of this space has {len(options)} tokens, got {len(sequence)}")
    arch = []
    for position, (token, start, names) in enumerate(zip(sequence, offsets(choices), options, strict=True)):
        if not start <= token < start + len(names):
            legal = f"{start} to {start + len(names) - 1}"
            raise ValueError(f"position {position} takes the tokens {legal}, got {token}")
        arch.append(token - start)
    return tuple(arch)


class OpGraph(NamedTuple):
    """A graph whose nodes are operations.

    Shapes:
        adjacency: [N, N], 1 where the row's operation feeds the column's.
        ops: [N] indices into `names`.
    """

    adjacency: Tensor
    ops: Tensor
    names: tuple[str, ...]


def op_graph(cell: nx.MultiDiGraph, options: Sequence[str]) -> OpGraph:
    """The line graph of a cell whose operations lie on its edges, with an input and an output.

    Args:
        cell: operations in the edges' attribute `op`; its attributes `inputs` and `outputs` list the states that are
            the cell's ends (a state that nothing reaches is not an input).
        options: the vocabulary, the same for all architectures of a space.

    Raises:
        ValueError: an operation that is not in the vocabulary.
    """
    edges = list(cell.edges(data="op"))
    names = ("input", "output", *options)
    unknown = sorted({op for *_, op in edges} - set(options))
    if unknown:
        raise ValueError(f"the vocabulary is {list(options)}, the cell has {unknown}")
    ops = torch.tensor([0, *(names.index(op) for *_, op in edges), 1])
    adjacency = torch.zeros(len(ops), len(ops))
    for i, (source, target, _) in enumerate(edges, start=1):
        adjacency[0, i] = float(source in cell.graph["inputs"])
        adjacency[i, -1] = float(target in cell.graph["outputs"])
        for j, (next_source, *_) in enumerate(edges, start=1):
            adjacency[i, j] = float(target == next_source)
    return OpGraph(adjacency, ops, names)


def links(space: Space) -> Tensor:
    """Which decision feeds which, between an input (node 0) and an output (the last node).

    Where the space has `edges`, (source, target) states of a cell, and a choice has one decision an edge, a decision
    feeds those whose source is its target. The decisions of all other choices follow each other in a chain.

    Shapes:
        returns: [D + 2, D + 2], 1 where the row feeds the column.
    """
    ends: list[tuple[Any, Any]] = []
    cell = tuple(getattr(space, "edges", ()))
    for number, choice in enumerate(space.choices):
        if cell and choice.count == len(cell):
            ends += [((number, source), (number, target)) for source, target in cell]
        else:
            start = len(ends)
            ends += [(start + i, start + i + 1) for i in range(choice.count)]
    sources, targets = {source for source, _ in ends}, {target for _, target in ends}
    adjacency = torch.zeros(len(ends) + 2, len(ends) + 2)
    for i, (source, target) in enumerate(ends, start=1):
        adjacency[0, i] = float(source not in targets)
        adjacency[i, -1] = float(target not in sources)
        for j, (next_source, _) in enumerate(ends, start=1):
            adjacency[i, j] = float(target == next_source)
    return adjacency
