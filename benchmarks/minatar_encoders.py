"""Encoders of agents in MinAtar, where sight decides: a searched cell beside hand-made, random and blind ones.

    python benchmarks/minatar_encoders.py --game breakout --again 4 --out minatar.jsonl
    python benchmarks/minatar_encoders.py --game asterix --again 4 --out minatar.jsonl
    python benchmarks/minatar_encoders.py --game space_invaders --again 2 --out minatar.jsonl
    python benchmarks/minatar_encoders.py --over-time --seeds 3 --out minatar.jsonl
    python benchmarks/minatar_encoders.py --agent dqn --seeds 3 --steps 49152 --out minatar.jsonl
    python benchmarks/minatar_encoders.py --agent sac --game reach --seeds 3 --steps 4000 --out minatar.jsonl

The last is no game of MinAtar: `appnas.domains.rl.vectors.Reach`, as small as they are, for SAC, which acts by numbers.

Every encoder learns in the same agent for as many steps: the supernet (all options mixed, or one of every decision
drawn, `sampled`), the cell that each of them points to at its end, trained from scratch with another seed, IMPALA's
encoder as wide, the same with the cells' norm after its blocks, random cells of the space (at least two a seed), SB3's
NatureCNN, which sees small frames four times as wide, since it needs 36 pixels a side, and a blind twin: IMPALA's
encoder on black frames. With `--again` a derived cell is trained several times, a search counts once, by their mean,
and there are as many more random cells. The area is the mean of the curve, the end the mean return of the last 100
training episodes. A row of `--out` for each training; 15 CPU seconds to a minute each, with SAC two to six minutes.
"""

import argparse
import random
import statistics
import time
from functools import partial

import torch
from gymnasium import spaces
from rows import collect, spread
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import NatureCNN
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize
from torch import nn

from appnas.agent import ArchCallback, make_policy_kwargs
from appnas.cost.timing import machine
from appnas.domains.rl import MinAtar, MinAtarOptions
from appnas.domains.rl.blind import VecBlind
from appnas.domains.rl.vectors import Reach, vector
from appnas.space import random_arch
from appnas.spaces import Encoder
from appnas.spaces.rl import ImpalaCNN

SPACE = Encoder(channels=(16,), width=(16,), hidden=128, nodes=3, cells=1, depth=1, norm="group")
GAMES = ("asterix", "breakout", "freeway", "seaquest", "space_invaders", "reach")
POINTS = 8
AGAIN = 100
"""Between the seeds of two trainings of one search's cell."""
SHARES = 5
"""Snapshots of a search at equal distances, from its beginning to its end."""
SEARCHES = ("supernet", "sampled supernet")
KINDS = (*SEARCHES, "derived", "derived, sampled", "ImpalaCNN", "ImpalaCNN, normed", "random cell",
         "NatureCNN", "blind twin")  # fmt: skip
AGENTS = {
    "ppo": (PPO, 32, {"learning_rate": 1e-3, "n_steps": 64, "batch_size": 512, "n_epochs": 3, "ent_coef": 0.01}),
    "dqn": (
        DQN, 8,
        {
            "learning_rate": 2.5e-4, "buffer_size": 50_000, "learning_starts": 2_000, "batch_size": 32, "train_freq": 1,
            "gradient_steps": 2, "target_update_interval": 1_000, "exploration_fraction": 0.3,
            "exploration_final_eps": 0.05,
        },
    ),
    "sac": (
        SAC, 1,
        {
            "learning_rate": 1e-3, "learning_starts": 100, "batch_size": 64, "buffer_size": 20_000, "gamma": 0.8,
            "ent_coef": "auto_0.1",
        },
    ),
}  # fmt: skip
"""Class, environments side by side, settings."""


ENOUGH = 36
"""Pixels a side that NatureCNN needs."""


class Enlarged(nn.Module):
    """NatureCNN on frames whose pixels are repeated, if they are too few."""

    def __init__(self, io, factor=4):
        super().__init__()
        channels, height, width = io.inputs
        factor = 1 if height >= ENOUGH else factor
        shape = (channels, factor * height, factor * width)
        self.factor, self.network = factor, NatureCNN(spaces.Box(0, 1, shape), normalized_image=True)

    def forward(self, x):
        return self.network(nn.functional.interpolate(x, scale_factor=self.factor))


