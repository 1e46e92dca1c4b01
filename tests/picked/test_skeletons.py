"""appnas.picked.skeletons: names in the bank, parts of tensors."""

import copy
import pickle

import pytest
import torch
from torch import nn

from appnas.picked.skeletons import Recent, Slot, cut, holds_numbers, largest, weights


def test_slots_have_the_options_in_their_names():
    conv, norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    inner = nn.Sequential(conv, norm)
    net = nn.ModuleDict({"blocks": nn.ModuleList([inner]), "head": nn.Linear(3, 2, bias=False)})
    found = {w.name: w for w in weights(net, [(norm, "batch"), (inner, "b"), (inner, "a")])}
    assert list(found) == [
        "blocks.0.0.weight",
        "blocks.0.0.bias",
        "blocks.0.1.weight",
        "blocks.0.1.bias",
        "head.weight",
    ]
    assert list(found) == [name for name, _ in net.named_parameters()]
    assert found["blocks.0.0.weight"].slot == Slot("blocks.0.a.b.0.weight", "Conv2d", 4)
    assert found["blocks.0.1.bias"].slot == Slot("blocks.0.a.b.1.batch.bias", "BatchNorm2d", 1)
    assert found["blocks.0.0.weight"].centred == 2 and found["head.weight"].centred == 2
    assert found["head.weight"].slot.key == "head/weight:Linear2"


def test_a_network_that_is_an_option_and_weights_that_are_shared():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert [w.slot.name for w in weights(net, [(net, "x")])] == ["x.0.weight", "x.0.bias", "x.1.bias"]


def test_parts_of_a_tensor():
    whole = torch.arange(2 * 3 * 5.0).reshape(2, 3, 5)
    assert torch.equal(cut(whole, (1, 2, 5), 3), whole[:1, :2])
    assert torch.equal(cut(whole, (2, 3, 3), 2), whole[:, :, 1:4])
    assert torch.equal(cut(whole, (2, 3, 1), 2), whole[:, :, 2:3])
    assert cut(whole, (2, 3, 5), 1) is whole
    part = cut(whole, (1, 1, 1), 3)
    part.fill_(-1)
    assert whole[0, 0, 0] == -1
    with pytest.raises(ValueError, match=r"of the shape \(3, 3, 5\) are not a part of \(2, 3, 5\)"):
        cut(whole, (3, 3, 5), 3)
    assert largest([torch.Size((2, 5)), torch.Size((3, 1))]) == (3, 5)


def test_what_holds_numbers_besides_weights():
    assert not holds_numbers(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    assert holds_numbers(nn.Sequential(nn.BatchNorm1d(2)))
    net = nn.ReLU()
    net.table = [torch.ones(2)]
    assert holds_numbers(nn.Sequential(net))


def test_recent():
    kept = Recent(2)
    kept["a"], kept["b"] = 1, 2
    assert kept["a"] == 1
    kept["c"] = 3
    assert "b" not in kept and "a" in kept and kept["c"] == 3
    assert "a" not in copy.deepcopy(kept) and "a" not in pickle.loads(pickle.dumps(kept))
