"""The encoder that actor and critic of SAC share, searched and then derived: Pendulum by sight (--quick: seconds)."""

import sys

import torch
from stable_baselines3 import SAC

from appnas.agent import ArchCallback, make_policy_kwargs, swap_encoder
from appnas.domains.rl import pixels
from appnas.spaces import Encoder

torch.set_num_threads(1)
steps = 120 if "--quick" in sys.argv else 5_000
env = pixels("Pendulum-v1", side=32, repeat=4)  # or "HalfCheetah-v5", with gymnasium[mujoco]
space = Encoder(channels=(8, 8), width=(8, 8), nodes=2, cells=1, depth=1, hidden=64, norm="group")
watch = ArchCallback(out="sac.json")
settings = {"learning_starts": 100, "batch_size": 64, "buffer_size": 5_000, "gamma": 0.95, "device": "cpu"}
kwargs = make_policy_kwargs(space, scale=5.0)  # the critic's loss trains the encoder; heads stay SAC's own
model = SAC("CnnPolicy", env, learning_rate=1e-3, policy_kwargs=kwargs, seed=0, **settings)
model.learn(steps, callback=watch)
derived = swap_encoder(model, space, watch.genotype).learn(steps)
print(watch.genotype, "actions:", derived.predict(env.reset(), deterministic=True)[0])
