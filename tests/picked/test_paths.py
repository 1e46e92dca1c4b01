"""appnas.picked.paths: single paths on parts of common weights."""

import copy
import random

import pytest
import torch
from torch import nn

from appnas.compute import gates_on
from appnas.picked import paths as module
from appnas.picked import pick, space_of
from appnas.picked.paths import Sizes, looked_at
from appnas.space import IO, full_mask, one_hot, only
from appnas.testing import identical

SIZES = IO((2, 6, 6), (3,))


class Net(nn.Module):
    """Widths, kernels, a depth, an operation that is an option, a table that is a buffer, numbers that are neither."""

    def __init__(self, io):
        super().__init__()
        width, kernel = pick("width", [2, 3, 4]), pick("kernel", [1, 3])
        self.stem = nn.Conv2d(io.inputs[0], width, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(width)
        self.layers = nn.ModuleList(
            pick("op", {"conv": lambda: nn.Conv2d(width, width, 1), "skip": nn.Identity}, each=True)
            for _ in range(pick("depth", [1, 2]))
        )
        self.register_buffer("table", torch.arange(width).float().reshape(-1, 1, 1))
        self.scale = torch.tensor(2.0)
        self.head = nn.Linear(width, io.outputs[0])

    def forward(self, x):
        x = self.norm(self.stem(x)) * self.scale + self.table
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean((2, 3)))


@pytest.fixture(scope="module")
def space():
    return space_of(Net, SIZES)


@pytest.fixture
def net(space):
    torch.manual_seed(0)
    return space.supernet(SIZES)


X = torch.randn(4, 2, 6, 6, generator=torch.Generator().manual_seed(1))


def test_the_bank_is_as_large_as_the_largest(space, net):
    shapes = {name: tuple(w.shape) for name, w in net.bank.items()}
    assert shapes == {
        "stem/weight:Conv2d4": (4, 2, 3, 3), "stem/bias:Conv2d1": (4,),
        "norm/weight:BatchNorm2d1": (4,), "norm/bias:BatchNorm2d1": (4,),
        "layers/0/conv/weight:Conv2d4": (4, 4, 1, 1), "layers/0/conv/bias:Conv2d1": (4,),
        "layers/1/conv/weight:Conv2d4": (4, 4, 1, 1), "layers/1/conv/bias:Conv2d1": (4,),
        "head/weight:Linear2": (3, 4), "head/bias:Linear1": (3,),
    }  # fmt: skip
    assert net.largest == (2, 1, 1, 0, 0) and list(net.buffers()) == []
    assert torch.equal(net.bank["norm/weight:BatchNorm2d1"], torch.ones(4))


def test_a_path_is_the_network_on_parts_of_the_weights(space, net):
    assert space.count() == len(space.every()) == 3 * 2 * (2 + 4)
    for arch in space.every():
        network = space.build(arch, SIZES)
        values = space.values(arch)
        w, gap = values["width"], (3 - values["kernel"]) // 2
        bank = {name.split(":")[0].replace("/conv", "").replace("/", "."): x for name, x in net.bank.items()}
        for name, own in network.named_parameters():
            whole = bank[name]
            if name == "stem.weight":
                whole = whole[:w, :, gap : 3 - gap, gap : 3 - gap]
            elif name == "head.weight":
                whole = whole[:, :w]
            elif name != "head.bias":
                whole = whole[:w, :w] if whole.dim() > 1 else whole[:w]
            own.data.copy_(whole.data)
        torch.testing.assert_close(network.train()(X), net(X, gates=one_hot(space.choices, arch)))


def test_gradients_reach_the_parts_that_were_used(space, net):
    arch = (0, 0, 0, 1, 0)
    net(X, gates=one_hot(space.choices, arch)).sum().backward()
    head = net.bank["head/weight:Linear2"].grad
    assert head[:, :2].any() and not head[:, 2:].any()
    stem = net.bank["stem/weight:Conv2d4"].grad
    assert not stem[:2].any(dim=1)[:, 0].any() and stem[:2, :, 1, 1].abs().sum() > 0 and not stem[2:].any()
    assert net.bank["layers/0/conv/weight:Conv2d4"].grad is None


