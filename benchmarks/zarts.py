"""ZARTS beside DARTS: where the bilevel toy ends, and cells of RobustDARTS's spaces on real images.

toy: the DARTS paper's (arXiv 1806.09055, section 2.3), L_val = a w - 2 a + 1, L_train = w^2 - 2 a w + a^2, from a = 2,
w = -2, one weight step of size 0.1. With w trained for M steps under every candidate the fixed point is
2 / (2 - 0.8^M): it depends on M alone, and the true optimum is 1. With w = w(a) taken as it is, it is 2.

cells: DARTS (first and second order) and ZARTS in S2 and S4 on CIFAR-10 images of 16 x 16 (JPEG, lossy; 640 + 640
images), a supernet of 3 cells and 4 channels; the derived cells (and random ones, and separable convolutions
everywhere, which have the most weights) trained from scratch alike and tested. A line of `--out` for each search and
training: what is there is not done again. Needs APPNAS_DATA. About 5 CPU minutes a seed and space, a
third of that with --nodes 2:

    python benchmarks/zarts.py toy --seeds 5
    python benchmarks/zarts.py cells --seeds 5 --out zarts.jsonl
"""

import argparse
import json
import random
import statistics
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from appnas.domains.images import Options, cifar10
from appnas.loop import search_loop
from appnas.methods import darts, zarts
from appnas.one_shot import Adapted
from appnas.space import IO, Choice, constant_arch, describe, random_arch
from appnas.spaces import Robust
from appnas.strategy import Descent, MLEGuided, RandomDirections, ZeroOrder
from appnas.task import Recipe, cosine


class Line:
    """A space with one number: its only gate is a."""

    choices, mask = (Choice("a", ("a",)),), None

    def valid(self, arch):
        return arch == (0,)

    def discretise(self, gates):
        return (0,)

    def supernet(self, io, mask=None):
        class W(nn.Module):
            def __init__(self):
                super().__init__()
                self.w = nn.Parameter(torch.tensor(-2.0))

            def forward(self, gates):
                return gates[0][0, 0], self.w

        return W()


class Toy:
    """The two losses; a batch is the name of its split."""

    io = IO((), ())

    def batches(self, split, rng):
        yield split

    def loss(self, model, batch):
        a, w = model()
        return (a * w - 2 * a + 1 if batch == "valid" else w * w - 2 * a * w + a * a)[None]


def toy(estimator, inner, seed, rounds=100, first_order=False):
    """The architecture parameter at the end."""
    scale = partial(cosine, epochs=rounds, lr=1.0) if isinstance(estimator, MLEGuided) else lambda round: 1.0
    strategy = ZeroOrder(Line(), torch.Generator().manual_seed(seed), estimator, scale, relax=lambda a: a)
    strategy.alpha = torch.full_like(strategy.alpha, 2.0)
    evaluator = Adapted(
        Line(), Toy(), inner, strategy.length, lr=lambda step: 0.1, momentum=0, weight_decay=0, clip=0, seed=seed
    )
    if first_order:  # candidates judged with the weights of now: no step of theirs
        evaluator.adapted = lambda gates: {"w": evaluator.supernet.w.detach()}
    search_loop(strategy, evaluator, rounds * strategy.length)
    return float(strategy.alpha)


ESTIMATORS = {
    "RS": RandomDirections(1, 0.1, 0.1),
    "GLD": Descent(15, 0.13),
    "MGS, mixture 0.001": MLEGuided(4, 0.1, 1e-3, 1e-3),
    "MGS, mixture 0.5": MLEGuided(4, 0.1, 1e-3, 0.5),
    "MGS, mixture 1": MLEGuided(4, 0.1, 1e-3, 1.0),
}


def toys(seeds, steps):
    print(f"{'M':<26}" + "".join(f"{m:>16}" for m in steps))
    print(f"{'2 / (2 - 0.8^M)':<26}" + "".join(f"{2 / (2 - 0.8**m):>16.3f}" for m in steps))
    for name, estimator in ESTIMATORS.items():
        row = [[toy(estimator, m, seed) for seed in range(seeds)] for m in steps]
        print(f"{name:<26}" + "".join(f"{statistics.fmean(a):>8.3f} +-{spread(a):>5.3f}" for a in row))
    row = [toy(ESTIMATORS["RS"], 10, seed, first_order=True) for seed in range(seeds)]
    print(f"{'RS, weights of now':<26}{statistics.fmean(row):>8.3f} +-{spread(row):>5.3f}")


