"""Masks: which options of a space may be used."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from appnas.space.space import Arch, Choice, Mask


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
