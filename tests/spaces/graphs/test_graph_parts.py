"""appnas.spaces.graphs.graph_parts: norms, residuals and heads by hand."""

import pytest
import torch

pytest.importorskip("torch_geometric")

from torch import nn

from appnas.spaces.graphs.graph_parts import NORMS, After, Both, Ego, Head, Initial, Perceptron, Pool
from appnas.spaces.graphs.graphnet import HEADS
from appnas.spaces.graphs.graphnet import NORMS as NAMES
from appnas.spaces.graphs.operations import Place


def test_norms():
    assert tuple(NORMS) == NAMES
    x = torch.randn(50, 8) * 3 + 1
    assert torch.equal(NORMS["off"](8)(x), x)
    torch.testing.assert_close(NORMS["l2"](8)(x).norm(dim=1), torch.ones(50))
    torch.testing.assert_close(NORMS["layer"](8)(x).mean(1), torch.zeros(50), atol=1e-5, rtol=0)
    torch.testing.assert_close(NORMS["batch"](8)(x).mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(NORMS["pair"](8)(x).pow(2).sum(1).mean(), torch.tensor(1.0))


def test_residuals_read_the_input_and_the_first_state():
    x, first = torch.randn(5, 6), torch.randn(5, 4)
    ego, initial = Ego(Place(6, 3)), Initial(Place(6, 3), 4)
    torch.testing.assert_close(ego((x, None, first)), x @ ego.linear.weight.T)
    torch.testing.assert_close(initial((x, None, first)), first @ initial.linear.weight.T)


def test_both_directions_are_averaged():
    class First(nn.Module):
        def forward(self, given):
            return given[0] * given[1]

    torch.testing.assert_close(Both(First(), First())((torch.ones(2), (2.0, 4.0), None)), 3 * torch.ones(2))


def test_linear_layers():
    kinds = [type(layer).__name__ for layer in Perceptron(6, 5, 4, 2, 0.5, after=True)]
    assert kinds == ["SparseLinear", "ReLU", "Dropout", "SparseLinear", "ReLU"]
    assert [type(layer).__name__ for layer in Perceptron(6, 5, 4, 1, 0.5)] == ["SparseLinear"]


@pytest.mark.parametrize("kind", [kind for kind in HEADS if kind != "direct"])
def test_heads(kind):
    states = torch.randn(5, 4), torch.randn(5, 4)
    head = Head(kind, 2, 4, 3, 0.0)
    wanted = {"mean": (states[0] + states[1]) / 2, "max": torch.maximum(*states), "concat": torch.cat(states, 1)}
    torch.testing.assert_close(head(states), head.map(wanted.get(kind, states[1])))
    assert len(head.map) == (4 if kind == "mlp" else 1)


def test_states_and_graphs():
    states = tuple(torch.full((3, 2), float(i)) for i in range(4))
    assert After(2)(states) is states[1]
    x = torch.tensor([[1.0], [3.0], [5.0]])
    assert Pool("sum")((x, torch.tensor([0, 0, 1]))).flatten().tolist() == [4, 5]
