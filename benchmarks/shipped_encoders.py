"""The encoders that appnas ships, searched and compared: PPO's supernet, then what was found beside its rivals.

    python benchmarks/shipped_encoders.py catch
    python benchmarks/shipped_encoders.py minatar_breakout      # needs the extra minatar

Every encoder learns from scratch, in the same agent, for as many steps as the search had: what was found, IMPALA's
encoder as wide, three random cells of the space, and SB3's NatureCNN, which sees its frames enlarged, since it needs 36
pixels a side. A curve holds the mean return of the last 100 training episodes.
"""

import argparse
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from minatar_encoders import POINTS, Curve, Enlarged
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

from appnas.agent import ArchCallback, load_encoder, make_policy_kwargs, read_encoder, save_encoder
from appnas.domains.rl import Catch, CatchOptions, MinAtar, MinAtarOptions
from appnas.space import random_arch
from appnas.spaces import Encoder
from appnas.spaces.rl import ImpalaCNN

SIZES = {"nodes": 3, "cells": 1, "depth": 1, "norm": "group"}
TASKS = {
    "catch": (
        Encoder(channels=(8, 8), width=(8, 8), hidden=64, **SIZES), 30_720, 3,
        lambda seed: Catch(CatchOptions(side=12)).make("train", 32, seed),
        {"n_steps": 32, "batch_size": 256},
    ),
    "minatar_breakout": (
        Encoder(channels=(16,), width=(16,), hidden=128, **SIZES), 98_304, 4,
        lambda seed: MinAtar(MinAtarOptions()).make("train", 32, seed),
        {"n_steps": 64, "batch_size": 512},
    ),
}  # fmt: skip
"""Space, environment steps, by how much NatureCNN's frames are enlarged, environments, settings of PPO."""


def learn(task: str, kwargs: dict, seed: int, steps: int, more: Callable[[], list] = list) -> list[float]:
    """The curve of an agent with this encoder."""
    _, _, _, make, settings = TASKS[task]
    env: VecEnv = VecNormalize(VecMonitor(make(seed)), norm_obs=False, gamma=0.99)
    curve, start = Curve(steps), time.process_time()
    model = PPO(
        "CnnPolicy", env, policy_kwargs=kwargs, seed=seed, device="cpu", learning_rate=1e-3, n_epochs=3, ent_coef=0.01,
        **settings,
    )  # fmt: skip
    model.learn(steps, callback=[curve, *more()])
    env.close()
    print(f"{task} seed {seed}: {curve.returns} {time.process_time() - start:.0f} s", flush=True)
    return curve.returns


def search(task: str, steps: int, file: Path) -> list[float]:
    """The curve of the supernet; what it found is in the file."""
    return learn(task, make_policy_kwargs(TASKS[task][0], scale=10.0), 0, steps, lambda: [ArchCallback(out=file)])


def rivals(task: str, file: Path) -> dict[str, Callable[[], dict]]:
    """What is compared, each with its policy_kwargs."""
    space, _, factor, *_ = TASKS[task]
    rng = random.Random(0)
    return {
        "found": lambda: make_policy_kwargs(file),
        "ImpalaCNN": lambda: make_policy_kwargs(partial(ImpalaCNN, width=space.width, hidden=space.hidden)),
        "random cells": lambda: make_policy_kwargs(space, random_arch(space, rng)),
        "NatureCNN": lambda: make_policy_kwargs(partial(Enlarged, factor=factor)),
    }


def write(task: str, steps: int, file: Path, curves: dict[str, list[list[float]]]) -> None:
    """The encoder's file, with the curves."""
    compared = {
        "what": f"mean return of the last 100 training episodes of {task}, a row a seed",
        "NatureCNN": f"sees frames {TASKS[task][2]} times as wide: it needs 36 pixels a side",
        "steps": [steps * (i + 1) // POINTS for i in range(POINTS)],
        "returns": curves,
    }
    save_encoder(file, *load_encoder(file), {**read_encoder(file)["found"], "compared": compared})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=0, help="environment steps; 0 for the task's own")
    parser.add_argument("--out", type=Path, default=Path("."))
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps, file = args.steps or TASKS[args.task][1], args.out / f"{args.task}.json"
    curves = {"supernet": [search(args.task, steps, file)]}
    for name, kwargs in rivals(args.task, file).items():
        seeds = range(1, 2 if name == "NatureCNN" else 1 + args.seeds)  # which is slow
        curves[name] = [learn(args.task, kwargs(), seed, steps) for seed in seeds]
        print(f"{args.task} {name}: {[curve[-1] for curve in curves[name] if curve]}", flush=True)
    write(args.task, steps, file, curves)


if __name__ == "__main__":
    main()
