"""The one table of convolutional candidate operations, shared by every space on images.

DARTS's operations are those of Liu, Simonyan and Yang (arXiv 1806.09055, section 3.1), NAS-Bench-201's those of
Dong and Yang (arXiv 2001.00326, section 2.1), those without norms RL-DARTS's (Miao et al., arXiv 2106.02229). All map
[B, C, H, W] to [B, C, H / stride, W / stride].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from appnas.spaces.parts.frugal import add_separable
from appnas.spaces.parts.kernels import depthwise, depthwise_plain, even_pixels, every, odd_pixels, separable
from appnas.supernet import Fused, Norm, State, add_normed, add_scaled, fast


class Style(NamedTuple):
    """How the batch norms of a network are made.

    Attributes:
        affine: learn scale and shift. Supernets do not: gates would be rescaled away.
        track: keep running statistics. Supernets do not: passes for the gates would leave traces in them.
        pool_norm: batch norm after pooling, as DARTS has it in the supernet but not in derived networks.
        drop_path: probability that a derived network drops a whole operation in the last epoch, ramped up linearly.
        eps, momentum: of the norm, as torch names them (a momentum of 0.01 here is TensorFlow's 0.99).
    """

    affine: bool = True
    track: bool = True
    pool_norm: bool = False
    drop_path: float = 0.0
    eps: float = 1e-5
    momentum: float = 0.1

    @property
    def fuses(self) -> bool:
        """Whether operations may add themselves to a sum: on batch statistics, and never dropped."""
        return not (self.track or self.drop_path)


def norm(channels: int, style: Style) -> nn.BatchNorm2d:
    """Batch norm in the given style."""
    return Norm(channels, style.eps, style.momentum, affine=style.affine, track_running_stats=style.track)


class Pointwise(nn.Conv2d):
    """1x1 convolution with a stride: it picks the pixels first, and has a stride of 1 itself."""

    def __init__(self, c_in: int, c_out: int, step: int, groups: int = 1, bias: bool = True):
        super().__init__(c_in, c_out, 1, groups=groups, bias=bias)
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, C', ceil(H / step), ceil(W / step)]."""
        return super().forward(every(x, self.step))

    def extra_repr(self) -> str:
        """As of any convolution, and the step."""
        return f"{super().extra_repr()}, step={self.step}"  # type: ignore[no-untyped-call]


def convolution(
    c_in: int, c_out: int, kernel: int, stride: int = 1, dilation: int = 1, *, groups: int = 1, bias: bool = True
) -> nn.Conv2d:
    """Convolution k x k that keeps the size up to the stride; if 1x1 with a stride, of the pixels that it meets.

    All convolutions that may be 1x1 and have a stride are made here: `appnas.spaces.parts.kernels` says why.
    """
    if kernel == 1 and stride > 1:
        return Pointwise(c_in, c_out, stride, groups, bias)
    return nn.Conv2d(c_in, c_out, kernel, stride, dilation * (kernel // 2), dilation, groups, bias)


class ReLUConvNorm(Fused, nn.Sequential):
    """ReLU, convolution k x k, batch norm."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, style: Style):
        super().__init__(nn.ReLU(), convolution(c_in, c_out, kernel, stride, bias=False), norm(c_out, style))
        self.fuses = style.fuses

    def fused(self, state: State, gate: Tensor, total: Tensor | None) -> Tensor:
        """The ReLU is shared."""
        parts: list[Any] = list(self)
        _, convolution, last = parts
        return add_normed(total, convolution(state.once("relu", torch.relu)), gate, last.weight, last.bias, last.eps)


class Depthwise(nn.Conv2d):
    """Depthwise convolution k x k that keeps the size, up to the stride."""

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int):
        padding = dilation * (kernel - 1) // 2
        own = 1 if kernel == 1 else stride  # 1x1: the pixels are picked first
        super().__init__(channels, channels, kernel, own, padding, dilation, groups=channels, bias=False)
        self.shape = stride, dilation

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
        return (depthwise if fast(x) else depthwise_plain)(x, self.weight, *self.shape)


class Separable(Fused, nn.Sequential):
    """ReLU, depthwise convolution k x k, pointwise convolution, batch norm; as often as there are strides."""

    def __init__(self, channels: int, kernel: int, strides: Sequence[int], dilation: int, style: Style):
        super().__init__()
        for stride in strides:
            self.append(nn.ReLU())
            self.append(Depthwise(channels, kernel, stride, dilation))
            self.append(nn.Conv2d(channels, channels, 1, bias=False))
            self.append(norm(channels, style))
        self.fuses = style.fuses and not style.affine
        self.frugal = False

    def fused(self, state: State, gate: Tensor, total: Tensor | None) -> Tensor:
        """The first ReLU is shared; it is all that is kept if `frugal`.

        Stride 2 with dilation 2 meets the even pixels only, where it is undilated.
        """
        parts: list[Any] = list(self)
        x, shapes, eps = state.once("relu", torch.relu), [part.shape for part in parts[1::4]], parts[-1].eps
        if shapes[0] == (2, 2):
            x, shapes[0] = state.once("even", lambda _: even_pixels(x)), (1, 1)
        weights = [part.weight for i, part in enumerate(parts) if i % 4 in (1, 2)]
        if self.frugal and not gate.dim():
            return add_separable(total, x, gate, weights, shapes, eps)
        return add_normed(total, separable(x, weights, shapes, eps), gate, eps=eps)


class Pool(Fused, nn.Sequential):
    """Pooling, and an affine-free batch norm if the style has it: the same on all edges that leave a state."""

    def __init__(self, pool: nn.Module, channels: int, style: Style):
        super().__init__(pool, *([norm(channels, style._replace(affine=False))] if style.pool_norm else []))
        self.kind, self.fuses = repr(self), style.fuses

    def fused(self, state: State, gate: Tensor, total: Tensor | None) -> Tensor:
        """All of it is shared."""
        return add_scaled(total, state.once(self.kind, super().forward), gate)


class FactorizedReduce(Fused):
    """Halve the resolution: 1x1 convolutions of every second pixel and of those one further, concatenated."""

    def __init__(self, c_in: int, c_out: int, style: Style, drop_path: float = 0.0):
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, bias=False)
        self.odd = nn.Conv2d(c_in, c_out - c_out // 2, 1, bias=False)
        self.norm = norm(c_out, style)
        self.drop = DropPath(drop_path) if drop_path else nn.Identity()
        self.fuses = style.fuses

    def forward(self, x: Any, gate: Tensor | None = None, total: Tensor | None = None) -> Any:
        """Shapes: [B, C, H, W] -> [B, C', ceil(H / 2), ceil(W / 2)]; an odd size is padded for the shifted half."""
        if isinstance(x, State):
            return self.fused(x, gate, total)  # type: ignore[arg-type]
        x = self.relu(x)
        return self.drop(self.norm(self._halves(even_pixels(x), odd_pixels(x))))

    def _halves(self, even: Tensor, odd: Tensor) -> Tensor:
        return torch.cat([self.even(even), self.odd(odd)], 1)

    def fused(self, state: State, gate: Tensor, total: Tensor | None) -> Tensor:
        """The ReLU and the picking of pixels are shared."""
        x = state.once("relu", torch.relu)
        halves = self._halves(state.once("even", lambda _: even_pixels(x)), state.once("odd", lambda _: odd_pixels(x)))
        return add_normed(total, halves, gate, self.norm.weight, self.norm.bias, self.norm.eps)


class DropPath(nn.Module):
    """Zero an operation's whole output for a random part of the examples, and scale up the rest.

    `progress` (0 to 1) is set by the trainer; the probability grows linearly with it. What is compiled reads it as a
    tensor: a number would be compiled in.
    """

    now: Tensor

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate
        self.register_buffer("now", torch.zeros(()), persistent=False)
        self.progress = 0.0

    @property
    def progress(self) -> float:
        """Part of the training that is done."""
        return self._progress

    @progress.setter
    def progress(self, part: float) -> None:
        """Set it, as a number and as a tensor."""
        self._progress = part
        self.now.fill_(part)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, ...] -> the same."""
        if not self.training:
            return x
        if torch.compiler.is_compiling():
            stays = (1 - self.rate * self.now).to(x.dtype)
            return x * torch.bernoulli(stays.expand(x.shape[0], *[1] * (x.dim() - 1))) / stays
        drop = self.rate * self.progress
        if drop == 0.0:
            return x
        keep = torch.bernoulli(x.new_full((x.shape[0], *[1] * (x.dim() - 1)), 1 - drop))
        return x * keep / (1 - drop)


def _skip(channels: int, stride: int, style: Style) -> nn.Module:
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, style, style.drop_path)


def _pooled(stride: int, *op: nn.Module) -> nn.Module:
    """An operation without weights; a stride is an average pooling before it (the code of RL-DARTS)."""
    parts = [nn.AvgPool2d(3, stride, 1, count_include_pad=False)] * (stride > 1) + [*op]
    return nn.Sequential(*parts) if parts else nn.Identity()


def _conv(channels: int, kernel: int, stride: int, dilation: int = 1) -> nn.Conv2d:
    return convolution(channels, channels, kernel, stride, dilation)


class Noise(nn.Module):
    """Unit noise in the shape of the input: an operation that is useless by design, for tests of searches."""

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, ...] -> the same."""
        return torch.randn_like(x)


OPS: dict[str, Callable[[int, int, Style], nn.Module]] = {
    "max_pool_3x3": lambda c, s, style: Pool(nn.MaxPool2d(3, s, 1), c, style),
    "avg_pool_3x3": lambda c, s, style: Pool(nn.AvgPool2d(3, s, 1, count_include_pad=False), c, style),
    "skip_connect": _skip,
    "sep_conv_3x3": lambda c, s, style: Separable(c, 3, (s, 1), 1, style),
    "sep_conv_5x5": lambda c, s, style: Separable(c, 5, (s, 1), 1, style),
    "sep_conv_7x7": lambda c, s, style: Separable(c, 7, (s, 1), 1, style),
    "dil_conv_3x3": lambda c, s, style: Separable(c, 3, (s,), 2, style),
    "dil_conv_5x5": lambda c, s, style: Separable(c, 5, (s,), 2, style),
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
    if not style.drop_path or isinstance(op, nn.Identity | FactorizedReduce):
        return op
    parts = op if isinstance(op, nn.Sequential) else nn.Sequential(op)  # weights keep their names
    return parts.append(DropPath(style.drop_path))
