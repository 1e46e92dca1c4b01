"""RL-DARTS: does the search turn away from a useless operation, and what are its cells worth?

    python benchmarks/rl_darts.py catch                 # pixel Catch, a planted noise operation, 5 seeds
    python benchmarks/rl_darts.py coinrun --out DIR     # Procgen coinrun at 32x32: supernet, derived cell, IMPALA
    python benchmarks/rl_darts.py dqn --out DIR         # the same with DQN at a smaller budget

The last two keep everything below DIR and go on from there when repeated. Levels, seeds and sizes are flags.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

import appnas
from appnas.agent import masses
from appnas.cost import parameters
from appnas.domains.rl import RL, Catch, CatchOptions, Procgen, ProcgenOptions
from appnas.loop import SearchResult
from appnas.methods.rl_darts import derived
from appnas.space import random_arch
from appnas.spaces.rl import MICRO_OPS, Encoder, ImpalaCNN
from appnas.support import seeded


class Blind(nn.Module):
    """A policy that looks at nothing: always one action, or every action as often as any other."""

    def __init__(self, actions: int, always: int | None = None):
        super().__init__()
        self.actions, self.always, self.rng = actions, always, torch.Generator().manual_seed(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.always is None:
            return torch.rand(len(x), self.actions, generator=self.rng)
        return 100 * nn.functional.one_hot(torch.full((len(x),), self.always), self.actions).float()


def best_action(domain: RL) -> int:
    """The action that alone, on training levels, has the largest return: what can be had without looking."""
    returns = [domain.evaluate(Blind(domain.actions, a), "score", 32)["return"] for a in range(domain.actions)]
    return int(np.argmax(returns))


def search(space: Encoder, domain: RL, out: Path | None, **settings) -> SearchResult:
    """A search, or the one that its directory holds."""
    if out and (out / "config.json").exists():
        return appnas.resume(out, domain=domain)
    return appnas.search(space, domain, "rl_darts", out=out, **settings)


def train(make, domain: RL, steps: int, seed: int, checkpoint: Path | None = None, episodes: int = 0) -> dict:
    """Train a network from scratch: returns on training and unseen levels, and the mean over the training."""
    network = seeded(seed, partial(make, domain.io))
    before = domain.evaluate(network, "score", episodes)["return"]
    start = time.process_time()
    domain.fit(network, steps, seed=seed, checkpoint=checkpoint)
    seconds = time.process_time() - start
    score, test = domain.evaluate(network, "score", episodes), domain.evaluate(network, "test", episodes)
    return {"before": before, "train": score, "test": test, "parameters": parameters(network), "cpu_s": seconds}


def played(make, domain: RL, episodes: int, file: Path) -> dict:
    """Returns of a trained network on training and unseen levels, or what the file holds."""
    if not file.exists():
        network = make()
        row = {"train": domain.evaluate(network, "score", episodes), "test": domain.evaluate(network, "test", episodes)}
        file.write_text(json.dumps(row))
    return json.loads(file.read_text())


def published(game: str) -> None:
    """The first points of the curves of Procgen's authors: PPO with IMPALA 16,32,32 at 64x64, easy, 200 levels."""
    file = Path(os.environ.get("APPNAS_DATA", "data")) / "procgen" / "ppo_impala_curves.npz"
    if not file.exists():
        print("published curves: not here (APPNAS_DATA)")
        return
    with np.load(file) as curves:
        for split in ("train", "test"):
            for i in (0, 1):
                at = curves[f"easy-200-{split}|{game}"][:, i]
                steps = int(curves[f"easy-200-{split}|steps"][i])
                print(
                    f"published PPO + IMPALA, {split}, {steps:,} steps: {at.mean():.2f} +- {at.std(ddof=1):.2f} (n=3)"
                )


