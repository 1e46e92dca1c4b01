"""appnas.picked.picked_space: rules, draws, networks that know nothing of appnas."""

import pickle
import random
import subprocess
import sys
from collections import Counter

import pytest
import torch
from torch import nn

import appnas
from appnas import pick, space_of
from appnas.picked.picked_space import nearest
from appnas.space import IO, mutate, neighbours, one_hot, random_arch, restrict, without
from appnas.space.printing import drawing

SIZES = IO((3,), (2,))


class Net(nn.Module):
    def __init__(self, io):
        super().__init__()
        size, layers = io.inputs[0], []
        for _ in range(pick("depth", [1, 2, 3])):
            width = pick("width", [4, 8, 16], each=True)
            layers += [nn.Linear(size, width), pick("act", {"relu": nn.ReLU, "tanh": nn.Tanh})]
            size = width
        self.layers, self.last = nn.Sequential(*layers), nn.Linear(size, io.outputs[0])

    def forward(self, x):
        return self.last(self.layers(x))


def small(values):
    return sum(width or 0 for width in values["width"]) <= 16


@pytest.fixture(scope="module")
def space():
    return space_of(Net, SIZES)


@pytest.fixture(scope="module")
def ruled():
    return space_of(Net, SIZES, rule=small)


def test_values(space):
    assert [(c.name, c.count, c.ordered) for c in space.choices] == [
        ("depth", 1, True), ("width", 3, True), ("act", 1, False),
    ]  # fmt: skip
    assert space.values((1, 2, 0, 0, 1)) == {"depth": 2, "width": (16, 4, None), "act": "tanh"}
    assert space.active((1, 2, 0, 0, 1)) == (True, True, True, False, True)
    assert space.canonical((0, 2, 1, 2, 1)) == (0, 2, 0, 0, 1)
    assert space.valid((0, 2, 0, 0, 1)) and not space.valid((0, 2, 1, 0, 1)) and not space.valid((0, 2))
    assert space.count() == 2 * (3 + 9 + 27)


def test_a_rule(ruled):
    assert (
        len(ruled.every())
        == ruled.count()
        == len([a for a in space_of(Net, SIZES).every() if ruled.obeys(a)])
        == 2 * (3 + 4 + 4)
    )
    assert all(small(ruled.values(arch)) for arch in ruled.every())
    assert not ruled.valid((1, 2, 2, 0, 0)) and ruled.valid((1, 1, 1, 0, 0))
    counts = Counter(random_arch(ruled, rng) for rng in [random.Random(0)] for _ in range(2200))
    assert set(counts) == set(ruled.every())
    assert sum((n - 100) ** 2 / 100 for n in counts.values()) < 21 + 5 * 42**0.5


def test_the_nearest_that_obeys(ruled):
    """Of 16 and 8 wide layers the narrower one gives way, whose score is only little better than the next."""
    gates = (
        torch.tensor([[0.0, 1.0, 0.1]]),
        torch.tensor([[0.1, 0.0, 0.9], [0.1, 0.4, 0.5], [0.0, 0.0, 1.0]]),
        torch.tensor([[0.2, 0.8]]),
    )
    assert ruled.values(ruled.discretise(gates)) == {"depth": 2, "width": (4, 8, None), "act": "tanh"}
    assert ruled.discretise(tuple(g.expand(2, -1, -1) for g in gates)) == ruled.discretise(gates)


def test_ranks_come_by_what_is_lost():
    scores = [[3.0, 2.5, 0.0], [1.0, 0.2]]
    assert list(nearest(scores)) == [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1)]


def test_many_under_a_rule_are_drawn_again(ruled, monkeypatch):
    monkeypatch.setattr("appnas.picked.picked_space.LISTED", 10)
    draws = [ruled.sample(random.Random(seed)) for seed in range(50)]
    assert all(map(ruled.valid, draws)) and len(set(draws)) > 12 and ruled.count() == 78
    never = space_of(Net, SIZES, rule=lambda values: values["depth"] < 3)
    object.__setattr__(never, "rule", lambda values: False)
    monkeypatch.setattr("appnas.picked.picked_space.TRIES", 20)
    with pytest.raises(ValueError, match=r"no architecture of space_of\(Net\) within 20 draws obeys its rule"):
        never.sample(random.Random(0))


