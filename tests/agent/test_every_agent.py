"""Twelve agents on five kinds of observation, each searching, with what was found, and with a hand-made encoder."""

from functools import partial

import gymnasium
import numpy as np
import pytest

pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")

from gymnasium import spaces
from sb3_contrib import CrossQ, MaskablePPO, RecurrentPPO
from test_agents_alone import AGENTS, BOTH, CHOOSE, MOVE
from torch import nn

from appnas.agent import ArchCallback, encoder_of, frames, make_policy_kwargs
from appnas.agent.sb3 import searching, supernets
from appnas.domains.rl.vectors import vector
from appnas.spaces import Encoder, Torso
from appnas.spaces.rl import ImpalaCNN

SPACE = Encoder(channels=(2,), width=(2,), nodes=2, cells=1, depth=1, hidden=6, norm="group")
TORSO = Torso(layers=2, widths=(4, 8), activations=("tanh", "relu"))
OBSERVATIONS = {
    "bytes, channels first": spaces.Box(0, 255, (1, 12, 12), np.uint8),
    "booleans, channels last": spaces.Box(0, 1, (10, 10, 4), np.bool_),
    "grey, two axes": spaces.Box(0, 255, (12, 12), np.uint8),
    "a dictionary": spaces.Dict(
        image=spaces.Box(0, 255, (7, 7, 3), np.uint8), speed=spaces.Box(-1, 1, (2,), np.float32)
    ),
    "numbers": spaces.Box(-1, 1, (5,), np.float32),
}


class Shown(gymnasium.Env):
    """Observations without a meaning, for either kind of action."""

    def __init__(self, shown, actions):
        self.observation_space, self.action_space, self.t = shown, actions, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        self.t += 1
        return self.observation_space.sample(), float(np.sum(action) > 0), self.t == 6, False, {}

    def action_masks(self):
        return np.ones(3, bool)


def policy(kind, shown):
    name = "MultiInput" if isinstance(shown, spaces.Dict) else "Cnn" if len(shown.shape) > 1 else "Mlp"
    if kind is CrossQ:
        name = "Mlp"  # the only policy that sb3-contrib has of it, which takes any extractor
    return f"{name}LstmPolicy" if kind is RecurrentPPO else f"{name}Policy"


def hand_made(io):
    return nn.Sequential(nn.Flatten(), nn.Linear(io.inputs[0], 6), nn.Tanh())


@pytest.mark.filterwarnings("ignore:TRPO moves the logits")
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("kind", AGENTS)
def test_searches_derives_and_takes_a_hand_made_encoder(kind, observation, tmp_path):
    """The logits move, what they point to trains and acts after loading as before, and so does a hand-made one."""
    if kind is CrossQ and observation == "a dictionary":
        pytest.skip("sb3-contrib has no MultiInputPolicy of CrossQ")
    shown = OBSERVATIONS[observation]
    numbers = observation == "numbers"
    space = TORSO if numbers else SPACE
    seen = (lambda env: env) if numbers else frames

    def agent(kwargs):
        env = vector(lambda: seen(Shown(shown, MOVE if kind in BOTH else CHOOSE)), 1, 0)
        settings = {"learning_rate": 1e-2, "seed": 0, "device": "cpu", **AGENTS[kind]}
        return kind(policy(kind, env.observation_space), env, policy_kwargs=kwargs, **settings)

    watch, model = ArchCallback(snapshots=2), agent(make_policy_kwargs(space, scale=5.0))
    before = [a.clone() for a in searching(model).alpha]
    model.learn(16, callback=watch)
    assert any((a != b).any() for a, b in zip(searching(model).alpha, before, strict=True))
    derived = agent(make_policy_kwargs(space, watch.genotype)).learn(16)
    made = hand_made if numbers else partial(ImpalaCNN, width=(2,), hidden=6)
    for model in (derived, agent(make_policy_kwargs(made)).learn(16)):
        assert not supernets(model)
        model.save(tmp_path / "agent.zip")
        loaded, first = kind.load(tmp_path / "agent.zip", device="cpu"), model.get_env().reset()
        masks = {"action_masks": np.ones((1, 3), bool)} if kind is MaskablePPO else {}
        assert np.array_equal(*(m.predict(first, deterministic=True, **masks)[0] for m in (model, loaded)))
        assert encoder_of(loaded) is not None
