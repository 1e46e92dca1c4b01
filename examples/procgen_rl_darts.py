"""RL-DARTS on a game of Procgen: search the encoder in the agent's own loop, derive it, retrain it, compare.

    python examples/procgen_rl_darts.py --out run             # coinrun at 32 x 32, 300,000 steps each: an hour or two
    python examples/procgen_rl_darts.py --quick
    python examples/procgen_rl_darts.py --paper --out run     # the paper's sizes: days on a GPU machine

Interrupted, the search goes on when the command is repeated. Needs: pip install 'appnas[procgen]'.
"""

import argparse
import tempfile
from pathlib import Path

import torch

import appnas
from appnas.agent import masses
from appnas.domains.rl import GAMES, Procgen, ProcgenOptions
from appnas.space import describe
from appnas.spaces import Encoder
from appnas.spaces.rl import ImpalaCNN
from appnas.support import seeded


def settings(args: argparse.Namespace) -> tuple[ProcgenOptions, Encoder, float, int]:
    """Agent, space, scale of the logits' learning rate, environment steps."""
    if args.paper:  # 64 x 64 pixels, 25 million steps, one learning rate for weights and logits
        return ProcgenOptions(game=args.game, rollout=1024, epochs=2), Encoder(args.variant), 1.0, 25_000_000
    small = {"channels": (8, 16), "width": (16, 32), "nodes": 3, "cells": 1, "depth": 1}
    space, more = Encoder(args.variant, **small), {"shrink": 2, "envs": 32, "rollout": 64, "batch": 512}
    if args.quick:
        more |= {"envs": 8, "rollout": 32, "batch": 128, "episodes": 8}
        return ProcgenOptions(game=args.game, **more), space, 10.0, 512
    return ProcgenOptions(game=args.game, **more), space, args.scale, args.steps


def main() -> None:
    """Search, retrain beside a random cell and IMPALA's encoder, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--game", choices=list(GAMES), default="coinrun")
    parser.add_argument("--variant", choices=["micro", "classic"], default="micro")
    parser.add_argument("--steps", type=int, default=307_200)
    parser.add_argument("--scale", type=float, default=10.0, help="learning rate of the logits, in multiples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--paper", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    options, space, scale, steps = settings(args)
    domain = Procgen(options).named("procgen")
    out = args.out or Path(tempfile.mkdtemp()) / "run"

    if (out / "config.json").exists():
        result = appnas.resume(out, progress=True)
    else:
        result = appnas.search(
            space, domain, "rl_darts", steps=steps, scale=scale, seed=args.seed, out=out, progress=True
        )
    print("found:", describe(space.choices, result.best))
    print(
        "mass:", {name: round(mass, 3) for name, mass in masses(space.choices, result.strategy.distribution()).items()}
    )

    trained = result.retrain(steps, beside=["random"], progress=True)
    impala = seeded(0, lambda: ImpalaCNN(domain.io, space.width))
    domain.fit(impala, steps)
    rows = {row.name: row.tests[0] for row in trained.rows} | {"IMPALA": domain.test(impala)}
    print("returns on unseen levels:")
    for name, test in rows.items():
        print(f"  {name:10} {test['return']:6.2f}   normalised {test['normalised']:5.2f}")
    print("report:", result.report())


if __name__ == "__main__":
    main()
