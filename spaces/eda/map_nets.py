"""Hand-made networks on maps of a chip: what a searched one is compared with, under the same training.

Written from the papers' descriptions: RouteNet (Xie et al., ICCAD 2018), the J-Net of pin-access work (Liang et al.,
ISPD 2020), which is a U-Net (Ronneberger, Fischer and Brox, arXiv 1505.04597), and GPDL (Liu et al., DATE 2021) as
CircuitNet describes it. All have the heads of `appnas.spaces.GuideDag`: a map where the outputs are two numbers [H,
W], else numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from appnas.space import IO
from appnas.spaces.parts import Style, norm


def number_head(width: int, dense: int, io: IO) -> nn.Module:
    """Mean over the map, one hidden layer."""
    hidden = nn.Linear(width, dense), nn.ReLU(), nn.Linear(dense, io.outputs[0])
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *hidden)


def map_head(width: int, strides: Sequence[int], style: Style) -> nn.Module:
    """As many transposed convolutions as there were strides of 2, then a convolution to one channel."""
    layers: list[nn.Module] = []
    for _ in range(sum(stride == 2 for stride in strides)):
        layers += [nn.ConvTranspose2d(width, width, 4, 2, 1, bias=False), norm(width, style), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))


def block(c_in: int, c_out: int, kernel: int = 3, normed: type[nn.Module] = nn.BatchNorm2d) -> nn.Sequential:
    """Convolution, norm, ReLU."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False), normed(c_out), nn.ReLU())


def up(c_in: int, c_out: int) -> nn.Sequential:
    """Twice the size: transposed convolution, norm, ReLU."""
    return nn.Sequential(nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


class MapNet(nn.Module):
    """A body and the head that the outputs ask for.

    Args:
        body: maps [B, C, H, W] -> [B, width, H', W'], H' at least H.
        width: its channels.
        io: sizes of the domain.
        dense: hidden width of the head for numbers.
    """

    def __init__(self, body: nn.Module, width: int, io: IO, dense: int = 32):
        super().__init__()
        self.body, self.out = body, io.outputs
        self.head = nn.Conv2d(width, 1, 3, padding=1) if len(io.outputs) == 2 else number_head(width, dense, io)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, H, W] or [B, n]."""
        y = self.head(self.body(x))
        return y[:, 0, : self.out[0], : self.out[1]] if len(self.out) == 2 else y  # type: ignore[no-any-return]


class Skips(nn.Module):
    """An encoder that halves the size and a decoder that doubles it, joined at every size."""

    def __init__(self, c_in: int, widths: tuple[int, ...], normed: type[nn.Module]):
        super().__init__()
        before = (c_in, *widths)
        self.down = nn.ModuleList(
            nn.Sequential(block(a, b, 3, normed), block(b, b, 3, normed)) for a, b in zip(before, widths, strict=False)
        )
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(up(deep, shallow) for deep, shallow in pairs)
        self.merge = nn.ModuleList(block(2 * shallow, shallow, 3, normed) for _, shallow in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, widths[0], H, W]."""
        kept = []
        for k, down in enumerate(self.down):
            x = down(functional.max_pool2d(x, 2, ceil_mode=True) if k else x)
            kept.append(x)
        for lift, merge, skip in zip(self.up, self.merge, kept[-2::-1], strict=True):
            lifted = lift(x)[:, :, : skip.shape[2], : skip.shape[3]]
            x = merge(torch.cat([lifted, skip], 1))
        return x


def fcn(io: IO, width: int = 32) -> nn.Module:
    """RouteNet's kind: wide kernels, two poolings, two transposed convolutions with one shortcut at half the size."""

    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = block(io.inputs[0], width, 9), block(width, 2 * width, 7)
            self.third, self.fourth = block(2 * width, width, 9), block(width, width, 7)
            self.lift, self.last = up(width, width // 2), up(width // 2 + 2 * width, width // 2)

        def forward(self, x: Tensor) -> Tensor:
            half = self.second(functional.max_pool2d(self.first(x), 2, ceil_mode=True))
            quarter = self.fourth(self.third(functional.max_pool2d(half, 2, ceil_mode=True)))
            lifted = self.lift(quarter)[:, :, : half.shape[2], : half.shape[3]]
            return self.last(torch.cat([lifted, half], 1))  # type: ignore[no-any-return]

    return MapNet(Body(), width // 2, io)


def unet(io: IO, width: int = 16) -> nn.Module:
    """J-Net's kind: a U-Net of three sizes."""
    return MapNet(Skips(io.inputs[0], (width, 2 * width, 4 * width), nn.BatchNorm2d), width, io)


def gpdl(io: IO, width: int = 32) -> nn.Module:
    """GPDL's kind: two sizes, instance norms, two convolutions a size."""
    return MapNet(Skips(io.inputs[0], (width, 2 * width), nn.InstanceNorm2d), width, io)


NETS: dict[str, Callable[[IO], nn.Module]] = {"fcn": fcn, "unet": unet, "gpdl": gpdl}
"""The hand-made networks by name."""
