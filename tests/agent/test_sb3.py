import itertools
import json
import random
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")

from sb3_contrib import QRDQN, RecurrentPPO
from stable_baselines3 import DQN, PPO

from appnas.agent import ArchAdam, ArchCallback, make_policy_kwargs, swap_encoder
from appnas.agent.sb3 import searching, supernets
from appnas.domains.rl.vectors import Catch, vector
from appnas.space import describe, random_arch
from appnas.spaces import Bench201, Cells, Encoder
from appnas.spaces.rl import ImpalaCNN
from appnas.supernet import softmax

SPACE = Encoder(channels=(4, 4), width=(4, 6), nodes=2, cells=1, depth=1, hidden=16)
ARCH = (1, 0, 3)
ON = {"n_steps": 16, "batch_size": 32, "n_epochs": 2}
OFF = {"learning_starts": 16, "buffer_size": 200, "batch_size": 16, "target_update_interval": 32}
AGENTS = {
    "ppo": (PPO, "CnnPolicy", ON),
    "dqn": (DQN, "CnnPolicy", OFF),
    "qrdqn": (QRDQN, "CnnPolicy", OFF),
    "recurrent": (RecurrentPPO, "CnnLstmPolicy", ON),
}
CELLS = Cells(channels=2, cells=3, width=2, depth=3)
ENCODERS = {
    "hand-made": (partial(ImpalaCNN, width=(4, 4), hidden=16), None),
    "supernet": (SPACE, None),
    "derived": (SPACE, ARCH),
    "of images": (Bench201(channels=2, repeats=1), None),
    "with an auxiliary head": (CELLS, random_arch(CELLS, random.Random(0))),
}


def catch(count=4, seed=0):
    return vector(lambda: Catch(16), count, seed)


def agent(name="ppo", encoder="supernet", seed=0, settings=None, **more):
    kind, policy, own = AGENTS[name]
    kwargs = make_policy_kwargs(*ENCODERS[encoder], **more)
    return kind(policy, catch(), policy_kwargs=kwargs, seed=seed, device="cpu", **own | (settings or {}))


def alphas(model):
    return torch.cat([a.detach().flatten() for a in searching(model).alpha])


@pytest.mark.filterwarnings("ignore:this encoder is not searched")
@pytest.mark.parametrize(
    ("name", "encoder"), [(name, e) for name in AGENTS for e in ENCODERS if e == "supernet" or name in ("ppo", "dqn")]
)
def test_one_argument_changes_the_encoder(name, encoder, tmp_path):
    """Train, save, load, act alike, go on: for every agent and encoder."""
    model = agent(name, encoder, scale=3.0).learn(128)
    model.save(tmp_path / "agent.zip")
    twin = type(model).load(tmp_path / "agent.zip", env=model.get_env(), device="cpu")
    for key, value in model.policy.state_dict().items():
        assert torch.equal(twin.policy.state_dict()[key], value), key
    frames = model.get_env().reset()
    assert np.array_equal(*(m.predict(frames, deterministic=True)[0] for m in (model, twin)))
    groups = model.policy.optimizer.param_groups
    assert [g.get("lr_scale") for g in twin.policy.optimizer.param_groups] == [g.get("lr_scale") for g in groups]
    assert len(groups) == (2 if encoder in ("supernet", "of images") else 1)
    before = [p.detach().clone() for p in twin.policy.parameters()]
    twin.learn(128, reset_num_timesteps=False)
    assert any(not torch.equal(a, b) for a, b in zip(before, twin.policy.parameters(), strict=True))


@pytest.mark.parametrize("name", AGENTS)
def test_logits_are_in_the_optimiser_once_in_a_group_of_their_own(name):
    model = agent(name)
    weights, logits = ([id(p) for p in g["params"]] for g in model.policy.optimizer.param_groups)
    assert logits == [id(a) for a in searching(model).alpha]
    assert len(set(weights)) == len(weights) and not set(weights) & set(logits)
    online = model.policy if name in ("ppo", "recurrent") else next(model.policy.children())
    assert {*weights, *logits} == {id(p) for p in online.parameters()}


