"""Augmentation of whole batches of images by tensor operations, where they are; randomness from a CPU's generator."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def crop(x: Tensor, padding: int, rng: torch.Generator) -> Tensor:
    """Random crops of the original size out of the zero-padded images. Shapes: [B, C, H, W] -> the same."""
    n, _, h, w = x.shape
    padded = pad(x, (padding,) * 4)
    top, left = torch.randint(0, 2 * padding + 1, (2, n), generator=rng)
    rows = (top[:, None] + torch.arange(h)).to(x.device)
    columns = (left[:, None] + torch.arange(w)).to(x.device)
    picked = padded[torch.arange(n, device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()


def flip(x: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror half of the images, at random. Shapes: [B, C, H, W] -> the same."""
    chosen = torch.rand(len(x), 1, 1, 1, generator=rng) < 0.5
    return torch.where(chosen.to(x.device), x.flip(3), x)


def cutout(x: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Set a square around a random pixel to 0, cut at the border (arXiv 1708.04552). Shapes: [B, C, H, W] -> the same.

    Args:
        x: images.
        share: side of the square as a share of the smaller side of an image.
        rng: of the places.
    """
    n, _, h, w = x.shape
    side = round(share * min(h, w))
    y = torch.randint(0, h, (n, 1, 1, 1), generator=rng)
    z = torch.randint(0, w, (n, 1, 1, 1), generator=rng)
    rows, columns = torch.arange(h)[None, None, :, None] - y, torch.arange(w)[None, None, None, :] - z
    low, high = -(side // 2), side - side // 2
    inside = (rows >= low) & (rows < high) & (columns >= low) & (columns < high)
    return x.masked_fill(inside.to(x.device), 0.0)
