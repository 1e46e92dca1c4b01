"""Layers of torch: the calls that make them, and what stands for a module of one's own."""

import pytest
import torch
from torch import nn

from appnas.retrain.plain.plain_layers import calls, layer, literal
from appnas.spaces.parts import Depthwise
from appnas.spaces.parts.ops import Pointwise


def said(module, x):
    return layer(module.eval(), calls(module, (x,), [False, True])[""])


@pytest.mark.parametrize(
    ("module", "shape", "source"),
    [
        (nn.Conv2d(2, 4, 3, padding=1, bias=False), (2, 2, 5, 5), "nn.Conv2d(2, 4, 3, padding=1, bias=False)"),
        (nn.Conv2d(2, 4, (3, 1)), (2, 2, 5, 5), "nn.Conv2d(2, 4, (3, 1))"),
        (nn.BatchNorm1d(3, affine=False), (2, 3), "nn.BatchNorm1d(3, affine=False)"),
        (nn.AvgPool2d(3, 1, 1, count_include_pad=False), (2, 2, 5, 5),
         "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)"),
        (nn.Linear(3, 2), (2, 3), "nn.Linear(3, 2)"),
        (nn.LayerNorm(3), (2, 3), "nn.LayerNorm((3,))"),
        (Depthwise(2, 3, 2, 1), (2, 2, 8, 8), "nn.Conv2d(2, 2, 3, stride=2, padding=1, groups=2, bias=False)"),
        (Pointwise(2, 2, 2), (2, 2, 8, 8), None),  # it picks pixels first
        (nn.Sequential(nn.ReLU()), (2, 3), "nn.Sequential"),
    ],
)  # fmt: skip
def test_a_layer_is_made_of_what_it_was_made_of(module, shape, source):
    x = torch.randn(shape)
    assert said(module, x) == source
    if source and source.endswith(")"):
        other = eval(source, {"nn": nn}).eval()
        other.load_state_dict(module.state_dict())
        torch.testing.assert_close(other(x), module(x))


def test_what_differs_only_in_training_is_no_layer():
    class Odd(nn.Linear):
        def forward(self, x):
            return super().forward(x) * (2 if self.training else 1)

    class Same(nn.Linear):
        pass

    assert said(Odd(3, 2), torch.randn(2, 3)) is None
    assert said(Same(3, 2), torch.randn(2, 3)) == "nn.Linear(3, 2)"


def test_literals():
    assert literal((1,)) == "(1,)" and literal([True, None, "a"]) == "[True, None, 'a']"
    with pytest.raises(ValueError, match="no plain value"):
        literal(torch.zeros(1))
