"""Architectures as one-hot gates, tokens and operation graphs, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot as torch_one_hot

from appnas.space.space import ZERO, Arch, Choice, Gates, decisions

if TYPE_CHECKING:
    import networkx as nx


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

    Attributes:
        ops: the words of every node; the first node is the input, the last the output.
        arrows: (node, node) where the first feeds the second.
    """

    ops: tuple[tuple[str, ...], ...]
    arrows: tuple[tuple[int, int], ...]

    @property
    def adjacency(self) -> Tensor:
        """Shapes: [N, N], 1 where the row's operation feeds the column's."""
        matrix = torch.zeros(len(self.ops), len(self.ops))
        for arrow in self.arrows:
            matrix[arrow] = 1
        return matrix


def words(op: str | tuple[str, ...]) -> tuple[str, ...]:
    """An operation's words: one, or those of a layer, ("mbconv", "kernel 5")."""
    return (op,) if isinstance(op, str) else tuple(op)


def op_graph(parts: Mapping[str, nx.DiGraph]) -> OpGraph:
    """The operations of a network and what feeds what: what predictors see of it.

    An edge with an operation becomes a node (the line graph of a cell), a node with one stays a node, and nodes without
    are passed through. The parts lie side by side between one input and one output; where there are several, their
    operations have the part's name as a further word, and where a part has several inputs, each is a node of its name.
    What is `none`, and what is then on no way from an input to an output, is left out.

    Args:
        parts: a space's `graph`; the attributes `inputs` and `outputs` of each list the nodes that are its ends.

    Raises:
        ValueError: a part whose ends are not said.
    """
    said: list[tuple[str, ...]] = [("input",), ("output",)]
    after: list[list[int]] = [[], []]
    for name, part in parts.items():
        if not {"inputs", "outputs"} <= part.graph.keys():
            raise ValueError(f"a graph has the attributes `inputs` and `outputs`, that of {name!r} has {[*part.graph]}")
        part_of = (name,) if len(parts) > 1 else ()
        inputs = part.graph["inputs"]
        named = inputs if len(inputs) > 1 else ()
        ids = {}
        for node, op in part.nodes(data="op"):
            ids[node] = len(said)
            op = str(node) if op is None and node in named else op
            said.append(() if op is None else (*words(op), *part_of))
            after.append([])
        for source, target, op in part.edges(data="op"):
            if op is None:
                after[ids[source]].append(ids[target])
            else:
                after[ids[source]].append(len(said))
                said.append((*words(op), *part_of))
                after.append([ids[target]])
        after[0] += [ids[node] for node in inputs]
        for node in part.graph["outputs"]:
            after[ids[node]].append(1)
    kinds = tuple(0 if not op else -1 if op[0] in ZERO else 1 for op in said)
    nodes, arrows = _joined(kinds, tuple(map(tuple, after)))
    return OpGraph(tuple([said[node] for node in nodes]), arrows)


@lru_cache(maxsize=1024)
def _joined(
    kinds: tuple[int, ...], after: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The nodes that stay, and the arrows between them by their places.

    Those of kind 0 are passed through, those of kind -1 and what leads nowhere are left out. Architectures of a space
    are often joined alike.
    """
    before: list[list[int]] = [[] for _ in kinds]
    for node, targets in enumerate(after):
        for target in targets:
            before[target].append(node)
    kept = _reached(0, after, kinds) & _reached(1, before, kinds)
    nodes = (0, *(node for node in range(2, len(kinds)) if kinds[node] and node in kept), 1)
    place = {node: i for i, node in enumerate(nodes)}
    arrows = []
    for node, i in place.items():
        waiting, seen = list(after[node]), set()
        while waiting:
            target = waiting.pop()
            if target in kept and target not in seen:
                seen.add(target)
                if kinds[target]:
                    arrows.append((i, place[target]))
                else:
                    waiting += after[target]
    return nodes, tuple(sorted(arrows))


def _reached(start: int, after: Sequence[Sequence[int]], kinds: tuple[int, ...]) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        for node in after[waiting.pop()]:
            if node not in found and kinds[node] >= 0:
                found.add(node)
                waiting.append(node)
    return found
