"""Functions of the user's own (losses, metrics, augmentations), tried before anything is trained; what they raise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from appnas.domains.reading import Inputs, Several, parts_of
from appnas.support import out_of_memory

TRUTH = ("y_true", "target", "targets", "labels")
"""Names of a first parameter that takes targets, as scikit-learn has them."""


@contextmanager
def told(what: str, outputs: Sequence[int], y: Tensor) -> Iterator[None]:
    """Where a function of the user's own is called: what it raises is told with what it was given.

    Raises:
        ValueError: it raised something else than a lack of memory.
    """
    try:
        yield
    except Exception as error:
        if out_of_memory(error):
            raise
        raise ValueError(
            f"{what} raised {type(error).__name__} on outputs {list(outputs)} and targets {list(y.shape)} of"
            f" {str(y.dtype).removeprefix('torch.')}: {' '.join(str(error).split())[:300]}"
        ) from error


def in_order(function: Any, what: str) -> None:
    """Check that the first parameter of a loss or metric does not take the targets.

    Raises:
        TypeError: it does, by its name.
    """
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of a function that cannot be looked into
        return
    if len(names) > 1 and names[0] in TRUTH:
        name = getattr(function, "__name__", what)
        raise TypeError(
            f"a {what} is called with (outputs, targets), and {name} takes ({names[0]}, {names[1]}):"
            f" {what}=lambda outputs, targets: {name}(targets, outputs)"
        )


def try_loss(loss: Callable[[Tensor, Tensor], Tensor], outputs: tuple[int, ...], y: Tensor) -> tuple[Tensor, Any]:
    """What a loss of one's own gives on two examples, and the outputs that it was given.

    Raises:
        TypeError, ValueError: it raises, has no gradient, or takes targets first.
    """
    in_order(loss, "loss")
    guess = torch.rand(len(y), *outputs, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with torch.enable_grad(), told("the loss", guess.shape, y):
        found = loss(guess, y)
    if isinstance(found, Tensor) and not found.requires_grad:
        raise ValueError("the loss has no gradient: of outputs take no detach(), item(), numpy(), argmax or comparison")
    return guess, found


def try_augment(augment: Callable[..., Any], x: Inputs, y: Tensor | None) -> None:
    """Try an augmentation of one's own on the first two examples.

    Raises:
        TypeError, ValueError: it raises, or gives no pair of as many inputs and targets, of the same shapes and types.
    """
    generator = torch.Generator().manual_seed(0)
    assert y is not None
    given, y = tuple(part[:2].clone() for part in parts_of(x)), y[:2]
    try:
        found = augment(given if isinstance(x, Several) else given[0], y.clone(), generator)
    except Exception as error:
        if out_of_memory(error):
            raise
        shapes = " and ".join(str(list(part.shape)) for part in given)
        raise ValueError(
            f"augment(x, y, generator) raised {type(error).__name__} on x {shapes} and y {list(y.shape)}:"
            f" {' '.join(str(error).split())[:300]}"
        ) from error
    if not isinstance(found, tuple) or len(found) != 2:
        raise TypeError(f"augment(x, y, generator) gives a pair (x, y), got {type(found).__name__}: return x, y")
    parts = found[0] if isinstance(x, Several) and isinstance(found[0], tuple | list) else (found[0],)
    if any(not isinstance(part, Tensor) for part in (*parts, found[1])):
        kinds = ", ".join(type(part).__name__ for part in (*parts, found[1]))
        raise TypeError(f"augment(x, y, generator) gives tensors, got {kinds}: torch.as_tensor(...)")
    said = [" and ".join(str(list(part.shape)) for part in some) for some in (given, parts)]
    if said[0] != said[1] or len(found[1]) != len(y):
        raise ValueError(
            f"augment(x, y, generator) keeps the shape of x and the number of targets: of x {said[0]} and {len(y)}"
            f" targets it made x {said[1]} and {len(found[1])}"
        )
