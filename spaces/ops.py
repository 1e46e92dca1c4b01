"""The one table of convolutional candidate operations, shared by every space on images.

DARTS's operations are those of Liu, Simonyan and Yang (arXiv 1806.09055, section 3.1), NAS-Bench-201's those of
Dong and Yang (arXiv 2001.00326, section 2.1), those without norms RL-DARTS's (Miao et al., arXiv 2106.02229). All map
[B, C, H, W] to [B, C, H / stride, W / stride].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Style(NamedTuple):
    """How the batch norms of a network are made.

    Attributes:
        affine: learn scale and shift. Supernets do not: gates would be rescaled away.
        track: keep running statistics. Supernets do not: passes for the gates would leave traces in them.
        pool_norm: batch norm after pooling, as DARTS has it in the supernet but not in derived networks.
        drop_path: probability that a derived network drops a whole operation in the last epoch, ramped up linearly.
    """

    affine: bool = True
    track: bool = True
    pool_norm: bool = False
    drop_path: float = 0.0


def norm(channels: int, style: Style) -> nn.BatchNorm2d:
    """Batch norm in the given style."""
    return nn.BatchNorm2d(channels, affine=style.affine, track_running_stats=style.track)


class ReLUConvNorm(nn.Sequential):
    """ReLU, convolution k x k, batch norm."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, style: Style):
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
            norm(c_out, style),
        )


class Separable(nn.Sequential):
    """ReLU, depthwise convolution k x k, pointwise convolution, batch norm."""

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int, style: Style):
        padding = dilation * (kernel - 1) // 2
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False),
            norm(channels, style),
        )


class FactorizedReduce(nn.Module):
    """Halve the resolution: two 1x1 convolutions of stride 2, the second one pixel further, concatenated."""

    def __init__(self, c_in: int, c_out: int, style: Style):
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out - c_out // 2, 1, 2, bias=False)
        self.norm = norm(c_out, style)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, C', ceil(H / 2), ceil(W / 2)]; an odd size is padded for the shifted half."""
        x = self.relu(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(x), self.odd(shifted)], 1))  # type: ignore[no-any-return]


class DropPath(nn.Module):
    """Zero an operation's whole output for a random part of the examples, and scale up the rest.

    `progress` (0 to 1) is set by the trainer; the probability grows linearly with it.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate, self.progress = rate, 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, ...] -> the same."""
        drop = self.rate * self.progress
        if not self.training or drop == 0.0:
            return x
        keep = torch.bernoulli(x.new_full((len(x), *[1] * (x.dim() - 1)), 1 - drop))
        return x * keep / (1 - drop)


def _separable_twice(channels: int, kernel: int, stride: int, style: Style) -> nn.Module:
    return nn.Sequential(*Separable(channels, kernel, stride, 1, style), *Separable(channels, kernel, 1, 1, style))


def _pool(pool: nn.Module, channels: int, style: Style) -> nn.Module:
    return nn.Sequential(pool, norm(channels, style._replace(affine=False))) if style.pool_norm else pool


def _skip(channels: int, stride: int, style: Style) -> nn.Module:
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, style)


def _pooled(stride: int, *op: nn.Module) -> nn.Module:
    """An operation without weights; a stride is an average pooling before it (the code of RL-DARTS)."""
    parts = [nn.AvgPool2d(3, stride, 1, count_include_pad=False)] * (stride > 1) + [*op]
    return nn.Sequential(*parts) if parts else nn.Identity()


def _conv(channels: int, kernel: int, stride: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, dilation * (kernel // 2), dilation)


class Noise(nn.Module):
    """Unit noise in the shape of the input: an operation that is useless by design, for tests of searches."""

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, ...] -> the same."""
        return torch.randn_like(x)


OPS: dict[str, Callable[[int, int, Style], nn.Module]] = {
    "max_pool_3x3": lambda c, s, style: _pool(nn.MaxPool2d(3, s, 1), c, style),
    "avg_pool_3x3": lambda c, s, style: _pool(nn.AvgPool2d(3, s, 1, count_include_pad=False), c, style),
    "skip_connect": _skip,
    "sep_conv_3x3": lambda c, s, style: _separable_twice(c, 3, s, style),
    "sep_conv_5x5": lambda c, s, style: _separable_twice(c, 5, s, style),
    "sep_conv_7x7": lambda c, s, style: _separable_twice(c, 7, s, style),
    "dil_conv_3x3": lambda c, s, style: Separable(c, 3, s, 2, style),
    "dil_conv_5x5": lambda c, s, style: Separable(c, 5, s, 2, style),
    "nor_conv_1x1": lambda c, s, style: ReLUConvNorm(c, c, 1, s, style),
    "nor_conv_3x3": lambda c, s, style: ReLUConvNorm(c, c, 3, s, style),
    "skip": lambda c, s, style: _pooled(s),
    "relu": lambda c, s, style: _pooled(s, nn.ReLU()),
    "tanh": lambda c, s, style: _pooled(s, nn.Tanh()),
    "noise": lambda c, s, style: _pooled(s, Noise()),
    "conv_3x3": lambda c, s, style: _conv(c, 3, s),
    "conv_3x3_relu": lambda c, s, style: nn.Sequential(_conv(c, 3, s), nn.ReLU()),
    "conv_5x5_relu": lambda c, s, style: nn.Sequential(_conv(c, 5, s), nn.ReLU()),
    "dil_conv_3x3_relu": lambda c, s, style: nn.Sequential(_conv(c, 3, s, 2), nn.ReLU()),
    "dil_conv_5x5_relu": lambda c, s, style: nn.Sequential(_conv(c, 5, s, 2), nn.ReLU()),
}
"""name -> (channels, stride, style) -> module. `none` is not here: it is never built."""


def operation(name: str, channels: int, stride: int, style: Style) -> nn.Module:
    """One candidate operation; all but the identity may be dropped by drop-path.

    Raises:
        ValueError: no operation of that name.
    """
    if name not in OPS:
        raise ValueError(f"there is no operation {name!r}; there are {sorted(OPS)} and 'none'")
    op = OPS[name](channels, stride, style)
    if style.drop_path and not isinstance(op, nn.Identity):
        return nn.Sequential(op, DropPath(style.drop_path))
    return op
