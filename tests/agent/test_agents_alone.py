"""An encoder of ours changes an agent's extractor, and nothing else: every agent beside itself."""

import numpy as np
import pytest
import torch

pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.torch_layers import NatureCNN
from torch import nn

from appnas.agent import ArchCallback, encoder_of, make_policy_kwargs, swap_encoder
from appnas.agent.sb3 import searching, supernets
from appnas.agent.tying import optimisers
from appnas.domains.rl.vectors import vector
from appnas.spaces import Encoder

SPACE = Encoder(channels=(2, 2), width=(2, 2), nodes=2, cells=1, depth=1, hidden=8, norm="group")
ARCH = (1, 0, 3)
ON, OFF = {"n_steps": 8, "batch_size": 8}, {"learning_starts": 4, "buffer_size": 50, "batch_size": 4}
CHOOSE, MOVE = spaces.Discrete(3), spaces.Box(-1, 1, (2,))
AGENTS = {
    PPO: ON, A2C: {"n_steps": 8}, DQN: OFF, QRDQN: OFF, SAC: OFF, TD3: OFF, DDPG: OFF, TQC: OFF, CrossQ: OFF,
    RecurrentPPO: ON, MaskablePPO: ON, TRPO: ON,
}  # fmt: skip
BOTH = (SAC, TD3, DDPG, TQC, CrossQ)
POLICIES = {RecurrentPPO: "CnnLstmPolicy", CrossQ: "MlpPolicy"}


class Anything(gymnasium.Env):
    """Frames without a meaning."""

    def __init__(self, actions, side):
        self.observation_space, self.action_space = spaces.Box(0, 255, (side, side, 1), np.uint8), actions

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._frame(), {}

    def _frame(self):
        return self.np_random.integers(0, 256, self.observation_space.shape).astype(np.uint8)

    def step(self, action):
        self.t += 1
        return self._frame(), float(np.sum(action) > 0), self.t == 6, False, {}

    def action_masks(self):
        return np.ones(3, bool)


def agent(kind, policy_kwargs, side=16, **settings):
    env = vector(lambda: Anything(MOVE if kind in BOTH else CHOOSE, side), 1, 0)
    given = {"learning_rate": lambda left: 1e-3 * left, "seed": 0, "device": "cpu", **AGENTS[kind], **settings}
    return kind(POLICIES.get(kind, "CnnPolicy"), env, policy_kwargs=policy_kwargs, **given)


def settings(model):
    """Of every optimiser: defaults, and groups without parameters."""
    groups = [[{k: v for k, v in g.items() if k != "params"} for g in o.param_groups] for o in optimisers(model.policy)]
    return [o.defaults for o in optimisers(model.policy)], groups


def layers(model):
    return {name.replace("extractor.network.", "extractor."): x for name, x in model.policy.state_dict().items()}


@pytest.mark.parametrize("kind", AGENTS)
def test_a_swap_changes_the_extractor_alone(kind):
    """With SB3's own network as the encoder the whole training is the same, bit for bit."""
    plain = agent(kind, {"features_extractor_class": NatureCNN}, 36).learn(16)
    ours = agent(kind, make_policy_kwargs(NatureCNN), 36).learn(16)
    assert (
        plain.policy.net_arch == ours.policy.net_arch and plain.policy.optimizer_kwargs == ours.policy.optimizer_kwargs
    )
    assert settings(plain) == settings(ours)
    assert [type(o) for o in optimisers(plain.policy)] == [type(o) for o in optimisers(ours.policy)]
    assert layers(plain).keys() == layers(ours).keys()
    for name, x in layers(plain).items():
        assert torch.equal(x, layers(ours)[name]), name
    swapped = swap_encoder(plain, SPACE, ARCH)
    assert swapped.policy.net_arch == plain.policy.net_arch
    assert [type(o) for o in optimisers(swapped.policy)] == [type(o) for o in optimisers(plain.policy)]
    assert [o.defaults | {"lr": 0} for o in optimisers(swapped.policy)] == [d | {"lr": 0} for d in settings(plain)[0]]
    assert swapped.lr_schedule(0.5) == plain.lr_schedule(0.5) == 5e-4


