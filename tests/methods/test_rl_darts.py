import dataclasses

import pytest
import torch

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import appnas
from appnas.domains.rl import Catch
from appnas.methods import rl_darts
from appnas.spaces import Encoder
from appnas.supernet import SelfSampled
from appnas.testing import MethodSuite

TINY = Encoder(nodes=2, channels=(2, 2), cells=1, width=(2, 2), depth=1, hidden=8)


class TestJoint(MethodSuite):
    method = "rl_darts"
    settings = {"steps": 6 * 64, "scale": 3.0}  # noqa: RUF012

    @pytest.fixture
    def space(self) -> Encoder:
        return TINY

    @pytest.fixture
    def domain(self, catch):
        return catch


class TestWithDQN(TestJoint):
    @pytest.fixture
    def domain(self, catch):
        return Catch(dataclasses.replace(catch.options, algorithm="dqn", warmup=64, every=4, target=64, replay=200))


class TestSampled(TestJoint):
    settings = {"steps": 6 * 64, "scale": 3.0, "sampled": True}  # noqa: RUF012


class TestSampledWithDQN(TestWithDQN):
    settings = {"steps": 6 * 64, "scale": 3.0, "sampled": True, "paths": 2}  # noqa: RUF012


def test_settings_of_the_paper():
    config = rl_darts.Config()
    assert config == rl_darts.Config(25_000_000, "joint", 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="'joint', 'alternate'"):
        rl_darts.Config(mode="bilevel")
    with pytest.raises(ValueError, match="tau"):
        rl_darts.Config(tau=0.0)


def alphas(catch, **settings):
    """The logits before and after a search, and a copy of the weights."""
    result = rl_darts.search(TINY, catch, rl_darts.Config(**settings))
    network = result.evaluator.host.network
    return result, torch.cat([a.detach().flatten() for a in network.alpha])


def test_displacement_grows_with_the_scale(catch):
    moved = [float(alphas(catch, steps=256, scale=scale)[1].abs().mean()) for scale in (0.0, 1.0, 5.0)]
    assert moved[0] == 0.0 and 3 < moved[2] / moved[1] < 7


def test_alternating_moves_one_at_a_time(catch):
    """First the weights, then the logits; the optimiser's other group keeps its moments."""
    first, logits = alphas(catch, steps=64, mode="alternate")
    assert not logits.any()
    weights = [p.detach().clone() for p in first.evaluator.host.network.supernet.parameters()]
    result, logits = alphas(catch, steps=128, mode="alternate")
    assert logits.abs().min() > 0
    now = result.evaluator.host.network.supernet.parameters()
    assert all(torch.equal(a, b) for a, b in zip(weights, now, strict=True))


def test_temperature_falls_geometrically(catch):
    result = rl_darts.search(TINY, catch, rl_darts.Config(steps=192, tau=4.0, tau_end=1.0))
    assert float(result.strategy.network.relax.tau) == 1.0
    assert [result.strategy.temperature(i) for i in range(3)] == pytest.approx([4.0, 2.0, 1.0])


def test_samples_hold_for_a_rollout_or_for_a_pass(catch):
    """PPO's sample changes with the iteration, DQN's with every pass, of the target's copy too."""
    off = Catch(dataclasses.replace(catch.options, algorithm="dqn", warmup=64, every=4, target=64, replay=200))
    for domain, held in ((catch, True), (off, False)):
        config = rl_darts.Config(steps=128, sampled=True)
        network = rl_darts.search(TINY, domain, config).evaluator.host.network
        assert isinstance(network, SelfSampled) and network.held == held


def test_cells_along_the_way(catch):
    result = rl_darts.search(TINY, catch, rl_darts.Config(steps=4 * 64, scale=5.0))
    found = rl_darts.derived(result)
    archs = [record.arch for record in result.history]
    assert list(found) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert list(found.values()) == [*archs, result.best]
    assert found[0.0] == TINY.discretise((torch.ones(3, 5),)), "all logits 0: the first of every tie"
    with pytest.raises(ValueError, match="between 0 and 1"):
        rl_darts.derived(result, [1.5])


def test_control_at_equal_steps(catch):
    """One search of two iterations and the ranking of its result: three trainings of one iteration."""
    result = appnas.search(TINY, catch, "rl_darts", steps=128, rank_epochs=64, control=True)
    assert result.info["control"]["evaluations"] == 3
    with pytest.raises(ValueError, match="rank_epochs"):
        appnas.search(TINY, catch, "rl_darts", steps=128, control=True)
