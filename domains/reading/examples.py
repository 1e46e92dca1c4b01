"""Splits of examples and their batches, in memory or read when they are asked for: what supervised domains share."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from appnas.compute import CPU, Compute, compute_of, moved
from appnas.domains.reading.flow import Flow
from appnas.domains.reading.loading import Epoch, everything, loaded
from appnas.domains.reading.reuse import Reuse
from appnas.domains.reading.rows import Rows
from appnas.domains.reading.several import chained, parts_of
from appnas.domains.reading.splits import Split, first, on_device
from appnas.task import Supervised, rows_of

MAKERS = ("batches", "_epoch", "parts", "draws", "prepared", "normalised")
"""Methods that batches are made by."""


class Examples(Supervised):
    """Batches of the splits "train", "valid", and both, "all". Subclasses say how inputs are normalised and augmented.

    Attributes:
        options: with `batch`, `final_batch` and `loaders`.
    """

    shares = True
    """Of several processes each reads its own rows of every batch."""
    options: Any
    _splits: dict[str, Split]
    _held_out: Split | None

    _tunable: tuple[str, ...] = ("batch", "auxiliary")

    @property
    def tunable(self) -> tuple[str, ...]:
        """Options that can be chosen with an architecture: what is read in every training anew."""
        x = self._split("train")[0]
        own_size = isinstance(x, Flow) and x.batch
        return tuple(
            name for name in self._tunable if hasattr(self.options, name) and not (own_size and name == "batch")
        )

    def placed(self, compute: Compute) -> Self:
        """The same domain for networks that are trained on something else; see `appnas.task.placed`.

        Examples in memory go to an accelerator if they take less than a quarter of what is free there.
        """
        other = copy.copy(self)
        other.compute = compute
        other._splits, other._held_out = on_device(self._splits, self._held_out, compute.device)
        return other

    def normalised(self, x: Any) -> Any:
        """Inputs as networks take them."""
        raise NotImplementedError

    def draws(self, split: str, count: int, rng: torch.Generator) -> Any:
        """What is drawn for the augmentation of a batch of so many examples."""
        raise NotImplementedError

    def prepared(self, split: str, x: Any, y: Tensor, draws: Any, rows: slice) -> tuple[Any, Tensor]:
        """A batch, or some of its rows, normalised and augmented as it was drawn for all of them."""
        raise NotImplementedError

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch: a last batch of less than half the size is left out."""
        n, b = len(self._split(split)[0]), self._batch(split)
        return max(n // b + (n % b >= b / 2), 1)

    def _batch(self, split: str) -> int:
        x = self._split(split)[0]
        own_size = x.batch if isinstance(x, Flow) else None
        return own_size or (self.options.final_batch if split == "all" else self.options.batch)

    def _split(self, split: str) -> Split:
        if split not in self._splits:
            raise ValueError(f"the splits are {sorted(self._splits)}, got {split!r}")
        return self._splits[split]

    def batches(self, split: str, rng: torch.Generator) -> Iterator[tuple[Any, Tensor]]:
        """One epoch, shuffled and augmented: "train", "valid", or both for the final training: "all".

        Shapes:
            yields: inputs [B, ...] (a tuple, if there are several) and targets [B, ...], on the domain's device.
        """
        make = partial(self._epoch, split, rng)
        if self._reuse is None or not self._repeats(split):
            return Epoch(make)
        return Epoch(partial(self._reuse.epoch, *self._depends(split), rng, make))

    _reuse: Reuse | None = None

    def reusing(self) -> Self:
        """The same domain, which keeps what it augments: for many trainings by one seed, with the same numbers."""
        other = copy.copy(self)
        other._reuse = Reuse()
        return other

    def _repeats(self, split: str) -> bool:
        """Whether batches depend on the generator alone: not by a subclass or a function of somebody else's."""
        ours = all(getattr(type(self), name).__module__.startswith("appnas.domains.") for name in MAKERS)
        others = getattr(self, "augment", None) is not None or any(name in vars(self) for name in MAKERS)
        return ours and not others and not isinstance(self._split(split)[0], Rows | Flow)

    def _depends(self, split: str) -> tuple[Hashable, Any]:
        """What an epoch is made of beside the generator: a key, and what its identities are of."""
        (x, y), compute = self._split(split), compute_of(self)
        tensors = [part for part in (*parts_of(x), y) if part is not None]
        scales = [value for name, value in vars(self).items() if name in ("_mean", "_std", "_scale")]
        said = [(f.name, repr(getattr(self.options, f.name))) for f in fields(self.options) if f.name != "recipe"]
        how = split, str(compute.device), compute.share.rank, compute.share.size, *said
        return (*how, *((id(each), each._version) for each in tensors), *map(id, scales)), (tensors, scales)

    def parts(self, split: str, rng: torch.Generator) -> tuple[Tensor, ...]:
        """The places of every batch's examples, in an order drawn from the generator; iterable data keep their own."""
        x = self._split(split)[0]
        order = torch.arange(len(x)) if isinstance(x, Flow) else torch.randperm(len(x), generator=rng)
        return torch.split(order, self._batch(split))[: self.epoch(split)]

    def _epoch(self, split: str, rng: torch.Generator, skip: int) -> Iterator[tuple[Any, Tensor]]:
        source, labels = self._split(split)
        parts, device = self.parts(split, rng), compute_of(self).device
        seed = 0 if not isinstance(source, Rows | Flow) else int(torch.randint(2**62, (), generator=rng))
        walk = skip if isinstance(source, Flow) else 0  # what comes in its own order is read and left out
        for part in parts[: skip - walk]:
            self.draws(split, len(part), rng)
        rest, share = parts[skip - walk :], compute_of(self).share
        own = rest if isinstance(source, Flow) else [part[rows_of(share, len(part))] for part in rest]
        batches = loaded(source, own, seed, self.options.loaders, device != CPU)
        for k, (part, mine, (x, y)) in enumerate(zip(rest, own, batches, strict=True)):
            count = len(x) if isinstance(source, Flow) else len(part)
            draws, rows = self.draws(split, count, rng), rows_of(share, count)
            if k >= walk:
                if isinstance(source, Flow) and y is not None:
                    x, y = x[rows], y[rows]
                y = y if labels is None else labels[mine.to(labels.device)]
                x, y = moved((x, y), device)
                yield self.prepared(split, x, y, draws, rows)

    def passes(self, split: Split, device: torch.device, size: int) -> Iterator[tuple[Any, Tensor]]:
        """All examples of a split in their own order, normalised, on a device."""
        source, labels = split
        size, count = size if not isinstance(source, Rows | Flow) else self.options.batch, 0
        for x, y in everything(source, size, self.options.loaders, device != CPU):
            y = y if labels is None else labels[count : count + len(x)]
            count += len(x)
            x, y = moved((x, y), device)
            yield self.normalised(x), y

    def _examples(self, count: int) -> Any:
        """The first training inputs, normalised, on the CPU."""
        source, _ = first(self._splits["train"], count)
        return self.normalised(chained([x for x, _ in everything(source, count)]).cpu())
