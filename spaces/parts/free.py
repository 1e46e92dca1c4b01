"""Spaces without rules: every combination of options is an architecture."""

from __future__ import annotations

from appnas.space import Arch, Gates, argmax


class Free:
    """Base of such spaces."""

    def valid(self, arch: Arch) -> bool:
        """Every combination is in the space."""
        return True

    def discretise(self, gates: Gates) -> Arch:
        """The strongest option of every decision."""
        return argmax(gates)
