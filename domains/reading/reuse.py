"""Epochs of augmented batches that are kept: candidates that train on one seed read the same ones."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from appnas.domains.reading.several import Several

KEEP = 128 * 2**20
"""Bytes of batches that are kept at most."""


class Kept(NamedTuple):
    """One batch.

    Attributes:
        batch: inputs and targets.
        versions: of its tensors when it was kept: what was written to since is no longer the batch.
        state: of the generator once the batch was drawn.
    """

    batch: tuple[Any, Tensor]
    versions: list[int]
    state: Tensor

    @property
    def whole(self) -> bool:
        """Whether nobody wrote into it."""
        return _versions(self.batch) == self.versions


def _tensors(batch: tuple[Any, Tensor]) -> list[Tensor]:
    x, y = batch
    return [*(x.parts if isinstance(x, Several) else x if isinstance(x, tuple) else (x,)), y]


def _versions(batch: tuple[Any, Tensor]) -> list[int]:
    return [part._version for part in _tensors(batch)]


def _size(batch: tuple[Any, Tensor]) -> int:
    return sum(part.nbytes for part in _tensors(batch))


class Reuse:
    """Epochs by what they depend on, up to a number of bytes: the first ones stay, later ones are made anew.

    Trainings go through their epochs in one order, again and again: to let the oldest go would let all go. An epoch
    that was kept gives the same batches and leaves the generator in the same states, so whoever reads it cannot tell.
    A network that writes into its input is found by the tensors' version counters; its epoch is then not kept.

    Args:
        limit: bytes of all batches.

    Attributes:
        held: bytes now.
        hits: epochs that were not made again.
    """

    def __init__(self, limit: int = KEEP):
        self.limit, self.held, self.hits = limit, 0, 0
        self.epochs: dict[Hashable, tuple[list[Kept], Any]] = {}
        self.refused: set[Hashable] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles are empty: a worker keeps its own."""
        return vars(Reuse(self.limit))

    def epoch(
        self, key: Hashable, of: Any, rng: torch.Generator, make: Callable[[int], Iterator[Any]], skip: int
    ) -> Iterator[Any]:
        """The batches of an epoch, from memory if it is there.

        Args:
            key: what it depends on beside the generator's state; identities in it are those of `of`.
            of: what has to stay alive as long as the key is known.
            rng: the generator, which is brought to every batch's state.
            make: batches to leave out -> the others.
            skip: batches to leave out; such an epoch is made, and not kept.
        """
        key = (key, rng.get_state().numpy().tobytes())
        found, _ = self.epochs.get(key, ([], None))
        if found and all(each.whole for each in found):
            self.hits += not skip
            for each in found[skip:]:
                rng.set_state(each.state)
                yield each.batch
            return
        if found:
            self._drop(key, found)
        fresh: list[Kept] | None = None if skip or key in self.refused else []
        size = 0
        for batch in make(skip):
            if fresh is not None:
                size += _size(batch)
                if self.held + size > self.limit:
                    self.refused.add(key)
                    fresh = None
                else:
                    fresh.append(Kept(batch, _versions(batch), rng.get_state()))
            yield batch
        if fresh and key not in self.epochs:
            self.epochs[key], self.held = (fresh, of), self.held + size

    def _drop(self, key: Hashable, found: list[Kept]) -> None:
        """Forget an epoch into which somebody wrote, for good."""
        self.held -= sum(_size(each.batch) for each in found)
        del self.epochs[key]
        self.refused.add(key)
