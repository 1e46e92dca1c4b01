"""How pictures are read: by their files, in pairs of arrays, and in whatever data sets give."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from appnas.domains.images.arrays import as_images, one_each
from appnas.domains.images.decoding import Form, first_form, is_picture, picture_of
from appnas.domains.labels import as_classes
from appnas.domains.reading import Pairs, listed, pair
from appnas.support import digest


class Files:
    """Image files and their labels, as a map-style data set that holds names alone.

    Args:
        root: folder that all names begin at.
        names: of the files.
        targets: their labels.
    """

    def __init__(self, root: Path, names: Sequence[str], targets: Sequence[int]):
        self.root, self.targets = root, np.array(targets, dtype=np.int64)
        self.names = np.array([os.fsencode(name) for name in names])  # one block of memory, which workers share

    def __len__(self) -> int:
        return len(self.names)

    def where(self, index: int) -> str:
        """The path of a file."""
        return os.path.join(self.root, os.fsdecode(bytes(self.names[index])))

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return picture_of(self.where(index)), int(self.targets[index])

    @cached_property
    def fingerprint(self) -> str:
        """A digest of names, labels and the sizes of the files, which are not opened."""
        sizes = np.array([os.path.getsize(self.where(i)) for i in range(len(self))], dtype=np.int64)
        return digest(self.names.tobytes().hex(), torch.from_numpy(self.targets), torch.from_numpy(sizes))


@dataclass(frozen=True)
class Pictures:
    """How images with one class each are taken; see `appnas.domains.reading.Reader`.

    Attributes:
        side: see `Form`, as `fitting` and `shrink`.
        fitting: how an image of another shape becomes a square.
        shrink: factor.
    """

    side: int = 0
    fitting: str = "crop"
    shrink: int = 1
    right, alone = "image", "Images(x, y)"

    def pairs(self, x: Any, y: Any, what: str) -> Pairs:
        """Images of an array, with their labels."""
        images = as_images(x, f"{what} images")
        one_each(len(images), np.asarray(y), f"{what} labels")
        return Pairs(images, y)

    def first(self, item: Any) -> Form:
        """The form of a data set by its first image."""
        return first_form(pair(item)[0], self.side, self.fitting, self.shrink)

    def batched(self, first: Any, loader: Any) -> bool:
        """Whether it is several images."""
        image = pair(first)[0]
        return not is_picture(image) and getattr(image, "ndim", 4) != 3

    def listed(self, data: Any) -> Any:
        """Labels, where torch, torchvision and `datasets` have them."""
        return listed(data)

    def targets(self, found: Any, what: str, count: int, classes: int | None, names: Any) -> tuple[Tensor, Any]:
        """Labels as classes, and the classes' names."""
        labels, names = as_classes(found, what, classes, names)
        one_each(count, labels, what)
        return labels, names

    def unlisted(self, data: Any, classes: int | None) -> Any:
        """As many names as classes: numbers from 0."""
        count = classes or len(getattr(data, "classes", ()))
        return tuple(range(count)) if count else None

    def lacks(self, names: Any) -> str:
        """The number of classes."""
        return "" if names else "classes=n, as their labels cannot be listed without reading all images"
