"""A folder of images, one subfolder a class: held in memory if it is small, read file by file if it is not."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from appnas.domains.images.domain import Images
from appnas.domains.images.options import Options
from appnas.domains.images.reading import HELD_OUT, Files, decode
from appnas.support import MIB

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
HOLD = 256
"""MiB of decoded images that are held in memory, unless told: CIFAR's 60,000 take 176."""


@dataclass(frozen=True)
class FolderOptions(Options):
    """Options of a folder of images. With `limit`, a fixed random part of the training images is read."""

    path: str = ""
    """The folder: train/CLASS/*.png and test/CLASS/*.png (or val), or CLASS/*.png alone."""
    side: int = 32
    """Images are resized to side x side pixels; 0 if they have one size already, which is then read lazily."""
    fitting: Literal["crop", "stretch"] = "stretch"
    """How an image that is no square is resized: the largest square in its middle, or the whole image."""
    hold: int = HOLD
    """Images are held in memory if they take at most so many MiB, decoded; otherwise they are read for every batch."""


def large(count: int, side: int, hold: int) -> bool:
    """Whether so many images are too many to be held in memory."""
    return side == 0 or count * 3 * side * side > hold * MIB


def ungreyed(*parts: np.ndarray) -> list[np.ndarray]:
    """The same images, with one channel instead of three if all of them are grey. Shapes: [N, H, W, 3] each."""
    grey = all(bool((x == x[..., :1]).all()) for x in parts)
    return [x[..., :1] if grey else x for x in parts]


def folder(options: FolderOptions) -> Images:
    """A folder of images, one subfolder a class; all grey images become one channel.

    With subfolders train and test (or validation, valid, val), those are the splits; otherwise about a fifth is held
    out, chosen by the names of the files, so that adding or removing some moves no other. Of images that are too many
    to be held in memory, only names and labels are; they are read for every batch, by `loaders` processes.

    Raises:
        DataError: a damaged file among those read at first, where images are not held in memory.
        ValueError: no such folder, no class, a class without an image or unknown in training, or a damaged file.
    """
    root = Path(options.path).absolute()
    if not options.path or not root.is_dir():
        raise ValueError(f"path must be a folder with one subfolder a class, got {options.path!r}")
    options = replace(options, path=str(root))  # a run resumes from wherever it is resumed
    split = (root / "train").is_dir() and bool(_subfolders(root / "train"))  # else a class of that name
    names, files = _classes(root, "train" if split else "", None)
    order = sorted((_draw(file), file, label) for file, label in files)
    test = next((name for name in HELD_OUT if (root / name).is_dir()), None) if split else None
    train = [(file, y) for draw, file, y in order if test or draw >= 0.2][: options.limit or len(files)]
    held = _classes(root, test, names)[1] if test else [(file, y) for draw, file, y in order if draw < 0.2]
    if not train or not held:
        raise ValueError(f"{root}: {len(files)} images are too few to hold a fifth out: add a folder 'test'")
    sets = [Files(root, *zip(*part, strict=True)) for part in (train, held)]
    if large(len(train) + len(held), options.side, options.hold):
        read = Images.of(sets[0], test=sets[1], options=options, classes=len(names)).named("folder")
        read.labels = tuple(names)
        return read
    parts = (decode((some.where(i) for i in range(len(some))), options.side, options.fitting) for some in sets)
    (x, test_x), (y, test_y) = ungreyed(*parts), (some.targets for some in sets)
    made = Images(x, y, test_x, test_y, options, len(names), "NHWC").named("folder")
    made.labels = tuple(names)
    return made


def _draw(file: str) -> float:
    """A number between 0 and 1 that depends on the name alone."""
    return int(hashlib.sha256(Path(file).as_posix().encode()).hexdigest()[:8], 16) / 16**8


def _subfolders(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _classes(root: Path, inside: str, names: list[str] | None) -> tuple[list[str], list[tuple[str, int]]]:
    """The classes in a folder of the root, and all files with their labels, named from the root on."""
    found = _subfolders(root / inside)
    unknown = set(found) - set(names or found)
    if not found or unknown:
        extra = f", unknown in training are {sorted(unknown)}" if unknown else ", it has none"
        raise ValueError(f"{root / inside} must hold one subfolder a class{extra}")
    names = names or found
    files = []
    for name in found:
        images = [file for file in sorted(os.listdir(root / inside / name)) if _ending(file) in ENDINGS]
        if not images:
            raise ValueError(f"{root / inside / name} holds no image with one of the endings {sorted(ENDINGS)}")
        files += [(os.path.join(inside, name, file), names.index(name)) for file in images]
    return names, files


def _ending(file: str) -> str:
    return os.path.splitext(file)[1].lower()
