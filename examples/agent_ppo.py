"""The encoder of a PPO agent, searched while it learns and then derived: pixel Catch, a minute (--quick: seconds)."""

import sys

import torch
from stable_baselines3 import PPO

from appnas.agent import ArchCallback, make_policy_kwargs, swap_encoder
from appnas.domains.rl import Catch, CatchOptions
from appnas.spaces import Encoder

torch.set_num_threads(1)
steps = 512 if "--quick" in sys.argv else 30_000
env = Catch(CatchOptions()).make("train", 16, seed=0)
space = Encoder(channels=(8, 8), width=(8, 8), nodes=3, cells=1, depth=1, hidden=64, norm="group")
watch = ArchCallback(out="ppo.json")
settings = {"n_steps": 32, "batch_size": 256, "n_epochs": 3, "learning_rate": 1e-3, "ent_coef": 0.01, "device": "cpu"}
model = PPO("CnnPolicy", env, policy_kwargs=make_policy_kwargs(space, scale=5.0), seed=0, **settings)
model.learn(steps, callback=watch)
derived = swap_encoder(model, space, watch.genotype).learn(steps)  # the same agent with what was found
print(watch.genotype, "actions:", derived.predict(env.reset(), deterministic=True)[0])
