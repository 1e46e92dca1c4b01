"""Augmentation of whole batches of images by tensor operations, where they are; randomness from a CPU's generator.

What is drawn for a batch (`drawn`) is apart from what it does to the images (`augmented`): draws can be repeated
without any image, and cut to a share of a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad


class Draws(NamedTuple):
    """What was drawn for the images of a batch; None for what is not done.

    Attributes:
        shift: rows and columns of a crop's corner, [2, B].
        mirrored: whether an image is, [B, 1, 1, 1].
        hole: row and column of the middle of a cutout, [2, B, 1, 1, 1].
    """

    shift: Tensor | None = None
    mirrored: Tensor | None = None
    hole: Tensor | None = None

    def of(self, share: slice | Tensor) -> Draws:
        """Those of some of the images."""
        cut = self.mirrored if self.mirrored is None else self.mirrored[share]
        return Draws(None if self.shift is None else self.shift[:, share], cut,
                     None if self.hole is None else self.hole[:, share])  # fmt: skip


def drawn(shape: tuple[int, ...], padding: int, flips: bool, share: float, rng: torch.Generator) -> Draws:
    """What `augmented` does to a batch of a shape, in the order crop, flip, cutout; see these for the arguments."""
    return Draws(
        _shift(shape[0], padding, rng) if padding else None,
        _mirrored(shape[0], rng) if flips else None,
        _hole(shape, rng) if share else None,
    )


def augmented(x: Tensor, draws: Draws, padding: int, share: float) -> Tensor:
    """Images cropped, flipped and cut out as it was drawn. Shapes: [B, C, H, W] -> the same."""
    if draws.shift is not None:
        x = _cropped(x, padding, draws.shift)
    if draws.mirrored is not None:
        x = torch.where(draws.mirrored.to(x.device), x.flip(3), x)
    return x if draws.hole is None else _cut_out(x, share, draws.hole)


def crop(x: Tensor, padding: int, rng: torch.Generator) -> Tensor:
    """Random crops of the original size out of the zero-padded images. Shapes: [B, C, H, W] -> the same."""
    return augmented(x, Draws(shift=_shift(len(x), padding, rng)), padding, 0)


def flip(x: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror half of the images, at random. Shapes: [B, C, H, W] -> the same."""
    return augmented(x, Draws(mirrored=_mirrored(len(x), rng)), 0, 0)


def cutout(x: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Set a square around a random pixel to 0, cut at the border (arXiv 1708.04552). Shapes: [B, C, H, W] -> the same.

    Args:
        x: images.
        share: side of the square as a share of the smaller side of an image.
        rng: of the places.
    """
    return augmented(x, Draws(hole=_hole(tuple(x.shape), rng)), 0, share)


def _shift(n: int, padding: int, rng: torch.Generator) -> Tensor:
    return torch.randint(0, 2 * padding + 1, (2, n), generator=rng)


def _mirrored(n: int, rng: torch.Generator) -> Tensor:
    return torch.rand(n, 1, 1, 1, generator=rng) < 0.5


def _hole(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    n, _, h, w = shape
    y = torch.randint(0, h, (n, 1, 1, 1), generator=rng)
    z = torch.randint(0, w, (n, 1, 1, 1), generator=rng)
    return torch.stack([y, z])


def _cropped(x: Tensor, padding: int, shift: Tensor) -> Tensor:
    n, _, h, w = x.shape
    padded = pad(x, (padding,) * 4)
    top, left = shift
    rows = (top[:, None] + torch.arange(h)).to(x.device)
    columns = (left[:, None] + torch.arange(w)).to(x.device)
    picked = padded[torch.arange(n, device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()


def _cut_out(x: Tensor, share: float, hole: Tensor) -> Tensor:
    h, w = x.shape[2:]
    side = round(share * min(h, w))
    y, z = hole
    rows, columns = torch.arange(h)[None, None, :, None] - y, torch.arange(w)[None, None, None, :] - z
    low, high = -(side // 2), side - side // 2
    inside = (rows >= low) & (rows < high) & (columns >= low) & (columns < high)
    return x.masked_fill(inside.to(x.device), 0.0)
