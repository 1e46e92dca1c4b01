"""appnas.domains.images.arrays: every layout, and bad input."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from appnas.domains.images import Images, Options
from appnas.domains.images.arrays import as_images, layout_of


@pytest.mark.parametrize(
    ("shape", "becomes"),
    [
        ((6, 8, 8), (6, 1, 8, 8)),
        ((6, 3, 8, 8), (6, 3, 8, 8)),
        ((6, 8, 8, 3), (6, 3, 8, 8)),
        ((6, 8, 8, 1), (6, 1, 8, 8)),
        ((6, 4, 8, 8), (6, 4, 8, 8)),
        ((6, 1, 1, 1), (6, 1, 1, 1)),
        ((6, 12, 8, 8), (6, 12, 8, 8)),
        ((6, 5, 8, 9), (6, 5, 8, 9)),
        ((6, 3, 2, 2), (6, 3, 2, 2)),
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


@pytest.mark.parametrize("shape", [(3, 32, 3), (1, 28, 1), (28, 28, 28), (3, 3, 3), (1, 5, 3), (9, 6, 8), (3, 32, 1)])
def test_a_layout_that_may_be_either_is_asked_for(shape):
    """Never guessed: both readings are taken once they are said."""
    a, b, c = shape
    x, y = np.random.default_rng(0).random((4, *shape)), [0, 1, 0, 1]
    with pytest.raises(ValueError, match=rf"\[N, C, H, W\] with {a} .*with {c}: say which, .*layout='NCHW'"):
        Images(x, y)
    assert Images(x, y, layout="NCHW").io.inputs == (a, b, c)
    assert Images(x, y, layout="NHWC").io.inputs == (c, a, b)
    assert layout_of(*shape) == ""


def test_channels_last_in_other_numbers_are_refused_unless_said():
    for shape in ((9, 9, 4), (32, 32, 12), (16, 16, 32)):
        assert layout_of(*shape) == "HWC"
        with pytest.raises(ValueError, match=rf"looks like \[N, H, W, C\] with {shape[2]} channels: keep 1 or 3"):
            as_images(np.zeros((2, *shape)), "x")
        assert as_images(np.zeros((2, *shape)), "x", layout="NHWC").shape == (2, shape[2], *shape[:2])


def test_images_of_several_sizes_are_named():
    x = [np.random.default_rng(0).random((side, 8, 3)) for side in (8, 9, 8)]
    many = np.empty(3, dtype=object)
    many[:] = x
    for given in (x, tuple(x), many, [torch.zeros(3, 8, 8), torch.zeros(3, 9, 8)]):
        with pytest.raises(
            ValueError, match=r"images of 2 sizes, \(.*8.*\), .*Images\.of\(list\(zip\(x, y\)\), options="
        ):
            Images(given, [0, 1, 0])
    assert as_images([np.ones((8, 8, 3))] * 2, "x").shape == (2, 3, 8, 8)
    assert as_images([torch.ones(3, 8, 8)] * 2, "x").shape == (2, 3, 8, 8)
    read = Images.of([(i, k % 2) for k, i in enumerate(x * 3)], options=Options(side=8), classes=2)
    assert read.io.inputs == (3, 8, 8)


def test_what_cannot_be_learned_from_is_refused():
    x, y = np.random.default_rng(0).random((4, 8, 8)), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"x and y are swapped: .* got \(4,\) and \(4, 8, 8\)"):
        Images(y, x)
    with pytest.raises(ValueError, match=r"rows of features are for Labelled\(x, y\)"):
        Images(x[:, 0], y)


@pytest.mark.parametrize(
    ("y", "classes", "match"),
    [
        ([0, 1, 0], None, r"training labels: 4 images need labels of shape \(4,\), got 3"),
        ([0.5, 1.0, 0.0, 1.0], None, "training labels: 1 of 4 are no whole numbers"),
        ([0, 1, float("nan"), 1], None, "training labels: 1 of 4 are missing"),
        ([0, 1, -1, 1], None, "training labels: 1 of 4 are -1, beside 0 to 1"),
        ([0, 1, 2, 1], 2, "training labels: must be 0 to 1, as classes=2, found 0 to 2"),
        ([[1, 1], [0, 1], [0, 1], [1, 0]], None, "one-hot rows have one 1 each"),
    ],
)
def test_bad_labels_are_refused(y, classes, match):
    with pytest.raises(ValueError, match=match):
        Images(np.zeros((4, 8, 8)), y, classes=classes)


@pytest.mark.parametrize(
    ("y", "names", "note"),
    [
        (np.array(["dog", "cat", "cat", "dog"]), ["cat", "dog"], "texts became the classes 0 to 1"),
        ([2, 1, 1, 2], [1, 2], "in the order 1, 2"),
        ([1.0, 0.0, 0.0, 1.0], None, "floats that are whole"),
        (np.eye(2)[[1, 0, 0, 1]], None, "one-hot rows of 2"),
    ],
)
def test_labels_of_every_kind_are_classes_with_names(y, names, note):
    """The same task in arrays and in what is read, with test labels in the training labels' order."""
    x = np.random.default_rng(0).random((4, 8, 8))
    with pytest.warns(UserWarning, match=note):
        domain = Images(x, y, x[:2], y[:2])
    assert domain._splits["all"][1].sort().values.tolist() == [0, 0, 1, 1]
    assert domain._held_out[1].tolist() == [1, 0] and domain.preprocessing().get("labels") == names
    with pytest.warns(UserWarning, match=note):
        read = Images.of((x, y), test=(x[:2], y[:2]), options=Options(crop=0, flip=False))
    assert read.labels == domain.labels and read._held_out[1].tolist() == [1, 0]
    (images, labels), *_ = read.batches("train", torch.Generator())
    assert images.shape == (2, 1, 8, 8) and set(labels.tolist()) <= {0, 1}
    assert read.test(lambda_net())["accuracy"] in (0, 50, 100)


