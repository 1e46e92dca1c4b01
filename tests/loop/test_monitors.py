"""appnas.loop.monitors: the watch for collapse."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass
from functools import partial

import pytest
import torch

from appnas.estimate import Stateless
from appnas.loop import Collapse, CollapseWarning, Loop, Repeats, relative_entropy, search_loop, skip_share
from appnas.space import random_arch
from appnas.spaces import Bench201, Cells
from appnas.strategy import Draw, Gradient, Random, Score
from appnas.testing import planted


def test_skip_share_by_hand(bench201, cells):
    assert skip_share(bench201, (1, 1, 3, 0, 2, 0)) == 0.5  # of four operations, two skip
    assert skip_share(bench201, (0,) * 6) == 0.0
    assert skip_share(bench201, (1,) * 6) == 1.0
    arch = random_arch(cells, random.Random(0))
    assert skip_share(cells, arch) == sum(cells.ops[k] == "skip_connect" for k in arch) / 16


def test_relative_entropy_by_hand():
    assert relative_entropy((torch.full((3, 4), 0.25),)) == pytest.approx(1.0)
    assert relative_entropy((torch.eye(4),)) == pytest.approx(0.0, abs=1e-6)
    half = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    assert relative_entropy((half,)) == pytest.approx(0.5)
    assert relative_entropy((half, torch.full((1, 2), 0.5))) == pytest.approx(0.75)
    assert relative_entropy((torch.ones(2, 1),)) == pytest.approx(0.0, abs=1e-6)


@dataclass
class Pull(Stateless):
    """A value linear in the gates: the weight of one option on every edge."""

    index: int
    strength: float = 1.0

    def score(self, draw):
        return Score(self.strength * sum(matrix[:, self.index].sum() for matrix in draw.gates))


def gradient(space, lr):
    return Gradient(space, torch.Generator().manual_seed(0), lr=lr, weight_decay=0.0)


def watched(space, lr, option, steps):
    watch = Collapse(space, every=10)
    index = space.choices[0].options.index(option)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search_loop(gradient(space, lr), Pull(index), steps, callbacks=[watch])
    return watch, [str(w.message) for w in caught if w.category is CollapseWarning]


@pytest.mark.parametrize("space", [Bench201(), Cells()], ids=["bench201", "cells"])
def test_a_search_that_ends_in_skips_is_warned_about_once(space):
    watch, said = watched(space, 0.1, "skip_connect", 60)
    assert len(said) == 1
    assert "100% of the derived operations are skip connections" in said[0]
    assert "stop earlier, regularise the weights more, or use a method that does not" in said[0]
    assert [step for step, _, _ in watch.trace] == [10, 20, 30, 40, 50, 60]
    assert watch.trace[-1][1] == 1.0 and watch.trace[-1][2] < watch.trace[0][2] < 1.0


def test_a_search_that_stands_still_is_warned_about():
    watch, said = watched(Bench201(), 1e-6, "nor_conv_3x3", 20)
    assert len(said) == 1
    assert "after 20 steps no probability has moved by more than 0.0000: the result is noise" in said[0]
    assert "Search longer, or raise the learning rate of the architecture" in said[0]
    assert watch.trace[-1][2] == pytest.approx(1.0, abs=1e-3)


def test_a_search_that_settles_in_its_first_half_is_warned_about():
    _, said = watched(Bench201(), 2.0, "nor_conv_3x3", 60)
    assert len(said) == 1 and "the distribution over operations has settled (entropy" in said[0]
    assert "of 60: " in said[0] and "Lower the learning rate of the architecture" in said[0]


def test_a_short_search_is_looked_at_ten_times():
    watch = Collapse(Bench201())
    search_loop(gradient(Bench201(), 0.1), Pull(3), 30, callbacks=[watch])
    assert [step for step, _, _ in watch.trace] == list(range(3, 31, 3))


def test_a_healthy_search_is_left_in_peace():
    watch, said = watched(Bench201(), 0.1, "nor_conv_3x3", 60)
    assert said == [] and watch.trace[-1][1] == 0.0
    assert watched(Bench201(), 1e-6, "nor_conv_3x3", 5)[1] == []  # too short to judge


def test_a_resumed_search_is_not_called_still_for_its_last_steps():
    space = Bench201()

    def resumed(at, steps):
        watch = Collapse(space, every=10)
        loop = Loop(gradient(space, 0.1), Pull(3), steps, step=at)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            watch.start(loop)
            loop.step = steps
            watch.end(loop)
        return len(caught)

    assert resumed(100, 100) == 0  # a finished search, loaded
    assert resumed(85, 100) == 0
    assert resumed(30, 100) == 1  # 70 steps seen, and nothing moved
    assert resumed(0, 100) == 1


def test_strategies_without_a_distribution_are_not_watched(bench201):
    watch = Collapse(bench201, every=1)
    search_loop(Random(bench201, random.Random(0)), planted(bench201), 5, callbacks=[watch])
    assert watch.trace == [] and watch.first is None


def repeated(strategy, value, steps):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = search_loop(strategy, value, steps, callbacks=[Repeats()])
    return result, [str(w.message) for w in caught if w.category is CollapseWarning]


@dataclass
class Drifting(Stateless):
    """Another value every time, as of shared weights."""

    asked: int = 0

    def score(self, draw):
        self.asked += 1
        return Score(float(self.asked))


def test_a_search_that_goes_in_circles_is_told_once():
    class Stubborn(Random):
        def ask(self):
            super().ask()
            return Draw((0,) * 6)

    strategy = partial(Stubborn, Bench201())
    value = planted(Bench201())
    _, said = repeated(strategy(random.Random(0)), value, 100)
    (line,) = said
    assert line.startswith(f"step {1 + Repeats.IN_A_ROW} of 100: the last 25 evaluations brought nothing new")
    assert not repeated(strategy(random.Random(0)), value, Repeats.IN_A_ROW)[1]
    assert not repeated(strategy(random.Random(0)), Drifting(), 100)[1]
    assert not repeated(Random(Bench201(), random.Random(0), distinct=True), Drifting(), 100)[1]