@pytest.mark.parametrize("name", ["ppo", "dqn"])
def test_displacement_grows_with_the_scale(name):
    """SB3 writes its schedule's rate into every group before it trains; the scale survives."""
    moved = [float(alphas(agent(name, scale=s, settings={"learning_rate": 1e-3}).learn(192)).abs().mean())
             for s in (1.0, 10.0)]  # fmt: skip
    assert 6 < moved[1] / moved[0] < 14


@pytest.mark.parametrize("name", ["dqn", "qrdqn"])
def test_the_target_has_logits_of_its_own(name):
    """Copied with the weights, and only then."""
    model = agent(name, settings={"target_update_interval": 10_000}, scale=10.0)
    first, second = supernets(model)
    assert first is searching(model) and first.alpha[0] is not second.alpha[0]
    model.learn(64)
    assert first.alpha[0].any() and not second.alpha[0].any()
    model.target_update_interval = 1
    model.learn(4, reset_num_timesteps=False)
    model._on_step()
    assert torch.equal(first.alpha[0], second.alpha[0])


def test_no_batch_mode_dependence_between_acting_and_learning():
    """PPO's ratio starts at 1 for equal batches, whatever the mode of the policy."""
    model = agent()
    frames = torch.rand(8, 1, 16, 16) * 255
    model.policy.set_training_mode(False)
    acting = model.policy.predict_values(frames)
    model.policy.set_training_mode(True)
    torch.testing.assert_close(model.policy.predict_values(frames), acting)


def test_own_initial_weights_are_kept():
    """Orthogonal initialisation would give the encoder's convolutions rows of equal norm; heads get theirs."""
    model = agent()
    weight = next(m.weight for m in searching(model).modules() if isinstance(m, nn.Conv2d)).detach().flatten(1)
    assert (weight @ weight.T).diag().std() > 1e-3
    head = model.policy.action_net.weight
    torch.testing.assert_close(head @ head.T, 1e-4 * torch.eye(3), atol=1e-7, rtol=1e-3)


def test_callback(tmp_path):
    """Temperature between rollouts, what it logs, snapshots, the genotype, which builds the next agent."""
    seen = []

    class Watch(ArchCallback):
        def _on_rollout_end(self):
            super()._on_rollout_end()
            seen.append(dict(self.logger.name_to_value))

    watch = Watch(lambda done: 2.0 - done, snapshots=3, out=tmp_path / "encoder.json")
    model = agent(scale=10.0).learn(256, callback=watch)
    assert [values["arch/tau"] for values in seen] == pytest.approx([2.0, 1.75, 1.5, 1.25])
    assert seen[-1]["arch/entropy"] < seen[0]["arch/entropy"] == pytest.approx(np.log(5))
    assert sum(seen[-1][f"arch/mass_{option}"] for option in SPACE.options) == pytest.approx(1.0)
    assert [steps for steps, *_ in watch.trace] == [0, 128, 256, 256]
    assert watch.genotype == json.loads((tmp_path / "encoder.json").read_text())["genotype"]
    assert watch.genotype == describe(SPACE.choices, searching(model).arch())
    again = make_policy_kwargs(SPACE, json.loads((tmp_path / "encoder.json").read_text()))
    assert again["features_extractor_kwargs"]["arch"] == searching(model).arch()


def test_callback_of_dqn_warms_both_networks():
    model = agent("dqn").learn(64, callback=ArchCallback(lambda done: 3.0))
    assert [float(net.relax.tau) for net in supernets(model)] == [3.0, 3.0]


