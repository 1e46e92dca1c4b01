"""The spaces S1 to S4 in which DARTS collapses (Zela et al., ICLR 2020, arXiv 1909.09656, section 3).

Cells of the DARTS space with two or three candidates an edge. `none` is a candidate in S3 alone; in the others it only
says which edges a derived cell drops.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch

from appnas.space import IO, ZERO, Arch, Gates, Mask, allowed, both
from appnas.spaces.images.cells import CellNetwork, Cells
from appnas.spaces.parts import number
from appnas.support import checked

_SHORT = {
    "skip": "skip_connect", "max": "max_pool_3x3", "avg": "avg_pool_3x3", "sep3": "sep_conv_3x3",
    "dil3": "dil_conv_3x3", "dil5": "dil_conv_5x5", "noise": "noise", "none": "none",
}  # fmt: skip
_S1 = {
    "normal": "skip dil3,skip dil5,skip dil5,skip sep3,skip dil3,max skip,skip sep3,skip sep3,skip dil3,skip sep3,"
    "max skip,skip dil3,dil3 dil5,dil3 dil5",
    "reduce": "max avg,max dil3,max avg,max avg,skip dil5,max avg,max sep3,skip dil3,skip dil5,max avg,max avg,"
    "skip dil5,skip dil5,skip dil5",
}  # the two operations of each edge, those that DARTS ranked first
_ALIKE = {"s2": "skip sep3", "s3": "none skip sep3", "s4": "noise sep3"}
"""The operations of every edge."""


@dataclass(frozen=True)
@checked()
class Robust(Cells):
    """S1 to S4 of RobustDARTS: a mask on the DARTS space. `nodes` is 4 and `ops` follows from the kind."""

    ops: tuple[str, ...] = ()
    """Candidate operations; left empty, those of the kind."""
    kind: Literal["s1", "s2", "s3", "s4"] = "s2"
    """Which of the four."""

    def __post_init__(self) -> None:
        """Fill in the operations.

        Raises:
            ValueError: no such kind, other operations than its own, or not 4 nodes in S1.
        """
        wanted = {name for row in self._rows() for name in row} | {"none"}
        object.__setattr__(self, "ops", self.ops or tuple(name for name in _SHORT.values() if name in wanted))
        if set(self.ops) != wanted:
            raise ValueError(f"the operations of {self.kind} are {sorted(wanted)}, got {self.ops}: leave ops out")
        if self.kind == "s1" and self.nodes != 4:
            raise ValueError(f"s1 has an operation list for each edge of cells with 4 nodes, got {self.nodes}")
        super().__post_init__()

    def _rows(self) -> list[list[str]]:
        """The candidates of every edge of both cells."""
        if self.kind == "s1":
            texts = [text for name in ("normal", "reduce") for text in _S1[name].split(",")]
        else:
            texts = [_ALIKE.get(self.kind, "none")] * 2 * len(self.edges)
        return [[_SHORT[name] for name in text.split()] for text in texts]

    @cached_property
    def _own(self) -> Mask:
        rows = torch.tensor([[name in row for name in self.ops] for row in self._rows()], device="cpu")
        return tuple(rows.chunk(2))

    @property
    def mask(self) -> Mask:  # type: ignore[override]
        """Candidates of every edge; `none` only in S3."""
        return self._own

    @cached_property
    def _held(self) -> Mask:
        """What an architecture may hold: also `none`."""
        zero = torch.tensor([name in ZERO for name in self.ops], device="cpu")
        return tuple(matrix | zero for matrix in self._own)

    def valid(self, arch: Arch) -> bool:
        """As in the DARTS space; every operation a candidate of its edge, or `none` where the edge is dropped."""
        return super().valid(arch) and allowed(self._held, arch)

    def count(self) -> int:
        """Number of architectures: every edge has two operations besides `none`."""
        return number(self.edges, ("first", "second")) ** 2

    def discretise(self, gates: Gates) -> Arch:
        """As in the DARTS space, among the candidates of every edge."""
        return super().discretise(tuple(g.masked_fill(~m, -1.0) for g, m in zip(gates, self._own, strict=True)))

    def sample(self, rng: random.Random, mask: Mask | None = None) -> Arch:
        """One of all architectures, or of those that a mask allows, all alike."""
        own = self._held if mask is None else tuple(a & b for a, b in zip(self._held, mask, strict=True))
        return super().sample(rng, own)

    def equivalents(self, arch: Arch) -> list[Arch]:
        """As in the DARTS space, where the candidates of the edges allow it."""
        return [same for same in super().equivalents(arch) if self.valid(same)]

    def supernet(self, io: IO, mask: Mask | None = None) -> CellNetwork:
        """The candidates of every edge: forward(x, gates)."""
        return super().supernet(io, self._own if mask is None else both(self.choices, mask, self._own))
