"""appnas.picked.mixing: what a mixture computes, and what it does not."""

import copy
import pickle
import warnings

import pytest
import torch
from torch import nn

from appnas.compute import gates_on
from appnas.compute.compiling import compiled
from appnas.one_shot import Shared
from appnas.picked import pick, space_of
from appnas.picked.mixing import Board, mixture, of_the_batch
from appnas.space import IO, full_mask, one_hot, only
from appnas.strategy import Draw
from appnas.supernet import plain

SIZES = IO((3,), (2,))


class Sin(nn.Module):
    def forward(self, x):
        return x.sin()


class Net(nn.Module):
    """y = W (s1 (a1(x)) + s2 x), with a choice in `__init__`, one nested in it, one name twice, one in `forward`."""

    def __init__(self, io):
        super().__init__()
        width = io.inputs[0]
        act = lambda: pick("act", {"tanh": nn.Tanh, "sin": Sin})  # noqa: E731
        deep = lambda: nn.Sequential(nn.Linear(width, width), act())  # noqa: E731
        self.one = pick("op", {"deep": deep, "linear": lambda: nn.Linear(width, width), "none": nn.Identity})
        self.two, self.last = act(), nn.Linear(width, io.outputs[0])

    def forward(self, x):
        join = {"sum": lambda: torch.add, "product": lambda: torch.mul}
        return self.last(pick("join", join)(self.one(x), self.two(x)))


@pytest.fixture(scope="module")
def space():
    return space_of(Net, SIZES)


@pytest.fixture
def net(space):
    torch.manual_seed(0)
    return space.supernet(SIZES)


X = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))


def gates_of(space, *rows):
    return tuple(torch.tensor([row]) for row in rows)


def test_the_weighted_sum_by_hand(space, net):
    assert [choice.name for choice in space.choices] == ["op", "act", "join"]
    op, act, join = gates = gates_of(space, [0.5, 0.2, 0.3], [0.9, 0.4], [0.7, 0.1])
    mixed = lambda x: act[0, 0] * x.tanh() + act[0, 1] * x.sin()  # noqa: E731
    inner, linear = net.net.one["deep"][0], net.net.one["linear"]
    one = op[0, 0] * mixed(inner(X)) + op[0, 1] * linear(X) + op[0, 2] * X
    two = mixed(X)
    expected = net.net.last(join[0, 0] * (one + two) + join[0, 1] * one * two)
    torch.testing.assert_close(net(X, gates=gates), expected)
    with plain():
        torch.testing.assert_close(net(X, gates=gates), expected)


def test_names_lead_from_a_supernet_to_networks(space, net):
    """The network of an architecture has the weights of its path, under the names without options."""
    for arch in space.every():
        network = space.build(arch, SIZES)
        option = space.values(arch)["op"]
        for name, w in network.named_parameters():
            w.data.copy_(net.get_parameter("net." + name.replace("one.", f"one.{option}.")).data)
        torch.testing.assert_close(network(X), net(X, gates=one_hot(space.choices, arch)))


def test_no_option_at_all_gives_zeros(space, net):
    gates = gates_of(space, [0.0, 0.0, 0.0], [1.0, 0.0], [1.0, 0.0])
    torch.testing.assert_close(net(X, gates=gates), net.net.last(X.tanh()))
    gates = gates_of(space, [0.0, 1.0, 0.0], [1.0, 0.0], [0.0, 0.0])
    torch.testing.assert_close(net(X, gates=gates), net.net.last(torch.zeros(4, 3)))


def test_only_what_is_live_runs(space, net):
    ran = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda module, x, y, name=name: ran.append(name))
    net(X, gates=gates_of(space, [0.0, 1.0, 0.0], [1.0, 0.0], [1.0, 0.0]))
    assert ran == ["net.one.linear", "net.last"]
    alone = space.supernet(SIZES, only(space.choices, (1, 0, 0)))
    assert {name.split(".")[2] for name, _ in alone.named_parameters() if ".one." in name} == {"linear"}


def test_gates_are_read_once_for_all():
    board, gates = Board(), (torch.tensor([[0.0, 0.5], [1.0, 0.0]]), torch.tensor([[0.0, 0.0, 2.0]]))
    board.write(gates)
    assert board.live == [[False, True], [True, False], [False, False, True]]
    assert [row.tolist() for row in board.rows] == [[0.0, 0.5], [1.0, 0.0], [0.0, 0.0, 2.0]]
    board.write(tuple(g.expand(2, -1, -1).clone().requires_grad_() for g in gates))
    assert board.live == [[True] * 2, [True] * 2, [True] * 3] and board.rows[2].shape == (2, 3)
    with torch.no_grad():
        board.write(tuple(g.expand(2, -1, -1).clone().requires_grad_() for g in gates))
    assert board.live[0] == [False, True]
    board.wipe()
    assert not board.rows


