from functools import partial

import pytest
import torch

from appnas.space import restrict
from appnas.spaces import Bench201, Cells
from appnas.spaces.images import bench201
from appnas.strategy import Draw, Gradient, OnPaths, Score
from appnas.supernet.relaxations import gumbel
from appnas.testing import StrategySuite, judge, planted, tabulated


def gradient(space, seed, **more):
    return Gradient(space, torch.Generator().manual_seed(seed), **({"lr": 0.1} | more))


def noisy(space, seed):
    rng = torch.Generator().manual_seed(seed)
    return Gradient(space, rng, partial(gumbel, generator=rng), lr=0.1)


def on_paths(space, seed, **more):
    return OnPaths(space, torch.Generator().manual_seed(seed), lr=0.1, **more)


MAKERS = {"gradient": gradient, "gumbel": noisy, "paths": on_paths, "three paths": partial(on_paths, paths=3)}


ON_CELLS = {"gradient": gradient, "paths": on_paths}


@pytest.mark.parametrize("make", ON_CELLS.values(), ids=ON_CELLS)
class TestOnCells(StrategySuite):
    @pytest.fixture
    def space(self, cells: Cells) -> Cells:
        return cells


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
class TestOnVectors(StrategySuite):
    @pytest.fixture
    def space(self, chain):
        return chain


def test_gradient_takes_adam_s_step_up(chain):
    """Adam's first step is lr in the direction of the sign, whatever the size of the gradient."""
    strategy = gradient(chain, 0, lr=0.1, weight_decay=0.0, betas=(0.5, 0.999))
    before = strategy.alpha[0].detach().clone()
    draw = strategy.ask()
    after = strategy.tell(draw, Score(draw.gates[0][0, 2] - draw.gates[0][1, 0]))
    moved = strategy.alpha[0].detach() - before
    expected = torch.full((2, 5), -0.1)
    expected[0, 2] = 0.1
    expected[1] = 0.1
    expected[1, 0] = -0.1
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(after.gates[0], torch.softmax(before + expected, -1), rtol=1e-4, atol=1e-6)


def test_gradient_needs_a_value_with_a_graph(chain):
    strategy = gradient(chain, 0)
    draw = strategy.ask()
    with pytest.raises(ValueError, match="differentiable evaluator"):
        strategy.tell(draw, Score(torch.tensor(1.0)))
    with pytest.raises(ValueError, match="nan"):
        strategy.tell(draw, Score(draw.gates[0].sum() * float("nan")))
    assert torch.isfinite(strategy.alpha[0]).all()


def test_masked_logits_never_move(chain):
    allowed = torch.ones(2, 5, dtype=torch.bool)
    allowed[:, 2] = False
    strategy = gradient(restrict(chain, (allowed,)), 0, weight_decay=0.0)
    before = strategy.alpha[0].detach().clone()
    draw = strategy.ask()
    strategy.tell(draw, Score((draw.gates[0] * torch.randn(2, 5)).sum()))
    moved = strategy.alpha[0].detach() != before
    assert torch.equal(moved, allowed)
    assert not strategy.distribution()[0][:, 2].any()


def test_gradient_finds_the_planted_optimum():
    """300 steps up an exact gradient, with and without noise, in both kinds of space."""
    for space in (Bench201(), Cells()):
        for make in (gradient, noisy):
            (found,) = judge(partial(make, space), planted(space), 300, seeds=1)
            assert found == pytest.approx(1.0)


def test_on_nas_bench_201(data):
    """True accuracies: the exact gradient reaches the optimum, 91.61 %."""
    archs, columns = bench201.load("cifar10", data / "nasbench201")
    space = Bench201()
    oracle = tabulated(space.choices, archs, columns["valid200"].tolist())
    assert judge(lambda seed: gradient(space, seed), oracle, 300, seeds=2) == [oracle.of(oracle.best)] * 2
    assert min(judge(lambda seed: noisy(space, seed), oracle, 300)) > 91.4


def test_paths_are_drawn_anew_at_a_temperature_of_the_step(chain):
    asked = []
    strategy = on_paths(chain, 0, tau=lambda told: asked.append(told) or 2.0)
    draws = [strategy.ask()]
    for _ in range(3):
        value = sum((m * torch.arange(5.0)).sum() for m in draws[-1].gates)
        draws.append(strategy.tell(draws[-1], Score(value)))
    assert asked == [0, 1, 2, 3] and len({tuple(d.gates[0].argmax(-1).tolist()) for d in draws}) > 1
    for draw in draws:
        assert draw.gates[0].sampled and draw.arch == chain.discretise((draw.gates[0].detach(),))


def test_a_value_that_no_gate_reaches(chain):
    """`none` was drawn: a gradient of 0, by which the moments decide. Else the evaluator is none for gradients."""
    strategy = on_paths(chain, 0, weight_decay=0.0)
    before = strategy.alpha[0].detach().clone()
    one = torch.eye(5)
    strategy.tell(Draw((0, 1), (one[[0, 1]],)), Score(torch.tensor(1.0)))
    assert torch.equal(strategy.alpha[0], before) and strategy.told == 1
    with pytest.raises(ValueError, match="carries no gradient"):
        strategy.tell(Draw((1, 2), (one[[1, 2]],)), Score(torch.tensor(1.0)))
