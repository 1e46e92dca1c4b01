import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv
from test_observations import Still

from appnas.agent import frames
from appnas.agent.vec_observations import VecFrames


def test_all_frames_that_are_shown():
    """After a reset, after a step, and the last one of an episode."""
    shown = np.random.default_rng(0).random((10, 10, 4)) < 0.3
    env = frames(DummyVecEnv([lambda: Still(spaces.Box(0, 1, (10, 10, 4), np.bool_), shown)] * 2))
    assert isinstance(env, VecFrames)
    expected = 255 * shown.transpose(2, 0, 1)
    assert np.array_equal(env.reset(), [expected] * 2)
    out, _, dones, infos = env.step(np.zeros(2, int))
    assert dones.all() and np.array_equal(out, [expected] * 2)
    assert np.array_equal(infos[0]["terminal_observation"], expected)


def test_dictionaries():
    space = spaces.Dict(image=spaces.Box(0, 255, (9, 12), np.uint8), speed=spaces.Box(-1, 1, (2,), np.float32))
    env = frames(DummyVecEnv([lambda: Still(space)] * 3), keys=("image",))
    assert env.reset()["image"].shape == (3, 1, 9, 12) and set(env.observation_space) == {"image"}
    *_, infos = env.step(np.zeros(3, int))
    assert infos[0]["terminal_observation"]["image"].shape == (1, 9, 12)
