import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from gymnasium import spaces
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize, VecTransposeImage
from test_observations import Still

from appnas.agent import ArchCallback, frames, make_policy_kwargs, swap_encoder
from appnas.agent.features import Features
from appnas.agent.joined import Image, numbers, row
from appnas.agent.sb3 import searching
from appnas.space import IO
from appnas.spaces import Encoder, Torso

SPACE = Encoder(channels=(4,), width=(4,), nodes=2, cells=1, depth=1, norm="group", hidden=6)
TORSO = Torso(layers=2, widths=(4, 8), activations=("tanh", "relu"))
RGB = spaces.Box(0, 255, (8, 8, 3), np.uint8)
SETTINGS = {
    PPO: {"n_steps": 8, "batch_size": 8, "n_epochs": 1, "learning_rate": 1e-2},
    DQN: {"buffer_size": 50, "learning_starts": 4, "learning_rate": 1e-2},
}


def searched(env, space=SPACE, policy="CnnPolicy", kind=PPO, **more):
    """Search, derive, save, load: what a user does, and that the logits move and actions stay."""
    kwargs = make_policy_kwargs(space, scale=5.0, **more)
    model = kind(policy, env, policy_kwargs=kwargs, device="cpu", seed=0, **SETTINGS[kind])
    watch = ArchCallback(snapshots=2)
    model.learn(16, callback=watch)
    assert searching(model).alpha[0].any()
    derived = swap_encoder(model, space, watch.genotype)
    derived.learn(16)
    return model, derived


def vec(space, count=2, wrap=lambda env: env):
    return make_vec_env(lambda: wrap(Still(space)), count)


def test_an_encoder_for_every_image_and_the_rest_joined(tmp_path):
    """One architecture; two encoders of their own weights; vectors as they are, numbers of a set one of each."""
    shown = spaces.Dict(
        front=RGB,
        back=spaces.Box(0, 255, (12, 16, 1), np.uint8),
        speed=spaces.Box(-5, 5, (2, 2)),
        way=spaces.Discrete(4),
    )
    model, derived = searched(vec(shown), policy="MultiInputPolicy")
    assert model.policy.features_dim == derived.policy.features_dim == 2 * 6 + 4 + 4
    network = searching(model)
    assert len(network.alpha) == 1 and len(network.supernet.encoders) == 2
    speed = torch.tensor([[[-3.0, 1.0], [2.0, -0.5]]])
    features = model.policy.extract_features(
        {"front": torch.zeros(1, 3, 8, 8), "back": torch.zeros(1, 1, 12, 16), "speed": speed, "way": torch.tensor([2])}
    )
    assert features[0, 12:].tolist() == [-3.0, 1.0, 2.0, -0.5, 0, 0, 1, 0]
    derived.save(tmp_path / "agent.zip")
    loaded, first = PPO.load(tmp_path / "agent.zip"), derived.get_env().reset()
    assert (loaded.predict(first, deterministic=True)[0] == derived.predict(first, deterministic=True)[0]).all()


def test_minigrid_as_it_is_and_off_policy():
    shown = spaces.Dict(image=spaces.Box(0, 255, (7, 7, 3), np.uint8), direction=spaces.Discrete(4))
    model, _ = searched(vec(shown, 1), policy="MultiInputPolicy", kind=DQN)
    assert model.policy.q_net.features_extractor.features_dim == 6 + 4
    searched(vec(shown), policy="MultiInputPolicy", sampled="rollout")


@pytest.mark.parametrize("kind", [PPO, DQN])
def test_booleans_channels_last_with_and_without_the_wrapper(kind):
    """SB3 hands them over as they are; the encoder sees the same by either way."""
    shown = spaces.Box(0, 1, (10, 10, 4), np.bool_)
    seen = []
    for wrap in (lambda env: env, frames):
        model, _ = searched(vec(shown, 1, wrap), kind=kind)
        extractor = model.policy.q_net.features_extractor if kind is DQN else model.policy.features_extractor
        entry = next(m for m in extractor.modules() if isinstance(m, torch.nn.Conv2d))
        assert entry.in_channels == 4
        raw = np.random.default_rng(0).random((1, 10, 10, 4)) < 0.4
        given = raw if wrap is not frames else 255 * raw.transpose(0, 3, 1, 2).astype(np.uint8)
        caught = []
        entry.register_forward_hook(lambda m, x, y, caught=caught: caught.append(x[0].clone()))
        model.predict(given)
        seen.append(caught[0])
    torch.testing.assert_close(*seen)


