import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import VecMonitor

from appnas.domains.rl.vectors import PADDLE, Catch, Pooled, ProcgenVec, Reach, set_states, states, vector


def play(env, steps, seed=0):
    rng = np.random.default_rng(seed)
    return [env.step(rng.integers(env.action_space.n, size=env.num_envs)) for _ in range(steps)]


def same(first, second):
    return all(np.array_equal(a[i], b[i]) for a, b in zip(first, second, strict=True) for i in range(3))


def test_catch_by_hand():
    """A ball falls a row a step; the paddle moves by the action less one; caught above the paddle, +1."""
    env = Catch(6)
    check_env(Catch(36))
    frame, _ = env.reset(seed=0)
    assert frame.shape == (6, 6, 1) and frame[0].any() and (frame[-1] > 0).sum() == PADDLE
    env.column, env.paddle = 5, 0
    rewards = [env.step(2)[1:3] for _ in range(5)]
    assert rewards == [(0.0, False)] * 4 + [(1.0, True)] and env.paddle == 3
    env.reset()
    env.column, env.paddle = 5, 0
    assert [env.step(0)[1] for _ in range(5)] == [0.0] * 4 + [-1.0] and env.paddle == 0


def test_reach_by_hand():
    """The point moves as it is told, up to the edge; the reward is minus four times the distance over the side."""
    env = Reach(10)
    check_env(Reach(36))
    env.reset(seed=0)
    env.point, env.mark = np.array([2.0, 3.5]), np.array([2.0, 9.0])
    frame, reward, *over = env.step(np.array([0.0, 1.0]))
    assert reward == pytest.approx(-4 * 4.5 / 10) and over == [False, False, {}]
    assert frame.shape == (10, 10, 2) and frame[2, 4:6, 0].tolist() == [127, 127] and frame[2, 9, 1] == 255
    assert (frame > 0).sum() == 3
    for _ in range(18):
        env.step(np.array([0.0, 1.0]))
    _, reward, ended, cut, _ = env.step(np.array([0.0, 1.0]))
    assert (reward, ended, cut) == (0.0, False, True)
    saved = env.get_state()
    first = env.reset()[0]
    env.set_state(saved)
    assert np.array_equal(first, env.reset()[0])


def test_seeds_and_states():
    runs = [play(env, 20) for seed in (3, 3, 4) if (env := vector(lambda: Catch(8), 3, seed)).reset() is not None]
    assert same(runs[0], runs[1]) and not same(runs[0], runs[2])
    env = VecMonitor(vector(lambda: Catch(8), 3, 0))
    env.reset()
    play(env, 4)
    saved = states(env)
    after = play(env, 12, seed=1)
    other = VecMonitor(vector(lambda: Catch(8), 3, 9))
    other.reset()
    set_states(other, saved)
    assert same(after, play(other, 12, seed=1))


def test_pooling():
    env = vector(lambda: Catch(8), 2, 0, shrink=2)
    assert isinstance(env, Pooled) and env.observation_space.shape == (4, 4, 1)
    frame = env.reset()
    assert frame.dtype == np.uint8 and set(np.unique(frame)) <= {0, 64, 128}  # 255 / 4 and 255 / 2, rounded
    over = next(info for *_, infos in play(env, 7) for info in infos if "terminal_observation" in info)
    assert over["terminal_observation"].shape == (4, 4, 1)
    with pytest.raises(ValueError, match="must divide both"):
        vector(lambda: Catch(8), 2, 0, shrink=3)


class Noise(gymnasium.Env):
    """The same frame always."""

    action_space = spaces.Discrete(2)

    def __init__(self, frame):
        self.frame, self.observation_space = frame, spaces.Box(0, 255, frame.shape, frame.dtype)

    def reset(self, *, seed=None, options=None):
        return self.frame, {}

    def step(self, action):
        return self.frame, 0.0, True, False, {}


def test_pooling_leaves_channels_where_they_are():
    last = np.random.default_rng(0).integers(0, 256, (16, 32, 2), dtype=np.uint8)
    small = last.reshape(4, 4, 8, 4, 2).mean((1, 3)).round()
    for frame, expected in ((last, small), (last.transpose(2, 0, 1), small.transpose(2, 0, 1))):
        env = vector(lambda frame=frame: Noise(frame), 3, 0, shrink=4)
        assert env.observation_space.shape == expected.shape
        assert np.array_equal(env.reset(), np.stack([expected] * 3))
        assert np.array_equal(play(env, 1)[0][3][0]["terminal_observation"], expected)
    for shape in ((16, 16, 4), (4, 16, 16)):
        with pytest.raises(ValueError, match="no longer be the smallest axis"):
            vector(lambda shape=shape: Noise(np.zeros(shape, np.uint8)), 1, 0, shrink=4)
    with pytest.raises(ValueError, match="only images can be shrunk"):
        vector(lambda: Noise(np.zeros(4, np.float32)), 1, 0, shrink=2)


@pytest.fixture
def coinrun():
    pytest.importorskip("procgen", reason="the extra `rl` is not installed")
    made = []

    def make(seed=0, game="coinrun"):
        made.append(ProcgenVec(4, game, "easy", 200, 0, seed))
        return made[-1]

    yield make
    for env in made:
        env.close()


def test_procgen_copies_its_frames(coinrun):
    env = coinrun()
    frames = env.reset()
    kept = frames.copy()
    play(env, 3)
    assert frames.shape == (4, 64, 64, 3) and frames.dtype == np.uint8 and env.action_space.n == 15
    assert np.array_equal(frames, kept), "Procgen writes into the memory that it handed out"


def test_procgen_seeds_states_and_ends(coinrun):
    runs = []
    for seed in (1, 1, 2):
        env = coinrun(seed)
        env.reset()
        runs.append(play(env, 60))
    assert same(runs[0], runs[1]) and not same(runs[0], runs[2])
    saved = states(env)
    after = play(env, 30, seed=5)
    other = coinrun(7)
    other.reset()
    set_states(other, saved)
    assert same(after, play(other, 30, seed=5))
    quick = coinrun(game="fruitbot")
    quick.reset()
    long = play(quick, 400)
    ends = [(i, frames, infos) for frames, _, dones, infos in long for i in np.flatnonzero(dones)]
    assert ends and all(np.array_equal(infos[i]["terminal_observation"], frames[i]) for i, frames, infos in ends)


def test_procgen_has_no_python_environments(coinrun):
    env = coinrun()
    assert env.get_attr("render_mode") == [None] * 4 and env.env_is_wrapped(object) == [False] * 4
    for call in (lambda: env.get_attr("x"), lambda: env.set_attr("x", 1), lambda: env.env_method("x")):
        with pytest.raises(AttributeError, match="'x'"):
            call()


def test_procgen_tells_levels_and_successes():
    """The level that a frame is of, and at an end which one is over; further settings of Procgen's."""
    pytest.importorskip("procgen", reason="the extra `rl` is not installed")
    env = ProcgenVec(4, "starpilot", "easy", 3, 10, 1, plain=True, center_agent=False)
    env.reset()
    infos, ends, rng = [], 0, np.random.default_rng(0)
    for _ in range(400):
        before, (_, _, dones, infos) = infos, env.step(rng.integers(15, size=4))
        assert all(10 <= info["level_seed"] < 13 for info in infos)
        for i in np.flatnonzero(dones):
            ends += 1
            assert infos[i]["is_success"] == bool(infos[i]["prev_level_complete"])
            assert not before or infos[i]["prev_level_seed"] == before[i]["level_seed"]
    assert ends
    env.close()
