"""A space without the options that a mask excludes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from appnas.space.masks import check_mask
from appnas.space.space import IO, ZERO, Arch, Choice, Gates, Mask, Space, active, describe, legal, size


def filled(matrices: Sequence[Tensor], mask: Mask, value: float) -> Gates:
    """The matrices of all choices, with a value wherever the mask excludes an option."""
    return tuple(m.masked_fill(~kept, value) for m, kept in zip(matrices, mask, strict=True))


def both(choices: Sequence[Choice], mask: Mask, own: Mask | None) -> Mask:
    """What two masks allow. Where they leave nothing, `none` stays if the first has it: the decision is dropped.

    So a space may have `none` for what an architecture drops and still keep it out of its own mixtures.
    """
    if own is None:
        return mask
    found = []
    for choice, a, b in zip(choices, mask, own, strict=True):
        found.append(torch.where((a & b).any(-1, keepdim=True), a & b, a & _zero(choice)))
    return tuple(found)


def _zero(choice: Choice) -> Tensor:
    return torch.tensor([name in ZERO for name in choice.options], device="cpu")


def _given(choices: Sequence[Choice], mask: Mask, own: Mask | None) -> Mask:
    """What architectures may hold under a mask: also the `none` that the space keeps out of its mixtures alone."""
    if own is None:
        return mask
    return tuple(a | (_zero(choice) & ~b) for choice, a, b in zip(choices, mask, own, strict=True))


MASKED = ("sample", "mutate", "neighbours")
"""Members of a space that may take a mask, of what architectures may hold, and then keep to it."""


def _takes_mask(member: Any) -> bool:
    if isinstance(member, partial):
        return "mask" in member.keywords
    code = getattr(member, "__code__", None)
    return code is not None and "mask" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


class Restricted:
    """A space without the options that a mask excludes; everything else is the space's own.

    A mask is about what a network has: a decision that is not `active` holds 0 also where the mask excludes that. The
    space's `sample`, `mutate`, `neighbours` and `count` are asked under the mask if they take one (`mask=...`);
    otherwise `sample` and `count` are not this one's, and what the others give is kept as far as the mask allows it.
    """

    def __init__(self, space: Space, mask: Mask):
        self.space = space
        self.given = _given(space.choices, check_mask(space.choices, mask), space.mask)
        if isinstance(space, Restricted):
            self.given = tuple(a & b for a, b in zip(self.given, space.given, strict=True))
        self._rows = [frozenset(row.nonzero().flatten().tolist()) for matrix in self.given for row in matrix]
        self.mask: Mask = check_mask(space.choices, both(space.choices, mask, space.mask))
        found = self.discretise(tuple(matrix.float() for matrix in self.mask))
        if not self.valid(found):
            raise ValueError(
                f"under this mask {type(space).__name__} has no architecture that obeys its rules; the nearest is"
                f" {describe(space.choices, found)}"
            )

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The decisions of the whole space: indices keep their meaning."""
        return self.space.choices

    def count(self) -> int:
        """Number of architectures: of a space that counts under a mask; else at most, by the space's and the mask's."""
        own: Any = getattr(self.space, "count", None)
        if _takes_mask(own):
            return int(own(mask=self.given))
        return min(size(self.space), math.prod(map(len, legal(self))))

    def build(self, arch: Arch, io: IO) -> nn.Module:
        """The stand-alone network."""
        return self.space.build(arch, io)

    def supernet(self, io: IO, mask: Mask | None = None) -> nn.Module:
        """The supernet of what is left."""
        return self.space.supernet(io, self.mask if mask is None else both(self.choices, mask, self.mask))

    def discretise(self, gates: Gates) -> Arch:
        """The space's rule on gates whose excluded options are below every other."""
        return self.space.discretise(filled(gates, self.mask, -1.0))

    def valid(self, arch: Arch) -> bool:
        """Valid in the space and allowed by the mask."""
        if not all(k in row for k, row in zip(arch, self._rows, strict=True)):
            there = active(self.space, arch)
            if not all(k in row or not on for k, row, on in zip(arch, self._rows, there, strict=True)):
                return False
        return self.space.valid(arch)

    def __getattr__(self, name: str) -> Any:
        if name in ("space", "mask", "given", "_rows"):
            raise AttributeError(name)
        found = getattr(self.space, name)
        if name in MASKED and _takes_mask(found):
            return partial(found, mask=self.given)
        if name == "sample":
            raise AttributeError(f"the sample of {self.space!r} takes no mask: it would draw what this one excludes")
        return found

    def __repr__(self) -> str:
        return f"Restricted({self.space!r}, {[matrix.sum(-1).tolist() for matrix in self.mask]})"


def restrict(space: Space, mask: Mask) -> Restricted:
    """The space without the options that the mask excludes.

    Raises:
        ValueError: wrong shapes, a decision left without an option, or no architecture left that obeys the rules.
    """
    return Restricted(space, mask)
