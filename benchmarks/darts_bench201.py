"""DARTS on the NAS-Bench-201 space with real CIFAR-10 images, judged by the benchmark's true accuracies.

A small supernet (C=4, N=1; 2,000 + 2,000 images; batch 32) searched in first order; the derived cell is looked up
in the table every epoch, by DARTS's own rule (`none` is never chosen) and by the rule of the benchmark's authors
(`none` may win an edge: their logit is not identified, and three of them cut the cell). Controls: the mean over all
15,625 cells and over those without `none` (a random cell), random search's expected best of 10 true evaluations, and
the cell that is 3x3 convolution everywhere. The images are JPEG (lossy).

Learning rate and augmentation were chosen by the supernet's own validation loss on seeds 100 and 101, never by the
table; that loss is printed with every seed. Needs APPNAS_DATA. Half a minute a seed on one core:

    python benchmarks/darts_bench201.py --seeds 10
    python benchmarks/darts_bench201.py --first 100 --seeds 2 --lr 0.025     # one of the settings tried
"""

import argparse
import time

import numpy as np
import torch

from appnas.domains.images import Options, cifar10
from appnas.loop import Observer
from appnas.methods import darts
from appnas.space import constant_arch, describe
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load


class Watch(Observer):
    """True accuracy and number of skips of the derived cell, every so often."""

    def __init__(self, true, every):
        self.true, self.every, self.rows = true, every, []

    def step(self, loop, record):
        if loop.step % self.every == 0:
            arch = loop.strategy.best()
            names = describe(Bench201().choices, arch)["cell"]
            self.rows.append((loop.step, self.true[arch], names.count("skip_connect")))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--epochs", type=int, default=4, help="63 steps each")
    parser.add_argument("--order", default="first", choices=["first", "second", "finite"])
    parser.add_argument("--lr", type=float, default=0.1, help="of the weights")
    parser.add_argument("--crop", type=int, default=0, help="padding of random crops")
    args = parser.parse_args()
    torch.set_num_threads(1)
    archs, columns = load("cifar10")
    true = dict(zip(archs, columns["test200"].tolist(), strict=True))
    domain = cifar10(Options(limit=4000, batch=32, crop=args.crop))
    space = Bench201(channels=4, repeats=1)
    config = darts.Config(epochs=args.epochs, order=args.order, alpha_lr=3e-2, lr=args.lr)
    found, theirs = [], []
    print("seed  step: true test accuracy (%), skips of 6 edges")
    for seed in range(args.first, args.first + args.seeds):
        watch = Watch(true, domain.epoch("train"))
        start = time.process_time()
        result = darts.search(space, domain, config, seed=seed, callbacks=[watch])
        found.append(true[result.best])
        theirs.append(true[space.discretise(result.strategy.distribution())])
        path = "  ".join(f"{step}: {accuracy:.2f}, {skips}" for step, accuracy, skips in watch.rows)
        loss = -np.mean([record.value for record in result.history[-domain.epoch("train") :]])
        seconds = time.process_time() - start
        print(f"{seed:<6}{path}   supernet's validation loss {loss:.3f}, {seconds:.0f} CPU s", flush=True)
    values = np.array(list(true.values()))
    live = np.array([accuracy for arch, accuracy in true.items() if 0 not in arch])
    best_of_10 = np.random.default_rng(0).choice(values, (20_000, 10)).max(1).mean()
    rows = {
        f"derived cells, {args.seeds} seeds": found,
        "  the first 3 of them": found[:3],
        "  if `none` may win": theirs,
        "random cell": values,
        "random cell without `none`": live,
        "best of 10 random": [best_of_10],
        "all nor_conv_3x3": [true[constant_arch(space, "nor_conv_3x3")]],
    }
    print(
        f"cut cells (10 %) among them: {sum(a <= 10 for a in found)}; if `none` may win: {sum(a <= 10 for a in theirs)}"
    )
    for name, accuracies in rows.items():
        spread = f" +- {np.std(accuracies, ddof=1):.2f}" if len(accuracies) > 1 else ""
        print(f"{name:<28}{np.mean(accuracies):.2f}{spread}")


if __name__ == "__main__":
    main()
