"""domains.rl.pictures: control by sight."""

import math

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces

from appnas.domains.rl import pixels
from appnas.domains.rl.pictures import LINES, Pixels, drawn

CLASSIC = ["Pendulum-v1", "CartPole-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0"]


class Shown(gymnasium.Env):
    """Renders how many steps it is old, in red; ends at the fourth."""

    observation_space, action_space = spaces.Box(-1, 1, (2,)), spaces.Box(-1, 1, (1,))

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(2, np.float32), 1.0, self.t == 4, False, {}

    def render(self):
        picture = np.zeros((40, 60, 3), np.uint8)
        picture[..., 0] = 50 * self.t
        return picture


@pytest.mark.parametrize("name", CLASSIC)
def test_classic_control_is_drawn_without_a_window(name):
    env = pixels(name, 2, seed=1, side=24)
    frames = env.reset()
    assert frames.shape == (2, 24, 24, 3) and frames.dtype == np.uint8 and env.observation_space.contains(frames[0])
    assert 100 < frames.max() and frames.mean() < 100 and (frames[..., :1] == frames).all(), "the first one three times"
    moved = [env.step(np.array([env.action_space.sample() for _ in range(2)]))[0] for _ in range(6)]
    assert (moved[0][..., :2] == frames[..., 1:]).all() and (moved[-1][..., 2] != moved[-1][..., 0]).any()
    again = pixels(name, 2, seed=1, side=24).reset()
    assert (again == frames).all() and (again[0] != again[1]).any()


def ink(env, state):
    """Where the ink is: mean column and row, in shares from the middle, right and down."""
    env.unwrapped.state = np.array(state)
    picture = drawn(LINES[type(env.unwrapped).__name__](env.unwrapped), 48).astype(float)
    at = (np.arange(48) + 0.5) / 48 - 0.5
    return (picture.sum(0) @ at) / picture.sum(), (picture.sum(1) @ at) / picture.sum()


def test_directions_are_those_of_gymnasium():
    """Pendulum: 0 is up and angles go to the left; a pole leans right where its angle is positive."""
    pendulum = gymnasium.make("Pendulum-v1")
    assert ink(pendulum, (0.0, 0.0)) == pytest.approx((0, -0.2), abs=0.02)
    assert ink(pendulum, (math.pi / 2, 0.0)) == pytest.approx((-0.2, 0), abs=0.02)
    pole = gymnasium.make("CartPole-v1")
    assert ink(pole, (0, 0, 0.2, 0))[0] > 0.01 and ink(pole, (-1.2, 0, 0, 0))[0] == pytest.approx(-0.25, abs=0.02)
    acrobot = gymnasium.make("Acrobot-v1")
    assert ink(acrobot, (0, 0, 0, 0))[1] > 0.15 and ink(acrobot, (math.pi, 0, 0, 0))[1] < -0.15
    car = gymnasium.make("MountainCar-v0")
    assert ink(car, (-0.5, 0))[1] > ink(car, (0.4, 0))[1] and ink(car, (0.4, 0))[0] > 0.2


def test_what_renders_itself_is_averaged_down():
    env = Pixels(Shown("rgb_array"), side=8, frames=2, repeat=3)
    assert (env.reset()[0] == 0).all()
    frames, reward, over, _, _ = env.step(env.action_space.sample())
    assert frames.shape == (8, 8, 2) and (frames[..., 0] == 0).all() and (frames[..., 1] == 45).all()  # 0.299 x 150
    assert (reward, over) == (3.0, False)
    assert env.step(env.action_space.sample())[1:3] == (1.0, True), "an end is not acted beyond"


def test_what_cannot_be_seen():
    with pytest.raises(ValueError, match="render_mode='rgb_array'"):
        Pixels(Shown())
    with pytest.raises(ValueError, match="at least 1"):
        Pixels(Shown("rgb_array"), frames=0)
