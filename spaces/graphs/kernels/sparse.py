"""Sparse matrices whose pattern is fixed and whose values may learn: graphs, and wide features with few entries.

The two products here are each other's derivatives, so gradients of any order
run through them, and both patterns are made once for each tensor and kept. They stay in float32 under autocast.

While a network is written down (`torch.export`, ONNX) the same is said in plain operations: see `Listed`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.weak import WeakIdKeyDictionary

from appnas.compute import exact

with warnings.catch_warnings():  # torch says once that its compressed layout is young
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([], dtype=torch.long), torch.tensor([]), (1, 1))


@dataclass(frozen=True)
class Pattern:
    """Where a matrix of R rows and C columns has its E entries, ordered by row.

    Shapes:
        start: [R + 1], first entry of every row. column: [E].
    """

    start: Tensor
    column: Tensor
    columns: int

    @property
    def rows(self) -> int:
        """R."""
        return len(self.start) - 1

    @property
    def counts(self) -> Tensor:
        """Entries of every row. Shapes: [R]."""
        return self.start.diff()

    @cached_property
    def row(self) -> Tensor:
        """The row of every entry. Shapes: [E]."""
        rows = torch.arange(self.rows, device=self.start.device)
        return torch.repeat_interleave(rows, self.start.diff(), output_size=len(self.column))

    @cached_property
    def order(self) -> Tensor:
        """The entries in the order of the transposed matrix. Shapes: [E]."""
        return torch.argsort(self.column, stable=True)

    @cached_property
    def transposed(self) -> Pattern:
        """The pattern of the transposed matrix."""
        return Pattern(starts(self.column, self.columns), self.row[self.order], self.rows)

    def matrix(self, values: Tensor) -> Tensor:
        """The matrix in torch's compressed layout. Shapes: values [E]."""
        return torch.sparse_csr_tensor(
            self.start, self.column, values, (self.rows, self.columns), check_invariants=False
        )


def exporting() -> bool:
    """Whether torch writes down a network, which must not depend on the sizes at hand, nor on what is kept."""
    return torch.compiler.is_exporting()


@dataclass(frozen=True)
class Listed:
    """A pattern in any order: on such a one every function here gathers and adds up, in operations that ONNX has.

    Slower than the products of a `Pattern`, with a vector an edge in memory, and free in all of its sizes.

    Shapes:
        row, column: [E].
    """

    row: Tensor
    column: Tensor
    rows: int

    @property
    def counts(self) -> Tensor:
        """Entries of every row. Shapes: [R]."""
        return self.added(torch.ones_like(self.row))

    def added(self, values: Tensor) -> Tensor:
        """Sums of what the entries of every row have. Shapes: [E, ...] -> [R, ...]."""
        return values.new_zeros(self.rows, *values.shape[1:]).index_add(0, self.row, values)

    def largest(self, values: Tensor) -> Tensor:
        """Maxima of the same, of rows that are not empty. Shapes: [E, ...] -> [R, ...]."""
        index = self.row.view(-1, *[1] * (values.dim() - 1)).expand_as(values)
        least = values.new_full((self.rows, *values.shape[1:]), -torch.inf)
        return least.scatter_reduce(0, index, values, "amax")


def starts(rows: Tensor, count: int) -> Tensor:
    """Where each of so many rows begins, from the rows of all entries. Shapes: [E] -> [R + 1]."""
    counts = rows.new_zeros(count).scatter_add_(0, rows, torch.ones_like(rows))
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


