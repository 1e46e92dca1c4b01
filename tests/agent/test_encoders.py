import functools
import importlib
import json
import warnings

import pytest
import torch
from torch import nn

pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")

from sb3_contrib import TRPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN

from appnas.agent import ArchAdam, ArchCallback, Features, load_encoder, make_policy_kwargs, save_encoder, swap_encoder
from appnas.agent.encoders import resolved
from appnas.agent.sb3 import supernets
from appnas.domains.rl.vectors import Catch, vector
from appnas.space import IO, describe
from appnas.spaces import Bench201, Encoder
from appnas.spaces.rl import ImpalaCNN
from appnas.supernet import SelfGated, softmax

SPACE = Encoder(channels=(4, 4), width=(4, 6), nodes=2, cells=1, depth=1, hidden=16, norm="group")
ARCH = (1, 0, 3)
SHORT = {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "device": "cpu"}


def catch(side=16, count=2):
    return vector(lambda: Catch(side), count, 0)


def ppo(*encoder, side=16, seed=None, **more):
    return PPO("CnnPolicy", catch(side), policy_kwargs=make_policy_kwargs(*encoder, **more), seed=seed, **SHORT)


@pytest.fixture
def file(tmp_path):
    return str(save_encoder(tmp_path / "encoder.json", SPACE, ARCH))


def test_a_search_writes_what_the_next_agent_takes(tmp_path):
    """At every snapshot, in a folder that is made; a path is enough for an agent, and for a swap."""
    seen = []

    class Watch(ArchCallback):
        def _snapshot(self):
            super()._snapshot()
            seen.append(json.loads(self.out.read_text())["found"]["steps"])

    watch = Watch(out=tmp_path / "new" / "encoder.json", snapshots=3)
    model = ppo(SPACE, scale=3.0, seed=5).learn(96, callback=watch)
    content = json.loads(watch.out.read_text())
    assert seen == [0, 64, 96, 96] and content["genotype"] == watch.genotype
    found = content["found"]
    assert (found["agent"], found["of"], found["environments"]) == ("PPO", 96, 2)
    assert found["settings"].items() >= {"scale": 3.0, "n_steps": 16, "seed": 5, "gamma": 0.99}.items()
    space, arch = load_encoder(watch.out)
    assert space == SPACE and describe(space.choices, arch) == watch.genotype
    for new in (swap_encoder(model, watch.out), ppo(str(watch.out)), swap_encoder(model, SPACE, watch.out)):
        assert not supernets(new) and new.policy_kwargs["features_extractor_kwargs"]["arch"] == arch
        assert new.policy_kwargs["features_extractor_kwargs"]["encoder"] == SPACE  # no file is needed from now on
    wider = Encoder(**content["space"]["fields"] | {"width": (8, 8)})
    assert swap_encoder(model, wider, content).policy.features_extractor.network.hidden.in_features == 8 * 16
    ppo(watch.out).learn(32)


def test_features_of_a_space_that_does_not_say(tmp_path):
    watch = ArchCallback(out=tmp_path / "encoder.json", snapshots=2)
    ppo(Bench201(channels=2, repeats=1), features_dim=24).learn(32, callback=watch)
    assert ppo(watch.out).policy.features_dim == 24
    assert ppo(watch.out, features_dim=12).policy.features_dim == 12


class Stop(BaseCallback):
    def _on_step(self):
        if self.num_timesteps >= 70:
            raise KeyboardInterrupt
        return True


