"""Depthwise separable convolutions with hand-written gradients, for CPUs.

The arithmetic is that of `torch.nn.functional.conv2d`. The gradients avoid oneDNN's slow kernels
(benchmarks/SPEED.md): the weight gradient of a depthwise convolution is fast only for kernels at most 3 wide, without
dilation, the data gradient only without dilation. All functions want channels-last tensors, and take others too.

A 1x1 convolution with a stride never reaches oneDNN: the pixels are picked first. That is faster, and on processors
without AVX-512 the weight gradient of oneDNN's own writes beyond its buffer (torch 2.13, 2 to 7 input channels).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import batch_norm, conv2d, pad

from appnas.spaces.parts.bands import WIDEST, banded_weight_gradient, slow_dilation
from appnas.supernet import centred, kept, kinks_of_now, twice

Shape = tuple[int, int]
"""(stride, dilation) of a depthwise convolution; its padding keeps the size, up to the stride."""


def depthwise_plain(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """The convolution itself, as torch differentiates it."""
    if weight.shape[-1] == 1 and stride > 1:
        x, stride = every(x, stride), 1
    padding = dilation * (weight.shape[-1] - 1) // 2
    return conv2d(x, weight, None, stride, padding, dilation, len(weight))


def every(x: Tensor, stride: int) -> Tensor:
    """The pixels that a 1x1 convolution meets. Shapes: [B, C, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
    return x[:, :, ::stride, ::stride].contiguous(memory_format=torch.channels_last)


def even_pixels(x: Tensor) -> Tensor:
    """Every second pixel. Shapes: [B, C, H, W] -> [B, C, ceil(H / 2), ceil(W / 2)]."""
    return every(x, 2)


def odd_pixels(x: Tensor) -> Tensor:
    """The pixels between, one down and right of the even ones. Shapes: as `even_pixels`; an odd size is padded."""
    return _evened(x)[:, :, 1::2, 1::2].contiguous(memory_format=torch.channels_last)


def _evened(x: Tensor) -> Tensor:
    """With a row and a column of zeros where the size is odd."""
    odd = (0, x.shape[3] % 2, 0, x.shape[2] % 2)
    return pad(x, odd) if any(odd) else x


def _backward(
    grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: Shape, dilation: int, mask: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    groups = x.shape[1] // weight.shape[1]
    return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
        grad, x, weight, None, [stride] * 2, padding, [dilation] * 2, False, [0, 0], groups, mask
    )


def _taps(x: Tensor, grad: Tensor, width: int, height: int = 5) -> Tensor:
    """The weight gradient of a centred height x width kernel, by oneDNN."""
    kernel = x.new_empty(x.shape[1], 1, height, width)
    return _backward(grad, x, kernel, 1, (height // 2, width // 2), 1, [False, True, False])[1]


def _direct(grad: Tensor, x: Tensor, size: int, stride: int, dilation: int) -> Tensor:
    """The weight gradient of any square kernel, by oneDNN."""
    if size == 1 and stride > 1:
        x, stride = every(x, stride), 1
    padding = dilation * (size - 1) // 2
    kernel = x.new_empty(x.shape[1], 1, size, size)
    return _backward(grad, x, kernel, stride, (padding, padding), dilation, [False, True, False])[1]


def depthwise_data_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """d/dx: for stride 1 the forward convolution with the kernel turned by 180 degrees.

    Shapes:
        grad: as the output. x: [B, C, H, W]. weight: [C, 1, k, k]. returns: as x.
    """
    if stride == 1:
        return depthwise_plain(grad, weight.flip(2, 3), 1, dilation)
    if weight.shape[-1] == 1:
        found = torch.zeros_like(x)
        found[:, :, ::stride, ::stride] = depthwise_plain(grad, weight)
        return found
    padding = dilation * (weight.shape[-1] - 1) // 2
    return _backward(grad, x, weight, stride, (padding, padding), dilation, [True, False, False])[0]


def depthwise_weight_gradient(grad: Tensor, x: Tensor, size: int, stride: int = 1, dilation: int = 1) -> Tensor:
    """d/dweight; without dilation brought back to kernels at most 3 wide and stride 1.

    5 wide: 3 columns in the middle, and one on an input moved by 2 on either side. 5 wide with stride 2: each phase
    of the input meets a part of the kernel.

    Shapes:
        grad: as the output. x: [B, C, H, W]. returns: [C, 1, size, size].
    """
    if stride == 1 < dilation and x.shape[3] <= WIDEST and slow_dilation():
        return banded_weight_gradient(grad, x, size, dilation)
    if size != 5 or dilation != 1 or stride > 2 or min(x.shape[2:]) <= 2:
        return _direct(grad, x, size, stride, dilation)
    if stride == 1:
        left, right = (_taps(pad(x, (s, -s)), grad, 1) for s in (2, -2))
        return torch.cat([left, _taps(x, grad, 3), right], -1)
    x = _evened(x)
    found = x.new_empty(x.shape[1], 1, size, size)
    for i in (0, 1):
        for j in (0, 1):
            part = x[:, :, i::2, j::2].contiguous(memory_format=torch.channels_last)
            found[:, :, i::2, j::2] = _taps(part, grad, 3, 3)[:, :, : 3 - i, : 3 - j]
    return found


class _Depthwise(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        """The value."""
        ctx.save_for_backward(x, weight)
        ctx.how = stride, dilation
        return depthwise_plain(x, weight, stride, dilation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        x, weight = ctx.saved_tensors
        needs = ctx.needs_input_grad[:2]
        if torch.is_grad_enabled():
            return *twice(lambda x, w: depthwise_plain(x, w, *ctx.how), (x, weight), needs, grad), None, None
        of_x = depthwise_data_gradient(grad, x, weight, *ctx.how) if needs[0] else None
        of_weight = depthwise_weight_gradient(grad, x, weight.shape[-1], *ctx.how) if needs[1] else None
        return of_x, of_weight, None, None


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """Depthwise convolution, padded by dilation * (k - 1) / 2.

    Shapes:
        x: [B, C, H, W]. weight: [C, 1, k, k], k odd. returns: [B, C, ceil(H / stride), ceil(W / stride)].
    """
    return _Depthwise.apply(x, weight, stride, dilation)  # type: ignore[no-any-return, no-untyped-call]


def _inner_norm(x: Tensor, eps: float) -> Tensor:
    return torch.relu(batch_norm(x, None, None, None, None, True, 0.0, eps))


def separable_plain(x: Tensor, weights: Sequence[Tensor], shapes: Sequence[Shape], eps: float) -> Tensor:
    """What `separable` computes, as torch differentiates it."""
    for i, shape in enumerate(shapes):
        x = _inner_norm(x, eps) if i else x
        x = conv2d(depthwise_plain(x, weights[2 * i], *shape), weights[2 * i + 1])
    return x


def rectified(y: Tensor) -> tuple[Tensor, Tensor | None]:
    """The ReLU of a tensor that may be written to; and its sides, if passes are to share them."""
    kinks = kinks_of_now()
    if kinks is None:
        return y.relu_(), None
    side = kinks.side(partial(torch.clamp_min, y, 0))
    return kept(y, side), side


class _Separable(Function):
    """Keeps its input and what the inner norms read. Depthwise outputs and ReLUs are cheap: computed again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shapes: Sequence[Shape], eps: float, *weights: Tensor) -> Tensor:
        """The value."""
        ctx.shapes, ctx.eps = shapes, eps
        between: list[Tensor] = []  # for every inner norm: its input, its mean, one by its deviation
        ctx.sides = []
        y = x
        for i, shape in enumerate(shapes):
            if i:
                middle, mean, rstd = centred(y, eps)
                between += [y, mean, rstd]
                y, side = rectified(middle.mul_(rstd.view(-1, 1, 1)))
                ctx.sides.append(side)
            y = conv2d(depthwise_plain(y, weights[2 * i], *shape), weights[2 * i + 1])
        ctx.save_for_backward(x, *weights, *between)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        n, (x, *rest) = len(ctx.shapes), ctx.saved_tensors
        weights, between = rest[: 2 * n], rest[2 * n :]
        needs, learns = ctx.needs_input_grad, any(ctx.needs_input_grad[3:])
        if torch.is_grad_enabled():

            def _form(x: Tensor, *weights: Tensor) -> Tensor:
                return separable_plain(x, weights, ctx.shapes, ctx.eps)

            of_x, *of_weights = twice(_form, (x, *weights), (needs[0], *needs[3:]), grad)
            return of_x, None, None, *of_weights
        found: list[Tensor | None] = [None] * (2 * n)
        for i in reversed(range(n)):
            inner, side = between[3 * i - 3 : 3 * i], ctx.sides[i - 1] if i else None
            y = x if i == 0 else again(side, *inner) if learns or side is None else inner[0]
            grad, *found[2 * i : 2 * i + 2] = block_backward(
                grad, y, None, weights[2 * i : 2 * i + 2], ctx.shapes[i], learns, bool(i or needs[0])
            )
            if i:
                grad = inner_backward(grad, y, side, inner, ctx.eps)
        return grad if needs[0] else None, None, None, *found


def block_backward(
    grad: Tensor, y: Tensor, z: Tensor | None, weights: Sequence[Tensor], shape: Shape, learns: bool, onward: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of a block's input (if `onward`) and of its two kernels (if it `learns`).

    Args:
        grad: of the block's output.
        y: its input; if it does not learn, the shape of it alone is read.
        z: its depthwise output; None to compute it again.
        weights: depthwise and pointwise kernel.
        shape: (stride, dilation).
        learns: whether the kernels do.
        onward: whether anything before the block does.
    """
    wide, point = weights
    of_wide = of_point = None
    if learns:
        z = depthwise_plain(y, wide, *shape) if z is None else z
        of_point = _backward(grad, z, point, 1, (0, 0), 1, [False, True, False])[1]
    grad = conv2d(grad, point.transpose(0, 1))
    if learns:
        of_wide = depthwise_weight_gradient(grad, y, wide.shape[-1], *shape)
    return depthwise_data_gradient(grad, y, wide, *shape) if onward else grad, of_wide, of_point


def inner_backward(grad: Tensor, y: Tensor, side: Tensor | None, inner: Sequence[Tensor], eps: float) -> Tensor:
    """Back through an inner norm's ReLU, whose output was y, and the norm, of (input, mean, one by the deviation)."""
    grad = torch.ops.aten.threshold_backward(grad, y, 0) if side is None else kept(grad, side)
    return torch.ops.aten.native_batch_norm_backward(  # type: ignore[no-any-return]
        grad, inner[0], None, None, None, *inner[1:], True, eps, [True, False, False]
    )[0]


def again(side: Tensor | None, x: Tensor, mean: Tensor, rstd: Tensor) -> Tensor:
    """The output of an inner norm and its ReLU, from the statistics of the forward pass."""
    y = (x - mean.view(-1, 1, 1)).mul_(rstd.view(-1, 1, 1))
    return y.relu_() if side is None else kept(y, side)


def separable(x: Tensor, weights: Sequence[Tensor], shapes: Sequence[Shape], eps: float = 1e-5) -> Tensor:
    """Depthwise and pointwise convolution, block after block, with a batch norm and a ReLU between the blocks.

    Args:
        x: behind the first ReLU.
        weights: depthwise and pointwise kernels of every block.
        shapes: (stride, dilation) of every block.
        eps: of the norms, which are affine-free and use batch statistics.

    Shapes:
        x: [B, C, H, W]. weights: [C, 1, k, k] and [C', C, 1, 1] in turn. returns: [B, C', H / stride, W / stride].
    """
    return _Separable.apply(x, tuple(shapes), eps, *weights)  # type: ignore[no-any-return, no-untyped-call]


class _Concatenate(Function):
    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> Tensor:
        """The value."""
        ctx.widths = [part.shape[1] for part in parts]
        return torch.cat(parts, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        return tuple(x.contiguous(memory_format=torch.channels_last) for x in torch.split(grad, ctx.widths, 1))


def concatenate(parts: Sequence[Tensor]) -> Tensor:
    """Join along the channels; the gradients of the parts are dense, which views of the whole would not be.

    Shapes:
        parts: each [B, C, H, W]. returns: [B, sum of C, H, W].
    """
    if torch.compiler.is_compiling():  # which lays gradients out by itself
        return torch.cat(list(parts), 1)
    return _Concatenate.apply(*parts)  # type: ignore[no-any-return, no-untyped-call]
