"""Masks as spaces: rules of binary decisions, and a wrapper that makes the operations of any supernet maskable.

A decision has the options `none` and `keep`, so a mask is an ordinary architecture: every method can search it,
`build` gives what is left. After Colombo and Gao (arXiv 2107.03375).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from appnas.compute import derived, gates_on, home
from appnas.space import IO, ZERO, Arch, Choice, Gates, Mask, Space, allowed, full_mask, only
from appnas.spaces.parts.nodes import Edges, path
from appnas.supernet import Fused

BINARY = ("none", "keep")


def keep(gates: Gates, floor: int, required: Sequence[Sequence[Sequence[int]]] = ()) -> Arch:
    """1 for every part whose `keep` outweighs its `none`, the others 0, but `floor` parts of every choice at least.

    Args:
        gates: each [count, 2] or [B, count, 2].
        floor: smallest number of parts of a choice; the strongest make it up.
        required: for each choice, sets of decisions of which one must be on.
    """
    arch: list[int] = []
    for i, matrix in enumerate(gates):
        rows = matrix.mean(0) if matrix.dim() == 3 else matrix
        margin = rows[:, 1] - rows[:, 0]
        on = margin > 0
        for some in [*(required[i] if required else ())]:
            if not on[list(some)].any():
                on[some[int(margin[list(some)].argmax())]] = True
        if int(on.sum()) < floor:
            order = torch.where(on, torch.inf, margin).argsort(descending=True, stable=True)
            on[order[:floor]] = True
        arch += on.int().tolist()
    return tuple(arch)


def rows_of(choices: tuple[Choice, ...], arch: Arch) -> list[Tensor]:
    """The parts that are on, one vector of indices for each choice."""
    return [part.nonzero().flatten() for part in torch.split(torch.tensor(arch), [choice.count for choice in choices])]


def enough(choices: tuple[Choice, ...], arch: Arch, floor: int) -> bool:
    """Whether an architecture is a mask that keeps `floor` parts of every choice, or all where there are fewer."""
    right = len(arch) == sum(choice.count for choice in choices) and set(arch) <= {0, 1}
    return right and all(
        len(rows) >= min(floor, c.count) for rows, c in zip(rows_of(choices, arch), choices, strict=True)
    )


def allocated(choices: tuple[Choice, ...], mask: Mask | None) -> list[Tensor]:
    """The parts that a mask lets be on."""
    if mask is None:
        return [torch.arange(choice.count) for choice in choices]
    return [matrix[:, 1].nonzero().flatten() for matrix in mask]


@dataclass(frozen=True)
class Maskable:
    """Any space as a space of masks: every operation of every decision of its supernet is on or off by itself.

    Uses only what every space offers: choices, supernet, mask. An edge may keep several operations; they are added.
    Where the decisions of a choice are the space's `edges`, a path leads from an input to the last state: a cell that
    is cut in two passes nothing on, in a search no gradient either, and would never grow together again.
    Stand-alone networks have the size of the supernet, and batch norms that track statistics.
    """

    space: Space
    """The space whose operations are masked."""

    @cached_property
    def _live(self) -> list[list[int]]:
        return [[k for k, name in enumerate(c.options) if name not in ZERO] for c in self.space.choices]

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """A choice for each of the space's, a decision for each operation of each of its decisions (row by row)."""
        pairs = zip(self.space.choices, self._live, strict=True)
        return tuple(Choice(c.name, BINARY, c.count * len(live), c.group) for c, live in pairs)

    @cached_property
    def mask(self) -> Mask | None:
        """What the space's own mask leaves: an operation that it excludes is always off."""
        if self.space.mask is None:
            return None
        flat = [m[:, k].flatten() for m, k in zip(self.space.mask, self._live, strict=True)]
        return tuple(torch.stack([torch.ones_like(on), on], -1) for on in flat)

    @cached_property
    def _required(self) -> list[list[list[int]]]:
        """Operations of which one must stay: those of a decision that may not be `none`."""
        found = []
        for i, (c, live) in enumerate(zip(self.space.choices, self._live, strict=True)):
            zero = torch.tensor([name in ZERO for name in c.options])
            free = zero.expand(c.count, -1) if self.space.mask is None else zero & self.space.mask[i]
            n = len(live)
            found.append([[d * n + j for j in range(n)] for d in range(c.count) if not free[d].any()])
        return found

    @cached_property
    def _edges(self) -> list[Edges | None]:
        """The edges that a choice's decisions are; None where they are none, or a mask closes every path."""
        edges: Edges = getattr(self.space, "edges", ())
        found: list[Edges | None] = []
        for i, c in enumerate(self.space.choices):
            open_ = torch.ones(c.count) if self.mask is None else self._best(i, self.mask[i][:, 1].float())[0]
            fits = c.count == len(edges) and path(edges, [0.0 if on else math.inf for on in open_.tolist()])
            found.append(edges if fits else None)
        return found

    def _best(self, choice: int, parts: Tensor) -> tuple[Tensor, list[int]]:
        """The largest of every decision's numbers, and the part that has it. Shapes: parts [operations]."""
        n = len(self._live[choice])
        most, k = parts.reshape(-1, n).max(-1)
        return most, [row * n + j for row, j in enumerate(k.tolist())]

    def valid(self, arch: Arch) -> bool:
        """Every choice keeps an operation, as does every decision that may not be `none`, and a path through a cell."""
        if not enough(self.choices, arch, 1) or not allowed(self.mask, arch):
            return False
        parts = torch.split(torch.tensor(arch), [choice.count for choice in self.choices])
        if not all(bool(on[some].any()) for on, sets in zip(parts, self._required, strict=True) for some in sets):
            return False
        taken = (self._best(i, on)[0].tolist() for i, on in enumerate(parts))
        return all(
            edges is None or bool(path(edges, [0.0 if on else math.inf for on in row]))
            for edges, row in zip(self._edges, taken, strict=True)
        )

    def discretise(self, gates: Gates) -> Arch:
        """Operations whose `keep` outweighs `none`; the strongest where one must stay, or is needed for a path."""
        if self.mask is not None:
            gates = tuple(g.masked_fill(~m, -1.0) for g, m in zip(gates, self.mask, strict=True))
        parts = torch.split(torch.tensor(keep(gates, 1, self._required)), [choice.count for choice in self.choices])
        for i, (on, matrix, edges) in enumerate(zip(parts, gates, self._edges, strict=True)):
            if edges is None:
                continue
            rows = matrix.mean(0) if matrix.dim() == 3 else matrix
            margin, strongest = self._best(i, (rows[:, 1] - rows[:, 0]).masked_fill(rows[:, 1] < 0, -torch.inf))
            price = torch.where(self._best(i, on)[0] > 0, torch.zeros(()), 1 - margin)
            for e in path(edges, price.tolist()):
                if price[e] > 0:
                    on[strongest[e]] = 1
        return tuple(torch.cat(parts).tolist())

    def inner(self, mask: Mask) -> Mask:
        """A mask of these decisions as a mask of the space's."""
        found = []
        for i, (choice, live) in enumerate(zip(self.space.choices, self._live, strict=True)):
            theirs = mask[i].new_ones(choice.count, len(choice.options))
            theirs[:, live] = mask[i][:, 1].reshape(choice.count, len(live))
            found.append(theirs if self.space.mask is None else theirs & self.space.mask[i])
        return tuple(found)

    def supernet(self, io: IO, mask: Mask | None = None) -> Switched:
        """The space's supernet with the operations that the mask allows: forward(*inputs, gates)."""
        return Switched(self, io, mask)

    def build(self, arch: Arch, io: IO) -> Switched:
        """The operations that are on, added up: forward(*inputs)."""
        network = Switched(self, io, only(self.choices, arch))
        for module in network.modules():
            if isinstance(module, _BatchNorm) and module.running_mean is None:
                module.track_running_stats = True
                module.running_mean = torch.zeros(module.num_features)
                module.running_var = torch.ones(module.num_features)
                module.num_batches_tracked = torch.tensor(0)
            elif isinstance(module, Fused):
                module.fuses = False  # that form knows statistics of batches only
        return network


