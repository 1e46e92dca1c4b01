"""appnas.run.artifacts: weights and maps beside a retraining's table."""

import numpy as np
import pytest
import torch
from torch import nn

from appnas.run import WEIGHTS, load_showcase, load_weights, put_weights, save_showcase, save_weights
from appnas.run.artifacts import SHOWCASE
from appnas.support import RunError


def test_weights_come_back(tmp_path):
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    save_weights(tmp_path, first)
    load_weights(tmp_path, second)
    assert torch.equal(first.weight, second.weight)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (nn.Linear(3, 4), r"weight is \[2, 3\] of torch.float32, it must be \[4, 3\] of .*: .*appnas retrain"),
        (nn.Linear(3, 2, bias=False), r"bias is \[2\] of torch.float32, it must be missing"),
        (nn.Sequential(nn.Linear(3, 2)), r"0.weight is missing, it must be \[2, 3\]"),
        (nn.Linear(3, 2).double(), "weight is .* of torch.float32, it must be .* of torch.float64"),
    ],
)
def test_weights_of_another_network_are_named(tmp_path, other, match):
    save_weights(tmp_path, nn.Linear(3, 2))
    before = {name: x.clone() for name, x in other.state_dict().items()}
    with pytest.raises(RunError, match=f"{WEIGHTS} is of another network: {match}"):
        load_weights(tmp_path, other)
    assert all(torch.equal(before[name], x) for name, x in other.state_dict().items())


def test_what_is_not_there(tmp_path):
    with pytest.raises(RunError, match="holds a search, but no trained network; train it first: appnas retrain"):
        load_weights(tmp_path, nn.Linear(1, 1))
    with pytest.raises(RunError, match="x is of another network: weight is missing"):
        put_weights(nn.Linear(1, 1), {}, tmp_path / "x", "again")
    assert load_showcase(tmp_path) == {}


def test_maps_come_back_or_are_taken_away(tmp_path):
    shown = {"a": {"in": np.eye(3), "out": np.ones((3, 3))}}
    save_showcase(tmp_path, shown)
    assert np.array_equal(load_showcase(tmp_path)["a"]["out"], np.ones((3, 3)))
    save_showcase(tmp_path, {})
    assert not (tmp_path / SHOWCASE).exists()


def test_a_weight_under_two_names_is_kept_under_both(tmp_path):
    """A layer that is used twice, tied weights, and a part of a larger tensor."""

    def network():
        net = nn.ModuleDict({"first": nn.Linear(3, 3), "second": nn.Linear(3, 3)})
        net["again"], net["second"].weight = net["first"], net["first"].weight
        net.register_buffer("part", torch.arange(9.0)[3:5])
        return net

    net, other = network(), network()
    save_weights(tmp_path, net)
    assert (tmp_path / WEIGHTS).stat().st_size < 2000
    load_weights(tmp_path, other)
    assert all(torch.equal(x, net.state_dict()[name]) for name, x in other.state_dict().items())
    assert other["again"].weight is other["second"].weight
