"""appnas.spaces.eda.passing: a net, its features and one round by hand; every way of gathering."""

import pytest
import torch

from appnas.spaces.eda.passing import HOW, NET_FEATURES, Passing, Pins

PINS = torch.tensor(
    [[[0, 0, 0], [5, 0, 1], [5, 1, 1], [-1, -1, -1]], [[3, 0, 0], [3, 0, 1], [-1, -1, -1], [-1, -1, -1]]]
)
"""On 2 x 4 gcells: nets of gcells 0 and 5, and of 5 alone; of 3 twice. Cells 0 in gcell 0, 1 in gcell 5; both in 3."""


def of(dtype=torch.float32):
    return Pins.of(PINS, torch.zeros(2, 1, 2, 4, dtype=dtype))


def test_what_nets_are_like():
    """The first spans a gcell either way, the second and that of the other placement lie in one gcell."""
    features = of().nets().expm1()
    assert features.shape == (2, 4, NET_FEATURES)
    torch.testing.assert_close(features[0, :2, :4], torch.tensor([[2.0, 1, 1, 2], [1, 0, 0, 0]]))
    torch.testing.assert_close(features[1, :, 0], torch.tensor([2.0, 0, 0, 0]))
    assert of().nets()[..., 4].tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]


def test_gathered_by_hand():
    pins = of(torch.float64)
    assert pins.gcell.count == 8 and pins.net.count == pins.cell.count == 4
    values = torch.tensor([[[1.0], [2], [4], [8]], [[-3.0], [-5], [8], [8]]], dtype=torch.float64)
    found = {how: pins.net.gathered(values, how)[..., 0].tolist() for how in HOW}
    assert found["sum"] == [[3, 4, 0, 0], [-8, 0, 0, 0]]
    assert found["mean"] == [[1.5, 4, 0, 0], [-4, 0, 0, 0]]
    assert found["max"] == [[2, 4, 0, 0], [-3, 0, 0, 0]]
    assert pins.gcell.gathered(values, "mean")[0, :, 0].tolist() == [1, 0, 0, 0, 0, 3, 0, 0]
    rows = torch.arange(8.0).view(2, 4, 1)
    assert pins.net.spread(rows)[0, :3, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize("over", ["gcells", "cells"])
def test_how_far_messages_reach(over):
    """In one round from gcell 0 to gcell 5 over their net, in two to a third net's; elsewhere nothing comes."""
    options = {"rounds": ("none", "1", "2"), "gather": HOW, "spread": HOW, "hidden": ("4",)}
    pins = torch.tensor([[[0, 0, 0], [5, 0, 1], [5, 1, 1], [7, 1, 2]]])
    for rounds, reached in (("1", [0, 5]), ("2", [0, 5, 7])):
        torch.manual_seed(0)
        allowed = {"rounds": [name == rounds for name in options["rounds"]], "gather": [True, False, False],
                   "spread": [False, False, True], "hidden": None}  # fmt: skip
        passing = Passing(over, 3, options, allowed).double()
        x = torch.randn(1, 3, 2, 4, dtype=torch.float64, requires_grad=True)
        whole = Pins.of(pins, x)
        changed = x.detach().clone()
        changed[0, :, 0, 0] += 1
        difference = (passing((changed, whole, None)) - passing((x, whole, None))).abs().sum(1).flatten()
        assert difference.nonzero().flatten().tolist() == reached
