import warnings

import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN
from stable_baselines3.common.vec_env import VecTransposeImage
from torch import nn

from appnas.agent import ArchCallback, make_policy_kwargs, swap_encoder
from appnas.agent.features import Features
from appnas.agent.sb3 import searching, supernets
from appnas.agent.tying import Training
from appnas.domains.rl.vectors import Catch, vector
from appnas.space import IO, describe
from appnas.spaces import Encoder
from appnas.spaces.rl import ImpalaCNN
from appnas.supernet import SelfSampled

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


def test_frames_of_many_channels():
    """Stacked bytes come from SB3 as they are; floats with the policy's word that they are scaled."""
    assert Features(spaces.Box(0, 255, (20, 16, 16), np.uint8), SPACE, None).features_dim == 16
    kwargs = make_policy_kwargs(SPACE, normalize_images=False)
    model = PPO("CnnPolicy", Still(floats(12, 16, 16)), n_steps=4, batch_size=4, policy_kwargs=kwargs, device="cpu")
    entry = next(m for m in searching(model).modules() if isinstance(m, torch.nn.Conv2d))
    assert entry.in_channels == 12


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


ALONE = Encoder(channels=(4, 4), width=(4, 6), nodes=2, cells=1, depth=1, hidden=16, norm="group")
"""Features of a frame that depend on no other frame, so that a ratio can be 1."""
SETTINGS = {
    PPO: {"n_steps": 16, "batch_size": 32, "n_epochs": 2, "learning_rate": 3e-3},
    A2C: {"n_steps": 16},
    DQN: {
        "learning_starts": 16,
        "buffer_size": 200,
        "batch_size": 16,
        "target_update_interval": 32,
        "gradient_steps": 4,
    },
}


def sampling(kind=PPO, hold="rollout", seed=0, **more):
    kwargs = make_policy_kwargs(ALONE, scale=10.0, sampled=hold, **more)
    env = vector(lambda: Catch(16), 4, seed)
    return kind("CnnPolicy", env, policy_kwargs=kwargs, seed=seed, device="cpu", **SETTINGS[kind])


def sample_of(net):
    return tuple(net.paths_0.flatten().tolist())


def trained(model, rollouts=3):
    """For every rollout, the ratio of PPO and the sample in every minibatch."""
    found, old, get, evaluate = [], [], model.rollout_buffer.get, model.policy.evaluate_actions

    def minibatches(size):
        for data in get(size):
            old[:] = [data.old_log_prob]
            yield data

    def watched(*given):
        values, logp, entropy = evaluate(*given)
        found.append((torch.exp(logp.detach() - old[0]), sample_of(searching(model))))
        return values, logp, entropy

    model.rollout_buffer.get, model.policy.evaluate_actions = minibatches, watched
    model.learn(rollouts * 64)
    each = len(found) // rollouts
    return [found[i * each : (i + 1) * each] for i in range(rollouts)]


def test_the_ratio_of_ppo_begins_at_1():
    """Acting and learning are of one sample, which all gradient steps of a rollout keep."""
    rollouts = trained(sampling())
    for minibatches in rollouts:
        assert len(minibatches) == 4 and len({sample for _, sample in minibatches}) == 1
        first, last = minibatches[0][0], minibatches[-1][0]
        torch.testing.assert_close(first, torch.ones_like(first), rtol=0, atol=1e-5)
        assert (last - 1).abs().max() > 1e-4, "and the policy has moved since"
    assert len({minibatches[0][1] for minibatches in rollouts}) == 3, "every rollout has its own sample"


def test_samples_that_do_not_hold_would_spoil_the_ratio():
    model = sampling()
    searching(model).held = False
    (minibatches,) = trained(model, 1)
    assert len({sample for _, sample in minibatches}) == 4
    assert (minibatches[0][0] - 1).abs().max() > 1e-3


def test_dqn_draws_at_every_pass():
    """Both networks: the target's samples are its own."""
    model = sampling(DQN, "step")
    online, target = supernets(model)
    seen = {online: [], target: []}
    for net, samples in seen.items():
        net.supernet.register_forward_hook(lambda *_, net=net, samples=samples: samples.append(sample_of(net)))
    model.learn(64, callback=ArchCallback())
    steps = model._n_updates
    assert steps > 5 and len(seen[target]) == steps and len(seen[online]) > steps
    assert len(set(seen[target])) > steps // 2 and len(set(seen[online])) > steps // 2
    assert online.alpha[0].abs().max() > 0


@pytest.mark.filterwarnings("ignore:Evaluation environment is not wrapped")
@pytest.mark.parametrize(("kind", "hold"), [(DQN, "step"), (PPO, "rollout")])
def test_evaluation_leaves_the_training_as_it_is(kind, hold):
    """It acts by one sample, and draws none; what a deterministic policy does is the same twice."""
    found, other = [], VecTransposeImage(vector(lambda: Catch(16), 1, 9))
    for callbacks in ([], [EvalCallback(other, eval_freq=5, n_eval_episodes=2, verbose=0)]):
        model = sampling(kind, hold).learn(96, callback=callbacks)
        found.append(torch.cat([p.detach().flatten() for p in model.policy.parameters()]))
        frames = np.random.default_rng(0).integers(0, 255, (64, 1, 16, 16)).astype(np.uint8)
        assert np.array_equal(*(model.predict(frames, deterministic=True)[0] for _ in range(2)))
    assert torch.equal(*found)


