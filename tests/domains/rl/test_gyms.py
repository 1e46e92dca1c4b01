import numpy as np
import pytest
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces

import appnas
from appnas.domains.rl import CatchOptions, Gym, GymOptions
from appnas.spaces import Torso


class Strange(gymnasium.Env):
    """One step, then the end."""

    @property
    def zero(self):
        return self.observation_space.dtype.type(0)

    def __init__(self, frames, actions):
        self.observation_space, self.action_space = frames, actions

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._nothing(), {}

    def step(self, action):
        return self._nothing(), 1.0, True, False, {}

    def _nothing(self):
        shown = self.observation_space.sample()
        return {key: part * 0 for key, part in shown.items()} if isinstance(shown, dict) else shown * self.zero


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
        (spaces.Discrete(4), spaces.Discrete(2), "images, or vectors of floats"),
        (spaces.Box(0, 1, (8, 8, 8), np.bool_), spaces.Discrete(2), "layout='channels_first'"),
        (spaces.Dict(a=image(8, 8, 3)), spaces.Discrete(2), "key= one of 'a', got ''"),
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


@pytest.mark.parametrize(
    ("shown", "more", "inputs"),
    [
        (spaces.Box(0, 1, (8, 12, 3), np.float32), {}, (3, 8, 12)),
        (spaces.Box(0, 1, (10, 10, 4), np.bool_), {"stack": 2}, (8, 10, 10)),
        (spaces.Box(0, 10, (8, 8, 3), np.uint8), {"shrink": 2}, (3, 4, 4)),
        (spaces.Box(0, 255, (8, 12), np.uint8), {"stack": 4}, (4, 8, 12)),
        (spaces.Box(0, 1, (8, 8, 8), np.bool_), {"layout": "channels_last"}, (8, 8, 8)),
        (spaces.Box(0, 1, (7, 7, 20), np.bool_), {"layout": "channels_last"}, (20, 7, 7)),
        (spaces.Dict(view=image(8, 8, 3), speed=spaces.Box(-1, 1, (2,))), {"key": "view"}, (3, 8, 8)),
        (spaces.Box(-1, 1, (5,), np.float32), {}, (5,)),
        (spaces.Box(-1, 1, (5,), np.float32), {"stack": 2}, (10,)),
    ],
)
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_frames_of_any_kind_and_vectors(registered, shown, more, inputs, algorithm):
    name = registered(shown, spaces.Discrete(2))
    sizes = {"envs": 2, "rollout": 4, "batch": 4, "epochs": 1, "episodes": 2, "warmup": 2}
    domain = Gym(GymOptions(env=name, algorithm=algorithm, **sizes, **more))
    assert domain.io.inputs == inputs and domain.example(2)[0].shape == (2, *inputs)
    net = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(inputs)), domain.io.outputs[0]))
    domain.fit(net, 8)
    assert domain.score(net)["value"] == 1.0


def test_a_torso_is_searched_on_a_vector():
    space = Torso(layers=2, widths=(4, 8), activations=("tanh", "relu"))
    domain = Gym(GymOptions(env="CartPole-v1", envs=2, rollout=16, batch=16, epochs=1, episodes=2))
    result = appnas.search(space, domain, "rl_darts", steps=1, scale=3.0)
    assert result.retrain(32).rows[0].mean("return") > 0