def test_alternating():
    """Rollouts in turn: weights, logits; afterwards the scales are as before."""
    moved = []

    class Watch(ArchCallback):
        def _on_rollout_start(self):
            super()._on_rollout_start()
            moved.append((alphas(self.model).clone(), self.model.policy.value_net.weight.detach().clone()))

    model = agent(scale=5.0).learn(192, callback=Watch(alternate=True))
    moved.append((alphas(model), model.policy.value_net.weight.detach()))
    same = [(torch.equal(a[0], b[0]), torch.equal(a[1], b[1])) for a, b in itertools.pairwise(moved)]
    assert same == [(True, False), (False, True), (True, False)]
    assert [g["lr_scale"] for g in model.policy.optimizer.param_groups] == [1.0, 5.0]


@pytest.mark.parametrize("name", AGENTS)
def test_swapping_the_encoder_of_an_agent(name):
    old = agent(name, "hand-made", settings={"learning_rate": 3e-3}).learn(64)
    before = {k: v.clone() for k, v in old.policy.state_dict().items()}
    new = swap_encoder(old, SPACE, ARCH, copy_head=True)
    assert type(new) is type(old) and new.num_timesteps == 0 and new.learning_rate == 3e-3
    heads = [k for k in new.policy.state_dict() if "features_extractor" not in k]
    assert heads and all(torch.equal(new.policy.state_dict()[k], before[k]) for k in heads)
    new.learn(64)
    assert new.num_timesteps >= 64
    assert all(torch.equal(v, before[k]) for k, v in old.policy.state_dict().items()), "the old agent has changed"
    fresh = swap_encoder(old, SPACE)
    assert any(not torch.equal(fresh.policy.state_dict()[k], before[k]) for k in heads if k.endswith("weight"))


def plain(name="ppo", **policy_kwargs):
    """An agent of SB3 alone."""
    kind, _, own = AGENTS[name]
    return kind("MlpPolicy", catch(), policy_kwargs=policy_kwargs, device="cpu", **own)


def group(model):
    return {name: value for name, value in model.policy.optimizer.param_groups[0].items() if name != "params"}


def test_a_swap_keeps_head_and_optimiser():
    """Explicit arguments, then the agent's own, then the defaults."""
    head = {"net_arch": [24], "activation_fn": nn.ELU}
    old = agent(scale=5.0, tau=2.0, weight_decay=1e-4, eps=1e-6, optimizer_kwargs={"betas": (0.8, 0.9)}, **head)
    new = swap_encoder(old, Encoder(channels=(4, 4), nodes=3, cells=1))
    assert repr(new.policy.mlp_extractor.policy_net[1]) == "ELU(alpha=1.0)"
    assert new.policy.mlp_extractor.policy_net[0].out_features == 24
    for before, after in zip(old.policy.optimizer.param_groups, new.policy.optimizer.param_groups, strict=True):
        assert {k: v for k, v in before.items() if k != "params"} == {k: v for k, v in after.items() if k != "params"}
    assert float(searching(new).relax.tau) == 2.0
    other = swap_encoder(old, SPACE, scale=3.0, eps=1e-7, net_arch=[])
    first, second = other.policy.optimizer.param_groups
    assert (second["lr_scale"], first["eps"], first["weight_decay"], first["betas"]) == (3.0, 1e-7, 1e-4, (0.8, 0.9))
    assert not len(other.policy.mlp_extractor.policy_net)


@pytest.mark.parametrize(
    ("name", "eps", "net_arch"), [("ppo", 1e-5, {"pi": [64, 64], "vf": [64, 64]}), ("dqn", 1e-8, [64, 64])]
)
def test_a_swap_keeps_what_an_agent_has_by_default(name, eps, net_arch):
    new = swap_encoder(plain(name), SPACE)
    assert new.policy.net_arch == net_arch and group(new)["eps"] == eps and group(new)["lr_scale"] == 1.0


