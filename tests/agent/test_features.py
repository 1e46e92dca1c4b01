import warnings

import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import CombinedExtractor

from appnas.agent import make_policy_kwargs
from appnas.agent.features import Features
from appnas.agent.sb3 import searching
from appnas.spaces import Encoder

SPACE = Encoder(channels=(4, 4), width=(4, 6), nodes=2, cells=1, depth=1, hidden=16)
BYTES = spaces.Box(0, 255, (1, 16, 16), np.uint8)


def floats(*shape):
    return spaces.Box(0, 1, shape, np.float32)


class Still(gymnasium.Env):
    """One step, then the end."""

    action_space = spaces.Discrete(2)

    def __init__(self, shown):
        self.observation_space = shown

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 1.0, True, False, {}


@pytest.mark.parametrize(
    ("shown", "scaled", "words"),
    [
        (floats(4), True, "a vector has nothing to convolve"),
        (spaces.Dict(image=BYTES, speed=floats(1)), False, "CombinedExtractor of your own"),
        (spaces.Box(0, 255, (4, 16, 16, 3), np.uint8), False, "stacked frames"),
        (floats(40, 40, 12), True, "channels come first"),
        (floats(40, 40, 12), False, "channels come first"),
        (floats(12, 40, 40), False, "normalize_images=False"),
        (spaces.Box(0, 1, (1, 16, 16), np.uint8), False, "normalize_images=False"),
    ],
)
def test_what_is_no_image_is_refused(shown, scaled, words):
    with pytest.raises(ValueError, match=words):
        Features(shown, SPACE, None, scaled=scaled)


def test_frames_of_many_channels():
    """Stacked bytes come from SB3 as they are; floats with the policy's word that they are scaled."""
    assert Features(spaces.Box(0, 255, (20, 16, 16), np.uint8), SPACE, None).features_dim == 16
    kwargs = make_policy_kwargs(SPACE, normalize_images=False)
    model = PPO("CnnPolicy", Still(floats(12, 16, 16)), n_steps=4, batch_size=4, policy_kwargs=kwargs, device="cpu")
    entry = next(m for m in searching(model).modules() if isinstance(m, torch.nn.Conv2d))
    assert entry.in_channels == 12


def test_one_of_several_observations():
    """As the error says: the encoder in a combined extractor of one's own, searched like any."""

    class Combined(CombinedExtractor):
        def __init__(self, shown, **encoder):
            super().__init__(shown)
            self._features_dim += 16 - self.extractors["image"].features_dim
            self.extractors["image"] = Features(shown["image"], **encoder)

    env = Still(spaces.Dict(image=spaces.Box(0, 255, (40, 40, 1), np.uint8), speed=floats(1)))
    with pytest.raises(ValueError, match="holds several observations"):
        PPO("MultiInputPolicy", env, policy_kwargs=make_policy_kwargs(SPACE), device="cpu")
    space = Encoder(channels=(4, 4), nodes=2, cells=1, hidden=16, norm="group")
    kwargs = make_policy_kwargs(space, features_extractor_class=Combined)
    model = PPO("MultiInputPolicy", env, n_steps=8, batch_size=4, n_epochs=1, policy_kwargs=kwargs, device="cpu")
    model.learn(8)
    assert searching(model).alpha[0].any() and model.policy.features_dim == 17


def test_one_frame_alone_warns_once_if_it_is_normalised_by_its_batch():
    frames = torch.rand(4, 1, 16, 16)
    features = Features(BYTES, SPACE, None).eval()
    with pytest.warns(UserWarning, match="norm='group'"):
        alone = features(frames[:1])
    assert not torch.allclose(alone, features(frames)[:1], atol=1e-3), "as the warning says"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features(frames[:1])
        Features(BYTES, SPACE, None).train()(frames[:1])
        own = Features(BYTES, Encoder(channels=(4, 4), nodes=2, cells=1, hidden=16, norm="group"), None).eval()
        torch.testing.assert_close(own(frames[:1]), own(frames)[:1])
