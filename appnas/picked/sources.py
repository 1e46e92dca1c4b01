"""What makes a model; and its example inputs otherwise, with other numbers or in batches of other sizes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from appnas.space import IO

TIMES = 8
"""The size of a large batch, in those given; it takes memory only on devices that hold numbers."""


@dataclass(frozen=True)
class Source:
    """What makes the model.

    Attributes:
        model: a class, or a function that returns a module.
        args, kwargs: of it; an `IO` among them stands for the sizes that a network is built for.
    """

    model: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the model."""
        return str(getattr(self.model, "__qualname__", type(self.model).__name__))

    @property
    def io(self) -> IO | None:
        """The sizes that the model was given."""
        return next((x for x in (*self.args, *self.kwargs.values()) if isinstance(x, IO)), None)

    def __call__(self, io: IO | None) -> nn.Module:
        """The model for these sizes.

        Raises:
            TypeError: it is no module.
        """
        args = [io if isinstance(x, IO) and io else x for x in self.args]
        kwargs = {name: io if isinstance(x, IO) and io else x for name, x in self.kwargs.items()}
        made = self.model(*args, **kwargs)
        if not isinstance(made, nn.Module):
            raise TypeError(f"space_of takes what makes a torch module, {self.name} made {made!r:.80}")
        return made


@contextmanager
def told(source: Source) -> Iterator[None]:
    """Exceptions of a model that was not given what it needs say so.

    Raises:
        TypeError: that.
    """
    try:
        yield
    except TypeError as error:
        frames = traceback.extract_tb(error.__traceback__)  # not those of the model, which may call others wrongly
        ours = bool(frames) and frames[-1].filename == __file__
        if ours and ("required positional argument" in str(error) or "required keyword-only" in str(error)):
            raise TypeError(
                f"{error}: give its arguments to space_of too, space_of({source.name}, domain.io, ...); an IO stands"
                " for the sizes that a network is built for"
            ) from error
        raise


def resized(inputs: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The inputs as a large batch, and the first example alone; nothing if they are no batch: rows must be as many."""
    leaves = tree_leaves(inputs)
    rows = {len(x) if isinstance(x, Tensor) and x.dim() else 0 for x in leaves}
    if len(rows) == 1 and 0 not in rows:
        yield tree_map(lambda x: torch.cat([x] * TIMES), inputs)
        yield tree_map(lambda x: x[:1], inputs)


def variants(inputs: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The inputs with zeros, and with small and large random numbers of either sign where there are floats."""
    yield _numbers(torch.zeros_like, inputs)
    for scale in (1.0, 100.0, -100.0):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            drawn = _numbers(lambda x: scale * torch.randn_like(x) if x.is_floating_point() else x, inputs)  # noqa: B023
        yield drawn


def _numbers(change: Callable[[Tensor], Tensor], inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    def part(x: Any) -> Any:
        if isinstance(x, Tensor):
            return change(x)
        return x.clone().apply(change) if hasattr(x, "apply") and hasattr(x, "clone") else x

    changed: tuple[Any, ...] = tree_map(part, inputs)
    return changed