def test_after_an_interruption(tmp_path):
    """The genotype is that of the logits, the file that of the last snapshot; no turn is left."""
    watch = ArchCallback(out=tmp_path / "encoder.json", snapshots=4, alternate=True)
    model = ppo(SPACE, scale=20.0)
    with pytest.raises(KeyboardInterrupt):
        model.learn(128, callback=[watch, Stop()])
    assert watch.genotype == describe(SPACE.choices, supernets(model)[0].arch())
    assert json.loads((tmp_path / "encoder.json").read_text())["found"]["steps"] == 64
    assert model.policy.optimizer.turn() is True, "the logits rest"
    for more in (None, ArchCallback(alternate=True)):
        before = [p.detach().clone() for p in (model.policy.action_net.weight, *supernets(model)[0].alpha)]
        model.learn(64, callback=more)
        after = (model.policy.action_net.weight, *supernets(model)[0].alpha)
        assert not any(map(torch.equal, before, after)) and model.policy.optimizer.turn() is None


@pytest.mark.parametrize("steps", [32, 64])
def test_what_is_saved_in_a_turn_trains_both_halves(steps, tmp_path):
    """As CheckpointCallback and EvalCallback save it: with the scales that the agent was given."""
    model, save = ppo(SPACE, scale=5.0), CheckpointCallback(steps // 2, tmp_path, "agent")
    model.learn(96, callback=[ArchCallback(alternate=True), save])
    loaded = PPO.load(tmp_path / f"agent_{steps}_steps.zip", env=catch(), device="cpu")
    assert [group["lr_scale"] for group in loaded.policy.optimizer.param_groups] == [1.0, 5.0]
    before = [p.detach().clone() for p in (loaded.policy.action_net.weight, *supernets(loaded)[0].alpha)]
    loaded.learn(32)
    assert not any(map(torch.equal, before, (loaded.policy.action_net.weight, *supernets(loaded)[0].alpha)))


def test_the_temperature_begins_anew_with_every_training(tmp_path):
    """Also of an agent that was loaded; a training that goes on has its share of both done, as SB3's schedules say."""
    seen = []
    watch = ArchCallback(temperature=lambda done: seen.append(done) or 2.0 - done)
    model = ppo(SPACE).learn(64, callback=watch)
    model.save(tmp_path / "agent.zip")
    model.learn(64, callback=watch, reset_num_timesteps=False)
    PPO.load(tmp_path / "agent.zip", env=catch(), device="cpu").learn(64, callback=watch)
    assert seen == [0, 0.5, 0.5, 0.75, 0, 0.5]


def test_going_on_begins_where_it_ended():
    watch = ArchCallback(snapshots=3)
    model = ppo(SPACE).learn(64, callback=watch)
    model.learn(64, callback=watch, reset_num_timesteps=False)
    assert [steps for steps, *_ in watch.trace] == [0, 32, 64, 64, 96, 128, 128]


def test_nothing_found_is_no_search():
    """None is no architecture: a swap would search anew without a word."""
    model = ppo(SPACE)
    with pytest.raises(ValueError, match=r"architecture is None.*watch\.genotype.*leave the argument out"):
        swap_encoder(model, SPACE, None)
    assert supernets(swap_encoder(model, SPACE)) and not supernets(swap_encoder(model, ImpalaCNN, None))
    with pytest.raises(ValueError, match="nothing is found before the search begins"):
        swap_encoder(model, SPACE, ArchCallback().genotype)


@pytest.mark.parametrize("more", [{}, {"features_dim": 32}])
def test_nature_cnn_as_everybody_has_it(more):
    """The same network, weights and optimiser as SB3's own, by its class or a partial of it."""
    given = functools.partial(NatureCNN, **more) if more else NatureCNN
    plain = PPO("CnnPolicy", catch(36), seed=1, **SHORT, policy_kwargs={"features_extractor_kwargs": more})
    for new in (ppo(given, side=36, seed=1), ppo(NatureCNN, side=36, seed=1, **more)):
        pairs = zip(new.policy.parameters(), plain.policy.parameters(), strict=True)
        assert type(new.policy.features_extractor.network) is NatureCNN and all(torch.equal(a, b) for a, b in pairs)
    swapped = swap_encoder(ppo(SPACE, side=36, tau=2.0), given)
    assert swapped.policy.features_dim == more.get("features_dim", 512)
    swapped.learn(32)


def test_an_extractor_of_ones_own():
    class Own(BaseFeaturesExtractor):
        def __init__(self, observation_space, features_dim=7, sign=1.0):
            super().__init__(observation_space, features_dim)
            self.sign, self.layer = sign, nn.LazyLinear(features_dim)
            self.layer(torch.zeros(1, *observation_space.shape).flatten(1))

        def forward(self, x):
            return self.sign * self.layer(x.flatten(1)).square()

    model = ppo(functools.partial(Own, sign=-1.0))
    assert (model.policy.features_extractor(torch.rand(2, 1, 16, 16)) <= 0).all()  # as its author has it
    with pytest.raises(ValueError, match="belongs to a space"):
        ppo(NatureCNN, ARCH)


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (Encoder, r"give a space, Encoder\(\)"),
        (nn.Flatten(), "Flatten is a module already"),
        (7, "an encoder is a space, .*; got 7"),
    ],
)
def test_what_is_no_encoder(encoder, words):
    with pytest.raises(ValueError, match=words):
        make_policy_kwargs(encoder)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"encoder_lr": float("inf")}, "all finite"),
        ({"scale": float("nan")}, "all finite"),
        ({"tau": float("inf")}, "all finite"),
        ({"paths": 3}, "paths=3 are samples: give sampled"),
        ({"features_extractor_kwargs": {"features_dim": 8}}, r"_kwargs is what is made here.*features_dim=8"),
        ({"features_extractor_class": NatureCNN}, "features_extractor_class is what is made here"),
    ],
)
def test_settings_that_would_be_ignored_or_lost(more, words):
    with pytest.raises(ValueError, match=words):
        make_policy_kwargs(SPACE, **more)


