import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from stable_baselines3.common.env_checker import check_env

from appnas.domains.rl.games.players import AtariVec, MinAtarGame


def test_minatar_is_an_environment_that_ends_and_can_be_seeded():
    pytest.importorskip("minatar", reason="the extra `minatar` is not installed")
    check_env(MinAtarGame("breakout", 50, 0.1), warn=False)  # of booleans, which `frames` makes bytes
    env = MinAtarGame("breakout", 5, 0.0)
    runs = []
    for seed in (0, 0, 1):
        frames = [env.reset(seed=seed)[0]]
        ends = []
        for _ in range(5):
            frame, _, over, cut, _ = env.step(0)
            frames.append(frame)
            ends.append(over or cut)
        assert ends == [False] * 4 + [True]
        runs.append(np.stack(frames))
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


def test_atari_side_by_side():
    """Two lives of training, each an episode with a last frame; the same seed, the same game."""
    pytest.importorskip("ale_py", reason="the extra `atari` is not installed")
    runs = []
    for _ in range(2):
        env = AtariVec("breakout", 2, 3, 0.0, training=True)
        first, last, rewards = env.reset(), None, []
        for _ in range(150):
            frames, reward, dones, infos = env.step(np.array([0, 1]))
            rewards.append(reward)
            if dones.any():
                last = infos[int(dones.argmax())]["terminal_observation"]
                break
        assert first.shape == frames.shape == (2, 4, 84, 84) and last is not None and last.shape == (4, 84, 84)
        assert set(np.unique(rewards)) <= {-1.0, 0.0, 1.0}
        with pytest.raises(AttributeError, match="no attribute 'lives'"):
            env.get_attr("lives")
        env.close()
        runs.append((first, len(rewards), frames))
    assert (
        np.array_equal(runs[0][0], runs[1][0]) and runs[0][1] == runs[1][1] and np.array_equal(runs[0][2], runs[1][2])
    )