def lambda_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))


def test_labels_of_any_integer_type():
    x = np.random.default_rng(0).random((3, 8, 8))
    for kind in (np.uint8, np.int32, bool):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = Images(x, np.array([0, 1, 1], dtype=kind))._splits["all"][1]
        assert sorted(y.tolist()) == [0, 1, 1] and y.dtype == torch.int64


def test_bad_test_data_is_refused():
    x, y = np.zeros((4, 8, 8)), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"test images have the shape \(1, 6, 6\), training images \(1, 8, 8\)"):
        Images(x, y, np.zeros((2, 6, 6)), y[:2])
    with pytest.raises(ValueError, match="test labels: 2 is not among the labels that are known, 0, 1"):
        Images(x, y, x, np.array([0, 1, 2, 0]))
    with pytest.raises(ValueError, match=r"test images have the shape \(3, 8, 8\), training images \(1, 8, 8\)"):
        Images(x, y, np.zeros((2, 8, 8, 3)), y[:2])
    with pytest.raises(ValueError, match="test images and their labels come together"):
        Images(x, y, x)
    with pytest.raises(ValueError, match="test images: 4 of 4 images hold NaN"):
        Images(x, y, x * np.nan, y)
    with pytest.raises(ValueError, match="made without test data: pass test_x and test_y"):
        Images(x, y).test(nn.Identity())


def test_test_images_of_another_scale_are_refused():
    x, y = np.random.default_rng(0).random((8, 3, 6, 6), np.float32), np.arange(8) % 2
    with pytest.raises(ValueError, match=r"have one scale, got values up to 0.9.* and 25.*: divide both by 255"):
        Images(x, y, 255 * x, y)
    with pytest.raises(ValueError, match=r"in the unit of the images, whose mean is 1[234].*from 0 to 1: times 255"):
        Images((255 * x).astype(np.uint8), y, options=Options(mean=(0.5,) * 3, std=(0.2,) * 3))


def test_test_data_in_other_channels_are_refused_where_they_are_read():
    rng, y = np.random.default_rng(0), [0, 1, 0, 1]
    with pytest.raises(ValueError, match=r"that of the first is \(3, 8, 8\), got \(1, 8, 8\)"):
        Images.of((rng.random((4, 8, 8, 3)), y), test=(rng.random((4, 8, 8)), y))
