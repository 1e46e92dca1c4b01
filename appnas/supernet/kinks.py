"""The sides that a pass took at its kinks, kept for other passes: differences of gradients without jumps.

A network of ReLUs and maxima is smooth as long as none of them changes sides. Double backward differentiates just that
smooth function; a difference of two passes does so only where both are on the same side everywhere. `Kinks` notes the
sides of one pass (a ReLU's are kept as its output: torch has no other fast mask) and makes the next ones take them,
whatever their own values say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional
from torch.overrides import TorchFunctionMode

RELUS = {torch.relu, functional.relu, Tensor.relu}
IN_PLACE = {torch.relu_, Tensor.relu_}
LEAKY = {functional.leaky_relu}
POOLS = {functional.max_pool2d}


class Kinks:
    """Sides by their order of use: the passes must ask for them in the same order.

    ReLU, leaky ReLU and two-dimensional max-pooling are known, by torch's functions and inside `separable`; other
    functions with kinks go their own ways.
    """

    def __init__(self) -> None:
        self.sides: list[Tensor] = []
        self.at = 0

    @contextmanager
    def used(self, at: int = 0) -> Iterator[None]:
        """Passes inside take the sides from a place on, and note those that nobody has taken yet."""
        self.at, before = at, _kinks.set(self)
        try:
            with _Sided(self):
                yield
        finally:
            _kinks.reset(before)

    def side(self, find: Callable[[], Tensor]) -> Tensor:
        """The next side: found now, if this is the first pass that asks."""
        if self.at == len(self.sides):
            self.sides.append(find())
        self.at += 1
        return self.sides[self.at - 1]


_kinks: ContextVar[Kinks | None] = ContextVar("kinks", default=None)


def kinks_of_now() -> Kinks | None:
    """Whose sides the passes of now take; None for their own."""
    return _kinks.get()


def kept(x: Tensor, side: Tensor) -> Tensor:
    """X where the side is positive, else 0; twenty times as fast as `torch.where`."""
    return torch.ops.aten.threshold_backward(x, side, 0)  # type: ignore[no-any-return]


def _over(x: Tensor) -> Tensor:
    return torch.relu(x.detach())


class _Sided(TorchFunctionMode):
    """Calls of torch's functions with kinks, on the sides that are to be taken."""

    def __init__(self, kinks: Kinks):
        super().__init__()
        self.kinks = kinks

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in RELUS:
            return kept(args[0], self.kinks.side(lambda: _over(args[0])))
        if func in IN_PLACE:
            return args[0].mul_(self.kinks.side(lambda: _over(args[0])) > 0)
        if func in LEAKY:
            slope = kwargs.get("negative_slope", args[1] if len(args) > 1 else 0.01)
            return torch.where(self.kinks.side(lambda: _over(args[0])) > 0, args[0], slope * args[0])
        if func in POOLS:
            return _pooled(self.kinks, *args, **kwargs)
        return func(*args, **kwargs)


def _pooled(
    kinks: Kinks, x: Tensor, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    how = kernel, stride or kernel, padding, dilation, ceil_mode
    found = kinks.side(lambda: functional.max_pool2d(x.detach(), *how, return_indices=True)[1])
    y = _Picked.apply(x, found, how)  # type: ignore[no-untyped-call]
    return (y, found) if return_indices else y


class _Picked(Function):
    """Pixels by their places in every channel: max-pooling whose maxima are known."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor, how: Any) -> Tensor:
        """The value."""
        ctx.save_for_backward(x, places)
        ctx.how = how
        flat, rows = (t.permute(0, 2, 3, 1).flatten(1, 2) for t in (x, places))
        n, c, h, w = places.shape
        return flat.gather(1, rows).view(n, h, w, c).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradient."""
        x, places = ctx.saved_tensors
        kernel, stride, padding, dilation, ceil = ctx.how
        pairs = [[a, a] if isinstance(a, int) else list(a) for a in (kernel, stride, padding, dilation)]
        return torch.ops.aten.max_pool2d_with_indices_backward(grad, x, *pairs, ceil, places), None, None
