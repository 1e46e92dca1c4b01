"""Arrays of every kind that people have, as tensors of numbers; what is none is told the line that makes it one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

PADDED = "pad them to one length, x = torch.nn.utils.rnn.pad_sequence(x, batch_first=True)"
"""What makes examples of one shape of sequences."""


def as_tensor(x: Any, what: str, noun: str = "inputs", alike: str = PADDED) -> Tensor:
    """Numbers for every example as a tensor of their own type; a table of pandas as floats.

    Args:
        x: a tensor, an array, also one of objects, a table of pandas; or a list of numbers, of arrays, of tensors, or
            of images of Pillow, which become [N, C, H, W], grey ones [N, H, W].
        what: they are, as messages name them.
        noun: for some of them, in messages.
        alike: what makes them of one shape, where they are not.

    Raises:
        TypeError: a data set.
        ValueError: no numbers, numbers that are masked, or examples of different shapes.
    """
    if isinstance(x, Tensor):
        return _dense(x, what, noun)
    unmasked(x, what)
    if isinstance(x, Dataset | DataLoader):
        raise TypeError(f"{what}: an array is right, got {type(x).__name__}: data sets and loaders go to `of`")
    if hasattr(x, "iloc") and hasattr(x, "columns"):
        return from_array(_table(x, what, noun))
    many = x.tolist() if isinstance(x, np.ndarray) and x.dtype == object and x.ndim else x
    if isinstance(many, list | tuple) and many:
        _one_shape(many, what, noun, alike)
        if all(isinstance(i, Tensor) for i in many):
            return _dense(torch.stack(list(many)), what, noun)
        if are_pictures(many):
            found = np.stack([np.asarray(i) for i in many])
            return from_array(found if found.ndim == 3 else np.moveaxis(found, -1, 1))
    try:
        found = np.asarray(many)
    except ValueError as error:
        raise ValueError(f"{what}: {noun} have one shape, got rows of different lengths: {alike}") from error
    if found.dtype.kind not in "iufb":
        raise ValueError(f"{what}: {noun} are numbers, got {_said(x, found)}")
    return from_array(found)


def _dense(x: Tensor, what: str, noun: str) -> Tensor:
    if x.layout != torch.strided:
        raise ValueError(f"{what}: {noun} are a dense tensor, got a sparse one: x = x.to_dense()")
    if x.is_complex():
        raise ValueError(f"{what}: {noun} are real numbers, got {x.dtype}: x = torch.view_as_real(x)")
    return x.detach()


def from_array(found: np.ndarray) -> Tensor:
    """A tensor of an array in any order of axes and bytes, which may be written to."""
    kind = np.dtype(np.float64) if found.dtype.kind == "f" and found.dtype.itemsize > 8 else found.dtype
    return torch.from_numpy(np.require(found, kind.newbyteorder("="), ["C", "W"]))


def are_pictures(x: Any) -> bool:
    """Whether they are a list of images of Pillow."""
    return isinstance(x, list | tuple) and bool(x) and all(hasattr(i, "getbands") for i in x)


def unmasked(x: Any, what: str) -> None:
    """Check that nothing of an array is masked.

    Raises:
        ValueError: something is.
    """
    if isinstance(x, np.ma.MaskedArray) and (count := int(np.ma.getmaskarray(x).sum())):
        raise ValueError(
            f"{what}: {count} of {x.size} numbers are masked: keep = ~numpy.ma.getmaskarray(x).reshape(len(x), -1)"
            ".any(1) has the examples without; or x = x.filled(value)"
        )


MERGED = 1e-5
"""Deviation, as a share of the mean, below which single precision has too few numbers left."""


def by_name(x: Any, like: Any, what: str) -> Any:
    """A table with its columns in the order of another one; what is no table, or beside one that is none, as it is.

    Raises:
        ValueError: other columns.
    """
    if not all(hasattr(some, "iloc") and hasattr(some, "columns") for some in (x, like)):
        return x
    mine, theirs = set(x.columns), set(like.columns)
    lacking, strange = sorted(map(str, theirs - mine)), sorted(map(str, mine - theirs))
    if lacking or strange:
        raise ValueError(f"{what} have the columns of the training inputs: missing are {lacking}, too many {strange}")
    return x[list(like.columns)]


def single(x: Tensor, what: str) -> Tensor:
    """Numbers in single precision.

    Raises:
        ValueError: they are so far from 0, for how they differ, that it would make many of them equal.
    """
    if x.dtype in (torch.float64, torch.int64):
        wide = x.double().flatten(2).transpose(1, 2).flatten(0, 1) if x.dim() > 2 else x.double().view(len(x), -1)
        spread, middle = wide.std(0, correction=0), wide.mean(0).abs()
        if (merged := (spread > 0) & (spread < MERGED * middle)).any():
            k = int(merged.nonzero()[0])
            raise ValueError(
                f"{what}: numbers around {float(middle[k]):.6g} differ by {float(spread[k]):.3g}, of which single"
                f" precision makes too few (column {k}): subtract their mean first"
            )
    return x.float()


def finite(x: Tensor, what: str, noun: str = "examples") -> None:
    """Check that numbers are finite.

    Raises:
        ValueError: some are NaN or infinite.
    """
    if x.is_floating_point() and not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).flatten(1).any(1).sum())
        raise ValueError(f"{what}: {bad} of {len(x)} {noun} hold NaN or infinity; clean them first")


def _one_shape(many: Any, what: str, noun: str, alike: str) -> None:
    """Check the shapes of a list of arrays or images."""
    shapes = [_shape(i) for i in many]
    if all(shapes) and len(kinds := dict.fromkeys(map(str, shapes))) > 1:
        raise ValueError(f"{what}: {len(many)} {noun} of {len(kinds)} sizes, {', '.join([*kinds][:3])}...: {alike}")


def _shape(i: Any) -> tuple[Any, ...]:
    return (*i.size, i.mode) if hasattr(i, "getbands") else tuple(getattr(i, "shape", ()))


def _table(x: Any, what: str, noun: str) -> np.ndarray:
    kinds = [getattr(kind, "kind", "O") for kind in x.dtypes]
    if texts := [str(name) for name, kind in zip(x.columns, kinds, strict=True) if kind not in "iufb"]:
        raise ValueError(
            f"{what}: {noun} are numbers, got others in the columns {', '.join(texts[:8])}:"
            " x = pandas.get_dummies(x, dtype=float)"
        )
    numbers: np.ndarray = x.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _said(x: Any, found: np.ndarray) -> str:
    """What is no array of numbers, and what would be."""
    if isinstance(x, Mapping):
        return f"a {type(x).__name__}: several inputs are a tuple of arrays, (x[a], x[b])"
    if hasattr(x, "toarray"):
        return f"{type(x).__name__}, which is sparse: x = x.toarray()"
    if isinstance(x, np.ndarray | list | tuple):
        return str(found.dtype)
    return "none" if x is None else type(x).__name__