def test_an_agent_that_was_saved_goes_on_with_its_sample(tmp_path):
    for kind, hold in ((PPO, "rollout"), (DQN, "step")):
        model = sampling(kind, hold).learn(64)
        model.save(tmp_path / "agent.zip")
        twin = kind.load(tmp_path / "agent.zip", env=model.get_env(), device="cpu")
        frames = model.get_env().reset()
        for _ in range(3):
            actions = [m.predict(frames, deterministic=True)[0] for m in (model, twin)]
            assert np.array_equal(*actions)
            for agent in (model, twin):
                agent.policy.set_training_mode(True)
            assert [sample_of(n) for n in supernets(model)] == [sample_of(n) for n in supernets(twin)]
        twin.learn(64, reset_num_timesteps=False)


@pytest.mark.parametrize(("kind", "right"), [(PPO, "rollout"), (A2C, "rollout"), (DQN, "step")])
def test_a_sample_that_does_not_fit_the_agent_is_refused(kind, right):
    """When it is made: a callback is not needed for the ratio to be wrong."""
    sampling(kind, right).learn(64, callback=ArchCallback())
    with pytest.raises(ValueError, match=f"give sampled='{right}'"):
        sampling(kind, "step" if right == "rollout" else "rollout")


def test_arguments_of_sampling():
    with pytest.raises(ValueError, match="'rollout'"):
        make_policy_kwargs(ALONE, sampled="gumbel")
    with pytest.raises(ValueError, match="paths at least 1"):
        make_policy_kwargs(ALONE, sampled="rollout", paths=0)
    other = swap_encoder(sampling(paths=2), Encoder(channels=(4,), nodes=1, cells=1, hidden=8))
    net = searching(other)
    assert isinstance(net, SelfSampled) and net.held and len(net.paths_0) == 2
    derived = swap_encoder(other, ALONE, (0, 1, 2))
    assert not supernets(derived)
    derived.learn(64)


def test_a_genotype_of_an_interrupted_training(tmp_path):
    """The callback answers at any moment, so that a swap never builds a supernet by mistake."""

    class Interrupt(ArchCallback):
        def _on_step(self):
            if self.num_timesteps > 100:
                raise KeyboardInterrupt
            return True

    watch, model = Interrupt(out=tmp_path / "encoder.json", snapshots=3), sampling()
    with pytest.raises(ValueError, match=r"call learn\(callback"):
        _ = watch.genotype
    with pytest.raises(KeyboardInterrupt):
        model.learn(256, callback=watch)
    assert watch.genotype == describe(ALONE.choices, searching(model).arch())
    assert (tmp_path / "encoder.json").exists()
    assert not supernets(swap_encoder(model, ALONE, watch.genotype))


def test_frames_that_an_extractor_of_sb3_cannot_read():
    """NatureCNN's first kernel has eight pixels: torch's words come with what would do."""
    with pytest.raises(ValueError, match=r"NatureCNN cannot read frames of \(1, 16, 16\).*36 pixels a side"):
        Features(BYTES, NatureCNN)


class Signed(BaseFeaturesExtractor):
    """An extractor of SB3 with features of both signs."""

    def __init__(self, observation_space, features_dim=6):
        super().__init__(observation_space, features_dim)
        numbers = int(np.prod(observation_space.shape))
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(numbers, features_dim), nn.Tanh())

    def forward(self, x):
        return self.net(x)


@pytest.mark.parametrize("made", [Signed, lambda io: nn.Sequential(nn.Flatten(), nn.Linear(256, 6), nn.Tanh())])
def test_features_of_a_hand_made_encoder_come_as_it_gives_them(made):
    """Alone and in a dictionary; a searched one's are rectified."""
    frames = torch.rand(9, 1, 16, 16)
    assert Features(BYTES, made)(frames).min() < 0 <= Features(BYTES, SPACE)(frames).min()
    shown = spaces.Dict(view=BYTES)
    assert Features(shown, made)({"view": frames}).min() < 0 <= Features(shown, SPACE)({"view": frames}).min()


def test_the_encoders_made_by_hand_here_rectify_themselves():
    """So that their agents train as those of searched encoders do."""
    frames = torch.rand(9, 1, 40, 40)
    for made in (ImpalaCNN, NatureCNN):
        features = Features(spaces.Box(0, 255, (1, 40, 40), np.uint8), made)(frames)
        assert features.min() == 0 < features.max()


def test_looking_for_the_number_of_features_leaves_no_trace():
    """Statistics of given weights are as given, and modes as they were."""

    def normed(io):
        return nn.Sequential(nn.BatchNorm2d(io.inputs[0]), nn.Flatten(), nn.Linear(256, 4))

    weights = {name: torch.full_like(x, 3) for name, x in normed(IO((1, 16, 16), ())).state_dict().items()}
    made = Features(BYTES, normed, training=Training(weights=weights))
    assert all(torch.equal(x, weights[name]) for name, x in made.network.state_dict().items())
    assert all(part.training for part in made.modules())
