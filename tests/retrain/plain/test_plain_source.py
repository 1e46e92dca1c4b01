"""Networks as plain source: modes, weights with two names, constants, what cannot be written."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from appnas.retrain import plain_source

SMALL, LARGE = (torch.randn(2, 4),), (torch.randn(5, 4),)


def made(model, small=SMALL, large=LARGE):
    """What the source of a network makes, with its weights."""
    there = {"__file__": "network.py"}
    exec(plain_source(model.eval(), small, large), there)
    network = there["network"]()
    network.load_state_dict(model.state_dict())
    return network


def trained(network, x):
    torch.manual_seed(0)
    return network.train()(x)


class Everything(nn.Module):
    """A dropout without a module, a buffer, a constant, a part for training alone, a weight with two names."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.extra = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.second.weight = self.first.weight
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("shift", torch.tensor([1.0, 2.0, 3.0, 4.0]), persistent=False)
        self.graph = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())

    def forward(self, x):
        x = functional.dropout(self.first(x) + self.shift, 0.5, self.training)
        y = self.graph(self.second(x))
        if self.training:
            self.seen += 1
            return y, self.extra(y)
        return y.flip(0) * (x.shape[0] // 2)


def test_both_modes_are_written():
    model = Everything()
    network = made(model)
    x = torch.randn(7, 4)
    assert torch.equal(network.eval()(x), model.eval()(x)) and len(network(x)) == 7
    for one, other in zip(trained(network, x), trained(model, x), strict=True):
        assert torch.equal(one, other)
    assert network.seen == model.seen == 1
    assert torch.equal(network.graph[0].running_mean, model.graph[0].running_mean)
    assert network.first.weight is network.second.weight


class Twice(nn.Module):
    """A layer of one's own, several times."""

    def __init__(self):
        super().__init__()
        self.block = nn.ModuleList([nn.LSTM(4, 4, batch_first=True) for _ in range(2)])
        self.scale = nn.Parameter(torch.ones(3, 1))

    def forward(self, x):
        for layer in self.block:
            x, _ = layer(x)
        return {"y": x.mean(-1) @ self.scale, "last": (x[:, -1], x.shape[0] * self.scale.sum())}


def test_recurrent_layers_and_structures_of_outputs():
    model = Twice()
    x = torch.randn(3, 3, 4)
    network = made(model, (torch.randn(2, 3, 4),), (torch.randn(5, 3, 4),))
    found, wanted = network(x), model(x)
    assert found.keys() == wanted.keys()
    torch.testing.assert_close(found["y"], wanted["y"])
    torch.testing.assert_close(found["last"], wanted["last"])


def test_what_has_no_source_says_so():
    class Reads(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match="cannot be written as plain source; torch says: "):
        plain_source(Reads().eval(), SMALL, LARGE)

    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    with pytest.raises(ValueError, match="plain source differs from the network by"):
        plain_source(Noisy().eval(), SMALL, LARGE)


def test_a_network_that_cannot_be_traced_in_training_says_so_when_it_is_trained():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 1)

        def forward(self, x):
            y = self.linear(x)
            return y if not self.training or y.sum() > 0 else -y

    network = made(Half())
    with pytest.raises(RuntimeError, match="can be run, not trained"):
        network.train()
