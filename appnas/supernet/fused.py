"""The fast form of a supernet's step: what edges share is computed once, sums are accumulated in place.

The same mathematics as the plain form, in which every operation is a module that is called on its own. The plain
form stays as the reference: `with plain():` chooses it. It is also chosen where the fast one was not measured (other
devices than CPUs) or cannot go (compilation, export, autocast: its hand-written gradients are of one type; batch norms
with statistics of several processes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from appnas.compute import synchronised_by, synchronising
from appnas.supernet.kinks import kinks_of_now

_plain: ContextVar[bool] = ContextVar("plain", default=False)


@contextmanager
def plain(on: bool = True) -> Iterator[None]:
    """Networks that run inside compute every operation as the module that it is."""
    before = _plain.set(on)
    try:
        yield
    finally:
        _plain.reset(before)


def fast(x: Any) -> bool:
    """Whether the fast form is to be used for this input: a tensor, or a tuple of what a space's operations read."""
    if torch.compiler.is_compiling() or not (isinstance(x, Tensor) and x.is_cpu):
        return False
    return not (_plain.get() or synchronised_by.get() is not None or torch.is_autocast_enabled("cpu"))


class State:
    """A state of a cell, and what several operations compute of it: each of these once.

    Shapes:
        x: [B, ...].
    """

    def __init__(self, x: Tensor):
        self.x = x
        self.fast = fast(x)
        self._made: dict[str, Tensor] = {}

    def once(self, name: str, make: Callable[[Tensor], Tensor]) -> Tensor:
        """make(x), computed by the first who asks for this name."""
        if name not in self._made:
            self._made[name] = make(self.x)
        return self._made[name]


class Fused(nn.Module):
    """An operation that can add its weighted output to a sum by itself.

    forward(x) is the plain form; forward(state, gate, total) gives total + gate * forward(state.x), writing to total.
    Mix it in before a module, and set `fuses` where the fused form computes the same.
    """

    fuses = False

    def forward(self, x: Any, gate: Any = None, total: Tensor | None = None) -> Any:
        """The plain form for a tensor, the fused one for a state."""
        return self.fused(x, gate, total) if isinstance(x, State) else super().forward(x)

    def fused(self, state: State, gate: Tensor, total: Tensor | None) -> Tensor:
        """Total + gate * self(state.x); a total of None counts as 0."""
        raise NotImplementedError


def scale(x: Tensor, weight: Tensor) -> Tensor:
    """X times one weight, or one weight an example.

    Shapes:
        x: [B, ...]. weight: [] or [B].
    """
    return x * (weight.reshape(-1, *[1] * (x.dim() - 1)) if weight.dim() else weight)


def recomputed(module: nn.Module, *inputs: Any) -> Any:
    """module(*inputs), keeping nothing but the inputs: the rest is computed again in backward.

    The form and the weights of now are used then too, also weights put in for a while (`functional_call`); a compiler
    sees to that by itself.
    """
    if torch.compiler.is_compiling():
        return checkpoint(module, *inputs, use_reentrant=False)
    weights: dict[str, Tensor] = dict(module.named_parameters())
    form, share, kinks = _plain.get(), synchronised_by.get(), kinks_of_now()
    at = kinks.at if kinks else 0

    def _run(*inputs: Any) -> Any:
        sides = kinks.used(at) if kinks and kinks_of_now() is None else nullcontext()
        with plain(form), synchronising(share), sides:
            return functional_call(module, weights, inputs)

    return checkpoint(_run, *inputs, use_reentrant=False)


def twice(
    form: Callable[..., Tensor], inputs: Sequence[Tensor | None], needs: Sequence[bool], grad: Tensor
) -> list[Any]:
    """Gradients of form(*inputs) that can be differentiated again: what a hand-written backward cannot offer."""
    wanted = [x for x, need in zip(inputs, needs, strict=True) if need and x is not None]
    found = iter(torch.autograd.grad(form(*inputs), wanted, grad, create_graph=True, materialize_grads=True))
    return [next(found) if need else None for need in needs]


class _AddScaled(Function):
    @staticmethod
    def forward(ctx: Any, total: Tensor | None, x: Tensor, gate: Tensor) -> Tensor:
        """The value."""
        ctx.save_for_backward(x if ctx.needs_input_grad[2] else None, gate)
        if total is None:
            return scale(x, gate)
        ctx.mark_dirty(total)
        return total.add_(x, alpha=gate.item()) if gate.dim() == 0 else total.add_(scale(x, gate))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        x, gate = ctx.saved_tensors
        own, needs = (grad if ctx.needs_input_grad[0] else None), ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() and needs[1]:
            return own, *twice(scale, (x, gate), needs, grad)
        return own, scale(grad, gate) if needs[0] else None, _inner(grad, x, gate) if needs[1] else None


def _inner(grad: Tensor, x: Tensor, gate: Tensor) -> Tensor:
    """The gradient of a gate: <grad, x>, of every example if it has one gate each."""
    product = grad * x
    return product.flatten(1).sum(1) if gate.dim() else product.sum()


