"""What networks take: one array for every example, or several side by side; and how numbers are normalised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from appnas.domains.reading import Inputs, Several, parts_of
from appnas.domains.tensors import as_tensor, finite, single


def as_inputs(x: Any, what: str) -> Inputs:
    """Inputs as tensors: floats, and tables of pandas, in single precision, bytes and integers as they are.

    Args:
        x: what `appnas.domains.tensors` takes [N, ...]; or a tuple of such, for networks of several inputs.
        what: they are, as messages name them.

    Raises:
        TypeError: a data set.
        ValueError: no numbers, NaN, no example, or inputs of different lengths.
    """
    if isinstance(x, tuple) and len(x) > 1 and all(hasattr(part, "shape") for part in x):
        parts = [_numbers(part, f"{what}, input {i}") for i, part in enumerate(x)]
        if len(lengths := {len(part) for part in parts}) > 1:
            raise ValueError(f"{what}: each input has a row for every example, got {sorted(lengths)} rows")
        return Several(parts)
    return _numbers(x[0] if isinstance(x, tuple) and len(x) == 1 else x, what)


def _numbers(given: Any, what: str) -> Tensor:
    x = as_tensor(given, what)
    if x.dim() == 0 or not x.numel():
        raise ValueError(f"{what}: there is no example in it, got the shape {tuple(x.shape)}")
    if x.dim() == 1:
        raise ValueError(
            f"{what}: an axis of examples comes first, got [{len(x)}]: x = x[:, None] for one feature each"
        )
    finite(x, what)
    if x.is_floating_point() or x.dtype == torch.bool:
        return single(x, what)
    return x if x.dtype == torch.uint8 else x.long()


class Scale:
    """Mean and deviation that inputs are normalised by; inputs without stay as they are.

    Attributes:
        pairs: for each input, mean and deviation, [1, C, 1, ...] each, or None.
    """

    def __init__(self, pairs: Sequence[tuple[Tensor, Tensor] | None]):
        self.pairs = tuple(pairs)

    def __call__(self, x: Any) -> Any:
        """Inputs normalised, one or a tuple of several."""
        parts = x if isinstance(x, tuple) else parts_of(x)
        found = tuple(_scaled(part, pair) for part, pair in zip(parts, self.pairs, strict=True))
        return found if len(found) > 1 else found[0]

    def described(self) -> dict[str, Any]:
        """For users of an exported network: subtract "mean", divide by "std"; lists of these for several inputs."""
        means = [None if pair is None else pair[0].flatten().tolist() for pair in self.pairs]
        stds = [None if pair is None else pair[1].flatten().tolist() for pair in self.pairs]
        if not any(pair is not None for pair in self.pairs):
            return {}
        return {"mean": means, "std": stds} if len(means) > 1 else {"mean": means[0], "std": stds[0]}


def _scaled(x: Tensor, pair: tuple[Tensor, Tensor] | None) -> Tensor:
    if pair is None:
        return x
    mean, std = pair
    return (x.float() - mean.to(x.device)) / std.to(x.device)


def scale_of(x: Inputs, normalise: bool) -> Scale:
    """Mean and deviation of training inputs: of each feature [N, F], or each channel [N, C, ...]."""
    return Scale([_pair(part) if normalise else _plain(part) for part in parts_of(x)])


def _plain(x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Bytes become floats all the same."""
    return (torch.zeros(1), torch.ones(1)) if x.dtype == torch.uint8 else None


def _pair(x: Tensor) -> tuple[Tensor, Tensor] | None:
    if not (x.is_floating_point() or x.dtype == torch.uint8):
        return None
    axes = [axis for axis in range(x.dim()) if axis != 1]
    wide = x.double()
    mean, std = wide.mean(axes, keepdim=True), wide.std(axes, keepdim=True, correction=0)
    std = torch.where(std > 1e-6 * mean.abs().clamp_min(1e-6), std, torch.ones_like(std))  # of what never changes
    return mean.float(), std.float()