def test_a_swap_and_a_foreign_optimiser():
    """Logits get a group in it; a derived cell needs none."""
    heads = {"pi": [64], "vf": [64, 64]}
    old = plain(net_arch=heads, optimizer_class=torch.optim.RMSprop, optimizer_kwargs={"momentum": 0.5})
    for first in (swap_encoder(old, SPACE, scale=3.0), swap_encoder(swap_encoder(old, SPACE, scale=3.0), SPACE)):
        assert isinstance(first.policy.optimizer, torch.optim.RMSprop) and group(first)["momentum"] == 0.5
        assert first.policy.optimizer.param_groups[1]["lr_scale"] == 3.0
    new = swap_encoder(old, SPACE, ARCH, eps=1e-3)
    assert new.policy.net_arch == heads and type(new.policy.optimizer) is torch.optim.RMSprop
    assert (group(new)["momentum"], group(new)["eps"]) == (0.5, 1e-3)
    searched = swap_encoder(old, SPACE, optimizer_class=ArchAdam, scale=2.0)
    assert searched.policy.optimizer.param_groups[1]["lr_scale"] == 2.0 and searched.policy.net_arch == heads
    new.learn(64)


@pytest.mark.parametrize("name", AGENTS)
def test_a_head_that_does_not_fit_is_not_copied_in_part(name):
    old, wider = agent(name, "hand-made"), Encoder(channels=(4, 4), width=(4, 6), nodes=2, cells=1, depth=1, hidden=24)
    with pytest.raises(ValueError, match=r"weight\w* was \[.*16\].* it is \[.*24\]"):
        swap_encoder(old, wider, ARCH, copy_head=True)
    with pytest.raises(ValueError, match="cannot be copied"):
        swap_encoder(old, SPACE, ARCH, copy_head=True, net_arch=[16])


def test_observations_and_actions_that_do_not_fit():
    with pytest.raises(ValueError, match="needs images"):
        PPO("MlpPolicy", "CartPole-v1", policy_kwargs=make_policy_kwargs(SPACE), device="cpu")
    with pytest.raises(ValueError, match="at least 16 pixels"):
        PPO("CnnPolicy", vector(lambda: Catch(14), 2, 0), policy_kwargs=make_policy_kwargs(Encoder()), device="cpu")
    with pytest.raises(AssertionError, match="Discrete"):
        DQN("MlpPolicy", "Pendulum-v1", policy_kwargs=make_policy_kwargs(SPACE), device="cpu")


@pytest.mark.parametrize(
    ("arguments", "more", "words"),
    [
        ((SPACE, (1, 0)), {}, "has 3 decisions"),
        ((SPACE, (1, 0, 4)), {}, "breaks the rules"),
        ((SPACE, {"cell": ["relu"] * 3}), {}, r"choices \['normal'\]"),
        ((SPACE, {"normal": ["relu", "relu", "sep_conv_3x3"]}), {}, "sep_conv_3x3"),
        ((ImpalaCNN, ARCH), {}, "belongs to a space"),
        ((SPACE,), {"scale": -1.0}, "scale"),
        ((SPACE,), {"tau": 0.0}, "tau"),
    ],
)
def test_bad_arguments(arguments, more, words):
    with pytest.raises(ValueError, match=words):
        make_policy_kwargs(*arguments, **more)


def test_agents_without_a_search_and_with_two():
    with pytest.raises(ValueError, match="no supernet"):
        agent(encoder="derived").learn(64, callback=ArchCallback())
    with pytest.raises(ValueError, match="share_features_extractor"):
        agent(share_features_extractor=False).learn(64, callback=ArchCallback())
    with pytest.raises(ValueError, match="first and the last"):
        ArchCallback(snapshots=1)


def test_the_supernet_reads_its_logits_through_one_relaxation():
    net = searching(agent(tau=2.0))
    with torch.no_grad():
        net.alpha[0].copy_(torch.randn(net.alpha[0].shape))
    torch.testing.assert_close(net.gates()[0], softmax(net.alpha[0], 2.0))


def test_a_missing_extra_names_itself(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.base_class", None)
    monkeypatch.delitem(sys.modules, "appnas.agent.sb3")
    with pytest.raises(ImportError, match=r"appnas\[rl\]"):
        import appnas.agent.sb3  # noqa: F401
