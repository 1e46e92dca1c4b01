"""Search spaces as data: choices, architectures, and what can be done to them without building a network.

An architecture is a tuple of integers, one for each decision. Everything here works on the choices alone, so it serves
every space. What a space allows beyond its choices (a DARTS node keeps two incoming edges) is known by its `valid` and
`discretise`. How to move in a space is said by `appnas.space.moves`, what to leave out of it by `appnas.space.masks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

Arch = tuple[int, ...]
"""The index of the option taken at every decision, in the order of the choices. Hashable and JSON-able."""
Gates = tuple[Tensor, ...]
"""One matrix [count, K], or [B, count, K] for one row an example, for each choice: plain multipliers."""
Mask = tuple[Tensor, ...]
"""One boolean matrix [count, K] for each choice: True where an option may be used."""

ZERO = frozenset({"none", "zero"})
"""Options that contribute nothing: they are never allocated and never computed."""
SKIP = frozenset({"skip_connect", "skip", "identity"})
"""Options that pass their input on unchanged (or subsampled)."""


class Choice(NamedTuple):
    """`count` decisions over the same options, for example the 14 edges of a normal cell.

    Attributes:
        name: unique in its space.
        options: names of the K options; the index is what an `Arch` holds.
        count: number of decisions.
        group: what belongs together (a cell type, a layer, an AGNN class).
        ordered: whether the options lie in an order, as widths and depths do: then `mutate` and `neighbours` go to the
            option before or after, not to any other. The choices of the built-in spaces are not ordered, as the
            published mutations draw any other option.
    """

    name: str
    options: tuple[str, ...]
    count: int = 1  # type: ignore[assignment]  # shadows tuple.count, which nobody needs here
    group: str = ""
    ordered: bool = False


@dataclass(frozen=True)
class IO:
    """Sizes of one example: all that a space may know of a domain.

    Attributes:
        inputs: shape of one input without the batch axis, for example (3, 32, 32).
        outputs: shape of one output, for example (10,) for ten classes.
        edges: of a graph, features of an edge.
        relations: of a graph with edges of several types, how many; the last of the features of an edge say which.
        embedding: (nodes, width) of a graph some of whose nodes have features that are learnt. The last number that
            comes with a node says which of these it is, from 1 (0: none of them); a network puts a vector of that width
            in its place, which makes `inputs` numbers.
        nets: whether maps [C, H, W] come with the pins of a netlist, a second input [P, 3] of integers: the gcell
            (row * W + column), net and cell of every pin, numbered below P; -1 in all three past the last pin.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    edges: int = 0
    relations: int = 0
    embedding: tuple[int, ...] = ()
    nets: bool = False


@runtime_checkable
class Space(Protocol):
    """What every search space offers. Spaces are frozen dataclasses; building is deterministic given the torch seed.

    What a space may offer besides (its own `sample`, `mutate`, `canonical`, ...), who uses it and what happens without
    is in the table of docs/own/space.md.
    """

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The decisions."""

    @property
    def mask(self) -> Mask | None:
        """Options that may be used; None for all."""

    def build(self, arch: Arch, io: IO) -> nn.Module:
        """The stand-alone network, a plain module: forward(*inputs)."""

    def supernet(self, io: IO, mask: Mask | None = None) -> nn.Module:
        """All candidates in one module: forward(*inputs, gates). Masked options are never allocated."""

    def discretise(self, gates: Gates) -> Arch:
        """The valid architecture that the gates (non-negative scores) point to."""

    def valid(self, arch: Arch) -> bool:
        """Whether the architecture obeys the space's rules."""


@lru_cache(maxsize=256)
def decisions(choices: tuple[Choice, ...]) -> tuple[tuple[str, ...], ...]:
    """The options of every decision, in the order of an `Arch`."""
    return tuple(choice.options for choice in choices for _ in range(choice.count))


def legal(space: Space) -> list[list[int]]:
    """The indices that every decision may take: all, or those that the space's mask allows."""
    if space.mask is None:
        return [list(range(len(options))) for options in decisions(space.choices)]
    return [row.nonzero().flatten().tolist() for matrix in space.mask for row in matrix]


def size(space: Space) -> int:
    """Number of architectures by the space's own `count`, or else of combinations, some perhaps against its rules."""
    own = getattr(space, "count", None)
    return int(own()) if callable(own) else math.prod(map(len, legal(space)))


