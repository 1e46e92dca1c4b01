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
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler, TensorDataset

from appnas.domains.images.arrays import as_images, as_labels
from appnas.domains.images.reading.decoding import Form, first_form, is_picture, picture_of
from appnas.domains.images.reading.flow import Flow, walked
from appnas.domains.images.reading.items import Chance, blamed, listed, pair, where
from appnas.domains.images.reading.rows import Rows, unbatched
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
        return TensorDataset(images, as_labels(given[1], len(images), None, f"{what} labels")), Loading()
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
) -> tuple[Rows | Flow, Tensor | None, int | None]:
    """Rows or a flow, the labels if they are listed, and the number of classes as far as it is known.

    Args:
        data: of `unwrapped`.
        loading: of `unwrapped`.
        what: name of the split, for messages.
        form: what images become, or a function of the first image.
        classes: number of classes, if it is known.
        length: images of an epoch of iterable data.

    Raises:
        DataError: the first item is no image with a label.
        ValueError: labels that are no classes, or another length.
    """
    if not hasattr(data, "__getitem__") or isinstance(data, IterableDataset | DataLoader):
        return _flow(data, what, form, classes, length)
    found = listed(data)
    labels = None if found is None else as_labels(found, len(data), classes, f"{what} labels")
    if classes is None:
        classes = int(labels.max()) + 1 if labels is not None else len(getattr(data, "classes", ())) or None
    with Chance(0).inside():
        if not isinstance(form, Form):
            with blamed(where(data, 0)):
                items = [data[0]]
            if loading.collate is not None:
                items = unbatched(loading.collate(items), [where(data, 0)])
            with blamed(where(data, 0)):
                form = form(pair(items[0])[0])
    return Rows(data, form, None, labels, classes, loading.collate), labels, classes


def _flow(
    data: Any, what: str, form: Form | Callable[[Any], Form], classes: int | None, length: int | None
) -> tuple[Flow, None, int | None]:
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
    return Flow(data, form, length, classes, what, size), None, classes


def former(side: int, fitting: str, shrink: int) -> Callable[[Any], Form]:
    """First image -> the form of a data set."""
    return lambda image: first_form(image, side, fitting, shrink)
