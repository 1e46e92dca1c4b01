"""Do shared weights rank graph networks as training from scratch does? None, constrained and unconstrained sharing.

The architectures are a walk of small steps, each a random change of one class of an earlier architecture, which is
what a conservative search feeds its store with. Kendall's tau between the validation accuracy after a short training,
with or without inherited weights, and the mean over the seeds from scratch. Random networks are poor, and what they
hand on is poor; `--evolved` takes the last that regularised evolution looked at. Needs the data in APPNAS_DATA:

    python benchmarks/sharing.py --dataset cora --seeds 3
    python benchmarks/sharing.py --dataset cora --seeds 3 --space graphnet --evolved --lr 0.01
"""

import argparse
import random
import statistics
import time

import torch
from agnn import at_rate
from scipy.stats import kendalltau

from appnas.estimate import ParamStore, Scratch, by_homogeneity, by_shape
from appnas.methods import baselines
from appnas.space import random_arch
from appnas.spaces import GNN, GraphNet
from appnas.strategy import Draw

SPACES = {"gnn": GNN(), "graphnet": GraphNet()}


def walk(space, count, seed):
    """Different architectures, each one class away from an earlier one."""
    rng = random.Random(seed)
    archs = [random_arch(space, rng)]
    names = [choice.name for choice in space.choices for _ in range(choice.count)]
    while len(archs) < count:
        parent, other, name = rng.choice(archs), random_arch(space, rng), rng.choice(names)
        child = tuple(o if n == name else p for p, o, n in zip(parent, other, names, strict=True))
        if space.valid(child) and child not in archs:
            archs.append(child)
    return archs


def evolved(space, domain, count, budget, seed):
    """The last different architectures of an evolution of three times as many, in their order."""
    config = baselines.EvolutionConfig(3 * count, population=10, sample=3, budget=budget)
    history = baselines.evolution(space, domain, config, seed=seed).history
    last = list(dict.fromkeys(record.arch for record in reversed(history)))[:count]
    return last[::-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="cora")
    parser.add_argument("--archs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.02, help="of Adam")
    parser.add_argument("--budget", type=int, default=200, help="epochs from scratch")
    parser.add_argument("--warmup", type=int, default=40, help="epochs after inheriting weights, and of 'none'")
    parser.add_argument("--space", default="gnn", choices=list(SPACES))
    parser.add_argument("--evolved", action="store_true", help="no random walk, but the last of an evolution")
    args = parser.parse_args()
    torch.set_num_threads(1)
    space, domain = SPACES[args.space], at_rate(args.dataset, args.lr)
    if args.evolved:
        archs = evolved(space, domain, args.archs, args.warmup, 0)
    else:
        archs = walk(space, args.archs, 0)

    def values(evaluator):
        return [float(evaluator.score(Draw(arch)).value) for arch in archs]

    start = time.process_time()
    truths = [values(Scratch(space, domain, args.budget, seed)) for seed in range(args.seeds)]
    truth = [statistics.fmean(column) for column in zip(*truths, strict=True)]
    print(f"{args.dataset}: {args.archs} architectures, {args.seeds} seeds; from scratch {args.budget} epochs, mean"
          f" {statistics.fmean(truth):.1f}, best {max(truth):.1f};"
          f" {time.process_time() - start:.0f} CPU s")  # fmt: skip
    agreement = [tau(a, b) for i, a in enumerate(truths) for b in truths[:i]]
    print(f"{'two seeds from scratch':<26}tau {spread(agreement)}", flush=True)
    keys = {"none": None, "constrained": by_homogeneity(space), "unconstrained": by_shape}
    for name, key in keys.items():
        start, taus, means, shares = time.process_time(), [], [], []
        for seed in range(args.seeds):
            store = ParamStore(key) if key else None
            evaluator = Scratch(space, domain, args.warmup, seed, store=store, warmup=args.warmup)
            scores = [evaluator.score(Draw(arch)) for arch in archs]
            found = [float(score.value) for score in scores]
            taus.append(tau(found, truth))
            means.append(statistics.fmean(found))
            shares += [score.metrics.get("inherited", 0.0) for score in scores]
        print(f"{name:<26}tau {spread(taus)}   mean validation {spread(means)}   weights inherited"
              f" {100 * statistics.fmean(shares):.0f} %"
              f"   {time.process_time() - start:.0f} CPU s", flush=True)  # fmt: skip


def tau(a, b):
    """Kendall's; 0 for scores that are all alike, which rank nothing."""
    found = float(kendalltau(a, b).statistic)
    return found if found == found else 0.0


def spread(values):
    return f"{statistics.fmean(values):.2f} +- {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


if __name__ == "__main__":
    main()
