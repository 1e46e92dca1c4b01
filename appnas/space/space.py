"""Search spaces as data: choices, architectures, and what can be done to them without building a network.

An architecture is a tuple of integers, one for each decision. Everything here works on the choices alone, so it serves
every space. What a space allows beyond its choices (a DARTS node keeps two incoming edges) is known by its `valid` and
`discretise`, and proposals that break a rule are mended by discretising scores that favour them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from appnas.support import ExhaustedError, offers, ruled

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
    """

    name: str
    options: tuple[str, ...]
    count: int = 1  # type: ignore[assignment]  # shadows tuple.count, which nobody needs here
    group: str = ""


@dataclass(frozen=True)
class IO:
    """Sizes of one example: all that a space may know of a domain.

    Attributes:
        inputs: shape of one input without the batch axis, for example (3, 32, 32).
        outputs: shape of one output, for example (10,) for ten classes.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@runtime_checkable
class Space(Protocol):
    """What every search space offers. Spaces are frozen dataclasses; building is deterministic given the torch seed."""

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
    own = getattr(type(space), "count", None)
    return int(own(space)) if own else math.prod(map(len, legal(space)))


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


def _noise(choices: tuple[Choice, ...], rng: random.Random) -> list[list[float]]:
    return [[rng.random() for _ in options] for options in decisions(choices)]


def _mend(space: Space, scores: list[list[float]]) -> Arch:
    offers(space, ["discretise"], "a choice that keeps the space's rules")
    return ruled(space, space.discretise(split(space.choices, [torch.tensor(row) for row in scores])))


def random_arch(space: Space, rng: random.Random) -> Arch:
    """An architecture drawn uniformly from the valid ones.

    Uniform because a uniform draw of all decisions is kept if valid, and discretising uniform scores otherwise
    treats all options, and all edges into a node, alike. (Not quite, where a mask leaves DARTS edges unequal numbers
    of options: an edge with more of them wins more often.)
    """
    arch = tuple(rng.randrange(len(options)) for options in decisions(space.choices))
    return arch if space.valid(arch) else _mend(space, _noise(space.choices, rng))


def mutate(space: Space, arch: Arch, rng: random.Random, tries: int = 100) -> Arch:
    """A valid architecture in which one decision, drawn uniformly, takes another option.

    If the change alone breaks a rule (a third edge into a DARTS node), the rest gives way at random.

    Raises:
        ExhaustedError: nothing can be changed: the space has one architecture, or no other that so many tries find.
    """
    options = legal(space)
    open_positions = [position for position, indices in enumerate(options) if len(indices) > 1]
    for _ in range(tries if open_positions else 0):
        position = rng.choice(open_positions)
        now = arch[position]
        index = rng.choice([k for k in options[position] if k > now] + [k for k in options[position] if k < now])
        child = (*arch[:position], index, *arch[position + 1 :])
        if not space.valid(child):
            scores = _noise(space.choices, rng)
            for row, kept in zip(scores, arch, strict=True):
                row[kept] += 1.0
            scores[position][arch[position]] = 0.0
            scores[position][index] += 3.0
            child = _mend(space, scores)
        if child != arch:
            return child
    raise ExhaustedError(f"no other architecture within {tries} tries of {describe(space.choices, arch)}")


def crossover(space: Space, first: Arch, second: Arch, rng: random.Random) -> Arch:
    """A valid architecture that takes every decision from one of two parents."""
    child = tuple(rng.choice(pair) for pair in zip(first, second, strict=True))
    if space.valid(child):
        return child
    scores = _noise(space.choices, rng)
    for row, names, *parents in zip(scores, decisions(space.choices), first, second, strict=True):
        for index in parents:  # an edge that both parents have comes before one that only one has
            row[index] += max(sum(names[k] not in ZERO for k in parents), 1)
    return _mend(space, scores)


def neighbours(space: Space, arch: Arch) -> Iterator[Arch]:
    """All valid architectures that differ in exactly one decision."""
    for position, options in enumerate(decisions(space.choices)):
        for index in range(len(options)):
            other = (*arch[:position], index, *arch[position + 1 :])
            if index != arch[position] and space.valid(other):
                yield other


def constant_arch(space: Space, option: str) -> Arch:
    """The architecture that takes one option wherever it is offered, for example all `sep_conv_3x3`.

    Raises:
        ValueError: no choice offers the option, or the rules of the space forbid it somewhere.
    """
    if not any(option in choice.options for choice in space.choices):
        offered = sorted({name for choice in space.choices for name in choice.options})
        raise ValueError(f"no choice offers {option!r}; offered are {offered}")
    scores = [[2.0 if n == option else float(n not in ZERO) for n in names] for names in decisions(space.choices)]
    arch = _mend(space, scores)
    for names, index in zip(decisions(space.choices), arch, strict=True):
        if option in names and names[index] != option and names[index] not in ZERO:
            raise ValueError(f"{option!r} everywhere breaks the rules of {type(space).__name__} or its mask")
    return arch


def full_mask(choices: tuple[Choice, ...]) -> Mask:
    """The mask that allows everything."""
    return tuple(torch.ones(choice.count, len(choice.options), dtype=torch.bool) for choice in choices)


def without(choices: tuple[Choice, ...], options: Iterable[str]) -> Mask:
    """The mask that excludes options by name, wherever they are offered."""
    excluded = set(options)
    return tuple(torch.tensor([[name not in excluded for name in c.options]] * c.count) for c in choices)


def only(choices: tuple[Choice, ...], arch: Arch) -> Mask:
    """The mask that allows one architecture."""
    mask, start = full_mask(choices), 0
    for matrix in mask:
        chosen = torch.tensor(arch[start : start + len(matrix)])
        matrix &= torch.arange(matrix.shape[1]) == chosen[:, None]
        start += len(matrix)
    return mask


def check_mask(choices: tuple[Choice, ...], mask: Mask) -> Mask:
    """The mask itself.

    Raises:
        ValueError: wrong shapes, not boolean, or a decision without an option.
    """
    expected = [(choice.count, len(choice.options)) for choice in choices]
    if [tuple(matrix.shape) for matrix in mask] != expected:
        raise ValueError(f"a mask of this space has the shapes {expected}, got {[tuple(m.shape) for m in mask]}")
    for choice, matrix in zip(choices, mask, strict=True):
        if matrix.dtype != torch.bool:
            raise ValueError(f"a mask is boolean, that of choice {choice.name!r} is {matrix.dtype}")
        if not matrix.any(-1).all():
            row = int((~matrix.any(-1)).nonzero()[0])
            raise ValueError(f"the mask leaves no option to decision {row} of choice {choice.name!r}: {choice.options}")
    return mask


def allowed(mask: Mask | None, arch: Arch) -> bool:
    """Whether a mask allows every option of an architecture."""
    return mask is None or all(bool(row[k]) for row, k in zip((row for m in mask for row in m), arch, strict=True))
