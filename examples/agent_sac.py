"""An encoder for SAC, searched and then derived: continuous control by sight, learned in minutes (--quick: seconds)."""

import statistics
import sys

import torch
from stable_baselines3 import SAC

from appnas.agent import ArchCallback, make_policy_kwargs, swap_encoder
from appnas.domains.rl import Reach
from appnas.spaces import Encoder

torch.set_num_threads(1)
steps = 120 if "--quick" in sys.argv else 4_000
space = Encoder(channels=(8, 8), width=(8, 8), nodes=2, cells=1, depth=1, hidden=64, norm="group")
watch = ArchCallback(out="sac.json")
settings = {"learning_starts": 100, "batch_size": 64, "gamma": 0.8, "ent_coef": "auto_0.1", "device": "cpu"}
kwargs = make_policy_kwargs(space, scale=5.0)  # the critic's loss trains the encoder; heads stay SAC's own
env = Reach()  # or any that draws itself: pixels("Pendulum-v1"), or "HalfCheetah-v5" with gymnasium[mujoco]
model = SAC("CnnPolicy", env, learning_rate=1e-3, buffer_size=20_000, policy_kwargs=kwargs, seed=0, **settings)
model.learn(steps, callback=watch)
derived = swap_encoder(model, space, watch.genotype).learn(steps)
for name, agent in (("supernet", model), ("derived", derived)):
    last = statistics.fmean(episode["r"] for episode in list(agent.ep_info_buffer)[-20:])
    print(name, f"mean return of the last 20 episodes {last:.1f}; of random actions about -40")
print(watch.genotype, "actions:", derived.predict(derived.env.reset(), deterministic=True)[0])
