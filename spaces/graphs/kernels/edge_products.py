"""What needs a vector of every edge and head: scores that are no products, maxima.

It is computed for a piece of the edges at a time, and once more for the gradient, so that there is never a vector for
each: memory is that of the nodes, and a piece stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from appnas.compute import exact
from appnas.spaces.graphs.kernels.sparse import Listed, Pattern, widened

PIECE, PIECE_THERE = 2**16, 2**24
"""Numbers of a piece, of one vector an edge and head; on an accelerator, which many small kernels would slow down."""
Pair = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
TANH: Pair = (torch.tanh_, torch.ops.aten.tanh_backward.default)
"""A function of numbers, in place; and (gradient, value) -> gradient of its argument."""
LEAKY: Pair = (
    lambda z: functional.leaky_relu_(z, 0.2),
    lambda g, y: torch.ops.aten.leaky_relu_backward.default(g, y, 0.2, True),
)


def _pieces(x: Tensor, pattern: Pattern) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Pieces of the entries, with their rows and columns. Shapes: x [N, H, D], vectors like those of an entry."""
    size = max((PIECE if x.is_cpu else PIECE_THERE) // max(x[:1].numel(), 1), 1)
    for first in range(0, len(pattern.column), size):
        piece = slice(first, first + size)
        yield piece, pattern.row[piece], pattern.column[piece]


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, vector: Tensor, pair: Pair, pattern: Pattern) -> Tensor:
        """The scores; of a piece only these are kept."""
        ctx.save_for_backward(left, right, vector)
        ctx.pair, ctx.pattern = pair, pattern
        found = []
        for _, row, column in _pieces(left, pattern):
            y = pair[0](left.index_select(0, row).add_(right.index_select(0, column)))
            found.append(y.mul_(vector).sum(-1))
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Every piece once more; made of steps that have gradients themselves."""
        left, right, vector = ctx.saved_tensors
        ends = (torch.zeros_like(left), torch.zeros_like(right))
        of_vector = torch.zeros_like(vector)
        for piece, row, column in _pieces(left, ctx.pattern):
            y = ctx.pair[0](left.index_select(0, row).add_(right.index_select(0, column)))
            g = gradients[0][piece][..., None]
            of_vector = of_vector + (g * y).sum(0, keepdim=True)
            z = ctx.pair[1](vector * g, y)
            for end, places in zip(ends, (row, column), strict=True):
                end.index_add_(0, places, z)
        return (*ends, of_vector, None, None)


class _RowMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, x: Tensor, pattern: Pattern) -> Tensor:
        """The maxima."""
        top = x.new_full((pattern.rows, *x.shape[1:]), -torch.inf)
        for piece, row, column in _pieces(x, pattern):
            m = x.index_select(0, column) * values[piece][..., None]
            top.scatter_reduce_(0, row[:, None, None].expand_as(m), m, "amax")
        ctx.save_for_backward(values, x, top)
        ctx.pattern = pattern
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """The gradient, shared by what attains the maximum."""
        (values, x, top), pattern = ctx.saved_tensors, ctx.pattern
        ties, of_values, of_x = torch.zeros_like(top), [], torch.zeros_like(x)
        with torch.no_grad():
            for _, row, _, _, first in _first(values, x, top, pattern):
                ties.index_add_(0, row, first)
        share = gradients[0] / ties
        for piece, row, column, own, first in _first(values, x, top, pattern):
            g = share.index_select(0, row) * first
            of_values.append((g * own).sum(-1))
            of_x.index_add_(0, column, g * values[piece][..., None])
        return torch.cat(of_values), of_x, None


def _first(
    values: Tensor, x: Tensor, top: Tensor, pattern: Pattern
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
    """Pieces of the entries, with x at their columns, and 1 where an entry attains the maximum of its row."""
    for piece, row, column in _pieces(x, pattern):
        own = x.index_select(0, column)
        first = (own * values[piece][..., None] == top.index_select(0, row)).to(x.dtype)
        yield piece, row, column, own, first


@exact
@widened
def scores(left: Tensor, right: Tensor, vector: Tensor, pair: Pair, pattern: Pattern | Listed) -> Tensor:
    """<vector, f(left_r + right_c)> at every entry (r, c), for each of H heads.

    Args:
        left: of the rows.
        right: of the columns.
        vector: of every head.
        pair: f in place, and its gradient: `TANH` or `LEAKY`.
        pattern: of R rows and C columns.

    Shapes:
        left: [R, H, D]. right: [C, H, D]. vector: [1, H, D]. returns: [E, H].
    """
    if isinstance(pattern, Listed):
        y = pair[0](left.index_select(0, pattern.row) + right.index_select(0, pattern.column))
        return (vector * y).sum(-1)
    e: Tensor = _Scores.apply(left, right, vector, pair, pattern)  # type: ignore[no-untyped-call]
    return e


@exact
@widened
def row_max(values: Tensor, x: Tensor, pattern: Pattern | Listed) -> Tensor:
    """y_r = maximum over the entries (r, c) of v_rc x_c, for each of H heads; ties share the gradient.

    Shapes:
        values: [E, H], at least one in every row. x: [C, H, D]. returns: [R, H, D].
    """
    if isinstance(pattern, Listed):
        return pattern.largest(values[..., None] * x.index_select(0, pattern.column))
    y: Tensor = _RowMax.apply(values, x, pattern)  # type: ignore[no-untyped-call]
    return y
