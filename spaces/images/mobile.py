"""Mobile inverted bottlenecks, and the space of ProxylessNAS: one of them, or a skip, at each of 21 places.

The bottleneck is MobileNetV2's (Sandler et al., arXiv 1801.04381, figure 4), its squeeze-excitation Hu et al.'s (arXiv
1709.01507). The space is that of Cai, Zhu and Han (ProxylessNAS, arXiv 1812.00332, section 4.2) in the sizes in which
UNAS searches it (Vahdat et al., arXiv 1912.07651).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.space import IO, Arch, Choice, Gates, Mask, decisions, only
from appnas.spaces.parts import Depthwise, Free, Style, convolution, norm, sequence
from appnas.supernet import Mixed, live_options
from appnas.support import checked

SKIP = "skip_connect"


def conv_norm(c_in: int, c_out: int, kernel: int, stride: int, style: Style, act: type[nn.Module] | None) -> nn.Module:
    """Convolution k x k that keeps the size up to the stride, batch norm, activation if there is one."""
    parts = [convolution(c_in, c_out, kernel, stride, bias=False), norm(c_out, style), *([act()] if act else [])]
    return nn.Sequential(*parts)


class SqueezeExcite(nn.Module):
    """Channels scaled by what a small network makes of their means (arXiv 1709.01507).

    Args:
        channels: of the maps.
        squeezed: units of the inner layer.
    """

    def __init__(self, channels: int, squeezed: int):
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> the same."""
        scale = self.expand(torch.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(scale)


class Bottleneck(nn.Sequential):
    """1x1 expansion, depthwise k x k, squeeze-excitation, 1x1 projection without activation.

    Args:
        c_in, c_out: channels.
        kernel, stride: of the depthwise convolution.
        expansion: inner channels for each input channel; 1 leaves the expansion's convolution out.
        style: of the batch norms.
        act: activation.
        squeeze: inner units of the squeeze-excitation for each input channel; 0 for none.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int,
        expansion: int,
        style: Style,
        act: type[nn.Module] = nn.ReLU6,
        squeeze: float = 0.0,
    ):
        inner = c_in * expansion
        parts: list[nn.Module] = []
        if expansion > 1:
            parts.append(conv_norm(c_in, inner, 1, 1, style, act))
        parts += [Depthwise(inner, kernel, stride, 1), norm(inner, style), act()]
        if squeeze:
            parts.append(SqueezeExcite(inner, max(1, int(c_in * squeeze))))
        super().__init__(*parts, conv_norm(inner, c_out, 1, 1, style, None))


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> the same."""
        return x + self.inner(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
@checked(stem=1, stem_stride=1, first=1, head=1, dropout=0)
class Proxyless(Free):
    """The ProxylessNAS space in UNAS's sizes. For small images lower the strides, `widths` and `blocks`."""

    stem: int = 40
    """Channels of the first convolution."""
    stem_stride: int = 2
    """Of the first convolution."""
    first: int = 24
    """Channels of the fixed bottleneck after it."""
    widths: tuple[int, ...] = (32, 56, 112, 128, 256, 432)
    """Channels of every stage."""
    blocks: tuple[int, ...] = (4, 4, 4, 4, 4, 1)
    """Blocks of every stage; the first one changes the width and cannot be skipped."""
    strides: tuple[int, ...] = (2, 2, 2, 1, 2, 1)
    """Of the first block of every stage."""
    head: int = 1728
    """Channels of the last 1x1 convolution."""
    kernels: tuple[int, ...] = (3, 5, 7)
    """Sizes of the depthwise convolutions that are offered."""
    expansions: tuple[int, ...] = (3, 6)
    """Expansions that are offered."""
    dropout: float = 0.1
    """Of what a skipped block hands on, in the supernet: a skip must not be the easy way (UNAS)."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or stages that do not agree in number.
        """
        if not len(self.widths) == len(self.blocks) == len(self.strides) > 0:
            raise ValueError(
                "widths, blocks and strides have one entry for each stage, got"
                f" {len(self.widths)}, {len(self.blocks)} and {len(self.strides)}"
            )
        if min(*self.widths, *self.blocks, *self.strides, *self.kernels, *self.expansions) < 1:
            raise ValueError(f"widths, blocks, strides, kernels and expansions are at least 1, got {self}")

    @cached_property
    def candidates(self) -> tuple[str, ...]:
        """Names of the bottlenecks that are offered."""
        return tuple(f"mbconv{e}_{k}x{k}" for k in self.kernels for e in self.expansions)

    @cached_property
    def places(self) -> tuple[tuple[int, int, int], ...]:
        """(input channels, output channels, stride) of every block."""
        places, c_in = [], self.first
        for width, count, stride in zip(self.widths, self.blocks, self.strides, strict=True):
            for i in range(count):
                places.append((c_in, width, 1 if i else stride))
                c_in = width
        return tuple(places)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """One decision a block; the first block of a stage has no skip."""
        choices = []
        for stage, count in enumerate(self.blocks):
            group = f"stage{stage + 1}"
            choices.append(Choice(f"{group}_first", self.candidates, 1, group))
            if count > 1:
                choices.append(Choice(f"{group}_rest", (*self.candidates, SKIP), count - 1, group))
        return tuple(choices)

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The blocks in a row, each by its words (attribute `op` of nodes): ("mbconv", "expand 6", "kernel 5", ...)."""
        names = [options[k] for options, k in zip(decisions(self.choices), arch, strict=True)]
        return {"network": sequence(map(_words, names, self.places))}

    def supernet(self, io: IO, mask: Mask | None = None) -> ProxylessNetwork:
        """All candidates of every block, with affine batch norms on batch statistics: forward(x, gates)."""
        return ProxylessNetwork(self, io, Style(track=False), mask, self.dropout)

    def build(self, arch: Arch, io: IO) -> ProxylessNetwork:
        """The stand-alone network: forward(x)."""
        return ProxylessNetwork(self, io, Style(), only(self.choices, arch), 0.0)


def _sizes(option: str) -> tuple[int, int]:
    """Expansion and kernel of a bottleneck."""
    expansion, kernel = (int(number) for number in option.removeprefix("mbconv").split("x")[0].split("_"))
    return expansion, kernel


@cache
def _words(option: str, place: tuple[int, int, int]) -> tuple[str, ...]:
    _, width, stride = place
    if option == SKIP:
        return SKIP, f"width {width}"
    expansion, kernel = _sizes(option)
    return "mbconv", f"expand {expansion}", f"kernel {kernel}", f"width {width}", f"stride {stride}"


class ProxylessNetwork(nn.Module):
    """Stem, a fixed bottleneck, a mixed bottleneck a block, 1x1 convolution, pooling, linear."""

    def __init__(self, space: Proxyless, io: IO, style: Style, mask: Mask | None, dropout: float):
        super().__init__()
        rows: list[Any] = [None] * len(space.places) if mask is None else [row for m in mask for row in m.tolist()]
        options = [choice.options for choice in space.choices for _ in range(choice.count)]
        self.stem = nn.Sequential(
            conv_norm(io.inputs[0], space.stem, 3, space.stem_stride, style, nn.ReLU6),
            Bottleneck(space.stem, space.first, 3, 1, 1, style),
        )
        self.blocks = nn.ModuleList(
            Mixed(names, _Make(place, style, dropout), row)
            for place, names, row in zip(space.places, options, rows, strict=True)
        )
        last = space.widths[-1]
        self.head = nn.Sequential(
            conv_norm(last, space.head, 1, 1, style, nn.ReLU6), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.classifier = nn.Linear(space.head, io.outputs[0])

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Class scores.

        Shapes:
            x: [B, C, H, W]. gates: one matrix a choice, each [count, K] or [B, count, K]. returns: [B, classes].
        """
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        rows: list[Any] = [None] * len(self.blocks)
        live = rows
        if gates is not None:
            rows = [row for matrix in gates for row in matrix.unbind(-2)]
            live = [row for matrix in gates for row in live_options(matrix)]
        for block, row, used in zip(self.blocks, rows, live, strict=True):
            x = block(x, row, used)
        return self.classifier(self.head(x))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Make:
    """Builds the candidates of one place; a bottleneck that keeps the shape is added to its input."""

    place: tuple[int, int, int]
    style: Style
    dropout: float

    def __call__(self, option: str) -> nn.Module:
        c_in, c_out, stride = self.place
        if option == SKIP:
            return nn.Dropout(self.dropout) if self.dropout else nn.Identity()
        expansion, kernel = _sizes(option)
        inner = Bottleneck(c_in, c_out, kernel, stride, expansion, self.style)
        return Residual(inner) if stride == 1 and c_in == c_out else inner
