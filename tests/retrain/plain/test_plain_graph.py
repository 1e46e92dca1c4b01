"""Lines of Python of what a module computes."""

import pytest
import torch
from torch import nn

from appnas.retrain.plain.plain_graph import Body
from appnas.retrain.plain.plain_trace import traced


def lines(forward, training=False):
    """The lines of a network with that forward."""
    model = type("Net", (nn.Module,), {"forward": forward})()
    model.linear = nn.Linear(3, 3)
    found = traced(model, (torch.randn(2, 3),), (torch.randn(5, 3),), training)
    return Body(training, found.parts[""][0], model, found.result).lines


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda self, x: self.linear(x) + x, ["linear = self.linear(x)", "return linear + x"]),
        (lambda self, x: -x ** 2, ["pow_ = x ** 2", "return -pow_"]),
        (lambda self, x: x[:, 1:], ["return x[:, 1:]"]),
        (lambda self, x: x.new_zeros(x.shape[0], 2), ["return x.new_zeros([x.shape[0], 2])"]),
        (lambda self, x: torch.zeros(3) + x, ["zeros = torch.zeros([3], device=x.device)", "return zeros + x"]),
        (lambda self, x: nn.functional.dropout(x, 0.5, self.training), ["return torch.dropout(x, 0.5, self.training)"]),
        (lambda self, x: (x, x.relu()), ["relu = torch.relu(x)", "return (x, relu)"]),
    ],
)  # fmt: skip
def test_operations_by_their_usual_names(forward, expected):
    assert lines(forward) == expected


def test_a_constant_that_is_too_large_is_refused():
    big = torch.zeros(5000, 3)
    with pytest.raises(ValueError, match="no constant that is small enough"):
        lines(lambda self, x: x + big.sum())
