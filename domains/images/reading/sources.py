"""What users hand over (a data set of torch or Hugging Face, a data loader, arrays, files) as rows or a flow."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler

from appnas.domains.images.arrays import as_images, one_each
from appnas.domains.images.reading.decoding import Form, first_form, is_picture, picture_of
from appnas.domains.images.reading.flow import Flow, walked
from appnas.domains.images.reading.items import Chance, blamed, listed, pair, where
from appnas.domains.images.reading.rows import Rows, unbatched
from appnas.domains.labels import as_classes
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


class Pairs:
    """Images and their labels as a map-style data set."""

    def __init__(self, images: Tensor, targets: Any):
        self.images, self.targets = images, targets
        self.labels = [row for row in (targets if isinstance(targets, Tensor) else np.asarray(targets))]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        return self.images[index], self.labels[index]


@dataclass(frozen=True)
class Loading:
    """What a data loader says beside its data.

    Attributes:
        batch: images of a batch; None without a loader.
        workers: its processes.
        collate: its `collate_fn`, if it is not torch's own.
    """

    batch: int | None = None
    workers: int = 0
    collate: Callable[[list[Any]], Any] | None = None


def unwrapped(given: Any, what: str) -> tuple[Any, Loading]:
    """The data set of what was handed over, and how it is loaded; a loader over an iterable stays as it is.

    Raises:
        TypeError: nothing that images can be read from.
        ValueError: it has no length or no item, or a sampler that picks.
    """
    if isinstance(given, tuple) and len(given) == 2:
        images = as_images(given[0], f"{what} images")
        one_each(len(images), np.asarray(given[1]), f"{what} labels")
        return Pairs(images, given[1]), Loading()
    if isinstance(given, DataLoader):
        if isinstance(given.dataset, IterableDataset):
            return given, Loading()
        data, _ = unwrapped(given.dataset, what)
        _check_sampler(given, what)
        own = None if given.collate_fn is torch.utils.data.default_collate else given.collate_fn
        size = given.batch_size or getattr(given.batch_sampler, "batch_size", None)
        return data, Loading(size, given.num_workers, own if size else None)
    if isinstance(given, IterableDataset) or (hasattr(given, "__iter__") and not hasattr(given, "__getitem__")):
        if hasattr(given, "__next__"):
            raise TypeError(f"the {what} data are a {type(given).__name__}, which can be read once: give a data set")
        return given, Loading()
    if isinstance(given, str | Path):
        raise TypeError(f"{given!r} is a path: a folder is read by folder(FolderOptions(path=...)) of this package")
    if isinstance(given, Tensor | np.ndarray) or not hasattr(given, "__getitem__"):
        raise TypeError(
            f"the {what} data are a data set, a data loader, or a pair of arrays (images, labels), got"
            f" {type(given).__name__}; for arrays alone there is Images(x, y)"
        )
    if not hasattr(given, "__len__"):
        raise ValueError(f"the {what} data ({type(given).__name__}) have items but no length: give the class __len__")
    if not len(given):
        raise ValueError(f"the {what} data set is empty: there is no image in it")
    return given, Loading()


def _check_sampler(loader: Any, what: str) -> None:
    sampler = loader.sampler
    plain = isinstance(sampler, SequentialSampler) or (isinstance(sampler, RandomSampler) and not sampler.replacement)
    if not plain or (loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler):
        raise ValueError(
            f"the order of the {what} data is drawn by the search's seed, so a loader's sampler must not pick"
            f" images, got {type(sampler if not plain else loader.batch_sampler).__name__}: give the loader without it,"
            " and of some images a torch.utils.data.Subset"
        )


def opened(
    data: Any,
    loading: Loading,
    what: str,
    form: Form | Callable[[Any], Form],
    classes: int | None = None,
    length: int | None = None,
    names: tuple[Any, ...] | None = None,
) -> tuple[Rows | Flow, Tensor | None, tuple[Any, ...] | None]:
    """Rows or a flow, the labels if they are listed, and the names of the classes as far as they are known.

    Args:
        data: of `unwrapped`.
        loading: of `unwrapped`.
        what: name of the split, for messages.
        form: what images become, or a function of the first image.
        classes: number of classes, if it is known.
        length: images of an epoch of iterable data.
        names: of the classes, if they are known.

    Raises:
        DataError: the first item is no image with a label.
        ValueError: labels that are no classes, or another length.
    """
    if not hasattr(data, "__getitem__") or isinstance(data, IterableDataset | DataLoader):
        return _flow(data, what, form, names or _numbers(classes), length)
    found, labels = listed(data), None
    if found is not None:
        labels, names = as_classes(found, f"{what} labels", classes, names)
        one_each(len(data), labels, f"{what} labels")
    names = names or _numbers(classes or len(getattr(data, "classes", ())))
    with Chance(0).inside():
        if not isinstance(form, Form):
            with blamed(where(data, 0)):
                items = [data[0]]
            if loading.collate is not None:
                items = unbatched(loading.collate(items), [where(data, 0)])
            with blamed(where(data, 0)):
                form = form(pair(items[0])[0])
    return Rows(data, form, None, labels, names, loading.collate), labels, names


def _numbers(classes: int | None) -> tuple[Any, ...] | None:
    return tuple(range(classes)) if classes else None


def _flow(
    data: Any, what: str, form: Form | Callable[[Any], Form], names: tuple[Any, ...] | None, length: int | None
) -> tuple[Flow, None, tuple[Any, ...] | None]:
    inside = data.dataset if isinstance(data, DataLoader) else data
    length = length or (len(inside) if hasattr(inside, "__len__") else None)
    with Chance(0).inside(), blamed(f"the first item of the {what} data ({type(inside).__name__})"):
        first = next(walked(data, 0), None)
        if first is None:
            raise ValueError(f"the {what} data set is empty: there is no image in it")
        image, size = pair(first)[0], None
        if isinstance(data, DataLoader) and not is_picture(image) and getattr(image, "ndim", 4) != 3:
            image, size = unbatched(first, None)[0][0], data.batch_size or len(image)
        form = form if isinstance(form, Form) else form(image)
    return Flow(data, form, length, names, what, size), None, names


def former(side: int, fitting: str, shrink: int) -> Callable[[Any], Form]:
    """First image -> the form of a data set."""
    return lambda image: first_form(image, side, fitting, shrink)