def active(space: Space, arch: Arch) -> tuple[bool, ...]:
    """For every decision whether the network has it: by the space's own `active`, or else all of them.

    Of choices that exist only under others. A valid architecture holds index 0 wherever it is not active.

    Raises:
        ValueError: it gives something else.
    """
    own = getattr(space, "active", None)
    if not own:
        return (True,) * len(arch)
    found = own(arch)
    if not isinstance(found, Iterable) or len(there := tuple(map(bool, found))) != len(arch):
        raise ValueError(
            f"active of {type(space).__name__} gives one truth value a decision, {len(arch)} of them, got {found!r:.80}"
        )
    return there


def canonical(space: Space, arch: Arch) -> Arch:
    """The name of an architecture's network: equal for architectures that are the same one, by the space's `canonical`.

    Without the hook every architecture is its own. Under a mask it is the name in the whole space, which the mask may
    forbid: to compare with, not to build.

    Raises:
        TypeError, ValueError: it gives something else, see `given`.
    """
    own = getattr(space, "canonical", None)
    return given(space, own(arch), "canonical") if own else arch


def given(space: Space, found: object, by: str) -> Arch:
    """What a member of a space gave, as an architecture of plain integers.

    Args:
        space: of the architecture.
        found: what it gave.
        by: the member, as a message names it.

    Raises:
        TypeError: no integers.
        ValueError: too few of them or too many, or one is no index of an option.
    """
    widths, who = [len(options) for options in decisions(space.choices)], f"{by} of {type(space).__name__}"
    try:
        arch = tuple(int(index) for index in found)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise TypeError(f"{who} gives an architecture, a tuple of indices, got {found!r:.80}") from error
    if len(arch) != len(widths) or not all(0 <= index < width for index, width in zip(arch, widths, strict=False)):
        raise ValueError(f"{who} gives {len(widths)} indices, each below its number of options, {widths}; got {arch}")
    return arch


def check(space: Space, arch: Sequence[int]) -> Arch:
    """The architecture as a tuple of plain integers.

    Raises:
        ValueError: wrong length, an index out of range, or against the rules of the space.
    """
    options = decisions(space.choices)
    arch = tuple(int(index) for index in arch)
    if len(arch) != len(options):
        raise ValueError(f"an architecture of this space has {len(options)} decisions, got {len(arch)}: {arch}")
    for position, (index, names) in enumerate(zip(arch, options, strict=True)):
        if not 0 <= index < len(names):
            raise ValueError(f"decision {position} has {len(names)} options {names}, got index {index}")
    if not space.valid(arch):
        raise ValueError(f"{describe(space.choices, arch)} breaks the rules of {type(space).__name__}")
    return arch


def describe(choices: tuple[Choice, ...], arch: Arch) -> dict[str, list[str]]:
    """The options by name: {choice: [option, ...]}."""
    names = [options[index] for options, index in zip(decisions(choices), arch, strict=True)]
    described, start = {}, 0
    for choice in choices:
        described[choice.name] = names[start : start + choice.count]
        start += choice.count
    return described


def parse(space: Space, described: dict[str, list[str]]) -> Arch:
    """The inverse of `describe`.

    Raises:
        ValueError: a choice or an option that the space does not have, or too many or few of them.
    """
    if set(described) != {choice.name for choice in space.choices}:
        raise ValueError(f"the space has the choices {[c.name for c in space.choices]}, got {sorted(described)}")
    indices = []
    for choice in space.choices:
        if len(described[choice.name]) != choice.count:
            raise ValueError(f"choice {choice.name!r} has {choice.count} decisions, got {len(described[choice.name])}")
        for option in described[choice.name]:
            if option not in choice.options:
                raise ValueError(f"choice {choice.name!r} has the options {choice.options}, got {option!r}")
            indices.append(choice.options.index(option))
    return check(space, indices)


def split(choices: tuple[Choice, ...], flat: Sequence[Tensor]) -> Gates:
    """Stack one row for each decision into one matrix for each choice."""
    matrices, start = [], 0
    for choice in choices:
        matrices.append(torch.stack(list(flat[start : start + choice.count])))
        start += choice.count
    return tuple(matrices)


def argmax(gates: Gates) -> Arch:
    """The strongest option of every decision; gates with a batch axis are averaged first.

    Shapes:
        gates: each [count, K] or [B, count, K].
    """
    rows = (matrix.mean(0) if matrix.dim() == 3 else matrix for matrix in gates)
    return tuple(index for matrix in rows for index in matrix.argmax(-1).tolist())
