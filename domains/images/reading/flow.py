"""Images of an iterable-style data set, or of a data loader over one, in their own order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from appnas.domains.images.reading.decoding import Form
from appnas.domains.images.reading.items import Chance, blamed, numbered
from appnas.domains.images.reading.rows import one, stacked, unbatched
from appnas.support import DataError


class Flow:
    """Images that come in an order of their own, which is read from the beginning in every epoch.

    What is drawn on the way from the global generators of Python, numpy or torch depends on the epoch's seed alone, and
    so does what the data set makes of `set_epoch(number)`, if it has that; a data loader is made anew for every epoch.

    Args:
        data: gives items, pairs of an image and a label, or batches of such.
        form: what images become.
        length: images of an epoch; None if that is not known, then there is but reading to the end.
        classes: names of the classes.
        name: of the split, for messages.
        batch: images of a batch, where the data come in batches.
    """

    def __init__(
        self, data: Any, form: Form, length: int | None, classes: Sequence[Any] | None, name: str,
        batch: int | None = None,
    ):  # fmt: skip
        self.data, self.form, self.length, self.name, self.batch = data, form, length, name, batch
        self.classes = numbered(classes)

    @property
    def fingerprint(self) -> str:
        """What is known of it without reading."""
        inside = getattr(self.data, "dataset", self.data)
        own = getattr(inside, "fingerprint", None) or getattr(inside, "_fingerprint", None) or type(inside).__name__
        return f"{own} {self.length} {self.form} {self.batch}"

    def __len__(self) -> int:
        if self.length is None:
            raise ValueError(f"the {self.name} data are iterable and have no length: give lengths={{'{self.name}': n}}")
        return self.length

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, C, H, W], as of a tensor; N is 0 if it is not known."""
        return (self.length or 0, *self.form.shape)

    def first(self, count: int) -> Flow:
        """The first so many images alone."""
        length = count if self.length is None else min(count, self.length)
        return Flow(self.data, self.form, length, self.classes, self.name, self.batch)

    def formed(self, form: Form) -> Flow:
        """The same in another form."""
        return Flow(self.data, form, self.length, self.classes, self.name, self.batch)

    def read(self, batch: int, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in batches of that size, or of the loader's own. Shapes: yields [B, C, H, W] and [B].

        Raises:
            DataError: an item that cannot be read, or is no image with a label: which, and why; or there are fewer
                images than the length.
        """
        seen = 0
        for items in self._batches(batch, seed):
            items = items if self.length is None else items[: self.length - seen]
            pairs = [one(i, self.form, self.classes, f"{self._place(seen + k)}") for k, i in enumerate(items)]
            seen += len(pairs)
            if pairs:
                yield stacked(pairs)
            if seen == self.length:
                return
        if self.length is not None or not seen:
            raise DataError(
                f"the {self.name} data end after {seen} images"
                + (f", their length is {self.length}: mend the length" if self.length else "; at least one is needed")
            )

    def _place(self, count: int) -> str:
        inside = getattr(self.data, "dataset", self.data)
        return f"image {count} in the order of the {self.name} data ({type(inside).__name__})"

    def _batches(self, batch: int, seed: int) -> Iterator[list[Any]]:
        """Lists of items."""
        chance, done = Chance(seed), 0
        with blamed(self._place(0)), chance.inside():
            source = walked(self.data, seed)
        while True:
            with chance.inside():
                items = self._next(source, done, batch)
            if not items:
                return
            done += len(items)
            yield items

    def _next(self, source: Iterator[Any], done: int, batch: int) -> list[Any]:
        if self.batch:
            with blamed(f"the batch from {self._place(done)} on"):
                got = next(source, None)
                return [] if got is None else unbatched(got, None, f"the batch from {self._place(done)} on")
        items: list[Any] = []
        while len(items) < batch:
            with blamed(self._place(done + len(items))):
                if (item := next(source, END)) is END:
                    break
                items.append(item)
        return items


END = object()
"""What no data set gives."""


def walked(data: Any, seed: int) -> Iterator[Any]:
    """An iterable, or a data loader made anew, from its beginning."""
    inside = data.dataset if isinstance(data, DataLoader) else data
    if hasattr(inside, "set_epoch"):
        inside.set_epoch(seed % 2**31)
    if isinstance(data, DataLoader):
        alone = multiprocessing.current_process().daemon  # which may have no children
        workers = 0 if alone else data.num_workers
        data = DataLoader(
            data.dataset, data.batch_size, collate_fn=data.collate_fn, drop_last=data.drop_last, num_workers=workers,
            worker_init_fn=data.worker_init_fn, timeout=data.timeout if workers else 0,
            multiprocessing_context=data.multiprocessing_context if workers else None,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
    return iter(data)
