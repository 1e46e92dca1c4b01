"""The factorised hierarchical space of MnasNet: seven blocks, each choosing one layer and how often to repeat it.

Tan, Chen, Pang, Vasudevan, Sandler, Howard and Le, "MnasNet: Platform-Aware Neural Architecture Search for Mobile"
(arXiv 1807.11626, section 4.1). `FOUND` holds the networks A1 and B1 that the paper reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.space import IO, Arch, Choice, Mask
from appnas.spaces.images.mobile import Bottleneck, SqueezeExcite, conv_norm
from appnas.spaces.parts import Free, Style, Unmixed, sequence
from appnas.support import checked

OPS = ("conv", "sep_conv", "mbconv3", "mbconv6")
KERNELS = ("3x3", "5x5")
SQUEEZE = ("no_se", "se0.25")
SHORTCUTS = ("pool", "identity", "no_shortcut")
FACTORS = ("x0.75", "x1", "x1.25")
REPEATS = ("-1", "+0", "+1")
Shortcut = Literal["pool", "identity", "no_shortcut"]


class Block(NamedTuple):
    """One block: `layers` equal layers, of which the first may have a stride.

    Attributes:
        op: "conv", "sep_conv", or "mbconv" with its expansion.
        kernel: size of the convolution.
        squeeze: inner units of squeeze-excitation for each input channel; 0 for none.
        shortcut: what is added to a layer's result; the identity where shapes agree, a pooling where channels do.
        channels: of the result.
        layers: how many.
        stride: of the first.
    """

    op: str
    kernel: int
    squeeze: float
    shortcut: Shortcut
    channels: int
    layers: int
    stride: int


FOUND: dict[str, tuple[Block, ...]] = {
    "a1": (
        Block("sep_conv", 3, 0.0, "no_shortcut", 16, 1, 1),
        Block("mbconv6", 3, 0.0, "identity", 24, 2, 2),
        Block("mbconv3", 5, 0.25, "identity", 40, 3, 2),
        Block("mbconv6", 3, 0.0, "identity", 80, 4, 2),
        Block("mbconv6", 3, 0.25, "identity", 112, 2, 1),
        Block("mbconv6", 5, 0.25, "identity", 160, 3, 2),
        Block("mbconv6", 3, 0.0, "identity", 320, 1, 1),
    ),
    "b1": (
        Block("sep_conv", 3, 0.0, "no_shortcut", 16, 1, 1),
        Block("mbconv3", 3, 0.0, "identity", 24, 3, 2),
        Block("mbconv3", 5, 0.0, "identity", 40, 3, 2),
        Block("mbconv6", 5, 0.0, "identity", 80, 3, 2),
        Block("mbconv6", 3, 0.0, "identity", 96, 2, 1),
        Block("mbconv6", 5, 0.0, "identity", 192, 4, 2),
        Block("mbconv6", 3, 0.0, "no_shortcut", 320, 1, 1),
    ),
}
"""MnasNet-A1 and MnasNet-B1. Widths of 112 and 192 are no product of MobileNetV2's and a factor of the paper's list."""


def divisible(channels: float, by: int = 8) -> int:
    """The nearest multiple, at least one, not more than 10 % below (MobileNetV2's rule for scaled widths)."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


@dataclass(frozen=True)
@checked(stem=1, stem_stride=1, head=1, multiple=1, dropout=0, momentum=0)
class Mnas(Free, Unmixed):
    """The MnasNet space around MobileNetV2's widths and repeats. Small images want smaller widths and strides.

    Deviates: a squeeze-excitation in a block without bottleneck scales what its k x k convolution gives; the paper
    does not say.
    """

    widths: tuple[int, ...] = (16, 24, 32, 64, 96, 160, 320)
    """Channels of every block, before the factor that is searched."""
    repeats: tuple[int, ...] = (1, 2, 3, 4, 3, 3, 1)
    """Layers of every block, before what is added in the search; never fewer than one."""
    strides: tuple[int, ...] = (1, 2, 2, 2, 1, 2, 1)
    """Of every block's first layer."""
    stem: int = 32
    """Channels of the first convolution."""
    stem_stride: int = 2
    """Of the first convolution."""
    head: int = 1280
    """Channels of the last 1x1 convolution."""
    multiple: int = 8
    """Widths are multiples of this."""
    dropout: float = 0.2
    """Before the classifier."""
    momentum: float = 0.01
    """Of the batch norms, as torch counts (the paper's 0.99 is TensorFlow's): 0.1 suits trainings of few steps."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or lists that do not agree in length.
        """
        if not len(self.widths) == len(self.repeats) == len(self.strides) > 0:
            raise ValueError(
                "widths, repeats and strides have one entry for each block, got"
                f" {len(self.widths)}, {len(self.repeats)} and {len(self.strides)}"
            )
        if min(*self.widths, *self.repeats, *self.strides) < 1:
            raise ValueError(f"widths, repeats and strides are at least 1, got {self}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Six decisions a block: 4 x 2 x 2 x 3 x 3 x 3 = 432 blocks."""
        count = len(self.widths)
        return (
            Choice("op", OPS, count, "op"),
            Choice("kernel", KERNELS, count, "kernel"),
            Choice("squeeze", SQUEEZE, count, "squeeze"),
            Choice("shortcut", SHORTCUTS, count, "shortcut"),
            Choice("filters", FACTORS, count, "filters"),
            Choice("layers", REPEATS, count, "layers"),
        )

    def blocks(self, arch: Arch) -> tuple[Block, ...]:
        """The blocks of an architecture."""
        count, made = len(self.widths), []
        for i in range(count):
            op, kernel, squeeze, shortcut, factor, more = arch[i::count]
            made.append(
                Block(
                    OPS[op],
                    int(KERNELS[kernel][0]),
                    0.25 * squeeze,
                    SHORTCUTS[shortcut],  # type: ignore[arg-type]
                    divisible(float(FACTORS[factor][1:]) * self.widths[i], self.multiple),
                    max(1, self.repeats[i] + int(REPEATS[more])),
                    self.strides[i],
                )
            )
        return tuple(made)

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The layers in a row, each by its words (attribute `op` of nodes): ("mbconv", "expand 6", "kernel 5", ...)."""
        layers, width = [], self.stem
        for block in self.blocks(arch):
            for i in range(block.layers):
                layers.append(_words(block, width, 1 if i else block.stride))
                width = block.channels
        return {"network": sequence(layers)}

    def build(self, arch: Arch, io: IO) -> MnasNetwork:
        """The stand-alone network: forward(x)."""
        return self.network(self.blocks(arch), io)

    def network(self, blocks: Sequence[Block], io: IO) -> MnasNetwork:
        """A network of the given blocks in this space's frame: `Mnas().network(FOUND["a1"], io)`."""
        return MnasNetwork(self, blocks, io)


def shortcut(block: Block, c_in: int, stride: int) -> Shortcut:
    """What is added to a layer's result, where shapes allow what the block wants."""
    fits = c_in == block.channels and (block.shortcut == "pool" or stride == 1)
    return block.shortcut if fits else "no_shortcut"


def _words(block: Block, c_in: int, stride: int) -> tuple[str, ...]:
    op, _, expansion = block.op.partition("mbconv")
    sizes = ("kernel", block.kernel), ("squeeze", block.squeeze), ("width", block.channels), ("stride", stride)
    named = ("mbconv", f"expand {expansion}") if expansion else (op,)
    return (*named, *(f"{name} {size}" for name, size in sizes), shortcut(block, c_in, stride))


class Layer(nn.Module):
    """One layer of a block: convolution, squeeze-excitation, shortcut."""

    def __init__(self, block: Block, c_in: int, stride: int, style: Style):
        super().__init__()
        self.inner = _inner(block, c_in, stride, style)
        self.shortcut: nn.Module | None = None
        kind = shortcut(block, c_in, stride)
        if kind == "identity":
            self.shortcut = nn.Identity()
        elif kind == "pool":
            self.shortcut = nn.AvgPool2d(3, stride, 1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, C', H / stride, W / stride]."""
        y: Tensor = self.inner(x)
        return y if self.shortcut is None else y + self.shortcut(x)


def _inner(block: Block, c_in: int, stride: int, style: Style) -> nn.Module:
    c_out, squeezed = block.channels, max(1, int(c_in * block.squeeze))
    if block.op.startswith("mbconv"):
        expansion = int(block.op.removeprefix("mbconv"))
        return Bottleneck(c_in, c_out, block.kernel, stride, expansion, style, nn.ReLU, block.squeeze)
    if block.op == "sep_conv":  # a bottleneck without expansion is a separable convolution
        return Bottleneck(c_in, c_out, block.kernel, stride, 1, style, nn.ReLU, block.squeeze)
    convolution = conv_norm(c_in, c_out, block.kernel, stride, style, nn.ReLU)
    return nn.Sequential(convolution, SqueezeExcite(c_out, squeezed)) if block.squeeze else convolution


class MnasNetwork(nn.Module):
    """Convolution, blocks, 1x1 convolution, pooling, dropout, linear."""

    def __init__(self, space: Mnas, blocks: Sequence[Block], io: IO):
        super().__init__()
        style = Style(eps=1e-3, momentum=space.momentum)
        self.stem = conv_norm(io.inputs[0], space.stem, 3, space.stem_stride, style, nn.ReLU)
        layers, width = [], space.stem
        for block in blocks:
            for i in range(block.layers):
                layers.append(Layer(block, width, 1 if i else block.stride, style))
                width = block.channels
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(
            conv_norm(width, space.head, 1, 1, style, nn.ReLU),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(space.dropout),
        )
        self.classifier = nn.Linear(space.head, io.outputs[0])

    def forward(self, x: Tensor) -> Tensor:
        """Class scores. Shapes: [B, C, H, W] -> [B, classes]."""
        x = self.layers(self.stem(x.contiguous(memory_format=torch.channels_last)))
        return self.classifier(self.head(x))  # type: ignore[no-any-return]
