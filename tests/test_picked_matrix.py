"""Every method on two models with choices inside, one whose options can be mixed, and one with widths and a depth."""

import re

import pytest
import torch
from test_matrix import NEEDS, ON_AN_ORACLE, TINY_SETTINGS
from torch import nn

import appnas
from appnas import pick
from appnas.loop import Observer
from appnas.methods import METHODS
from appnas.space import IO, check
from appnas.testing import identical, planted

AGENTS = [name for name, method in METHODS.items() if method.needs == "agent"]
SINGLE = {"fewshot": {}, "rlnas": {"indicator": "score"}}
"""Methods with gates that ask single paths alone, and under which settings."""
SHARED = {"gcn_fit": {"estimation": "shared", "warmup": 1}, "nao": {"estimation": "shared", "warmup": 1, "top": 1},
          "routability": {"sharing": "supernet"}}  # fmt: skip
"""Methods with scores that can share weights."""


class Ops(nn.Module):
    """Operations that can be mixed, one of them with a choice of its own."""

    def __init__(self, io: IO, width: int = 3):
        super().__init__()
        self.stem = nn.Conv2d(io.inputs[0], width, 3, padding=1)
        self.blocks = nn.Sequential(*(self.block(i, width) for i in range(2)))
        self.head = nn.Linear(width, io.outputs[0])

    @staticmethod
    def block(i: int, width: int) -> nn.Module:
        conv = lambda k: nn.Conv2d(width, width, k, padding=k // 2)  # noqa: E731
        act = lambda: pick(f"act{i}", {"relu": nn.ReLU, "tanh": nn.Tanh})  # noqa: E731
        options = {"conv3": lambda: nn.Sequential(conv(3), act()), "conv1": lambda: conv(1), "skip": nn.Identity}
        return pick(f"block{i}", options)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Sizes(nn.Module):
    """Widths, a depth, kernels of the layers that there are."""

    def __init__(self, io: IO):
        super().__init__()
        channels, layers = io.inputs[0], []
        for i in range(pick("depth", [1, 2, 3])):
            width, kernel = pick(f"width{i}", [2, 3, 4]), pick(f"kernel{i}", [1, 3])
            layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(channels, io.outputs[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x).mean((2, 3)))


def searched(model, domain, method, **settings):
    space = appnas.space_of(model, domain.io)
    result = appnas.search(space, domain, method, **{**TINY_SETTINGS[method], **settings})
    assert check(space, result.best) == result.best == space.canonical(result.best)
    (row,) = result.retrain(1).rows
    assert row.arch == result.best
    assert not [m for m in result.model().modules() if type(m).__module__.startswith("appnas")]
    return row


@pytest.mark.parametrize("method", [*NEEDS["gates"], *NEEDS["scores"]])
def test_operations(method, digits):
    """Every method takes a model whose options can be mixed."""
    assert 0 <= searched(Ops, digits, method).mean("accuracy") <= 100


@pytest.mark.parametrize("method", NEEDS["scores"])
def test_sizes_by_scores(method, digits):
    """What trains every architecture takes widths and depths."""
    assert 0 <= searched(Sizes, digits, method).mean("accuracy") <= 100


@pytest.mark.parametrize("method", [*SINGLE, *SHARED])
def test_sizes_by_single_paths(method, digits):
    """So does what shares weights, if it asks a supernet one architecture at a time."""
    settings = {**SINGLE, **SHARED}[method]
    assert 0 <= searched(Sizes, digits, method, **settings).mean("accuracy") <= 100


@pytest.mark.parametrize("method", [*NEEDS["gates"], *AGENTS])
def test_sizes_by_mixtures_are_refused(method, digits, request):
    """What mixes options says why it cannot, and what could, before anything is written or trained."""
    if method == "fewshot":
        pytest.skip("it asks single paths")
    domain = request.getfixturevalue("catch") if method in AGENTS else digits
    space = appnas.space_of(Sizes, domain.io)
    with pytest.raises(TypeError, match=re.escape(f"method {method!r} mixes options, and 'depth', 'width0'")) as error:
        appnas.search(space, domain, method, **TINY_SETTINGS[method])
    assert "cannot be mixed; methods for it: agnn" in str(error.value)
    if method not in AGENTS:
        assert "fewshot" in str(error.value) and "rlnas with indicator='score'" in str(error.value)


@pytest.mark.parametrize("method", AGENTS)
def test_operations_in_an_agent(method, catch):
    """An agent's encoder."""
    assert -1 <= searched(Ops, catch, method).mean("return") <= 1


@pytest.mark.parametrize("model", [Ops, Sizes])
@pytest.mark.parametrize("method", NEEDS["scores"])
def test_by_an_evaluator(method, model):
    """Scores from a table or a function: the best that is found is valid, the same twice."""
    space = appnas.space_of(model, IO((1, 8, 8), (10,)))
    oracle = planted(space)
    settings = {**TINY_SETTINGS[method], **ON_AN_ORACLE.get(method, {})}
    first, second = (appnas.search(space, oracle, method, seed=3, **settings) for _ in range(2))
    assert first.best == second.best == check(space, first.best)


def test_workers(digits):
    """A space goes to other processes, the model by its name."""
    space = appnas.space_of(Sizes, digits.io)
    settings = {"evaluations": 3, "budget": 1, "seed": 1}
    here = appnas.search(space, digits, "random", **settings)
    there = appnas.search(space, digits, "random", workers=1, **settings)
    assert [r.value for r in here.history] == [r.value for r in there.history]


class Interrupt(Observer):
    def step(self, loop, record):
        if loop.step == 12:
            raise KeyboardInterrupt


def test_resumed_single_paths(digits, tmp_path):
    """A search on single paths that was interrupted ends with the same bits."""
    space, settings = appnas.space_of(Sizes, digits.io), {**TINY_SETTINGS["fewshot"], "seed": 2}
    whole = appnas.search(space, digits, "fewshot", **settings)
    with pytest.raises(KeyboardInterrupt):
        appnas.search(space, digits, "fewshot", out=tmp_path / "run", callbacks=[Interrupt()], **settings)
    again = appnas.resume(tmp_path / "run", space=appnas.space_of(Sizes, digits.io), domain=digits)
    assert again.best == whole.best
    assert identical([record.value for record in again.history], [record.value for record in whole.history])