@pytest.mark.filterwarnings("ignore:TRPO moves the logits")
@pytest.mark.parametrize("kind", AGENTS)
def test_a_search_keeps_head_and_optimiser_and_adds_a_group(kind, tmp_path):
    """Train, save, load, act alike, go on, swap: the agent's own optimiser with its own settings throughout."""
    plain, model, watch = agent(kind, None, 36), agent(kind, make_policy_kwargs(SPACE, scale=4.0)), ArchCallback()
    assert model.policy.net_arch == plain.policy.net_arch
    before = encoder_of(model).alpha[0].clone()
    model.learn(16, callback=watch)
    assert not torch.equal(encoder_of(model).alpha[0], before) and watch.network is encoder_of(model)
    for own, its in zip(optimisers(plain.policy), optimisers(model.policy), strict=True):
        assert isinstance(its, type(own)) and its.defaults == own.defaults | {"lr": its.defaults["lr"]}
    *_, (weights, logits) = (o.param_groups for o in optimisers(model.policy))
    assert (weights["lr_scale"], logits["lr_scale"], logits["weight_decay"]) == (1.0, 4.0, 0.0)
    assert weights["lr"] == logits["lr"] == model.lr_schedule(model._current_progress_remaining)
    assert [id(p) for p in logits["params"]] == [id(a) for a in searching(model).alpha]
    model.save(tmp_path / "agent.zip")
    twin = kind.load(tmp_path / "agent.zip", env=model.get_env(), device="cpu")
    assert settings(twin) == settings(model)
    frames = model.get_env().reset()
    assert np.array_equal(*(m.predict(frames, deterministic=True)[0] for m in (model, twin)))
    twin.learn(8, reset_num_timesteps=False)
    derived = swap_encoder(model, SPACE, watch.genotype)
    assert not supernets(derived) and derived.policy.net_arch == model.policy.net_arch
    assert [type(o) for o in optimisers(derived.policy)] == [type(o) for o in optimisers(plain.policy)]
    derived.learn(8)


def test_heads_are_those_of_the_agents_policy():
    """By the extractor that a policy would have used: of images, or of all in a row."""
    env = agent(PPO, None, 36).get_env()
    for policy in ("CnnPolicy", "MlpPolicy"):
        heads = [
            PPO(policy, env, policy_kwargs=k, device="cpu").policy.net_arch for k in (None, make_policy_kwargs(SPACE))
        ]
        assert heads[0] == heads[1]
    assert agent(PPO, make_policy_kwargs(SPACE, net_arch=[7])).policy.net_arch == [7]


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.RMSprop, torch.optim.SGD])
def test_any_optimiser_searches(kind):
    more = {"optimizer_class": kind, "optimizer_kwargs": {"weight_decay": 0.01}}
    model = agent(DQN, make_policy_kwargs(SPACE, scale=2.0, **more))
    weights, logits = model.policy.optimizer.param_groups
    assert isinstance(model.policy.optimizer, kind)
    assert (weights["weight_decay"], logits["weight_decay"], logits["lr_scale"]) == (0.01, 0.0, 2.0)
    model.learn(16)
    assert encoder_of(model).alpha[0].any()
    assert type(swap_encoder(model, SPACE, ARCH).policy.optimizer) is kind


@pytest.mark.parametrize("kind", [PPO, SAC, TRPO])
def test_frozen_weights_of_another_agent(kind, tmp_path):
    """Weights come from an agent or a file, and stay; the head learns; the saved agent needs the file no more."""
    from safetensors.torch import save_file

    source = encoder_of(agent(kind, make_policy_kwargs(SPACE, ARCH, tied=True), seed=3)).state_dict()
    save_file({name: x.contiguous() for name, x in source.items()}, tmp_path / "encoder.safetensors")
    kwargs = make_policy_kwargs(SPACE, ARCH, weights=tmp_path / "encoder.safetensors", freeze=True, tied=True)
    model = agent(kind, kwargs)
    head = {k: v.clone() for k, v in model.policy.state_dict().items() if "extractor" not in k}
    (tmp_path / "encoder.safetensors").unlink()
    model.learn(16)
    model.save(tmp_path / "agent.zip")
    for each in (model, kind.load(tmp_path / "agent.zip", device="cpu")):
        assert all(torch.equal(x, source[name]) for name, x in encoder_of(each).state_dict().items())
    assert any(not torch.equal(model.policy.state_dict()[name], x) for name, x in head.items())


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("kind", [PPO, A2C, DQN])
def test_given_weights_of_nature_cnn_are_those_that_the_agent_begins_with(kind, freeze):
    """Actor-critic policies initialise SB3's own extractors anew after they are made."""
    source = encoder_of(agent(kind, make_policy_kwargs(NatureCNN, features_dim=8), 36)).state_dict()
    kwargs = make_policy_kwargs(NatureCNN, features_dim=8, weights=source, freeze=freeze)
    model = agent(kind, kwargs, 36, seed=5)
    assert all(torch.equal(x, source[name]) for name, x in encoder_of(model).state_dict().items())