@pytest.mark.parametrize(
    "make",
    [
        lambda: VecFrameStack(vec(RGB), 2),
        lambda: VecFrameStack(VecTransposeImage(vec(spaces.Box(0, 255, (8, 8, 1), np.uint8))), 12),
        lambda: VecNormalize(vec(RGB), norm_obs=False),
        lambda: vec(RGB, wrap=lambda env: frames(frames(env))),
        lambda: VecFrameStack(vec(spaces.Box(0, 255, (8, 8), np.uint8), wrap=frames), 2),
        lambda: frames(VecFrameStack(vec(spaces.Box(0, 1, (10, 10, 3), np.bool_)), 2)),
        lambda: vec(spaces.Box(0, 1, (7, 7, 20), np.bool_), wrap=lambda env: frames(env, layout="channels_last")),
    ],
)
def test_wrappers_side_by_side(make):
    searched(make())


def test_normalised_frames_with_the_word_for_it():
    """Also where it is said beside the encoder's settings, as one merges dictionaries."""
    searched(VecNormalize(vec(RGB)), normalize_images=False)
    shown = vec(spaces.Box(0, 10, (3, 12, 12), np.float32))
    kwargs = make_policy_kwargs(SPACE) | {"normalize_images": False}
    assert PPO("CnnPolicy", shown, policy_kwargs=kwargs, device="cpu").policy.features_dim == 6


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (spaces.Box(0, 255, (16, 16), np.uint8), r"grey frames \[H, W\].*appnas.agent.frames"),
        (spaces.Box(0, 10, (16, 16, 3), np.uint8), r"0 to 255.*appnas.agent.frames\(env, ...\)"),
        (spaces.Box(-10, 10, (16, 16, 3), np.float32), "VecNormalize: norm_obs=False"),
        (spaces.Box(0, 1, (10, 10, 10), np.bool_), "layout='channels_first' or layout='channels_last'"),
        (spaces.Box(0, 255, (16, 16, 20), np.uint8), "layout='channels_first' or layout='channels_last'"),
        (spaces.Box(0, 255, (4, 16, 16, 3), np.uint8), "3 axes; appnas.agent.frames"),
        (spaces.Box(-1, 1, (4,)), "nothing to convolve"),
    ],
)
def test_what_cannot_be_known_is_asked_for(shown, words):
    with pytest.raises(ValueError, match=words):
        Image(shown, False)
    with pytest.raises(ValueError, match=f"observation 'view'.*{words}|none of which is one"):
        Features(spaces.Dict(view=shown, speed=spaces.Box(-1, 1, (1,))), SPACE, None)


def test_bytes_from_sb3_are_channels_first_already():
    assert Image(spaces.Box(0, 255, (20, 16, 16), np.uint8), False).shape == (20, 16, 16)
    assert Image(spaces.Box(0, 1, (16, 16, 3), np.float32), False).shape == (3, 16, 16)


def test_torsos_take_vectors():
    model, derived = searched(vec(spaces.Box(-1, 1, (5,))), TORSO, "MlpPolicy")
    assert model.policy.features_dim == 8 and derived.policy.features_dim in (4, 8)
    shown = spaces.Dict(a=spaces.Box(-1, 1, (2, 2)), b=spaces.MultiDiscrete([2, 3]))
    assert numbers(shown) == 4 + 5
    searched(vec(shown), TORSO, "MultiInputPolicy")
    assert row({"a": torch.zeros(3, 2, 2), "b": torch.ones(3, 5)}).shape == (3, 9)
    made = Features(spaces.Box(-1, 1, (5,)), lambda io: torch.nn.Linear(io.inputs[0], 7), None)
    assert made.features_dim == 7
    with pytest.raises(ValueError, match="torso takes vectors"):
        Features(RGB, TORSO, None)
    assert TORSO.build((0,) * 8, IO((5,), ())).features == 4
