import dataclasses

import pytest
import torch
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from appnas.domains.rl import RL, Catch, CatchOptions
from appnas.domains.rl import domain as module
from appnas.domains.rl.domain import need
from appnas.domains.rl.options import Options
from appnas.task import HostDomain, Locked
from appnas.testing import DomainSuite

SMALL = CatchOptions(envs=8, rollout=32, batch=64, epochs=4, lr=5e-3, episodes=128, side=6)


class TestPPO(DomainSuite):
    budget = 1024

    @pytest.fixture
    def domain(self) -> Catch:
        return Catch(SMALL)


class TestDQN(DomainSuite):
    budget = 1024

    @pytest.fixture
    def domain(self) -> Catch:
        return Catch(dataclasses.replace(SMALL, algorithm="dqn", warmup=64, every=1, target=64, explore=0.5))


def test_sizes_and_protocol(catch):
    assert isinstance(catch, HostDomain)
    assert catch.io.inputs == (1, 12, 12) and catch.io.outputs == (4,) and catch.chance == -1.0
    dqn = Catch(dataclasses.replace(catch.options, algorithm="dqn"))
    assert dqn.io.outputs == (3,) and dqn.fingerprint != catch.fingerprint
    locked = Locked(catch)
    assert locked.host(nn.Sequential(nn.Flatten(), nn.Linear(144, 4)), 64).iteration == 64


def test_evaluation_counts_every_environment_alike(catch):
    """Always left: the ball is caught exactly when it falls on the three leftmost columns."""

    class Left(nn.Module):
        def forward(self, x):
            return torch.tensor([50.0, 0.0, 0.0, 0.0]).expand(len(x), -1)

    metrics = catch.evaluate(Left(), "score", episodes=400, seed=1)
    assert metrics["return"] == pytest.approx(2 * 3 / 12 - 1, abs=0.15)
    assert metrics["normalised"] == pytest.approx((metrics["return"] + 1) / 2)
    assert catch.evaluate(Left(), "test", 400, 1) != metrics


def test_dqn_is_evaluated_with_some_random_actions():
    class Left(nn.Module):
        def forward(self, x):
            return torch.tensor([50.0, 0.0, 0.0]).expand(len(x), -1)

    reached = {
        epsilon: Catch(CatchOptions(algorithm="dqn", epsilon=epsilon)).evaluate(Left(), "score", 400, 1)["return"]
        for epsilon in (0.0, 1.0)
    }
    assert reached[0.0] == pytest.approx(2 * 3 / 12 - 1, abs=0.15)  # always left: see above
    assert reached[1.0] == pytest.approx(-0.62, abs=0.15)  # no better than chance


def test_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"appnas\[rl\]"):
        need("stable_baselines3")


def test_subclasses_make_the_environments():
    with pytest.raises(NotImplementedError):
        RL(Options())


def test_to_a_device_it_is_a_domain_of_the_same_kind():
    domain = Catch(CatchOptions(side=8))
    there = domain.to("cpu")
    assert type(there) is Catch and str(there.compute.device) == "cpu" and there.fingerprint == domain.fingerprint
