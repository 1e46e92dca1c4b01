"""Separable stacks that keep their input alone: what their norms read is computed again in backward.

The weights' gradients need the depthwise outputs again anyway, so in a pass for the weights this costs the pointwise
convolutions; in one for the gates it costs both, but never the statistics of a norm, nor a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import batch_norm, conv2d

from appnas.spaces.parts.kernels import (
    Shape,
    again,
    block_backward,
    depthwise_plain,
    inner_backward,
    rectified,
    separable_plain,
)  # fmt: skip
from appnas.supernet import centred, twice


class _AddSeparable(Function):
    @staticmethod
    def forward(
        ctx: Any, total: Tensor | None, x: Tensor, gate: Tensor, shapes: Sequence[Shape], eps: float, *weights: Tensor
    ) -> Tensor:
        """The value."""
        ctx.shapes, ctx.eps, ctx.sides = shapes, eps, []
        statistics: list[Tensor] = []  # mean, and one by the deviation, of every norm
        y = x
        for i, shape in enumerate(shapes):
            y, mean, rstd = centred(conv2d(depthwise_plain(y, weights[2 * i], *shape), weights[2 * i + 1]), eps)
            statistics += [mean, rstd]
            if i < len(shapes) - 1:
                y, side = rectified(y.mul_(rstd.view(-1, 1, 1)))
                ctx.sides.append(side)
        ctx.save_for_backward(x, gate, *weights, *statistics)
        factor = (rstd * gate).view(-1, 1, 1)
        if total is None:
            return y.mul_(factor)
        ctx.mark_dirty(total)
        return total.addcmul_(y, factor)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        n, (x, gate, *rest) = len(ctx.shapes), ctx.saved_tensors
        weights, statistics = rest[: 2 * n], rest[2 * n :]
        needs, learns = ctx.needs_input_grad, any(ctx.needs_input_grad[5:])
        own = grad if needs[0] else None
        if torch.is_grad_enabled():

            def _form(x: Tensor, gate: Tensor, *weights: Tensor) -> Tensor:
                y = separable_plain(x, weights, ctx.shapes, ctx.eps)
                return gate * batch_norm(y, None, None, None, None, True, 0.0, ctx.eps)

            of_x, of_gate, *found = twice(_form, (x, gate, *weights), (*needs[1:3], *needs[5:]), grad)
            return own, of_x, of_gate, None, None, *found
        read, wides, outs = [x], [], []
        for i, shape in enumerate(ctx.shapes):
            z = depthwise_plain(read[i], weights[2 * i], *shape)
            outs.append([conv2d(z, weights[2 * i + 1]), *statistics[2 * i : 2 * i + 2]])
            wides.append(z if learns else None)
            if i < n - 1:
                read.append(again(ctx.sides[i], *outs[i]))
        scales = gate.expand(len(statistics[-1])).contiguous()
        slope, of_scales, _ = torch.ops.aten.native_batch_norm_backward(
            grad, outs[-1][0], scales, None, None, *outs[-1][1:], True, ctx.eps, [True, True, False]
        )
        result: list[Tensor | None] = [None] * (2 * n)
        for i in reversed(range(n)):
            slope, *result[2 * i : 2 * i + 2] = block_backward(
                slope, read[i], wides[i], weights[2 * i : 2 * i + 2], ctx.shapes[i], learns, bool(i or needs[1])
            )
            if i:
                slope = inner_backward(slope, read[i], ctx.sides[i - 1], outs[i - 1], ctx.eps)
        return own, slope if needs[1] else None, of_scales.sum(), None, None, *result


def add_separable(
    total: Tensor | None, x: Tensor, gate: Tensor, weights: Sequence[Tensor], shapes: Sequence[Shape], eps: float = 1e-5
) -> Tensor:
    """Total + gate * norm(separable(x)), in place, of which x and the norms' statistics are kept.

    Args:
        total: as the output; None counts as 0.
        gate: [], one for all examples.
        x: as `separable` takes it.
        weights: likewise.
        shapes: likewise.
        eps: likewise.
    """
    return _AddSeparable.apply(total, x, gate, tuple(shapes), eps, *weights)  # type: ignore[no-any-return, no-untyped-call]
