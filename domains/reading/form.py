"""What a field says of its items, so that they can be read: how two arrays, a first item and an item are taken."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor


class Form(Protocol):
    """What items become."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""

    def read(self, item: Any, names: Any) -> tuple[Any, Any]:
        """The input (a tensor, or a tuple of them) and the target (an integer, or a tensor) of an item.

        Args:
            item: of a data set.
            names: what `Reader.targets` gave, None if it is not known.

        Raises:
            ValueError: it is something else.
        """


class Reader(Protocol):
    """How a field takes data."""

    right: str
    """What an item is, as messages say it."""
    alone: str
    """What arrays in memory are given to, as messages say it."""

    def pairs(self, x: Any, y: Any, what: str) -> Any:
        """Two arrays as a map-style data set."""

    def first(self, item: Any) -> Form:
        """The form of a data set by its first item."""

    def batched(self, first: Any, loader: Any) -> bool:
        """Whether what a loader over iterable data gives first is a batch, not an item."""

    def listed(self, data: Any) -> Any:
        """All targets of a map-style data set, if they are known without reading it, else None."""

    def targets(self, found: Any, what: str, count: int, classes: int | None, names: Any) -> tuple[Tensor, Any]:
        """Listed targets as a tensor, and what is known of them: that of the training data, if it is given."""

    def unlisted(self, data: Any, classes: int | None) -> Any:
        """What is known of targets that are not listed; None for nothing."""

    def lacks(self, names: Any) -> str:
        """What has to be said of targets of which so much is known; empty for nothing."""
