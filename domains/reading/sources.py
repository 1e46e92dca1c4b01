"""What users hand over (a data set of torch or Hugging Face, a data loader, arrays, files) as rows or a flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler

from appnas.domains.reading.flow import Flow, walked
from appnas.domains.reading.form import Form, Reader
from appnas.domains.reading.items import Chance, blamed, where
from appnas.domains.reading.rows import Rows, unbatched
from appnas.domains.reading.several import Inputs


class Pairs:
    """Inputs and their targets as a map-style data set."""

    def __init__(self, inputs: Inputs, targets: Any):
        self.inputs, self.targets = inputs, targets
        self.labels = [row for row in (targets if isinstance(targets, Tensor) else np.asarray(targets))]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.inputs[index], self.labels[index]


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


def unwrapped(given: Any, what: str, reader: Reader) -> tuple[Any, Loading]:
    """The data set of what was handed over, and how it is loaded; a loader over an iterable stays as it is.

    Raises:
        TypeError: nothing that images can be read from.
        ValueError: it has no length or no item, or a sampler that picks.
    """
    if isinstance(given, tuple) and len(given) == 2:
        return reader.pairs(*given, what), Loading()
    if isinstance(given, DataLoader):
        if isinstance(given.dataset, IterableDataset):
            return given, Loading()
        data, _ = unwrapped(given.dataset, what, reader)
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
            f"the {what} data are a data set, a data loader, or a pair of arrays ({reader.right}s, labels),"
            f" got {type(given).__name__}; for arrays alone there is {reader.alone}"
        )
    if not hasattr(given, "__len__"):
        raise ValueError(f"the {what} data ({type(given).__name__}) have items but no length: give the class __len__")
    if not len(given):
        raise ValueError(f"the {what} data set is empty: there is no {reader.right} in it")
    return given, Loading()


def _check_sampler(loader: Any, what: str) -> None:
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)  # torch fills in one beside a batch_sampler
    plain = isinstance(sampler, SequentialSampler) or (isinstance(sampler, RandomSampler) and not sampler.replacement)
    plain = plain and len(sampler) == len(loader.dataset)
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
    reader: Reader,
    form: Form | None = None,
    classes: int | None = None,
    length: int | None = None,
    names: Any = None,
) -> tuple[Rows | Flow, Tensor | None, Any]:
    """Rows or a flow, the targets if they are listed, and what is known of targets.

    Args:
        data: of `unwrapped`.
        loading: of `unwrapped`.
        what: name of the split, for messages.
        reader: how the field takes data.
        form: what inputs become; None to see it by the first.
        classes: number of classes, if it is known.
        length: examples of an epoch of iterable data.
        names: what is known of the targets of the training data, if it is.

    Raises:
        DataError: the first item cannot be read.
        ValueError: targets that do not fit, or another length.
    """
    if not hasattr(data, "__getitem__") or isinstance(data, IterableDataset | DataLoader):
        return _flow(data, what, reader, form, names or reader.unlisted(data, classes), length)
    found, labels = reader.listed(data), None
    if found is not None:
        labels, names = reader.targets(found, f"{what} labels", len(data), classes, names)
    names = names or reader.unlisted(data, classes)
    with Chance(0).inside():
        if form is None:
            with blamed(where(data, 0)):
                items = [data[0]]
            if loading.collate is not None:
                items = unbatched(loading.collate(items), [where(data, 0)])
            with blamed(where(data, 0)):
                form = reader.first(items[0])
    return Rows(data, form, None, labels, names, loading.collate), labels, names


def _flow(
    data: Any, what: str, reader: Reader, form: Form | None, names: Any, length: int | None
) -> tuple[Flow, None, Any]:
    inside = data.dataset if isinstance(data, DataLoader) else data
    length = length or (len(inside) if hasattr(inside, "__len__") else None)
    with Chance(0).inside(), blamed(f"the first item of the {what} data ({type(inside).__name__})"):
        first, size = next(walked(data, 0), None), None
        if first is None:
            raise ValueError(f"the {what} data set is empty: there is no {reader.right} in it")
        if isinstance(data, DataLoader) and reader.batched(first, data):
            items = unbatched(first, None)
            first, size = items[0], data.batch_size or len(items)
        form = reader.first(first) if form is None else form
    return Flow(data, form, length, names, what, size), None, names