class _WeightedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, x: Tensor, pattern: Pattern) -> Tensor:
        """The sums; one product of compressed matrices a head."""
        ctx.save_for_backward(values, x)
        ctx.pattern = pattern
        heads = [pattern.matrix(v.contiguous()) @ x[:, h] for h, v in enumerate(values.unbind(1))]
        return heads[0][:, None] if len(heads) == 1 else torch.stack(heads, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Products at the entries, and sums over the transposed pattern."""
        values, x = ctx.saved_tensors
        (g,), pattern = gradients, ctx.pattern
        of_values = entry_products(g, x, pattern) if ctx.needs_input_grad[0] else None
        of_x = (
            weighted_sum(values.index_select(0, pattern.order), g, pattern.transposed)
            if ctx.needs_input_grad[1]
            else None
        )
        return of_values, of_x, None


class _EntryProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, pattern: Pattern) -> Tensor:
        """The products; one sampled matrix product a head."""
        ctx.save_for_backward(a, b)
        ctx.pattern = pattern
        a, b = (pad(x, (0, -x.shape[2] % 8)) for x in (a, b))  # whole vector registers: five times as fast for 7
        zero = pattern.matrix(a.new_zeros(len(pattern.column)))
        heads = [torch.sparse.sampled_addmm(zero, a[:, h], b[:, h].T, beta=0) for h in range(a.shape[1])]
        return torch.stack([head.values() for head in heads], 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Sums over the pattern, and over the transposed one."""
        a, b = ctx.saved_tensors
        (g,), pattern = gradients, ctx.pattern
        of_a = weighted_sum(g, b, pattern) if ctx.needs_input_grad[0] else None
        of_b = (
            weighted_sum(g.index_select(0, pattern.order), a, pattern.transposed) if ctx.needs_input_grad[1] else None
        )
        return of_a, of_b, None


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, e: Tensor, pattern: Pattern) -> Tensor:
        """The shares."""
        top = torch.segment_reduce(e, "max", offsets=pattern.start)
        e = e.sub(top.index_select(0, pattern.row)).exp_()
        e /= _row_sums(e, pattern)
        ctx.save_for_backward(e)
        ctx.pattern = pattern
        return e

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Of every share, what it gains on the mean of its row."""
        (share,) = ctx.saved_tensors
        gain = share * gradients[0]
        return gain - share * _row_sums(gain, ctx.pattern), None


def _row_sums(e: Tensor, pattern: Pattern) -> Tensor:
    """The sum of its row at every entry. Shapes: [E, H] -> [E, H]."""
    return e.new_zeros(pattern.rows, e.shape[1]).index_add(0, pattern.row, e).index_select(0, pattern.row)


LOW = (torch.bfloat16, torch.float16)
"""Types for which torch has no products of compressed matrices."""


def widened(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that computes in float32 for networks in fewer bits, and answers in theirs."""

    @wraps(function)
    def _run(*args: Any) -> Tensor:
        low = next((x.dtype for x in args if isinstance(x, Tensor) and x.dtype in LOW), None)
        if low is None:
            return function(*args)
        return function(*(x.float() if isinstance(x, Tensor) and x.dtype in LOW else x for x in args)).to(low)

    return _run


@exact
@widened
def weighted_sum(values: Tensor, x: Tensor, pattern: Pattern | Listed) -> Tensor:
    """y_r = sum over the entries (r, c) of v_rc x_c, for each of H heads.

    Shapes:
        values: [E, H]. x: [C, H, D]. returns: [R, H, D].
    """
    if isinstance(pattern, Listed):
        return pattern.added(values[..., None] * x.index_select(0, pattern.column))
    y: Tensor = _WeightedSum.apply(values, x, pattern)  # type: ignore[no-untyped-call]
    return y


@exact
@widened
def entry_products(a: Tensor, b: Tensor, pattern: Pattern | Listed) -> Tensor:
    """<a_r, b_c> at every entry (r, c), for each of H heads.

    Shapes:
        a: [R, H, D]. b: [C, H, D]. returns: [E, H].
    """
    if isinstance(pattern, Listed):
        return (a.index_select(0, pattern.row) * b.index_select(0, pattern.column)).sum(-1)
    p: Tensor = _EntryProducts.apply(a, b, pattern)  # type: ignore[no-untyped-call]
    return p


@exact
@widened
def softmax(e: Tensor, pattern: Pattern | Listed) -> Tensor:
    """Exp(e_rc) / sum over the row's entries of exp(e_rc'), for each head. Shapes: e [E, H]; returns [E, H]."""
    if isinstance(pattern, Listed):
        e = torch.exp(e - pattern.largest(e).index_select(0, pattern.row))
        return e / pattern.added(e).index_select(0, pattern.row)
    share: Tensor = _Softmax.apply(e, pattern)  # type: ignore[no-untyped-call]
    return share


_KEPT = WeakIdKeyDictionary()


def kept(make: Callable[..., Any], x: Tensor, *more: Any) -> Any:
    """`make(x, *more)`, made once as long as the tensor lives and is not written to; of inference mode, every time."""
    if x.is_inference() or exporting():  # of these, the first do not tell when they are written to
        return make(x, *more)
    mine = _KEPT.setdefault(x, {})  # type: ignore[no-untyped-call]
    key = (make, *more)
    version, made = mine.get(key, (None, None))
    if version != x._version:
        with torch.inference_mode(False):  # what is made there could not be trained with afterwards
            made = make(x, *more)
        mine[key] = (x._version, made)
    return made
