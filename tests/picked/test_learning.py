"""appnas.picked.learning: conditions of real models, tried on random architectures."""

import itertools
import random

import pytest
import torch
from torch import nn

from appnas.picked import Refused, pick, space_of
from appnas.picked.learning import choices_of, record
from appnas.picked.recording import Recorder, Source
from appnas.space import Choice


class Empty(nn.Module):
    def forward(self, x):
        return x


class Depth(Empty):
    def __init__(self):
        super().__init__()
        for _ in range(pick("depth", [3, 1, 2])):
            pick("kernel", [3, 5], each=True)


class Both(Empty):
    """A choice that needs two answers at once, which no single change from the first answers gives."""

    def __init__(self):
        super().__init__()
        if pick("a", [0, 1]) and pick("b", [0, 1, 2]) == 2:
            pick("c", ["x", "y"])


class Apart(Empty):
    """A choice under either of two answers, but not both."""

    def __init__(self):
        super().__init__()
        if pick("a", [0, 1]) != pick("b", [0, 1]):
            pick("c", ["x", "y"])


class Inside(Empty):
    """Choices inside factories, in each of three places."""

    def __init__(self):
        super().__init__()
        act = lambda: pick("act", {"relu": nn.ReLU, "tanh": nn.Tanh}, each=True)  # noqa: E731
        options = {"plain": nn.Identity, "act": act, "drop": lambda: nn.Dropout(pick("p", [0.1, 0.2]))}
        self.ops = nn.ModuleList(pick("op", options, each=True) for _ in range(3))


def recorded(model):
    found = Recorder(Source(model), None)
    return found, record(found)


def test_choices_in_the_order_met():
    found, conditions = recorded(Depth)
    choices, keys = choices_of(found)
    assert choices == (
        Choice("depth", ("3", "1", "2"), 1, "depth", False), Choice("kernel", ("3", "5"), 3, "kernel", True),
    )  # fmt: skip
    assert [key.number for key in keys] == [-1, 0, 1, 2]
    assert [condition.sets for condition in conditions.when] == [{}, {}, {0: frozenset({0, 2})}, {0: frozenset({0})}]


@pytest.mark.parametrize(("model", "count"), [(Depth, 8 + 2 + 4), (Both, 1 + 2 + 2), (Inside, 0)])
def test_conditions_are_those_of_the_code(model, count):
    """All combinations of indices: what is foretold is what a build asks."""
    space = space_of(model)
    assert space.conditions is not None
    whole = list(itertools.product(*(range(len(space.known[key.name].options)) for key in space.keys)))
    for arch in whole[:: max(len(whole) // 60, 1)]:
        recorder = Recorder(space.source, None)
        met = recorder.trace(space.answers(arch)).met
        assert space.active(arch) == tuple(key in met for key in space.keys), arch
    assert space.count() == (count or len({space.canonical(arch) for arch in whole}))


@pytest.mark.parametrize("draw", [lambda: random.choice([1, 2, 3]), lambda: 1 + int(3 * torch.rand(()))])
def test_random_numbers_decide_nothing(draw):
    class Dice(Empty):
        def __init__(self):
            super().__init__()
            for i in range(draw()):
                pick(f"kernel {i}", [3, 5])

    random.seed(0)
    with pytest.raises(Refused, match=r"whether .*Dice has the choice 'kernel [12]' changes from"):
        record(Recorder(Source(Dice), None))


def test_what_cannot_be_foretold_is_found_out_by_building():
    space = space_of(Apart)
    assert space.conditions is None
    assert space.active((0, 0, 1)) == (True, True, False) and space.active((1, 0, 1)) == (True, True, True)
    valid = [arch for arch in itertools.product(range(2), repeat=3) if space.valid(arch)]
    assert valid == [(0, 0, 0), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0)]
    assert space.canonical((1, 1, 1)) == (1, 1, 0)
