"""Spaces without networks of their own: a list of architectures, the rows of a table, choices alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from appnas.space.masks import check_mask
from appnas.space.space import IO, Arch, Choice, Gates, Mask, Space, argmax, decisions


class Rows(Protocol):
    """A table of architectures, such as `appnas.Table`."""

    index: dict[Arch, int]

    def row(self, arch: Arch) -> int | None:
        """The architecture's row; None if it has no value."""


class Combinations:
    """A space that is its choices and nothing else: every combination is an architecture, none is ever built.

    For values that come from elsewhere: a `Surrogate`, a formula, an oracle.

    Args:
        choices: the decisions.
    """

    mask: ClassVar[Mask | None] = None

    def __init__(self, choices: Sequence[Choice]):
        self.choices = tuple(choices)

    def valid(self, arch: Arch) -> bool:
        """Whether it has an option for every decision."""
        options = decisions(self.choices)
        return len(arch) == len(options) and all(0 <= i < len(o) for i, o in zip(arch, options, strict=True))

    def discretise(self, gates: Gates) -> Arch:
        """The strongest option of every decision."""
        return argmax(gates)

    def build(self, arch: Arch, io: IO) -> nn.Module:
        """Nothing.

        Raises:
            TypeError: always.
        """
        raise TypeError("these choices are of no network: they can be scored, not built")

    def supernet(self, io: IO, mask: Mask | None = None) -> nn.Module:
        """Nothing.

        Raises:
            TypeError: always.
        """
        raise TypeError("these choices are of no network: they have no supernet")