def test_the_same_seed_gives_the_same_bits_whatever_ran_before(space, net):
    torch.manual_seed(0)
    again = space.supernet(SIZES)
    assert identical(again.state_dict(), net.state_dict())
    for arch in space.every()[::3]:
        net(X, gates=one_hot(space.choices, arch))
    state = torch.get_rng_state()
    gates = one_hot(space.choices, (1, 1, 1, 1, 0))
    assert torch.equal(again(X, gates=gates), net(X, gates=gates))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(copy.deepcopy(net)(X, gates=gates), net(X, gates=gates))


def test_few_networks_are_kept(space, net, monkeypatch):
    net.skeletons.most = 2
    for arch in space.every()[:5]:
        net(X, gates=one_hot(space.choices, arch))
    assert len(net.skeletons.kept) == 2


def test_other_gates_are_refused(space, net):
    hard = one_hot(space.choices, (0, 0, 0, 0, 0))
    soft = tuple(mask.float() / 2 for mask in full_mask(space.choices))
    each = tuple(torch.stack([g, g.flip(-1)]) for g in hard)
    doubled = tuple(2 * g for g in hard)
    for wrong in (soft, each, doubled):
        with pytest.raises(
            TypeError, match="takes one-hot gates, the same for all examples, as 'width', 'kernel' and 'de"
        ):
            net(X, gates=wrong)
    same = tuple(g.expand(4, -1, -1) for g in hard)
    assert torch.equal(net(X, gates=same), net(X, gates=hard))


def test_what_does_not_exist_may_have_any_gate(space, net):
    first, second = ((0, 0, 0, 1, k) for k in range(2))
    assert torch.equal(*(net(X, gates=one_hot(space.choices, arch)) for arch in (first, second)))


def test_masks_make_it_smaller(space):
    net = space.supernet(SIZES, only(space.choices, (0, 0, 0, 1, 0)))
    assert {name: tuple(w.shape) for name, w in net.bank.items() if "weight" in name} == {
        "stem/weight:Conv2d4": (2, 2, 1, 1), "norm/weight:BatchNorm2d1": (2,), "head/weight:Linear2": (3, 2),
    }  # fmt: skip
    assert net(X, gates=one_hot(space.choices, (0, 0, 0, 1, 0))).shape == (4, 3)
    with pytest.raises(ValueError, match=r"not in the supernet|not a part of"):
        net(X, gates=one_hot(space.choices, (2, 0, 0, 0, 0)))


class Wide(nn.Module):
    """No architecture has all of its first weight: one option is high, the other broad."""

    def __init__(self, io):
        super().__init__()
        a, b = (2, 6) if pick("high", [False, True]) else (6, 2)
        self.one, self.two = nn.Linear(4, a), nn.Linear(a, b)
        self.odd = nn.Conv1d(a, b, 1) if pick("odd", [0, 1]) else nn.Linear(a, b)

    def forward(self, x):
        return self.two(self.one(x))


def test_weights_that_no_architecture_has_whole():
    space = space_of(Wide, IO((4,), (2,)))
    torch.manual_seed(0)
    net = space.supernet(IO((4,), (2,)))
    two = net.bank["two/weight:Linear2"]
    assert two.shape == (6, 6) and two.isfinite().all() and two.std() > 0
    assert net.bank["odd/weight:Conv1d3"].shape == (6, 6, 1) and net.bank["odd/weight:Linear2"].shape == (6, 6)
    assert net(torch.zeros(1, 4), gates=one_hot(space.choices, (1, 1))).shape == (1, 6)


def test_many_architectures_are_not_all_looked_at(space, monkeypatch):
    monkeypatch.setattr(module, "LISTED", 5)
    build = lambda arch: space.assembled(arch, SIZES)  # noqa: E731
    every = space.every()
    some = looked_at(build, space.canonical, space.rows(), every)
    assert some.shapes == Sizes(build, every).shapes and some.most == (2, 1, 1, 0, 0)


def test_on_the_meta_device(space):
    with torch.device("meta"):
        net = space.supernet(SIZES)
    assert {w.device.type for w in net.parameters()} == {"meta"}
    assert random.Random(0).random() > 0


def test_on_another_device(space, net, other):
    """The CPU's numbers; nothing is asked of the device, and buffers and other tensors go there once."""
    gates = one_hot(space.choices, (1, 1, 1, 0, 1))
    expected = net(X, gates=gates)
    there = copy.deepcopy(net).to(other.device)
    x = X.to(other.device)
    for _ in range(2):
        other.transfers.clear()
        out = there(x, gates=gates_on(gates, other.device))
        out.sum().backward()
    assert other.transfers == []
    torch.testing.assert_close(out.cpu(), expected)