def spread(values):
    return statistics.stdev(values) if len(values) > 1 else 0.0


SEARCHES = {
    "DARTS, first order": (darts.search, darts.Config(epochs=10, order="first", alpha_lr=0.01)),
    "DARTS, second order": (darts.search, darts.Config(epochs=10, order="second", alpha_lr=0.01)),
    "ZARTS": (zarts.search, replace(zarts.ROBUST, epochs=10, warmup=2)),
}


def cells(kinds, seeds, first, out, epochs, nodes):
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(row["kind"], row["seed"], row["name"]): row for row in done}
    data = cifar10(Options(limit=1280, batch=32, final_batch=32, shrink=2, crop=2, recipe=Recipe(lr=0.05)))
    for seed in range(first, first + seeds):
        for kind in kinds:
            space = Robust(
                kind=kind, nodes=nodes, channels=4, cells=3, width=4, depth=5, auxiliary=False, drop_path=0.0
            )
            rest = ("random cell", "sep_conv_3x3 everywhere")
            for name in (*SEARCHES, *rest):
                if (kind, seed, name) not in done:
                    start, effective = time.process_time(), None
                    torch.manual_seed(seed)  # of the noise in S4
                    if name in SEARCHES:
                        method, config = SEARCHES[name]
                        result = method(space, data, config, seed=seed)
                        arch, effective = result.best, result.info.get("effective")
                    else:
                        fixed = constant_arch(space, "sep_conv_3x3")
                        arch = random_arch(space, random.Random(seed)) if name == rest[0] else fixed
                    row = {"kind": kind, "seed": seed, "name": name, "seconds": time.process_time() - start}
                    row |= {"arch": arch, "effective": effective, **trained(space, data, arch, seed, epochs)}
                    done[kind, seed, name] = row
                    with out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
    table(done.values(), kinds)


def trained(space, data, arch, seed, epochs):
    """Test accuracy from scratch, and the useless operations in the normal and in the reduction cell."""
    torch.manual_seed(seed)
    model = space.build(arch, data.io)
    data.fit(model, epochs, final=True, seed=seed)
    idle = ("skip_connect", "noise")
    counts = [sum(op in idle for op in ops) for ops in describe(space.choices, arch).values()]
    return {"accuracy": data.test(model)["accuracy"], "idle": counts}


def table(rows, kinds):
    print(f"{'space, search':<30}{'skips or noise: normal cell':>28}{'reduction':>14}{'test accuracy':>18}  CPU s")
    for kind in kinds:
        for name in dict.fromkeys(row["name"] for row in rows):
            mine = [row for row in rows if (row["kind"], row["name"]) == (kind, name)]
            if not mine:
                continue
            normal, reduction = zip(*(row["idle"] for row in mine), strict=True)
            accuracy = [row["accuracy"] for row in mine]
            print(
                f"{kind + ', ' + name:<30}{statistics.fmean(normal):>20.1f} +- {spread(normal):.1f}"
                f"{statistics.fmean(reduction):>8.1f} +- {spread(reduction):.1f}"
                f"{statistics.fmean(accuracy):>11.2f} +- {spread(accuracy):.2f}"
                f"{statistics.fmean(row['seconds'] for row in mine):>7.0f}  ({len(mine)} seeds)"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["toy", "cells"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--inner", type=int, nargs="+", default=[1, 2, 5, 10, 30], help="M in the toy")
    parser.add_argument("--kinds", nargs="+", default=["s2", "s4"])
    parser.add_argument("--epochs", type=int, default=12, help="of the training from scratch")
    parser.add_argument("--nodes", type=int, default=4, help="of a cell; the published spaces have 4")
    parser.add_argument("--out", type=Path, default=Path("zarts.jsonl"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "toy":
        toys(args.seeds, args.inner)
    else:
        cells(args.kinds, args.seeds, args.first, args.out, args.epochs, args.nodes)


if __name__ == "__main__":
    main()
