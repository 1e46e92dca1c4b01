"""appnas.domains.images.augment, on images made by hand."""

import math

import pytest
import torch
from torch import nn

from appnas.domains.images.augment import crop, cutout, flip


def numbered(n=4, c=1, h=5, w=4):
    """Every pixel another number, from 1 on."""
    return torch.arange(1.0, n * c * h * w + 1).reshape(n, c, h, w)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_crop_is_a_window_of_the_padded_image():
    x = numbered(200)
    y = crop(x, 2, rng())
    assert y.shape == x.shape and y.is_contiguous()
    padded = nn.functional.pad(x, (2, 2, 2, 2))
    windows = set()
    for image, wide in zip(y, padded, strict=True):
        at = [(i, j) for i in range(5) for j in range(5) if torch.equal(image, wide[:, i : i + 5, j : j + 4])]
        assert len(at) == 1
        windows.add(at[0])
    assert windows == {(i, j) for i in range(5) for j in range(5)}  # all shifts from -2 to 2 both ways
    assert torch.equal(crop(x, 0, rng()), x)


def test_a_crop_moves_all_channels_together():
    x = numbered(20, c=1).expand(20, 3, 5, 4)
    y = crop(x, 2, rng())
    assert torch.equal(y[:, 0], y[:, 1]) and torch.equal(y[:, 0], y[:, 2])


def test_a_flip_mirrors_columns_of_about_half():
    x = numbered(400)
    y = flip(x, rng())
    mirrored = [torch.equal(b, a.flip(2)) for a, b in zip(x, y, strict=True)]
    kept = [torch.equal(b, a) for a, b in zip(x, y, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert abs(sum(mirrored) - 200) < 5 * 10  # deviation 10


def test_a_cutout_is_a_square_of_zeros_cut_at_the_border():
    x = torch.ones(500, 2, 7, 6)
    for side in (1, 2, 3, 4):
        y = cutout(x, side / 6, rng())
        assert torch.equal(y[:, 0], y[:, 1])
        sizes = set()
        for image in y[:, 0]:
            rows, columns = (image == 0).any(1).nonzero().flatten(), (image == 0).any(0).nonzero().flatten()
            hole = (int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1))
            assert int((image == 0).sum()) == hole[0] * hole[1] == len(rows) * len(columns)  # one whole rectangle
            sizes.add(hole)
        assert max(sizes) == (side, side)
        assert min(sizes) == (math.ceil(side / 2), math.ceil(side / 2))  # around a corner
    assert torch.equal(x, torch.ones(500, 2, 7, 6))


def test_a_cutout_by_hand():
    """Side 3 around the middle of 5x5 leaves a frame; every pixel is a middle equally often."""
    y = cutout(torch.ones(2000, 1, 5, 5), 3 / 5, rng())[:, 0]
    frame = torch.ones(5, 5)
    frame[1:4, 1:4] = 0
    share = sum(torch.equal(image, frame) for image in y) / 2000
    assert share == pytest.approx(1 / 25, abs=5 * (0.04 * 0.96 / 2000) ** 0.5)


def test_augmentation_depends_on_the_generator_alone():
    x = numbered(16)
    for change in (lambda r: crop(x, 2, r), lambda r: flip(x, r), lambda r: cutout(x, 0.5, r)):
        before = torch.get_rng_state()
        assert torch.equal(change(rng(1)), change(rng(1)))
        assert torch.equal(before, torch.get_rng_state())
