"""appnas.domains.images.arrays: every layout, and bad input."""

import numpy as np
import pytest
import torch
from torch import nn

from appnas.domains.images import Images
from appnas.domains.images.arrays import as_images, as_labels


@pytest.mark.parametrize(
    ("shape", "becomes"),
    [
        ((6, 8, 8), (6, 1, 8, 8)),
        ((6, 3, 8, 8), (6, 3, 8, 8)),
        ((6, 8, 8, 3), (6, 3, 8, 8)),
        ((6, 8, 8, 1), (6, 1, 8, 8)),
        ((6, 4, 8, 8), (6, 4, 8, 8)),
        ((6, 3, 8, 3), (6, 3, 8, 3)),
    ],
)
def test_images_of_any_layout(shape, becomes):
    assert as_images(np.zeros(shape, np.uint8), "x").shape == becomes


def test_layouts_agree_pixel_by_pixel():
    x = np.random.default_rng(0).random((4, 5, 6, 3)).astype(np.float32)
    assert torch.equal(as_images(x, "x"), as_images(torch.tensor(x).permute(0, 3, 1, 2), "x"))


def test_shrinking_averages():
    x = torch.tensor([[[[1, 3, 0, 0], [5, 7, 0, 4]]]], dtype=torch.uint8)
    assert as_images(x, "x", shrink=2).tolist() == [[[[4.0, 1.0]]]]
    with pytest.raises(ValueError, match="x: images of 2 x 4 pixels cannot be shrunk by 3"):
        as_images(x, "x", shrink=3)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.zeros((4, 8)), r"training images: images are \[N, H, W\], .* got the shape \(4, 8\)"),
        (np.zeros((2, 2, 2, 2, 2)), r"got the shape \(2, 2, 2, 2, 2\)"),
        (np.zeros((0, 8, 8)), "training images: there is no image in it"),
        (np.full((4, 8, 8), np.nan), "4 of 4 images hold NaN or infinity; clean them first"),
        (np.where(np.arange(256).reshape(4, 8, 8) == 70, np.inf, 0), "1 of 4 images hold NaN or infinity"),
    ],
)
def test_bad_images_are_refused(x, match):
    with pytest.raises(ValueError, match=match):
        Images(x, np.arange(len(x)) % 2)


@pytest.mark.parametrize(
    ("y", "classes", "match"),
    [
        ([0, 1, 0], None, r"training labels: 4 images need labels of shape \(4,\), got \(3,\)"),
        (np.eye(4), None, r"got \(4, 4\)"),
        ([0.0, 1.0, 0.0, 1.0], None, "labels are integers, got torch.float64"),
        ([0, 1, float("nan"), 1], None, "labels are integers"),
        ([0, 1, -1, 1], None, "labels must be 0 or more, found -1 to 1"),
        ([0, 1, 2, 1], 2, "labels must be 0 to 1, found 0 to 2"),
        (["cat", "dog", "cat", "dog"], None, "labels are integers from 0, got <U3"),
    ],
)
def test_bad_labels_are_refused(y, classes, match):
    with pytest.raises(ValueError, match=match):
        Images(np.zeros((4, 8, 8)), y, classes=classes)


def test_labels_of_any_integer_type():
    for kind in (np.uint8, np.int32, bool):
        y = as_labels(np.array([0, 1, 1], dtype=kind), 3, 2, "y")
        assert y.tolist() == [0, 1, 1] and y.dtype == torch.int64


def test_bad_test_data_is_refused():
    x, y = np.zeros((4, 8, 8)), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"test images have the shape \(1, 6, 6\), training images \(1, 8, 8\)"):
        Images(x, y, np.zeros((2, 6, 6)), y[:2])
    with pytest.raises(ValueError, match="test labels: labels must be 0 to 1, found 0 to 2"):
        Images(x, y, x, np.array([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="test images and their labels come together"):
        Images(x, y, x)
    with pytest.raises(ValueError, match="test images: 4 of 4 images hold NaN"):
        Images(x, y, x * np.nan, y)
    with pytest.raises(ValueError, match="made without test images: pass test_x and test_y"):
        Images(x, y).test(nn.Identity())
