import dataclasses

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import appnas.domains.rl as module
from appnas.domain import HostDomain, Locked
from appnas.domains.rl import RL, Catch, CatchOptions, Gym, GymOptions, Options, need
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


def test_settings_of_procgens_authors():
    expected = {"envs": 64, "rollout": 256, "batch": 2048, "epochs": 3, "lr": 5e-4, "gamma": 0.999, "gae": 0.95,
                "clip": 0.2, "entropy": 0.01, "value": 0.5, "max_grad": 0.5, "normalise": True}  # fmt: skip
    assert expected.items() <= dataclasses.asdict(Options()).items()


def test_evaluation_counts_every_environment_alike(catch):
    """Always left: the ball is caught exactly when it falls on the three leftmost columns."""

    class Left(nn.Module):
        def forward(self, x):
            return torch.tensor([50.0, 0.0, 0.0, 0.0]).expand(len(x), -1)

    metrics = catch.evaluate(Left(), "score", episodes=400, seed=1)
    assert metrics["return"] == pytest.approx(2 * 3 / 12 - 1, abs=0.15)
    assert metrics["normalised"] == pytest.approx((metrics["return"] + 1) / 2)
    assert catch.evaluate(Left(), "test", 400, 1) != metrics


class Strange(gymnasium.Env):
    """One step, then the end."""

    def __init__(self, frames, actions):
        self.observation_space, self.action_space = frames, actions

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample() * 0, {}

    def step(self, action):
        return self.observation_space.sample() * 0, 1.0, True, False, {}


def image(*shape):
    return spaces.Box(0, 255, shape, np.uint8)


@pytest.fixture
def registered():
    names = []

    def register(frames, actions):
        name = f"Strange{len(names)}-v0"
        gymnasium.register(name, lambda: Strange(frames, actions), disable_env_checker=True)
        names.append(name)
        return name

    yield register
    for name in names:
        del gymnasium.registry[name]


def test_any_environment_of_gymnasium(registered):
    for shape in ((8, 12, 3), (3, 8, 12)):
        name = registered(image(*shape), spaces.Discrete(2))
        domain = Gym(GymOptions(env=name, envs=2, rollout=4, batch=4, epochs=1, episodes=2))
        assert domain.io.inputs == (3, 8, 12)
        net = nn.Sequential(nn.Flatten(), nn.Linear(288, 3))
        domain.fit(net, 8)
        assert domain.score(net) == {"value": 1.0, "return": 1.0, "return_sd": 0.0}


@pytest.mark.parametrize(
    ("frames", "actions", "words"),
    [
        (spaces.Box(-1, 1, (4,), np.float32), spaces.Discrete(2), "A vector has nothing"),
        (spaces.Box(0, 1, (8, 8, 3), np.float32), spaces.Discrete(2), "uint8"),
        (image(8, 8, 3), spaces.Box(-1, 1, (2,), np.float32), r"Discrete.*make_policy_kwargs"),
        (image(8, 8, 3), spaces.MultiDiscrete([2, 3]), "Discrete"),
        (image(8, 8, 3), spaces.MultiBinary(3), "Discrete"),
    ],
)
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_environments_that_do_not_fit(registered, algorithm, frames, actions, words):
    with pytest.raises(ValueError, match=words):
        Gym(GymOptions(env=registered(frames, actions), algorithm=algorithm))


def test_bad_settings(monkeypatch):
    with pytest.raises(ValueError, match="name an environment"):
        Gym(GymOptions())
    with pytest.raises(ValueError, match="'ppo', 'dqn'"):
        Options(algorithm="sac")
    with pytest.raises(ValueError, match="envs"):
        Options(envs=0)
    with pytest.raises(ValueError, match="at least 2 transitions"):
        Options(envs=1, rollout=1)
    with pytest.raises(ValueError, match="side"):
        CatchOptions(side=3)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"appnas\[rl\]"):
        need("stable_baselines3")


def test_subclasses_make_the_environments():
    with pytest.raises(NotImplementedError):
        RL(Options())
