"""The linear operations of guide-DAGs: under one gate for all examples, the gate is a factor of their weights.

Neither are maps scaled then, nor are they kept for the gate's gradient, which is <dL/dW, W>. Examples with gates of
their own have their maps scaled.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from appnas.spaces.parts import Depthwise
from appnas.supernet import Fused, State, add_scaled, fast, scale


class Conv(Fused, nn.Conv2d):
    """A convolution k x k without bias."""

    fuses = True

    def fused(self, state: State, gate: Tensor, total: Tensor | None) -> Tensor:
        """Total + gate * self(state.x), in place."""
        return added(total, self, state.x, gate)


class MixConv(Fused):
    """Depthwise convolutions of several sizes on parts of the channels, then 1x1 (Tan and Le, arXiv 1907.09595)."""

    fuses = True

    def __init__(self, c_in: int, c_out: int, kernels: Sequence[int]):
        super().__init__()
        parts = min(len(kernels), c_in)
        self.sizes = [c_in // parts + (k < c_in % parts) for k in range(parts)]
        self.depthwise = nn.ModuleList(
            Depthwise(c, kernel, 1, 1) for c, kernel in zip(self.sizes, kernels, strict=False)
        )
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)

    def forward(self, x: Tensor | State, gate: Tensor | None = None, total: Tensor | None = None) -> Tensor:
        """The plain form for a tensor: [B, C, H, W] -> [B, C', H, W]; the fused one for a state."""
        if isinstance(x, State):
            assert gate is not None
            return self.fused(x, gate, total)
        return self.pointwise(self._mixed(x))  # type: ignore[no-any-return]

    def fused(self, state: State, gate: Tensor, total: Tensor | None) -> Tensor:
        """Total + gate * self(state.x), in place."""
        return added(total, self.pointwise, self._mixed(state.x), gate)

    def _mixed(self, x: Tensor) -> Tensor:
        parts = zip(self.depthwise, torch.split(x, self.sizes, 1), strict=True)
        return torch.cat([op(part) for op, part in parts], 1)


def added(total: Tensor | None, convolution: nn.Conv2d, x: Tensor, gate: Tensor) -> Tensor:
    """Total + gate * convolution(x), in place; a total of None counts as 0. Shapes: gate [] or [B]."""
    if gate.dim():
        return add_scaled(total, nn.Conv2d.forward(convolution, x), gate)
    y = convolution._conv_forward(x, convolution.weight * gate, None)
    return y if total is None else total.add_(y)


def convolved(convolution: nn.Conv2d, x: Tensor, gate: Tensor) -> Tensor:
    """Gate * convolution(x). Shapes: gate [] or [B]."""
    if gate.dim() or not fast(x):
        return scale(convolution(x), gate)
    return added(None, convolution, x, gate)
