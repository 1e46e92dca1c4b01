"""Some rows of a map-style data set, read when they are asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from appnas.domains.reading.form import Form
from appnas.domains.reading.items import Chance, blamed, numbered, pair, where
from appnas.domains.reading.several import Inputs, Several
from appnas.support import digest
from appnas.support.seeding import reseed


class Rows:
    """Images of a map-style data set, read and brought to one form when they are asked for.

    What the data set draws from the global generators of Python, numpy or torch (its own augmentation, say) depends on
    the seed of a reading and on the item alone, and leaves those generators as they were.

    Args:
        data: has a length and items, pairs of an image and a label. If it has `where(i)`, messages name items by it; if
            it has `fingerprint`, that tells it from other data.
        form: what images become.
        index: which items, by default all.
        labels: of all items of the data set, if they are known without reading them; an item whose own differs is an
            error.
        classes: names of the classes, if they are known.
        collate: of a data loader: items -> a batch of images and their labels.
    """

    def __init__(
        self,
        data: Any,
        form: Form,
        index: Tensor | None = None,
        labels: Tensor | None = None,
        classes: Any = None,
        collate: Callable[[list[Any]], Any] | None = None,
    ):
        self.data, self.form, self.labels, self.collate = data, form, labels, collate
        self.classes = numbered(classes)
        self.index = torch.arange(len(data)) if index is None else index

    def __len__(self) -> int:
        return len(self.index)

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, C, H, W], as of a tensor."""
        return (len(self), *self.form.shape)

    def take(self, places: Tensor | slice) -> Rows:
        """Some of them, in that order; nothing is read."""
        return Rows(self.data, self.form, self.index[places], self.labels, self.classes, self.collate)

    def formed(self, form: Form) -> Rows:
        """The same in another form."""
        return Rows(self.data, form, self.index, self.labels, self.classes, self.collate)

    def read(self, places: Tensor, seed: int = 0) -> tuple[Inputs, Tensor]:
        """Images and their own labels. Shapes: [B] -> [B, C, H, W] and [B].

        Raises:
            DataError: an item that cannot be read, or is no image with a label: which, and why.
        """
        wanted = self.index[places].tolist()
        names = [where(self.data, i) for i in wanted]
        items = []
        with Chance(seed).inside():
            for i, name in zip(wanted, names, strict=True):
                with blamed(name):
                    reseed((seed + 1_000_003 * i) % 2**63)
                    items.append(self.data[i])
            if self.collate is not None:
                items = unbatched(self.collate(items), names)
        read = [one(item, self.form, self.classes, name) for item, name in zip(items, names, strict=True)]
        x, y = stacked(read)
        if self.labels is not None and not torch.equal(y, known := self.labels[wanted]):
            k = int((y != known).reshape(len(y), -1).any(1).nonzero()[0])
            with blamed(names[k]):
                raise ValueError(
                    f"its label is {y[k].tolist()}, the data set lists {known[k].tolist()} for it: make them agree, or"
                    " hide the list and give classes"
                )
        return x, y

    def __getitem__(self, places: Tensor | slice) -> Inputs:
        return self.read(torch.arange(len(self))[places])[0]

    @property
    def fingerprint(self) -> str:
        """A digest of what is known without reading images: the data set's own, or its type, length and labels."""
        own = getattr(self.data, "fingerprint", None) or getattr(self.data, "_fingerprint", None)
        known = own or f"{type(self.data).__name__} {len(self.data)}"
        return digest(f"{known} {self.form}", self.index, *([] if self.labels is None else [self.labels]))


def one(item: Any, form: Form, classes: Any, name: str) -> tuple[Any, Any]:
    """Input and target of an item, brought to a form.

    Raises:
        DataError: it is no such item.
    """
    with blamed(name):
        return form.read(item, classes)


def stacked(read: list[tuple[Any, Any]]) -> tuple[Inputs, Tensor]:
    """A batch of what was read. In a worker it is made in shared memory at once: what is copied there tears the heap.

    Shapes: returns [B, ...] (several of them where there are several inputs) and [B] or [B, ...].
    """
    if isinstance(read[0][0], tuple):
        x: Inputs = Several([default_collate(list(parts)) for parts in zip(*(x for x, _ in read), strict=True)])
    else:
        x = default_collate([x for x, _ in read])
    y = [y for _, y in read]
    return x, default_collate(y) if isinstance(y[0], Tensor) else torch.tensor(y)


def unbatched(batch: Any, names: Sequence[str] | None, place: str = "") -> list[tuple[Any, Any]]:
    """The items of somebody's batch.

    Args:
        batch: images and labels.
        names: of the items that went in, None if that is not known.
        place: where it is from, if no names tell it.

    Raises:
        DataError: it is no pair of as many images as labels.
    """
    with blamed(place or f"the batch of {names[0] if names else 'no item'} and others"):
        images, labels = pair(batch)
        if not hasattr(images, "__len__") or not hasattr(labels, "__len__") or len(images) != len(labels):
            raise ValueError("a batch is as many images as labels, got " + _sizes(images, labels))
        if names is not None and len(labels) != len(names):
            raise ValueError(f"collate_fn makes one image of each item, got {len(labels)} of {len(names)}")
        return list(zip(images, labels, strict=True))


def _sizes(*parts: Any) -> str:
    return " and ".join(str(tuple(p.shape)) if hasattr(p, "shape") else type(p).__name__ for p in parts)


def joined(first: Rows, second: Rows) -> Rows:
    """The rows of both, in the first one's form, collated as its are."""
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = torch.cat([first.labels, second.labels])
    both = Joined([first.data, second.data])
    index = torch.cat([first.index, second.index + len(first.data)])
    return Rows(both, first.form, index, labels, first.classes, first.collate)


class Joined:
    """Data sets one after the other."""

    def __init__(self, parts: list[Any]):
        self.parts, self.ends = parts, list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self.ends[-1]

    def _place(self, index: int) -> tuple[Any, int]:
        part = bisect_right(self.ends, index)
        return self.parts[part], index - (self.ends[part - 1] if part else 0)

    def __getitem__(self, index: int) -> Any:
        data, place = self._place(index)
        return data[place]

    def where(self, index: int) -> str:
        """An item as its own data set names it."""
        return where(*self._place(index))

    @property
    def fingerprint(self) -> str:
        """Of all parts."""
        known = [
            getattr(p, "fingerprint", None) or getattr(p, "_fingerprint", None) or f"{type(p).__name__} {len(p)}"
            for p in self.parts
        ]
        return digest(*map(str, known))


def sample_places(count: int, most: int, seed: int) -> Tensor:
    """A fixed random sample of `count` places, at most so many, in the order of the places."""
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:most]
    return torch.from_numpy(np.sort(drawn.numpy()))