class Curve(BaseCallback):
    """The mean return of the last 100 episodes, at equal distances."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.returns = steps, []

    def _on_step(self):
        while self.num_timesteps >= (len(self.returns) + 1) * self.steps / POINTS:
            known = [float(episode["r"]) for episode in self.model.ep_info_buffer]
            self.returns.append(round(statistics.fmean(known), 3) if known else 0.0)
        return True


class Study:
    """One game and one agent."""

    def __init__(self, args):
        self.args, self.sizes = args, (args.game, args.agent, args.steps)

    def learn(self, kwargs, seed, blind=False, more=()):
        """The curve of an agent with this encoder, and what it cost."""
        kind, envs, settings = AGENTS[self.args.agent]
        if self.args.game == "reach":
            made = vector(Reach, envs, seed)
        else:
            made = MinAtar(MinAtarOptions(game=self.args.game)).make("train", envs, seed)
        env = VecMonitor(made)
        env = VecBlind(env) if blind else env
        env = VecNormalize(env, norm_obs=False, gamma=0.99) if kind is PPO else env
        curve, start = Curve(self.args.steps), time.process_time()
        model = kind("CnnPolicy", env, policy_kwargs=kwargs, seed=seed, device="cpu", **settings)
        model.learn(self.args.steps, callback=[curve, *more])
        env.close()
        return {"returns": curve.returns, "seconds": time.process_time() - start}

    def searched(self, kind, seed):
        """A supernet's curve, and what it pointed to on the way."""
        hold = {"ppo": "rollout", "dqn": "step", "sac": "step"}[self.args.agent] if kind == "sampled supernet" else None
        watch = ArchCallback(snapshots=SHARES)
        told = self.learn(make_policy_kwargs(SPACE, scale=self.args.scale, sampled=hold), seed, more=[watch])
        return {**told, "archs": [list(arch) for *_, arch in watch.trace]}

    def trained(self, kind, seed):
        """The curve of what is no supernet."""
        impala = partial(ImpalaCNN, width=SPACE.width, hidden=SPACE.hidden)
        if kind == "random cell":
            kwargs = make_policy_kwargs(SPACE, random_arch(SPACE, random.Random(1000 + seed)))
        elif kind in ("ImpalaCNN", "ImpalaCNN, normed", "blind twin"):
            kwargs = make_policy_kwargs(partial(impala, norm=SPACE.norm) if "normed" in kind else impala)
        elif kind == "NatureCNN":
            kwargs = make_policy_kwargs(Enlarged)
        else:
            _, share = kind.rsplit(" at ", 1) if " at " in kind else (kind, SHARES - 1)
            source = "sampled supernet" if "sampled" in kind else "supernet"
            archs = self.rows([(source, seed % AGAIN)])[0]["archs"]
            kwargs = make_policy_kwargs(SPACE, archs[int(share) * (len(archs) - 1) // (SHARES - 1)])
        return self.learn(kwargs, 100 + seed, blind=kind == "blind twin")

    def rows(self, keys):
        """Kept rows of kinds and seeds."""

        def run(*key):
            kind, seed = key[-2:]
            return (self.searched if kind in SEARCHES else self.trained)(kind, seed)

        return collect(self.args.out, [(*self.sizes, *key) for key in keys], run)


def means(values, each):
    """Of so many in a row."""
    return [statistics.fmean(values[i : i + each]) for i in range(0, len(values), each)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", default="breakout", choices=GAMES)
    parser.add_argument("--agent", default="ppo", choices=list(AGENTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=98_304, help="environment steps of every training")
    parser.add_argument("--scale", type=float, default=10.0, help="learning rate of the logits, times the agent's")
    parser.add_argument("--again", type=int, default=1, help="trainings of each derived cell, and random cells a seed")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--over-time", action="store_true", help="what a search pointed to on its way, trained alike")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    if (args.agent == "sac") != (args.game == "reach"):
        parser.error("SAC acts by numbers and plays reach alone, which the other agents do not play")
    torch.set_num_threads(1)
    study = Study(args)
    kinds = [f"derived at {k}" for k in range(SHARES)] if args.over_time else args.kinds
    print(f"{args.game}, {args.agent}, {args.steps:,} steps, {args.seeds} seeds; mean return; {machine()}")
    print(f"{'':<20}{'area':>16}{'end':>16}{'CPU s':>8}", flush=True)
    areas = {}
    for kind in kinds:
        again = args.again if kind.startswith("derived") else 1
        count = args.seeds * max(args.again, 2) if kind == "random cell" else args.seeds
        rows = study.rows([(kind, seed + AGAIN * k) for seed in range(count) for k in range(again)])
        areas[kind] = means([statistics.fmean(row["returns"]) for row in rows], again)
        ends = spread(means([row["returns"][-1] for row in rows], again), 2)
        label = f"derived at {int(kind[-1]) * 100 // (SHARES - 1)} %" if args.over_time else kind
        seconds = statistics.fmean(row["seconds"] for row in rows)
        print(f"{label:<20}{spread(areas[kind], 2):>16}{ends:>16}{seconds:>8.0f}", flush=True)
    for kind in areas if args.seeds > 1 and "derived" in areas else ():
        if kind in ("ImpalaCNN", "ImpalaCNN, normed", "random cell"):
            ours, its = areas["derived"], areas[kind]
            apart = statistics.fmean(ours) - statistics.fmean(its)
            error = (statistics.variance(ours) / len(ours) + statistics.variance(its) / len(its)) ** 0.5
            print(f"derived above {kind} by {apart:.2f}, {apart / (error or 1.0):.1f} standard errors")


if __name__ == "__main__":
    main()
