"""Weight gradients of depthwise convolutions by matrix products, where oneDNN's kernels are far from them.

Tap (i, j) of a kernel meets the input moved by i rows and j columns. The products of all columns of the output's
gradient with all columns of the input, for one i, are one matrix product a channel, and every j is a diagonal of it:
W / k times the arithmetic, at the speed of matrix products.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad

WIDEST = 48
"""Pixels a row up to which that was faster."""


@cache
def slow_dilation() -> bool:
    """Whether oneDNN's weight gradients with dilation are slower than these: measured where AVX-512 is missing."""
    return torch.backends.cpu.get_cpu_capability() != "AVX512"


def banded_weight_gradient(grad: Tensor, x: Tensor, size: int, dilation: int) -> Tensor:
    """The weight gradient of a depthwise convolution of stride 1 that keeps the size.

    Shapes:
        grad, x: [B, C, H, W]. returns: [C, 1, size, size].
    """
    c, w, middle = x.shape[1], x.shape[3], size // 2
    rows = middle * dilation  # zeros below every image, which are those above the next one, too
    high, low = (pad(t.permute(1, 0, 2, 3), (0, 0, 0, rows)).reshape(c, -1, w) for t in (grad, x))
    low = pad(low, (0, 0, rows, rows))
    found = x.new_zeros(c, 1, size, size)
    turned = high.transpose(1, 2)
    for i in range(size):
        products = torch.bmm(turned, low[:, i * dilation : i * dilation + high.shape[1]])
        for j in range(size):
            offset = (j - middle) * dilation
            if abs(offset) < w:
                found[:, 0, i, j] = products.diagonal(offset, 1, 2).sum(1)
    return found
