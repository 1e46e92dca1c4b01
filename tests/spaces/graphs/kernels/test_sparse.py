"""spaces.graphs.kernels.sparse: products beside dense ones, gradients of any order, what is kept."""

import gc

import pytest
import torch

from appnas.spaces.graphs.edges import with_loops
from appnas.spaces.graphs.kernels import sparse
from appnas.spaces.graphs.kernels.sparse import entry_products, kept, softmax, weighted_sum


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def graph():
    edges = torch.randint(0, 7, (2, 15), generator=rng())
    return with_loops(edges, 7)


def dense(values, pattern):
    """[E, H] -> [H, R, C]."""
    full = torch.zeros(values.shape[1], pattern.rows, pattern.columns, dtype=values.dtype)
    for e, (r, c) in enumerate(zip(pattern.row.tolist(), pattern.column.tolist(), strict=True)):
        full[:, r, c] += values[e]
    return full


@pytest.mark.parametrize(("heads", "width"), [(1, 8), (3, 5)])
def test_products_are_the_dense_ones(graph, heads, width):
    p = graph.pattern
    values = torch.randn(len(p.column), heads, dtype=torch.float64, generator=rng(1))
    x = torch.randn(7, heads, width, dtype=torch.float64, generator=rng(2))
    full = dense(values, p)
    torch.testing.assert_close(weighted_sum(values, x, p), torch.einsum("hrc,chd->rhd", full, x))
    products = torch.einsum("rhd,chd->hrc", x, x)
    torch.testing.assert_close(entry_products(x, x, p), products[:, p.row, p.column].T)


def test_gradients_of_first_and_second_order(graph):
    p = graph.pattern
    values = torch.randn(len(p.column), 2, dtype=torch.float64, generator=rng(1)).requires_grad_()
    x = torch.randn(7, 2, 3, dtype=torch.float64, generator=rng(2)).requires_grad_()
    for function in (
        lambda v, x: weighted_sum(v, x, p),
        lambda v, x: weighted_sum(softmax(v, p), x, p),
        lambda v, x: entry_products(x, weighted_sum(v, x, p), p),
    ):
        assert torch.autograd.gradcheck(function, (values, x))
        assert torch.autograd.gradgradcheck(function, (values, x))


def test_rows_of_the_softmax_add_up_to_one_even_for_huge_scores(graph):
    p = graph.pattern
    weights = softmax(1e4 * torch.randn(len(p.column), 3, generator=rng()), p)
    torch.testing.assert_close(dense(weights, p).sum(2), torch.ones(3, 7))


def test_kept_until_the_tensor_changes_or_dies():
    made = []

    def make(x, *more):
        made.append(more)
        return float(x.sum())

    x = torch.ones(3)
    assert [kept(make, x), kept(make, x), kept(make, x, 1)] == [3.0] * 3 and made == [(), (1,)]
    x += 1
    assert kept(make, x) == 6.0 and len(made) == 3
    gc.collect()
    before = len(sparse._KEPT)
    del x
    gc.collect()
    assert len(sparse._KEPT) == before - 1
