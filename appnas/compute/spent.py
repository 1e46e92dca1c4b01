"""Where time goes: seconds by part, of the searching thread, for whoever has begun to count.

    with counting() as count:
        with spent("data"):
            ...
    count.seconds

A part that is entered inside another is its own: no second counts twice, so parts add up to the whole. Where nobody
counts, a part costs less than a microsecond. On an accelerator these are the seconds in which the CPU was occupied or
waited: work that was only asked for is paid by the part that needs its result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
REST = "rest"
"""The part of what no part was entered for."""


class Count:
    """Seconds by part, since it was made.

    Args:
        before: seconds by part that are added to.

    Attributes:
        seconds: by part, until the last change of part: `told` has those until now.
    """

    def __init__(self, before: Mapping[str, float] | None = None):
        self.seconds: dict[str, float] = dict(before or {})
        self.open, self.parts = [REST], {}  # type: list[str], dict[str, _Part]
        self.at = time.perf_counter()

    def told(self) -> dict[str, float]:
        """Seconds by part until now."""
        now = time.perf_counter()
        self.seconds[self.open[-1]] = self.seconds.get(self.open[-1], 0.0) + now - self.at
        self.at = now
        return dict(self.seconds)

    def part(self, name: str) -> _Part:
        """What enters and leaves a part."""
        found = self.parts.get(name)
        if found is None:
            found = self.parts[name] = _Part(self, name)
        return found


class _Part:
    """Enters a part of a count, and leaves it; also inside itself."""

    __slots__ = ("count", "name")

    def __init__(self, count: Count, name: str):
        self.count, self.name = count, name

    def __enter__(self) -> None:
        count, now = self.count, time.perf_counter()
        outer = count.open[-1]
        count.seconds[outer] = count.seconds.get(outer, 0.0) + now - count.at
        count.at = now
        count.open.append(self.name)

    def __exit__(self, *error: object) -> None:
        count, now = self.count, time.perf_counter()
        count.seconds[self.name] = count.seconds.get(self.name, 0.0) + now - count.at
        count.at = now
        count.open.pop()


_count: ContextVar[Count | None] = ContextVar("count", default=None)
_NOTHING: AbstractContextManager[None] = nullcontext()


def spent(part: str) -> AbstractContextManager[None]:
    """Inside, time is that part's, if somebody counts."""
    count = _count.get()
    return _NOTHING if count is None else count.part(part)


def within(part: str, items: Iterator[T]) -> Iterator[T]:
    """The same items; the time to make them is that part's."""
    while True:
        with spent(part):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def begin(count: Count | None) -> Count | None:
    """Let a count be the one that parts go to, or none. Returns that before."""
    before = _count.get()
    _count.set(count)
    return before


@contextmanager
def counting(before: Mapping[str, float] | None = None) -> Iterator[Count]:
    """Count inside.

    Args:
        before: see `Count`.
    """
    count = Count(before)
    outer = begin(count)
    try:
        yield count
    finally:
        count.told()
        begin(outer)
