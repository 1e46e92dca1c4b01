import numpy as np
import pytest
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces

from appnas.domains.rl import CatchOptions, Gym, GymOptions


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


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
@pytest.mark.parametrize("shape", [(12, 40, 40), (2, 40, 40), (20, 64, 64), (40, 40, 12)])
def test_stacked_frames(registered, shape, algorithm):
    """The smallest axis is that of the channels, here as for SB3, also when frames shrink."""
    name = registered(image(*shape), spaces.Discrete(2))
    sizes = {"envs": 2, "rollout": 4, "batch": 4, "epochs": 1, "episodes": 2, "warmup": 2}
    domain = Gym(GymOptions(env=name, algorithm=algorithm, shrink=2, **sizes))
    channels, side = min(shape), max(shape) // 2
    assert domain.io.inputs == (channels, side, side) and domain.example(2)[0].shape == (2, channels, side, side)
    net = nn.Sequential(nn.Flatten(), nn.Linear(channels * side**2, domain.io.outputs[0]))
    domain.fit(net, 8)
    assert domain.score(net)["value"] == 1.0


@pytest.mark.parametrize(
    ("frames", "actions", "words"),
    [
        (spaces.Box(-1, 1, (4,), np.float32), spaces.Discrete(2), "A vector has nothing"),
        (spaces.Box(0, 1, (8, 8, 3), np.float32), spaces.Discrete(2), "uint8"),
        (spaces.Box(0, 1, (8, 8, 3), np.uint8), spaces.Discrete(2), "0 to 255"),
        (image(8, 8, 3), spaces.Box(-1, 1, (2,), np.float32), r"Discrete.*make_policy_kwargs"),
        (image(8, 8, 3), spaces.MultiDiscrete([2, 3]), "Discrete"),
        (image(8, 8, 3), spaces.MultiBinary(3), "Discrete"),
    ],
)
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_environments_that_do_not_fit(registered, algorithm, frames, actions, words):
    with pytest.raises(ValueError, match=words):
        Gym(GymOptions(env=registered(frames, actions), algorithm=algorithm))


def test_bad_settings():
    with pytest.raises(ValueError, match="name an environment"):
        Gym(GymOptions())
    with pytest.raises(ValueError, match="side"):
        CatchOptions(side=3)
