"""Who reads: this process, or workers; and epochs whose first batches can be left out without being read."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from appnas.domains.data_files import FIXED
from appnas.domains.images.reading.flow import Flow
from appnas.domains.images.reading.rows import Rows, sample_places
from appnas.support import DataError

SAMPLE = 1000
"""Training images by whose mean and deviation lazily read images are normalised: a fixed random sample of so many."""


PART = 64
"""Of them read at once."""


class Fault(NamedTuple):
    """A fault of the data, on its way out of a worker."""

    said: str


class Epoch:
    """The batches of one epoch, of which the first can be skipped: their draws are repeated, nothing is read.

    Args:
        run: batches to leave out -> the others.
    """

    def __init__(self, run: Callable[[int], Iterator[Any]]):
        self.run, self.skipped = run, 0
        self.rest: Iterator[Any] | None = None

    def skip(self, count: int) -> None:
        """Leave out so many batches.

        Raises:
            RuntimeError: a batch was taken already.
        """
        if self.rest is not None:
            raise RuntimeError("batches are skipped before the first one is taken")
        self.skipped += count

    def __iter__(self) -> Epoch:
        return self

    def __next__(self) -> Any:
        if self.rest is None:
            self.rest = self.run(self.skipped)
        return next(self.rest)


class _Planned(Dataset):  # type: ignore[type-arg]
    """Batches of rows as a data set whose items they are."""

    def __init__(self, rows: Rows, parts: Sequence[Tensor], seed: int):
        self.rows, self.parts, self.seed = rows, parts, seed

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor] | Fault:
        try:
            return self.rows.read(self.parts[place], self.seed)
        except DataError as error:
            return Fault(str(error))


class _Flowing(IterableDataset):  # type: ignore[type-arg]
    """Batches of a flow, likewise."""

    def __init__(self, flow: Flow, batch: int, seed: int):
        self.flow, self.batch, self.seed = flow, batch, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor] | Fault]:
        try:
            yield from self.flow.read(self.batch, self.seed)
        except DataError as error:
            yield Fault(str(error))


def loaded(
    images: Tensor | Rows | Flow, parts: Sequence[Tensor], seed: int = 0, workers: int = 0, pin: bool = False
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """The images of batches, with the labels that they bring along (None for a tensor's). Same for any `workers`.

    Args:
        images: a tensor [N, C, H, W], or what is read. A flow gives batches of its own order, as many as there are
            parts, of the first part's size or of its loader's.
        parts: the places of every batch's images.
        seed: of what a data set draws by itself.
        workers: processes that read ahead; 0 reads in this process. A flow is read by one, which a loader is not.
        pin: whether what was read goes into pinned memory, from where it goes to an accelerator meanwhile.

    Raises:
        DataError: an item that cannot be read, or is no image with a label.
    """
    if not isinstance(images, Rows | Flow):
        for part in parts:
            yield images[part.to(images.device)], None
    elif isinstance(images, Rows):
        yield from _read(_Planned(images, parts, seed), min(workers, len(parts)), pin)
    elif parts:
        yield from islice(flowing(images, len(parts[0]), seed, workers, pin), len(parts))


def flowing(
    images: Flow, batch: int, seed: int = 0, workers: int = 0, pin: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """All batches of a flow; see `loaded`."""
    ahead = 0 if isinstance(images.data, DataLoader) else min(workers, 1)  # a loader has workers of its own
    yield from _read(_Flowing(images, batch, seed), ahead, pin)


def everything(
    images: Tensor | Rows | Flow, batch: int, workers: int = 0, pin: bool = False
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """All images in their own order, in batches of that size; see `loaded`."""
    if not isinstance(images, Rows | Flow):
        yield from ((images[at : at + batch], None) for at in range(0, len(images), batch))
    elif isinstance(images, Rows):
        yield from loaded(images, torch.split(torch.arange(len(images)), batch), 0, workers, pin)
    else:
        yield from flowing(images, batch, 0, workers, pin)


def _read(source: Any, workers: int, pin: bool) -> Iterator[Any]:
    pin = pin and torch.accelerator.is_available()
    if workers and not multiprocessing.current_process().daemon:  # which may have no children
        # Its own generator, as it draws one number from torch's otherwise.
        batches: Any = DataLoader(
            source, batch_size=None, num_workers=workers, collate_fn=_same, pin_memory=pin,
            generator=torch.Generator(), worker_init_fn=_undisturbed,
        )  # fmt: skip
        pin = False
    else:
        batches = source if isinstance(source, _Flowing) else map(source.__getitem__, range(len(source)))
    for batch in batches:
        if isinstance(batch, Fault):
            raise DataError(batch.said)
        yield tuple(part.pin_memory() for part in batch) if pin else batch


def _undisturbed(worker: int) -> None:
    """Ctrl-C is for the searching process, which may want to end a step first; it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _same(batch: Any) -> Any:
    return batch


def sampled(images: Rows | Flow, most: int, workers: int = 0) -> Iterator[Tensor]:
    """A fixed random sample of at most so many images, or the first ones of a flow. Shapes: yields [B, C, H, W].

    Raises:
        DataError: see `loaded`.
    """
    if isinstance(images, Flow):
        seen = 0
        for x, _ in flowing(images, PART, workers=workers):
            yield x[: most - seen]
            if (seen := seen + len(x)) >= most:
                return
    else:
        for x, _ in loaded(images, torch.split(sample_places(len(images), most, FIXED), PART), workers=workers):
            yield x


def statistics(batches: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every channel. Shapes: [B, C, H, W] each -> [1, C, 1, 1] twice."""
    count, first, second = 0, torch.zeros(()), torch.zeros(())
    for x in batches:
        wide = x.double()
        first, second = first + wide.sum((0, 2, 3)), second + wide.square().sum((0, 2, 3))
        count += x.shape[0] * x.shape[2] * x.shape[3]
    mean = first / count
    spread = ((second - count * mean.square()) / max(count - 1, 1)).clamp_min(0).sqrt() + 1e-6
    return mean.float().view(1, -1, 1, 1), spread.float().view(1, -1, 1, 1)
