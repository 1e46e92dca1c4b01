"""appnas.agent.tying: one encoder for actor and critic, which the critic's loss trains."""

import copy
import io
import itertools

import pytest
import torch
from torch import nn

pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")

from sb3_contrib import TQC, CrossQ
from stable_baselines3 import DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.torch_layers import NatureCNN
from test_agents_alone import ARCH, SPACE, agent

from appnas.agent import ArchCallback, encoder_of, make_policy_kwargs, swap_encoder
from appnas.agent.features import Features
from appnas.agent.sb3 import searching, supernets
from appnas.agent.tying import optimisers, place
from appnas.supernet import SelfSampled

BOTH = (SAC, TD3, DDPG, TQC, CrossQ)


def search(kind, **more):
    return agent(kind, make_policy_kwargs(SPACE, **({} if "arch" in more else {"scale": 5.0}), **more))


def frames(count=3):
    return torch.randint(0, 256, (count, 1, 16, 16))


def parts(model):
    return encoder_of(model), {id(p) for p in encoder_of(model).parameters()}


@pytest.mark.parametrize("kind", BOTH)
def test_actor_and_critic_look_through_one_encoder(kind):
    """Its parameters are the critic's alone: in its optimiser, once."""
    model = search(kind)
    net, inside = parts(model)
    actor, critic = ([id(p) for g in o.param_groups for p in g["params"]] for o in optimisers(model.policy))
    assert searching(model) is net and not inside & set(actor) and inside <= set(critic)
    assert len(critic) == len(set(critic)) and {id(p) for p in model.actor.parameters()} == set(actor)
    x = frames()
    seen = [side.extract_features(x, side.features_extractor) for side in (model.actor, model.critic)]
    torch.testing.assert_close(seen[0].detach(), seen[1].detach(), rtol=0, atol=0)
    assert not seen[0].requires_grad and seen[1].requires_grad
    assert len(supernets(model)) == (1 if kind is CrossQ else 2)


@pytest.mark.filterwarnings("ignore")  # torch's, of tracing what SB3 does in Python
@pytest.mark.parametrize("kind", BOTH)
def test_an_actor_is_a_whole_module(kind):
    """Its weights alone make another act alike; it is traced and exported as SB3's own are."""
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    made = make_policy_kwargs(SPACE, ARCH, tied=True)
    model, other = agent(kind, made).learn(8), agent(kind, made, seed=7)
    other.actor.load_state_dict(model.actor.state_dict())
    for each in (model, other):
        each.policy.set_training_mode(False)
    given = (frames().float(),) if kind in (TD3, DDPG) else (frames().float(), torch.tensor(True))
    with torch.no_grad():
        actions = model.actor(*given)
        assert torch.equal(other.actor(*given), actions) and actions.abs().max() > 0
        torch.testing.assert_close(torch.jit.trace(model.actor, given)(*given), actions)
    file = io.BytesIO()
    torch.onnx.export(model.actor, given, file, dynamo=False, input_names=["frames"])
    session = runtime.InferenceSession(file.getvalue())
    out = session.run(None, {"frames": given[0].numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(out), actions, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [SAC, TD3])
def test_agents_that_were_saved_with_half_an_actor_load(kind):
    """Before, the encoder's weights were the critic's alone."""
    model, other = search(kind).learn(8), search(kind)
    half = {k: x for k, x in model.policy.state_dict().items() if not k.startswith(("actor.feat", "actor_target.feat"))}
    other.policy.load_state_dict(half)
    assert all(torch.equal(x, model.policy.state_dict()[k]) for k, x in other.policy.state_dict().items())
    with pytest.raises(RuntimeError, match="Missing key"):
        other.policy.load_state_dict({k: x for k, x in half.items() if not k.startswith("critic.feat")})


@pytest.mark.parametrize("kind", BOTH)
def test_the_actors_loss_does_not_reach_the_encoder(kind):
    """With a critic that rests, whatever the actor learns, no weight and no logit of the encoder moves."""
    model = search(kind)
    for group in model.critic.optimizer.param_groups:
        group["lr_scale"] = 0.0
    before = copy.deepcopy(encoder_of(model).state_dict())
    actor = [p.detach().clone() for p in model.actor.parameters()]
    model.learn(24)
    assert all(torch.equal(x, before[name]) for name, x in encoder_of(model).state_dict().items())
    assert any(not torch.equal(a, b) for a, b in zip(actor, model.actor.parameters(), strict=True))


@pytest.mark.parametrize("kind", [SAC, TD3, TQC])
def test_a_target_averages_weights_and_reads_the_architecture(kind):
    """polyak: w' = (1 - tau) w' + tau w, for the encoder too; logits are the trained ones at every pass."""
    model = search(kind)
    online, target = supernets(model)
    assert online is encoder_of(model) and target is model.critic_target.features_extractor.network
    with torch.no_grad():
        online.alpha[0].copy_(torch.randn_like(online.alpha[0]))
        weight = next(p for p in online.supernet.parameters())
        old = next(p for p in target.supernet.parameters()).clone()
        weight.add_(1.0)
    logits = online.alpha[0].detach().clone()
    x, actions = frames(), torch.zeros(3, 2)
    model.critic_target(x, actions)
    assert torch.equal(target.alpha[0], logits) and not torch.equal(old, weight)
    if kind is TD3:
        with torch.no_grad():
            target.alpha[0].zero_()
        model.policy.actor_target(x)
        assert torch.equal(target.alpha[0], logits) and model.policy.actor_target.features_extractor.network is target
    model.tau, model.policy_delay = 0.25, 1
    model.critic.optimizer.param_groups[0]["lr_scale"] = model.critic.optimizer.param_groups[1]["lr_scale"] = 0.0
    model.learn(5)  # one step of learning
    torch.testing.assert_close(next(p for p in target.supernet.parameters()), 0.75 * old + 0.25 * weight)
    assert torch.equal(online.alpha[0], logits), "averaging the target's does not touch the trained ones"


def test_encoders_without_logits_are_the_agents_affair_unless_they_are_tied():
    """SB3 gives actor and critic an encoder each, or has the actor train a shared one; both stay possible."""
    apart = agent(SAC, make_policy_kwargs(SPACE, ARCH))
    inside = {id(p) for p in apart.actor.parameters()}
    assert {id(p) for p in apart.actor.features_extractor.parameters()} <= inside
    assert apart.critic.features_extractor.network is not apart.actor.features_extractor.network is not None
    shared = agent(SAC, make_policy_kwargs(SPACE, ARCH, share_features_extractor=True))
    assert shared.actor.features_extractor is shared.critic.features_extractor
    tied = agent(TD3, make_policy_kwargs(NatureCNN, tied=True), 36).learn(8)
    net, inside = parts(tied)
    assert isinstance(net, NatureCNN) and not inside & {id(p) for p in tied.actor.parameters()}
    assert tied.policy.actor_target.features_extractor.network is tied.critic_target.features_extractor.network
    derived = swap_encoder(search(SAC), SPACE, ARCH)
    assert derived.actor.features_extractor.network is derived.critic.features_extractor.network
    assert swap_encoder(apart, SPACE, ARCH).policy_kwargs["features_extractor_kwargs"]["training"].tied is None


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        (SAC, {"tied": False}, "logits of their own"),
        (TD3, {"share_features_extractor": True}, "give share_features_extractor=False"),
        (PPO, {"share_features_extractor": False}, "2 encoders with logits of their own"),
        (PPO, {"arch": ARCH, "tied": True, "share_features_extractor": False}, "tied=True is for agents whose actor"),
        (PPO, {"sampled": "step"}, "learns on policy: .* give sampled='rollout'"),
        (SAC, {"sampled": "rollout"}, "learns off policy: .* give sampled='step'"),
        (DQN, {"sampled": "rollout"}, "learns off policy"),
    ],
)
def test_what_would_go_wrong_in_silence_is_refused_when_the_agent_is_made(kind, more, words):
    with pytest.raises(ValueError, match=words):
        search(kind, **more)