def test_copies_and_pickles(space, net):
    gates = tuple(mask.float() / 2 for mask in full_mask(space.choices))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        torch.testing.assert_close(other(X, gates=gates), net(X, gates=gates))
        with torch.no_grad():
            other.net.last.bias += 1
        assert not torch.allclose(other(X, gates=gates), net(X, gates=gates))


def test_several_inputs_and_words():
    ops = {"add": lambda x, y, scale=1: x + scale * y, "first": lambda x, y, scale=1: x}
    row, index = torch.tensor([0.25, 0.5]), {"add": 0, "first": 1}
    out = mixture("op", ops, index, row, [True, True], (torch.ones(2), torch.ones(2)), {"scale": 3})
    assert out.tolist() == [0.25 * 4 + 0.5] * 2


def test_what_cannot_be_added_up():
    run = lambda ops: mixture("op", ops, {"a": 0, "b": 1}, torch.ones(2), [True, True], (torch.ones(2, 3),), {})  # noqa: E731
    with pytest.raises(
        ValueError, match=r"of 'op' give outputs of different shapes, 'b' \(2, 1\) and one before it \(2, 3\)"
    ):
        run({"a": torch.relu, "b": lambda x: x[:, :1]})
    with pytest.raises(TypeError, match="the option 'b' of 'op' gives a tuple: only tensors can be mixed"):
        run({"a": torch.relu, "b": lambda x: (x, x)})


def test_what_one_option_writes_in_place_no_other_reads():
    def weighed(inplace):
        class Acts(nn.Module):
            def __init__(self, io):
                super().__init__()
                self.act = pick("a", {"relu": lambda: nn.ReLU(inplace=inplace), "id": nn.Identity, "tanh": nn.Tanh})

            def forward(self, x):
                return self.act(x - 1)

        space = space_of(Acts, SIZES)
        return space.supernet(SIZES)(torch.linspace(-1, 3, 12).view(4, 3), gates=(torch.tensor([[0.2, 0.5, 0.3]]),))

    torch.testing.assert_close(weighed(True), weighed(False))


def test_batch_norms_use_the_batch_in_evaluation_too():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.LayerNorm(2))
    of_the_batch(net)
    out = net[0].eval()(torch.tensor([[0.0, 5.0], [2.0, 9.0]]))
    torch.testing.assert_close(out, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), atol=1e-4, rtol=0)
    assert list(net.buffers()) == []


class Still(nn.Module):
    """Without a choice in `forward`."""

    def __init__(self, io):
        super().__init__()
        op = lambda: pick("op", {"tanh": nn.Tanh, "linear": lambda: nn.Linear(3, 3)}, each=True)  # noqa: E731
        self.ops, self.last = nn.Sequential(op(), op()), nn.Linear(3, 1)

    def forward(self, x):
        return self.last(self.ops(x))


@pytest.mark.parametrize("model", [Still, Net])
def test_is_compiled_whole(model):
    """Without a break in the graph, with the same output."""
    space = space_of(model, SIZES)
    net = space.supernet(SIZES)
    gates = tuple(mask.float() / 2 for mask in full_mask(space.choices))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.testing.assert_close(compiled(net, fullgraph=True, backend="eager")(X, gates=gates), net(X, gates=gates))


def test_a_search_step_compiled(regression):
    """As `Shared` does it."""
    space = space_of(Still, regression.io)
    shared = Shared(space, regression)
    gates = tuple(mask.float().requires_grad_() for mask in full_mask(space.choices))
    score = shared.score(Draw((0, 0), gates))
    assert all(g.any() for g in torch.autograd.grad(score.value, gates))


def test_on_another_device(space, net, other):
    """The plain form, the CPU's numbers; the host waits for the gradient of the gates alone."""
    gates = tuple(torch.rand(mask.shape).requires_grad_() for mask in full_mask(space.choices))
    with plain():
        expected = torch.autograd.grad(net(X, gates=gates).sum(), gates)
    there, x = copy.deepcopy(net).to(other.device), X.to(other.device)
    other.transfers.clear()
    found = torch.autograd.grad(there(x, gates=gates_on(gates, other.device)).sum(), gates)
    assert len(other.transfers) <= 1
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        other.transfers.clear()
        there(x, gates=gates_on(one_hot(space.choices, (0, 1, 1)), other.device))
    assert other.transfers == []