def test_statistics_of_a_frozen_encoder_rest():
    def normed(io):
        return nn.Sequential(nn.BatchNorm2d(io.inputs[0]), nn.Flatten(), nn.Linear(256, 4))

    for freeze in (True, False):
        model = agent(PPO, make_policy_kwargs(normed, freeze=freeze)).learn(16)
        assert bool(encoder_of(model)[0].num_batches_tracked) != freeze


@pytest.mark.parametrize("kind", [PPO, SAC])
def test_the_encoder_at_a_rate_of_its_own(kind, tmp_path):
    """Adam's first step is its rate: a tenth of the head's; 0 lets it rest; saved, loaded, swapped."""
    model = agent(kind, make_policy_kwargs(SPACE, ARCH, encoder_lr=0.1, tied=True), learning_rate=1e-2)
    critic = optimisers(model.policy)[-1]
    assert [g["lr_scale"] for g in critic.param_groups] == [1.0, 0.1]
    before = [p.detach().clone() for g in critic.param_groups for p in g["params"]]
    for group in critic.param_groups:
        for p in group["params"]:
            p.grad = torch.ones_like(p)
    critic.step()
    after = [p.detach() for g in critic.param_groups for p in g["params"]]
    moved = [float((a - b).abs().max()) for a, b in zip(after, before, strict=True)]
    heads = len(critic.param_groups[0]["params"])
    assert moved[:heads] == pytest.approx([1e-2] * heads, rel=1e-2)
    assert moved[heads:] == pytest.approx([1e-3] * (len(moved) - heads), rel=1e-2)
    model.save(tmp_path / "agent.zip")
    assert settings(kind.load(tmp_path / "agent.zip", device="cpu")) == settings(model)
    scales = [g["lr_scale"] for g in optimisers(swap_encoder(model, SPACE).policy)[-1].param_groups]
    assert scales == [1.0, 0.1, 1.0], "weights, encoder, logits"


def test_weights_and_rates_that_do_not_fit():
    wider = Encoder(channels=(2, 2), width=(2, 4), nodes=2, cells=1, depth=1, hidden=8, norm="group")
    source = encoder_of(agent(PPO, make_policy_kwargs(wider, ARCH))).state_dict()
    with pytest.raises(ValueError, match=r"of another encoder: .* is \[4.*\] in them and \[2"):
        agent(PPO, make_policy_kwargs(SPACE, ARCH, weights=source))
    for more in ({"freeze": True}, {"freeze": True, "encoder_lr": 0.5, "arch": ARCH}):
        with pytest.raises(ValueError, match="frozen encoder learns nothing"):
            make_policy_kwargs(SPACE, **more)
    with pytest.raises(ValueError, match="encoder_lr must be at least 0"):
        make_policy_kwargs(SPACE, ARCH, encoder_lr=-1.0)
    with pytest.raises(ValueError, match="no encoder of this package"):
        encoder_of(agent(PPO, None, 36))


@pytest.mark.parametrize("kind", [DQN, SAC])
def test_a_swap_of_an_agent_with_returns_of_several_steps(kind, recwarn):
    """Its memory is made anew as the agent itself does, without a warning."""
    model = agent(kind, make_policy_kwargs(SPACE, ARCH), n_steps=3).learn(8)
    new = swap_encoder(model, SPACE, ARCH).learn(8)
    assert type(new.replay_buffer) is type(model.replay_buffer) and new.replay_buffer.n_steps == 3
    assert not [w for w in recwarn if "n_steps" in str(w.message)]
