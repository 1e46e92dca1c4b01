"""spaces.graphs.kernels.edge_products: scores and maxima in pieces against those of all edges."""

import pytest
import torch

pytest.importorskip("torch_geometric")

from appnas.cost import peak_bytes
from appnas.spaces.graphs.edges import with_loops
from appnas.spaces.graphs.kernels import edge_products
from appnas.spaces.graphs.kernels.edge_products import LEAKY, TANH, row_max, scores


@pytest.fixture(params=[2**16, 9])
def looped(request, monkeypatch):
    """A graph of 7 nodes, with all entries at once and with one or two at a time."""
    monkeypatch.setattr(edge_products, "PIECE", request.param)
    return with_loops(torch.randint(0, 7, (2, 15), generator=torch.Generator().manual_seed(0)), 7)


def drawn(*shapes):
    rng = torch.Generator().manual_seed(1)
    return [torch.randn(*shape, dtype=torch.float64, generator=rng).requires_grad_() for shape in shapes]


def same(a, b, of):
    """Two results, and the gradients of the tensors they are of."""
    torch.testing.assert_close(a, b)
    g = torch.linspace(-1, 2, a.numel(), dtype=a.dtype).view_as(a)
    found = [torch.autograd.grad(y, of, g, retain_graph=True) for y in (a, b)]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_scores_are_those_of_a_vector_an_edge_and_head(looped):
    p, given = looped.pattern, drawn((7, 2, 3), (7, 2, 3), (1, 2, 3))
    left, right, vector = given
    z = left.index_select(0, p.row) + right.index_select(0, p.column)
    same(scores(*given, TANH, p), (vector * torch.tanh(z)).sum(-1), given)
    same(scores(*given, LEAKY, p), (vector * torch.nn.functional.leaky_relu(z, 0.2)).sum(-1), given)
    assert torch.autograd.gradcheck(lambda *x: scores(*x, LEAKY, p), given)
    for function in (lambda *x: scores(*x, TANH, p), lambda *x: scores(*x, LEAKY, p)):
        assert torch.autograd.gradgradcheck(function, given)


def test_maxima_are_those_of_a_message_an_edge(looped):
    p, given = looped.pattern, drawn((len(looped.pattern.column), 2), (7, 2, 3))
    values, x = given
    messages = values[..., None] * x.index_select(0, p.column)
    rows = torch.stack([messages[p.start[i] : p.start[i + 1]].amax(0) for i in range(7)])
    same(row_max(*given, p), rows, given)
    assert torch.autograd.gradcheck(lambda *x: row_max(*x, p), given)
    assert torch.autograd.gradgradcheck(lambda *x: row_max(*x, p), given)


def test_ties_of_a_maximum_share_the_gradient():
    pattern = with_loops(torch.tensor([[1], [0]]), 2).pattern
    values = torch.tensor([[2.0], [2.0], [1.0]], requires_grad=True)
    row_max(values, torch.ones(2, 1, 1), pattern).sum().backward()
    assert values.grad.flatten().tolist() == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("kind", ["scores", "row_max"])
def test_no_vector_of_every_edge_and_head_is_held(kind, monkeypatch):
    """20,000 edges of 400 nodes, 8 heads of 8: one such tensor has 5 MB, a piece 33 kB."""
    monkeypatch.setattr(edge_products, "PIECE", 2**13)
    graph = with_loops(torch.randint(0, 400, (2, 20_000), generator=torch.Generator().manual_seed(0)), 400)
    left, right, vector = (torch.randn(n, 8, 8, requires_grad=True) for n in (400, 400, 1))
    values = torch.rand(len(graph.pattern.column), 8, requires_grad=True)

    def step():
        if kind == "scores":
            scores(left, right, vector, TANH, graph.pattern).sum().backward()
        else:
            row_max(values, right, graph.pattern).sum().backward()

    step()  # the pattern's rows are made once
    of_all = graph.pattern.column.numel() * 64 * 4
    assert peak_bytes(step) < 0.6 * of_all  # there are some numbers an edge and head