def test_settings_of_a_search_without_one():
    """Said where they are given; a swap keeps them for the next search."""
    for encoder in ((SPACE, ARCH), (ImpalaCNN,), ("appnas:catch",)):
        with pytest.warns(UserWarning, match="not searched, so that nothing comes of: scale, tau, sampled; leave them"):
            make_policy_kwargs(*encoder, scale=5.0, tau=2.0, sampled="rollout")
    derived = swap_encoder(ppo(SPACE, scale=5.0, tau=2.0), SPACE, ARCH)
    again = swap_encoder(derived, SPACE)
    assert again.policy.optimizer.param_groups[1]["lr_scale"] == 5.0 and float(supernets(again)[0].relax.tau) == 2.0


def test_the_forms_of_an_encoder(file):
    assert resolved(SPACE) == (SPACE, None, None) and resolved(SPACE, ARCH) == (SPACE, ARCH, None)
    assert resolved(file) == (SPACE, ARCH, None) and resolved(file, (0, 0, 0)) == (SPACE, (0, 0, 0), None)
    assert resolved(ImpalaCNN) == (ImpalaCNN, None, None)


def by_name(name):
    """As the zoo of SB3 imports what a YAML file names."""
    module, _, inside = name.rpartition(".")
    return getattr(importlib.import_module(module), inside)


def test_in_a_yaml_file_of_the_zoo(file):
    """Where policy_kwargs are a text that is evaluated with `get_class_by_name`, and callbacks go by name."""
    yaml = pytest.importorskip("yaml")
    text = f"""
    derived: "dict(features_extractor_class=get_class_by_name('appnas.agent.Features'),
      features_extractor_kwargs=dict(encoder='{file}'))"
    shipped: "dict(features_extractor_class=get_class_by_name('appnas.agent.Features'),
      features_extractor_kwargs=dict(encoder='appnas:catch'))"
    search: "get_class_by_name('appnas.agent.make_policy_kwargs')(
      get_class_by_name('appnas.spaces.Encoder')(channels=(4,), width=(4,), norm='group'), scale=5.0)"
    callback: appnas.agent.ArchCallback
    """
    given = yaml.safe_load(text)
    kwargs = {name: eval(given[name], {"get_class_by_name": by_name}) for name in ("derived", "shipped", "search")}
    models = {name: PPO("CnnPolicy", catch(), policy_kwargs=own, **SHORT) for name, own in kwargs.items()}
    assert all(type(model.policy.features_extractor) is Features for model in models.values())
    assert {name: len(supernets(model)) for name, model in models.items()} == {"derived": 0, "shipped": 0, "search": 1}
    watch = by_name(given["callback"])()
    models["search"].learn(32, callback=watch)
    watch.on_training_end()  # the zoo does, once more


