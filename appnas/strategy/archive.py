"""What was told so far."""

from __future__ import annotations

from typing import Any

from appnas.space import Arch


class Incumbent:
    """Best architecture so far, ties to the first."""

    def __init__(self) -> None:
        self.arch: Arch | None = None
        self.value = float("-inf")

    def update(self, arch: Arch, value: float) -> None:
        """Keep the better one. A NaN never wins."""
        if self.arch is None or value > self.value:
            self.arch, self.value = arch, value if value == value else float("-inf")

    def get(self) -> Arch:
        """The best.

        Raises:
            ValueError: nothing was told yet.
        """
        if self.arch is None:
            raise ValueError("no score was told yet: there is no best architecture")
        return self.arch

    def state(self) -> list[Any]:
        """As plain containers."""
        return [self.arch, self.value]

    def load(self, state: list[Any]) -> None:
        """From `state`."""
        self.arch, self.value = None if state[0] is None else tuple(state[0]), float(state[1])
