"""What the suites share: exact comparison, a walk through an object's parts, a way through a file and back."""

from __future__ import annotations

import io
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from appnas.space import IO, ZERO, Choice, Gates, Mask, full_mask
from appnas.support import shaped


def chi_squared(counts: Sequence[int]) -> float:
    """How likely counts of equally likely things are so uneven: the p-value of Pearson's test."""
    if len(counts) < 2:
        return 1.0
    expected = sum(counts) / len(counts)
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    half = torch.tensor([(len(counts) - 1) / 2, statistic / 2], dtype=torch.float64)
    return float(torch.special.gammaincc(half[0], half[1]))


def as_floats(inputs: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Inputs of a network with their floating-point numbers in one precision; integers stay what they are."""
    return tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)


def identical(first: Any, second: Any) -> bool:
    """Whether two values agree bit for bit: tensors (NaN equals NaN), containers and objects of them, plain values."""
    if isinstance(first, Tensor) or isinstance(second, Tensor):
        return (
            isinstance(first, Tensor)
            and isinstance(second, Tensor)
            and first.dtype == second.dtype
            and first.shape == second.shape
            and bool(((first == second) | ((first != first) & (second != second))).all())
        )
    if isinstance(first, Mapping):
        return (
            isinstance(second, Mapping)
            and list(first) == list(second)
            and all(identical(first[key], second[key]) for key in first)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(identical(a, b) for a, b in zip(first, second, strict=True))
    if hasattr(first, "__dict__") and not callable(first):
        return type(first) is type(second) and identical(vars(first), vars(second))
    return bool(first == second) or (first != first and second != second)


def round_trip(state: Any) -> Any:
    """A state written with torch.save and read with weights_only=True, as a checkpoint is."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def _parts(item: Any) -> Iterator[Any]:
    if isinstance(item, Mapping):
        yield from item.values()
    elif isinstance(item, list | tuple | set | frozenset):
        yield from item
    elif isinstance(item, partial):
        yield from (item.func, item.args, item.keywords)
    elif isinstance(item, types.MethodType):
        yield item.__self__
    elif isinstance(item, types.FunctionType):
        yield from (cell.cell_contents for cell in item.__closure__ or ())
        yield from item.__defaults__ or ()
    elif hasattr(item, "__dict__") and not isinstance(item, type | types.ModuleType):
        yield from vars(item).values()


def reachable(root: Any, depth: int = 12) -> Iterator[Any]:
    """Every object that can be reached through attributes, containers, partial calls, methods and closures.

    Args:
        root: where to start.
        depth: largest number of links to follow.
    """
    level, seen = [root], {id(root)}
    for _ in range(depth + 1):
        after = []
        for item in level:
            yield item
            for part in _parts(item):
                if id(part) not in seen:
                    seen.add(id(part))
                    after.append(part)
        level = after


def soft_gates(choices: tuple[Choice, ...], seed: int = 0, dtype: torch.dtype = torch.float64) -> Gates:
    """Random gates whose rows add up to 1.

    Shapes:
        returns: for each choice [count, K].
    """
    rng = torch.Generator().manual_seed(seed)
    return tuple(
        torch.softmax(torch.randn(choice.count, len(choice.options), generator=rng, dtype=dtype), -1)
        for choice in choices
    )


def fits(out: Any, io: IO, rows: int | None, who: str) -> None:
    """Assert that a network gave what a domain asks for, as a search checks it before its start."""
    try:
        shaped(out, io.outputs, rows, who)
    except (TypeError, ValueError) as error:
        raise AssertionError(str(error)) from error


def live(choice: Choice) -> list[int]:
    """Indices of the options that are allocated: all but `none`."""
    return [k for k, name in enumerate(choice.options) if name not in ZERO]


def narrow(choices: tuple[Choice, ...], odd: bool = False) -> Mask:
    """A mask that drops every other option which is not `none`, and keeps at least one of them.

    Args:
        choices: the decisions.
        odd: drop the second, fourth, ... instead of the first, third, ...; the two together drop every option.
    """
    mask = full_mask(choices)
    for choice, matrix in zip(choices, mask, strict=True):
        options = live(choice)
        if len(options) > 1:
            matrix[:, options[int(odd) :: 2]] = False
    return mask