@pytest.mark.parametrize("kind", [PPO, DQN])
def test_a_file_named_in_policy_kwargs_is_read_once(kind, file, tmp_path):
    """A saved agent, or its policy, holds what the file said: it may change, or be gone; kwargs stay as given."""
    kwargs = {"features_extractor_class": Features, "features_extractor_kwargs": {"encoder": file}}
    model = kind("CnnPolicy", catch(), policy_kwargs=kwargs, device="cpu")
    assert kwargs["features_extractor_kwargs"] == {"encoder": file}
    model.save(tmp_path / "agent.zip")
    model.policy.save(tmp_path / "policy.pt")
    save_encoder(file, SPACE, (0, 1, 2))
    frames = torch.rand(5, 1, 16, 16)
    policies = (kind.load(tmp_path / "agent.zip").policy, type(model.policy).load(tmp_path / "policy.pt", "cpu"))
    for policy in policies:
        both = [next(m for m in p.modules() if isinstance(m, Features))(frames) for p in (model.policy, policy)]
        assert torch.equal(*both)
    (tmp_path / "encoder.json").unlink()
    kind.load(tmp_path / "agent.zip")


@pytest.mark.parametrize("kind", [PPO, A2C])
def test_two_supernets_are_refused_without_a_callback(kind):
    """Two encoders under one optimiser, whose logits need not agree; derived ones may be two."""
    with pytest.raises(ValueError, match=r"2 encoders with logits of their own.*share_features_extractor=True"):
        kwargs = make_policy_kwargs(SPACE, share_features_extractor=False)
        kind("CnnPolicy", catch(), policy_kwargs=kwargs, device="cpu")
    ppo(SPACE, ARCH, share_features_extractor=False).learn(32)
    both = [SelfGated(SPACE, SPACE.supernet(IO((1, 16, 16), ())), softmax) for _ in range(2)]
    with pytest.raises(ValueError, match="trains 2 encoders"):
        ArchAdam([*both[0].parameters(), *both[1].parameters()])


GIVEN = {"replay_buffer_class": NStepReplayBuffer, "replay_buffer_kwargs": {"n_steps": 3}}


@pytest.mark.parametrize("given", [{}, GIVEN])
def test_a_swapped_dqn_with_n_steps_has_the_same_buffer_without_a_warning(given):
    """SB3 says that n_steps is ignored only where a buffer was given."""
    steps = {"n_steps": 1} if given else {"n_steps": 5}
    kwargs = make_policy_kwargs(SPACE)
    more = {"buffer_size": 200, "learning_starts": 8, "device": "cpu", **steps, **given}
    old = DQN("CnnPolicy", catch(), gamma=0.9, policy_kwargs=kwargs, **more)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new = swap_encoder(old, SPACE, ARCH)
    assert type(new.replay_buffer) is NStepReplayBuffer
    assert (new.replay_buffer.n_steps, new.replay_buffer.gamma) == (old.replay_buffer.n_steps, old.replay_buffer.gamma)
    assert new.replay_buffer_kwargs == old.replay_buffer_kwargs
    new.learn(16)


def test_trpo_says_that_the_scale_does_not_steer_it():
    model = TRPO("CnnPolicy", catch(), n_steps=16, batch_size=16, policy_kwargs=make_policy_kwargs(SPACE), device="cpu")
    with pytest.warns(UserWarning, match="TRPO moves the logits by its natural gradient"):
        model.learn(32, callback=ArchCallback())
