"""The encoder of a DQN agent, searched by sampling paths and then derived: CartPole by sight (--quick: seconds)."""

import sys

import torch
from stable_baselines3 import DQN

from appnas.agent import ArchCallback, make_policy_kwargs, swap_encoder
from appnas.domains.rl import pixels
from appnas.spaces import Encoder

torch.set_num_threads(1)
steps = 300 if "--quick" in sys.argv else 20_000
env = pixels("CartPole-v1", 4, side=32)  # three grey frames, drawn without a window
space = Encoder(channels=(8, 8), width=(8, 8), nodes=2, cells=1, depth=1, hidden=64, norm="group")
watch = ArchCallback(out="dqn.json")
settings = {"learning_starts": 100, "batch_size": 32, "learning_rate": 1e-3, "buffer_size": 10_000, "device": "cpu"}
kwargs = make_policy_kwargs(space, scale=5.0, sampled="step")  # every pass runs one option of every decision
model = DQN("CnnPolicy", env, policy_kwargs=kwargs, seed=0, **settings).learn(steps, callback=watch)
derived = swap_encoder(model, space, watch.genotype).learn(steps)
print(watch.genotype, "actions:", derived.predict(env.reset(), deterministic=True)[0])