class Listed:
    """A space whose valid architectures are listed: a table's, those that passed a check of yours, a short list.

    Random architectures are uniform over the list, scores point to the listed one with the largest sum of scores, a
    mutant is a listed one that differs in one decision, or, if there is none, in as few as any.

    Attributes:
        rows: the architectures, [N, D].

    Args:
        choices: the decisions; options that no listed architecture takes may be among them.
        archs: the architectures, or one tensor or array of them; each once.
        build: makes networks, (arch, io) -> module; not needed with a table.
        space: whose architectures they are: what else it has (a builder, a supernet, a picture) is this one's too.

    Raises:
        TypeError: what is listed are no tuples of whole numbers.
        ValueError: none is listed, one comes twice, or is none of these choices.
    """

    mask: ClassVar[Mask | None] = None

    def __init__(
        self,
        choices: Sequence[Choice],
        archs: Sequence[Arch] | Tensor,
        build: Callable[[Arch, IO], nn.Module] | None = None,
        space: Space | None = None,
    ):
        self.choices, self.space = (choices,) if isinstance(choices, Choice) else tuple(choices), space
        self._build = build
        widths = torch.tensor([len(choice.options) for choice in self.choices for _ in range(choice.count)])
        rows = _rows(archs)
        if not self.choices or rows.dim() != 2 or rows.shape[1] != len(widths) or not len(rows):
            raise ValueError(
                f"these choices have {len(widths)} decisions, and a list has one architecture or more, got"
                f" {list(rows.shape)}"
            )
        if len(wrong := ((rows < 0) | (rows >= widths)).nonzero()):
            row, d = wrong[0].tolist()
            raise ValueError(f"architecture {row}: decision {d} has {widths[d]} options, got index {int(rows[row, d])}")
        self.rows = rows.to(torch.uint8 if int(widths.max()) <= 256 else torch.int32)
        self._listed = frozenset(map(tuple, rows.tolist()))
        if len(self._listed) < len(rows):
            raise ValueError(
                f"{len(rows) - len(self._listed)} of {len(rows)} architectures are listed before: once each"
            )

    @classmethod
    def of(cls, table: Rows, space: Space | None = None) -> Listed:
        """The architectures that a table has a value of.

        Args:
            table: an `appnas.Table`.
            space: whose architectures they are; without it, choices have numbers for names.
        """
        archs = [arch for arch in table.index if table.row(arch) is not None]
        if space is not None:
            return cls(space.choices, archs, space=space)
        most = torch.tensor(list(table.index)).amax(0).tolist()
        return cls([Choice(f"decision {d}", tuple(map(str, range(k + 1)))) for d, k in enumerate(most)], archs)

    def valid(self, arch: Arch) -> bool:
        """Whether it is listed."""
        return tuple(arch) in self._listed

    def count(self, mask: Mask | None = None) -> int:
        """Number of architectures, under a mask of those that it allows."""
        return len(self._under(mask))

    def sample(self, rng: random.Random, mask: Mask | None = None) -> Arch:
        """One of the list, or of those that a mask allows."""
        rows = self._under(mask)
        return self._arch(rng.randrange(len(rows)) if mask is None else int(rows[rng.randrange(len(rows))]))

    def discretise(self, gates: Gates) -> Arch:
        """The listed architecture with the largest sum of scores; options with a score below 0 are the last resort.

        Shapes:
            gates: for each choice [count, K] or [B, count, K].
        """
        flat = torch.cat([(matrix.mean(0) if matrix.dim() == 3 else matrix).flatten() for matrix in gates])
        flat = flat.detach().to(self._hot)
        return self._arch(int((self._hot @ torch.where(flat < 0, -1 - flat.clamp_min(0).sum(), flat)).argmax()))

    def mutate(self, arch: Arch, rng: random.Random, mask: Mask | None = None) -> Arch:
        """Another one that differs in one decision, or else in as few as any; itself if it is the only one."""
        rows = self._under(mask)
        apart = self._apart(arch) if mask is None else self._apart(arch)[rows]
        apart[apart == 0] = 1 + self.rows.shape[1]
        near = (apart == apart.min()).nonzero().flatten()
        return self._arch(int(rows[int(near[rng.randrange(len(near))])]))

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """All that differ in one decision."""
        yield from map(self._arch, (self._apart(arch) == 1).nonzero().flatten().tolist())

    def build(self, arch: Arch, io: IO) -> nn.Module:
        """The stand-alone network.

        Raises:
            TypeError: nobody said how it is built.
        """
        make = self._build or getattr(self.space, "build", None)
        if make is None:
            raise TypeError(
                "a list does not say how networks are built: give Listed(..., build=f), f(arch, io) -> module"
            )
        return make(arch, io)

    @cached_property
    def _hot(self) -> Tensor:
        """The one-hot codes, [N, sum of K over all decisions]."""
        widths = [len(choice.options) for choice in self.choices for _ in range(choice.count)]
        starts = torch.tensor([0, *widths[:-1]]).cumsum(0)
        hot = torch.zeros(len(self.rows), sum(widths))
        return hot.scatter_(1, self.rows.long() + starts, 1.0)

    def _arch(self, row: int) -> Arch:
        return tuple(self.rows[row].tolist())

    def _apart(self, arch: Arch) -> Tensor:
        """In how many decisions every listed one differs from an architecture. Shapes: returns [N]."""
        apart = torch.zeros(len(self.rows), dtype=torch.int16)
        for column, index in zip(self._columns, arch, strict=True):
            apart += column != index
        return apart

    @cached_property
    def _columns(self) -> Tensor:
        return self.rows.T.contiguous()

    def _under(self, mask: Mask | None) -> Tensor:
        """The numbers of those that a mask allows; of the last mask they are kept."""
        if mask is None:
            return self._all
        if self._last[0] is not mask:
            columns = torch.cat([matrix.flatten() for matrix in check_mask(self.choices, mask)])
            self._last = mask, (self._hot @ (~columns).float() == 0).nonzero().flatten()
        return self._last[1]

    @cached_property
    def _all(self) -> Tensor:
        return torch.arange(len(self.rows))

    _last: tuple[Any, Tensor] = (None, torch.empty(0))

    def __getattr__(self, name: str) -> Any:
        if name in ("space", "rows") or name.startswith("_") or self.space is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.space, name)

    def __repr__(self) -> str:
        return f"Listed({len(self.rows):,} architectures of {self.space or [c.name for c in self.choices]})"


def _rows(archs: Any) -> Tensor:
    """Architectures as one tensor of integers."""
    try:
        rows = torch.as_tensor(archs if hasattr(archs, "shape") else list(map(tuple, archs)))
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"a list holds architectures, tuples of as many indices each, [(0, 1), (1, 1)]: {error}; got {archs!r:.80}"
        ) from error
    whole = rows if rows.dtype == torch.bool or rows.is_complex() else rows.long()
    if rows.dtype == torch.bool or not bool((whole == rows).all()):
        raise TypeError(f"architectures hold indices, whole numbers from 0, got {archs!r:.80}")
    return whole