def test_moves(space, ruled):
    rng = random.Random(0)
    for one in (space, ruled):
        arch = one.sample(rng)
        for _ in range(30):
            mutant = mutate(one, arch, rng)
            assert one.valid(mutant) and mutant != arch
            arch = mutant
    assert set(neighbours(space, (1, 1, 0, 0, 0))) == {
        (0, 1, 0, 0, 0), (2, 1, 0, 0, 0), (1, 0, 0, 0, 0), (1, 2, 0, 0, 0), (1, 1, 1, 0, 0), (1, 1, 0, 0, 1),
    }  # fmt: skip


def test_under_a_mask(space):
    inner = restrict(space, without(space.choices, ["8", "3"]))
    assert appnas.space.size(inner) == 2 * (2 + 4)
    assert {random_arch(inner, random.Random(seed)) for seed in range(200)} == {
        arch for arch in space.every() if inner.valid(arch)
    }


def test_a_graph_of_what_there_is(space):
    chain = space.graph((1, 2, 0, 0, 1))["Net"]
    assert [op for *_, op in chain.edges(data="op")] == ["depth=2", "width=16", "act=tanh", "width=4"]
    assert chain.graph["inputs"] == ["0"] and chain.graph["outputs"] == ["4"]
    assert drawing(space, (1, 2, 0, 0, 1)).splitlines() == [
        "Net:",
        "  depth=2",
        "  width=16",
        "  act=tanh",
        "  width=4",
    ]


def test_pickles_hold_what_was_recorded(ruled):
    again = pickle.loads(pickle.dumps(ruled))
    assert again.memory == {} and again.choices == ruled.choices and again.count() == 22
    assert again.values((1, 1, 1, 0, 0)) == ruled.values((1, 1, 1, 0, 0)) and repr(again) == "space_of(Net)"


def test_networks_hold_plain_modules_and_run_without_appnas(space, tmp_path):
    """Weights, a pickled network, an exported program and ONNX, in a process in which appnas cannot be imported."""
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    from appnas.cost import to_onnx

    arch = (2, 2, 1, 0, 1)
    torch.manual_seed(0)
    net = space.build(arch, SIZES).eval()
    assert {type(module).__module__.split(".")[0] for module in net.modules()} == {"torch", __name__}
    x = torch.randn(5, 3)
    torch.save({"x": x, "y": net(x).detach(), "state": net.state_dict()}, tmp_path / "net.pt")
    torch.save(net.layers, tmp_path / "layers.pt")
    torch.export.save(torch.export.export(net, (x,)), tmp_path / "net.pt2")
    (tmp_path / "net.onnx").write_bytes(to_onnx(net, (x,), (x[:3],)))
    code = """
import sys
sys.modules["appnas"] = None
import onnxruntime, torch
from torch import nn
kept = torch.load("net.pt")
x, y = kept["x"], kept["y"]
layers = torch.load("layers.pt", weights_only=False)
last = nn.Linear(4, 2)
last.load_state_dict({name[5:]: w for name, w in kept["state"].items() if name.startswith("last.")})
torch.testing.assert_close(last(layers(x)), y)
torch.testing.assert_close(torch.export.load("net.pt2").module()(x), y)
session = onnxruntime.InferenceSession("net.onnx")
out = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
torch.testing.assert_close(torch.tensor(out), y, rtol=1e-4, atol=1e-5)
print("fine", sorted(name for name in sys.modules if name.startswith("appnas")))
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and result.stdout.strip() == "fine ['appnas']", result.stderr


def test_an_exported_run_is_loaded_with_the_space(space, regression, tmp_path):
    """Through the front door, once more with the model by its name."""
    from appnas.retrain import export, load

    space = space_of(Own, regression.io)
    result = appnas.search(space, regression, "random", evaluations=2, budget=1, out=tmp_path / "run")
    trained = result.retrain(2).model
    export(tmp_path / "run", tmp_path / "net", onnx=False, space=space, domain=regression)
    net = load(tmp_path / "net", space=space_of(Own, regression.io))
    x = regression.example(4)[0]
    torch.testing.assert_close(net(x), trained.eval()(x))


class Own(Net):
    """Picks in `forward` too."""

    def forward(self, x):
        return pick("times", [1, 2]) * super().forward(x)


def test_a_network_that_picks_in_forward(space):
    own = space_of(Own, SIZES)
    arch = (0, 0, 0, 0, 0, 1)
    torch.manual_seed(0)
    twice = own.build(arch, SIZES)
    torch.manual_seed(0)
    once = space.build(arch[:-1], SIZES)
    x = torch.randn(2, 3)
    torch.testing.assert_close(twice(x), 2 * once(x))
    assert not [m for m in twice.modules() if type(m).__module__.startswith("appnas")]
    assert own.supernet(SIZES)(x, gates=one_hot(own.choices, arch)).shape == (2, 2)