def test_sampled_paths_of_an_actor_critic():
    """Every pass of both networks draws its own sample, of the same logits."""
    model = search(SAC, sampled="step", paths=2).learn(24, callback=ArchCallback())
    online, target = supernets(model)
    assert isinstance(online, SelfSampled) and not online.held and online.alpha[0].any()
    model.critic_target(frames(), torch.zeros(3, 2))
    assert torch.equal(online.alpha[0], target.alpha[0])
    samples = []
    for _ in range(8):
        model.actor(frames())
        samples.append(tuple(online.paths_0.flatten().tolist()))
    assert len(set(samples)) > 1


def test_temperature_and_turns_of_an_actor_critic():
    """Both networks are warmed; in turns of the logits neither actor nor critic move."""
    seen = []

    class Watch(ArchCallback):
        def _on_rollout_start(self):
            super()._on_rollout_start()
            inside = (searching(self.model).alpha[0], self.model.actor.mu.weight, self.model.critic.qf0[0].weight)
            seen.append([x.detach().clone() for x in inside])

    model = search(SAC)
    model.learn(12, callback=Watch(lambda done: 2.0, alternate=True))
    assert [float(net.relax.tau) for net in supernets(model)] == [2.0, 2.0]
    same = {tuple(map(torch.equal, before, after)) for before, after in itertools.pairwise(seen[6:])}
    assert same == {(True, False, False), (False, True, True)}
    assert [[g["lr_scale"] for g in o.param_groups] for o in optimisers(model.policy)] == [[1.0], [1.0, 5.0]]


def test_one_kwargs_for_several_agents_and_copies_of_one():
    """Nothing is remembered between agents."""
    kwargs = make_policy_kwargs(SPACE)
    first, second = agent(SAC, kwargs), agent(SAC, kwargs)
    assert encoder_of(first) is not encoder_of(second)
    assert first.actor.features_extractor.network is encoder_of(first)
    twin = copy.deepcopy(first.policy)
    assert twin.actor.features_extractor.network is twin.critic.features_extractor.network is not encoder_of(first)


def test_an_extractor_made_by_hand_has_no_place():
    assert place().policy is None
    alone = Features(agent(PPO, None, 36).observation_space, NatureCNN, None)
    assert isinstance(alone.network, NatureCNN) and Features != NatureCNN and Features != nn.Module


def test_an_agent_whose_networks_share_is_swapped_as_the_message_says():
    shared = agent(SAC, {"share_features_extractor": True}, 36)
    with pytest.raises(ValueError, match="give share_features_extractor=False"):
        swap_encoder(shared, SPACE)
    swap_encoder(shared, SPACE, share_features_extractor=False).learn(8)