def add_scaled(total: Tensor | None, x: Tensor, gate: Tensor) -> Tensor:
    """Total + gate * x, in place. Keeps x for the gate's gradient.

    Shapes:
        total, x: [B, ...]; a total of None counts as 0. gate: [] or [B].
    """
    return _AddScaled.apply(total, x, gate)  # type: ignore[no-any-return, no-untyped-call]


class _ByOne(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor) -> Tensor:
        """The value."""
        ctx.save_for_backward(x, gate)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        x, gate = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (*twice(scale, (x, gate), ctx.needs_input_grad, grad),)
        if not ctx.needs_input_grad[1]:
            return grad, None
        g, x = (v.movedim(1, -1) if v.dim() == 4 else v for v in (grad, x))  # channels last has no gaps so
        if g.is_contiguous() and x.is_contiguous():
            return grad, torch.dot(g.view(-1), x.view(-1))
        return grad, _inner(g, x, gate)


def weighed(x: Tensor, gate: Tensor) -> Tensor:
    """X times a gate, as `scale`; at exactly 1, as sampled gates are, without a copy, so nothing may write to it.

    Shapes:
        x: [B, ...]. gate: [] or [B].
    """
    if gate.dim() or not fast(x) or not gate.is_cpu or gate.item() != 1:
        return scale(x, gate)
    return _ByOne.apply(x, gate) if gate.requires_grad else x  # type: ignore[no-untyped-call]


def centred(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """X minus its mean, the mean, and one by the deviation, of every channel.

    Torch's own statistics of channels-last tensors are ten times less exact (they add up one by one), and slower.

    Shapes:
        x: [B, C, ...]. returns: as x, [C], [C].
    """
    axes, shape = [0, *range(2, x.dim())], [-1] + [1] * (x.dim() - 2)
    mean = x.mean(axes)
    y = x - mean.view(shape)
    return y, mean, (y.square().mean(axes) + eps).rsqrt_()


class _AddNormed(Function):
    @staticmethod
    def forward(
        ctx: Any, total: Tensor | None, x: Tensor, gate: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> Tensor:
        """The value."""
        y, mean, rstd = centred(x, eps)
        ctx.save_for_backward(x, gate, weight, bias, mean, rstd)
        ctx.eps = eps
        scales, shifts = _gated(gate, x, weight, bias)
        shape = [-1] + [1] * (x.dim() - 2)
        factor = (rstd if scales is None else rstd * scales).view(shape)
        if total is not None and shifts is None and not gate.dim():
            ctx.mark_dirty(total)
            return total.addcmul_(y, factor)
        y.mul_(factor)
        if shifts is not None:
            y.add_(shifts.view(shape))
        if gate.dim():
            y = scale(y, gate)
        if total is None:
            return y
        ctx.mark_dirty(total)
        return total.add_(y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        x, gate, weight, bias, mean, rstd = ctx.saved_tensors
        needs = ctx.needs_input_grad
        own = grad if needs[0] else None
        if torch.is_grad_enabled():

            def _form(x: Tensor, gate: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
                return scale(nn.functional.batch_norm(x, None, None, weight, bias, True, 0.0, ctx.eps), gate)

            return own, *twice(_form, (x, gate, weight, bias), needs[1:5], grad), None
        of_gate = None
        if gate.dim():
            if needs[2]:
                y = nn.functional.batch_norm(x, mean, rstd.pow(-2) - ctx.eps, weight, bias, False, 0.0, ctx.eps)
                of_gate = _inner(grad, y, gate)
            grad = scale(grad, gate)
        scales, _ = _gated(gate, x, weight, bias)
        of_x, of_scales, of_shifts = torch.ops.aten.native_batch_norm_backward(
            grad, x, scales, None, None, mean, rstd, True, ctx.eps, [True, True, True]
        )
        of_weight, of_bias = (of_scales, of_shifts) if weight is not None else (None, None)
        if gate.dim() == 0:  # the gate was part of the norm's own scale and shift
            of_gate = of_scales.sum() if weight is None else (of_scales * weight + of_shifts * bias).sum()
            if weight is not None:
                of_weight, of_bias = of_scales * gate, of_shifts * gate
        return own, of_x, of_gate, of_weight, of_bias, None


def _gated(gate: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Scale and shift of a batch norm that include the gate, if there is one for all examples."""
    if gate.dim():
        return weight, bias
    if weight is None or bias is None:
        return gate.expand(x.shape[1]).contiguous(), None
    return weight * gate, bias * gate


def add_normed(
    total: Tensor | None,
    x: Tensor,
    gate: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Total + gate * batch_norm(x) on batch statistics, in place: one pass, of which only x is kept.

    The gate is a part of the norm's scale, so its gradient falls out of the norm's own backward.

    Shapes:
        total, x: [B, C, ...]; a total of None counts as 0. gate: [] or [B]. weight, bias: [C] or None, both or none.
    """
    return _AddNormed.apply(total, x, gate, weight, bias, eps)  # type: ignore[no-any-return, no-untyped-call]


class Norm(nn.BatchNorm2d):
    """Batch norm whose fast form, where it keeps no running statistics, has the statistics of `centred`."""

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> the same."""
        if self.track_running_stats or not fast(x):
            return super().forward(x)
        return add_normed(None, x, x.new_ones(()), self.weight, self.bias, self.eps)