def spread(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return (
        f"{statistics.fmean(values):6.3f} +- {deviation:.3f} (n={len(values)}: {' '.join(f'{v:.2f}' for v in values)})"
    )


def catch(args: argparse.Namespace) -> None:
    """The planted operation, the supernet's curve, and derived cells beside random ones, trained alike."""
    domain = Catch(CatchOptions())
    space = Encoder(ops=(*MICRO_OPS, "noise"), channels=(8, 8), width=(8, 8), nodes=3, cells=1, depth=1, hidden=64)
    clean = replace(space, ops=MICRO_OPS)
    found, others, noise = [], [], []
    for seed in range(args.seed, args.seed + args.seeds):
        start = time.process_time()
        result = search(space, domain, None, steps=args.steps, scale=5.0, seed=seed)
        mass = masses(space.choices, result.strategy.distribution())
        noise.append(mass["noise"])
        curve = [record.value for record in result.history][:: max(len(result.history) // 6, 1)]
        print(f"seed {seed}: mass " + " ".join(f"{k} {v:.3f}" for k, v in mass.items()))
        print(f"  return of the supernet: {' '.join(f'{v:.2f}' for v in [*curve, result.history[-1].value])}"
              f"   entropy {result.history[-1].metrics['arch_entropy']:.3f} of 1.792"
              f"   {time.process_time() - start:.0f} CPU s", flush=True)  # fmt: skip
        rng = random.Random(seed)
        archs = [result.best] + [random_arch(clean, rng) for _ in range(args.random)]
        for i, arch in enumerate(archs):
            reached = train(partial((clean if i else space).build, arch), domain, args.steps, seed)["test"]["return"]
            (others if i else found).append(reached)
            print(f"  {'random ' if i else 'derived'} {reached:6.3f}", flush=True)
    print(f"noise mass        {spread(noise)}, largest {max(noise):.3f} (uniform 0.167)")
    print(f"derived cells     {spread(found)}")
    if others:
        print(f"random cells      {spread(others)}")


def compare(args: argparse.Namespace, domain: RL, space: Encoder, scale: float) -> None:
    """Supernet, then the derived encoder and IMPALA's from scratch at equal steps; all kept below --out."""
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    start = time.process_time()
    result = search(space, domain, out / "search", steps=args.steps, scale=scale, seed=args.seed)
    print(f"supernet: {time.process_time() - start:.0f} CPU s in this process", flush=True)
    mass = masses(space.choices, result.strategy.distribution())
    print("  mass " + " ".join(f"{k} {v:.3f}" for k, v in mass.items()))
    gap = max(len(result.history) // 10, 1)
    for record in [*result.history[::gap], result.history[-1]]:
        print(f"  {record.metrics['steps']:9.0f} steps  training return {record.value:6.2f}"
              f"  architecture entropy {record.metrics['arch_entropy']:.3f}")  # fmt: skip
    networks = {
        "supernet": lambda: result.evaluator.host.network,
        "any action": lambda: Blind(domain.actions),
        "always one action": lambda: Blind(domain.actions, best_action(domain)),
    }
    rows = {name: played(make, domain, args.episodes, out / f"{name}.json") for name, make in networks.items()}
    kinds = {"derived": partial(space.build, result.best), "impala": partial(ImpalaCNN, width=space.width)}
    rng = random.Random(args.seed)
    kinds |= {f"random {i + 1}": partial(space.build, random_arch(space, rng)) for i in range(args.random)}
    if args.over_time:
        over = derived(result)
        kinds |= {f"derived at {100 * f:.0f} %": partial(space.build, arch) for f, arch in over.items() if f < 1}
    for name, make in kinds.items():
        file = out / f"{name.replace(' ', '-').replace('%', 'percent')}.json"
        if not file.exists():
            row = train(make, domain, args.steps, args.seed, file.with_suffix(".pt"), args.episodes)
            file.write_text(json.dumps(row))
        rows[name] = json.loads(file.read_text())
        print(f"  {name}: {rows[name]['train']['return']:.2f}", flush=True)
    print(f"{'':18} {'training levels':>24} {'unseen levels':>24}   untrained   weights")
    for name, row in rows.items():
        cells = [f"{row[k]['return']:6.2f} ({row[k]['normalised']:5.2f})" for k in ("train", "test")]
        more = f"{row['before']:9.2f} {row['parameters']:9,d}" if "before" in row else ""
        print(f"{name:18} {cells[0]:>24} {cells[1]:>24}   {more}")
    published(args.game)
    print(f"report: {result.report()}")


def coinrun(args: argparse.Namespace) -> None:
    """PPO on Procgen, frames pooled to 32x32."""
    options = ProcgenOptions(game=args.game, shrink=2, envs=32, rollout=64, batch=512, epochs=3)
    space = Encoder(channels=(8, 16), width=(16, 32), nodes=3, cells=1, depth=1)
    compare(args, Procgen(options), space, 10.0)


def dqn(args: argparse.Namespace) -> None:
    """DQN on Procgen, frames pooled to 32x32: two gradient steps every 8 environment steps, 10-step returns."""
    options = ProcgenOptions(
        algorithm="dqn", game=args.game, shrink=2, envs=8, rollout=128, batch=32, every=1, gamma=0.99, replay=40_000,
        warmup=4_000, lr=2.5e-4, updates=2, n_steps=10, max_grad=10.0, normalise=False,
    )  # fmt: skip
    space = Encoder(channels=(8, 16), width=(16, 32), nodes=3, cells=1, depth=1)
    compare(args, Procgen(options), space, 4.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["catch", "coinrun", "dqn"])
    parser.add_argument("--steps", type=int, default=0, help="environment steps of every training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--random", type=int, default=1, help="random cells (catch: for each seed)")
    parser.add_argument("--game", default="coinrun")
    parser.add_argument("--episodes", type=int, default=256, help="of an evaluation")
    parser.add_argument("--over-time", action="store_true", help="also cells derived after 0, 25, 50 and 75 %%")
    parser.add_argument("--out", default="runs/rl_darts")
    args = parser.parse_args()
    args.steps = args.steps or {"catch": 61_440, "coinrun": 307_200, "dqn": 51_200}[args.what]
    torch.set_num_threads(1)
    {"catch": catch, "coinrun": coinrun, "dqn": dqn}[args.what](args)


if __name__ == "__main__":
    main()
