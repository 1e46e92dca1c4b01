import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack
from test_observations import Still

from appnas.agent import frames, make_policy_kwargs
from appnas.agent.vec_observations import VecFrames
from appnas.spaces import Encoder


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


@pytest.mark.filterwarnings("ignore:Treating image space")
@pytest.mark.parametrize(
    ("shape", "kind", "bounds", "count"),
    [
        ((16, 12, 4), np.bool_, None, 4),  # SB3 would take the width for the channels, without a word
        ((16, 12, 4), np.float32, (0, 1), 4),  # and so would we
        ((10, 10, 4), np.bool_, None, 3),  # axes that may be read in two ways
    ],
)
def test_frames_that_are_stacked_too_late_are_refused(shape, kind, bounds, count):
    """Alone and in a dictionary: the message says what would do, and that does."""
    box = spaces.Box(0, 1, shape, kind)
    space = Encoder(channels=(2,), width=(2,), nodes=2, cells=1, depth=1, hidden=6, norm="group")

    def agent(env, policy="CnnPolicy"):
        return PPO(policy, env, policy_kwargs=make_policy_kwargs(space), n_steps=8, batch_size=8, device="cpu")

    def late(shown):
        made = DummyVecEnv([lambda: frames(Still(shown), "channels_last", bounds)])
        stack = "first" if shown is box else {"view": "first"}
        return VecFrameStack(made, count, channels_order=stack)

    with pytest.raises(ValueError, match=r"channels first; stacked, they come as \[\d+, .*stack before frames"):
        agent(late(box))
    with pytest.raises(ValueError, match="stack before frames"):
        agent(late(spaces.Dict(view=box)), "MultiInputPolicy")
    first = VecFrameStack(DummyVecEnv([lambda: Still(box)]), count, channels_order="last")
    read = agent(frames(first, "channels_last", bounds)).policy.features_extractor.read
    assert read.shape == (shape[2] * count, *shape[:2])
