"""AGNN on the real Cora or Citeseer: a search with shared weights, beside random search, GCN and GAT.

Public split (20 nodes a class to train on, 500 to validate, 1,000 to test). Everything is trained alike: Adam, dropout,
weight decay, the epoch with the least validation loss; the rate was chosen by the validation loss of GCN and GAT after
200 epochs among 0.005, 0.01 and 0.02. Validation chooses; test data are read once, in the last table.
Needs the data in APPNAS_DATA. One core:

    python benchmarks/agnn.py --dataset cora
"""

import argparse
import random
import statistics
import time
from dataclasses import replace

import torch

from appnas.estimate import Cached, Scratch, ThenScratch
from appnas.loop import search_loop
from appnas.methods import agnn
from appnas.retrain import train_one
from appnas.run import catalogue
from appnas.space import describe, parse
from appnas.spaces import GNN
from appnas.strategy import Random, Ranked
from appnas.task import Locked

REPEATS = 3


def at_rate(dataset, lr):
    """The domain with another learning rate."""
    options = catalogue.source(dataset).options
    return catalogue.domain(dataset, replace(options, recipe=replace(options.recipe, lr=lr, lr_min=lr)))


def fixed(space, hidden, attention, heads, activation):
    """A two-layer network of one kind of layer; the last has one head and no activation."""
    return parse(space, {
        "hidden": [hidden], "attention": [attention] * 2, "heads": [heads, "1"], "aggregation": ["sum"] * 2,
        "combine": ["identity"] * 2, "activation": [activation, "identity"],
    })  # fmt: skip


def show(space, arch):
    named = describe(space.choices, arch)
    layers = [" ".join(named[c][i] for c in named if i < len(named[c])) for i in range(space.layers)]
    return " | ".join(layers)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="cora", choices=["cora", "citeseer", "graphs"])
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--parts", nargs="+", default=["agnn", "fixed", "random"], help="what to run")
    parser.add_argument("--start", type=int, default=20, help="random architectures before AGNN's first step")
    parser.add_argument("--sharing", default="constrained", choices=["none", "constrained", "unconstrained"])
    parser.add_argument("--budget", type=int, default=200, help="epochs from scratch in search and ranking")
    parser.add_argument("--warmup", type=int, default=40, help="epochs where all weights are inherited")
    parser.add_argument("--top", type=int, default=10, help="architectures ranked from scratch")
    parser.add_argument("--epochs", type=int, default=300, help="epochs of the last trainings")
    parser.add_argument("--lr", type=float, default=0.02, help="of Adam, in every training")
    parser.add_argument("--seeds", type=int, default=20, help="of the last trainings")
    parser.add_argument("--seed", type=int, default=0, help="of the searches")
    args = parser.parse_args()
    torch.set_num_threads(1)
    space, domain = GNN(), at_rate(args.dataset, args.lr)
    locked = Locked(domain)

    def final(name, arch):
        networks = [train_one(space, domain, arch, args.epochs, seed) for seed in range(args.seeds)]
        valid = spread([domain.score(network)["accuracy"] for network in networks])
        test = spread([domain.test(network)["accuracy"] for network in networks])
        print(f"{name:<26}test {test}   validation {valid}   {show(space, arch)}", flush=True)

    last = f"{args.epochs} epochs, {args.seeds} seeds"
    print(f"{args.dataset}; lr {args.lr}; last trainings: {last}, accuracy (%), mean +- sd")
    if "agnn" in args.parts:
        start = time.process_time(), time.time()
        config = agnn.Config(
            args.evaluations, args.start, args.budget, args.sharing, args.warmup, top=args.top, repeats=REPEATS
        )
        result = agnn.search(space, locked, config, seed=args.seed)
        report(f"AGNN, {args.sharing} sharing", space, result, args.evaluations, start)
        final("found by AGNN", result.best)
    if "fixed" in args.parts:
        final("GCN, 16", fixed(space, "16", "gcn", "1", "relu"))
        final("GCN, 64", fixed(space, "64", "gcn", "1", "relu"))
        final("GAT, 8 heads of 8", fixed(space, "8", "gat", "8", "elu"))
    if "random" in args.parts:
        start, steps = (time.process_time(), time.time()), args.evaluations
        strategy = Ranked(Random(space, random.Random(args.seed)), steps, args.top)
        scratch = Cached(Scratch(space, locked, args.budget, args.seed))
        evaluator = ThenScratch(scratch, steps, space, locked, args.budget, args.seed)
        result = search_loop(strategy, evaluator, steps + args.top * REPEATS)
        report("random search, from scratch", space, result, steps, start)
        final("best of the random ones", result.best)


def report(name, space, result, evaluations, start):
    history = result.history[:evaluations]
    values = [record.value for record in history]
    print(f"{name}: {time.process_time() - start[0]:.0f} CPU s, {time.time() - start[1]:.0f} s; best validation"
          f" {max(values):.1f}, median {statistics.median(values):.1f};"
          f" {len({record.arch for record in history})} different architectures; ranked from scratch:")  # fmt: skip
    for arch, again in result.strategy.again.items():
        print(f"  {spread(again)}  {show(space, arch)}", flush=True)


def spread(values):
    return f"{statistics.fmean(values):.2f} +- {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


if __name__ == "__main__":
    main()