class Switched(nn.Module):
    """A supernet whose gates are indicators of single operations."""

    def __init__(self, space: Maskable, io: IO, mask: Mask | None):
        super().__init__()
        if mask is None:
            self.supernet = space.space.supernet(io)
            mask = full_mask(space.choices) if space.mask is None else space.mask
        else:
            self.supernet = space.space.supernet(io, space.inner(mask))
        self.space, self.on = space, tuple(matrix.float() for matrix in mask)

    def forward(self, *inputs: Any, gates: Gates | None = None) -> Any:
        """The supernet's output; without gates every allocated operation counts 1.

        Shapes:
            gates: one for each choice, each [operations, 2] or [B, operations, 2].
        """
        if gates is None:
            gates = gates_on(self.on, home(self.supernet))
        return self.supernet(*inputs, gates=derived(self._spread, gates))

    def _spread(self, gates: Gates) -> list[Tensor]:
        spread = []
        for matrix, choice, live in zip(gates, self.space.space.choices, self.space._live, strict=True):
            v = matrix[..., 1].reshape(*matrix.shape[:-2], choice.count, len(live))
            whole = v.new_zeros(*v.shape[:-1], len(choice.options))
            spread.append(whole.index_copy(-1, torch.tensor(live, device=v.device), v))
        return spread
