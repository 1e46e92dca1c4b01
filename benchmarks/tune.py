"""Choices of the training searched with the architecture: evolution on digits with them and without.

All rows evaluate as many networks, each trained as long. "alone" trains all by the recipe of the domain; "with"
chooses learning rate and weight decay beside the operations; "training alone" searches these for one random cell, the
control that says what of a gain is the recipe's. What is found is trained anew for longer, and tested. `--lr` is the
domain's rate, from which "with" is free. Minutes on one core:

    python benchmarks/tune.py --seeds 5 --evaluations 60 --budget 2 --epochs 15
    python benchmarks/tune.py --seeds 5 --lr 0.003      # where the recipe that comes with the data does not suit it
"""

import argparse
import random
import time
from dataclasses import replace

import numpy as np
import torch

import appnas
from appnas.run import catalogue
from appnas.space import only, random_arch, restrict
from appnas.spaces import Bench201

TUNE = {"lr": [0.003, 0.01, 0.025, 0.08, 0.25], "weight_decay": [0.0, 3e-4, 3e-3]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--budget", type=int, default=2, help="epochs of every training in a search")
    parser.add_argument("--epochs", type=int, default=15, help="of the training that is tested")
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--lr", type=float, help="of the domain's recipe; by default the one it comes with")
    args = parser.parse_args()
    torch.set_num_threads(1)
    options = catalogue.source("digits").options
    if args.lr is not None:
        options = replace(options, recipe=replace(options.recipe, lr=args.lr))
    domain, space = catalogue.domain("digits", options), Bench201(channels=args.channels, repeats=1)
    population = {"population": min(10, args.evaluations), "sample": min(3, args.evaluations)}
    settings = {"evaluations": args.evaluations, "budget": args.budget, **population}
    rows = {"alone": [], "with": [], "training alone": []}
    for seed in range(args.seeds):
        cell = random_arch(space, random.Random(100 + seed))
        fixed = restrict(space, only(space.choices, cell))
        for name, where, tune in (("alone", space, None), ("with", space, TUNE), ("training alone", fixed, TUNE)):
            start = time.process_time()
            found = appnas.search(where, domain, "evolution", seed=seed, tune=tune, **settings)
            tested = found.retrain(args.epochs, seeds=2).rows[0].mean("accuracy")
            rows[name].append((found.value, tested))
            chosen = found.space.training(found.best) if tune else {}
            seconds = time.process_time() - start
            print(
                f"{name}, seed {seed}: {found.value:.2f} {tested:.2f} {found.best} {chosen} {seconds:.0f} s", flush=True
            )
    print(f"{'':<16}validation accuracy in the search   test accuracy after {args.epochs} epochs")
    for name, pairs in rows.items():
        means, spreads = np.mean(pairs, 0), np.std(pairs, 0, ddof=1) if len(pairs) > 1 else np.zeros(2)
        print(f"{name:<16}{means[0]:.2f} +- {spreads[0]:.2f}   {means[1]:.2f} +- {spreads[1]:.2f}")


if __name__ == "__main__":
    main()
