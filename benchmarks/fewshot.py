"""Few-shot NAS on NAS-Bench-201: do the supernets of parts rank cells better than one supernet does?

`table` reads the published supernet scores of all 15,625 cells (one supernet; five, split along the first edge) and
compares them with the stand-alone accuracies of the same file: Kendall's tau-b over all cells, inside every part, in
the true top tenth; the true accuracy of what a score picks, alone and with regularised evolution on it.

`train` trains such supernets and scores the same random cells by validation accuracy: one supernet; five parts that
inherit it; and controls: one supernet with one part's steps more, one with all parts' steps more (equal budget), the
number of parameters. On digits (C=8, N=1, 880 + 378 images, batch 32) the truth is the mean test accuracy of two
trainings of each cell; on cifar10 (C=4, N=1, 2,000 + 500 images), which supernets this small hardly learn, it is that
of the table. A supernet's batch norms use the batch's own statistics when cells are scored too, 500 images at a time:
running ones of mixed paths do not exist. Needs APPNAS_DATA.

    python benchmarks/fewshot.py table --seeds 20
    python benchmarks/fewshot.py train --seeds 3 --out fewshot.jsonl
"""

import argparse
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rows import collect, spread
from scipy.stats import kendalltau

from appnas.domains.images import DIGITS, Options, cifar10, digits
from appnas.estimate import Table
from appnas.loop import search_loop
from appnas.methods import fewshot
from appnas.retrain import train_one
from appnas.space import constant_arch, random_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import OPS_201, load
from appnas.strategy import Draw, Evolution, Random


def tau(a, b):
    return kendalltau(a, b).statistic


def table(args):
    archs, columns = load("cifar10")
    with np.load(Path(os.environ["APPNAS_DATA"]) / "nasbench201" / "nb201_supernets.npz") as data:
        true = data["standalone_cifar10"]
        scores = {"one supernet": data["oneshot_supernet"], "five supernets": data["fewshot_supernet"]}
    scores["number of parameters"] = columns["params"]
    first = np.array([arch[0] for arch in archs])
    top = true >= np.quantile(true, 0.9)
    for name, score in scores.items():
        order = np.argsort(-score, kind="stable")
        inside = ", ".join(f"{op} {tau(score[first == k], true[first == k]):.3f}" for k, op in enumerate(OPS_201))
        print(f"{name:<22}tau {tau(score, true):.3f}; true top tenth {tau(score[top], true[top]):.3f}; {inside}")
        picked = []
        for seed in range(args.seeds):
            strategy = Evolution(Bench201(), random.Random(seed), 10, 3)
            picked.append(true[archs.index(search_loop(strategy, Table(archs, {"x": score}, "x"), 1000).best)])
        print(
            f"{'':<22}true accuracy: largest score {true[order[0]]:.2f}, best of the 100 largest"
            f" {true[order[:100]].max():.2f}, evolution with 1,000 looks {np.mean(picked):.2f} +-"
            f" {np.std(picked, ddof=1):.2f} ({args.seeds} seeds)"
        )
    best = []
    for seed in range(args.seeds):
        strategy = Random(Bench201(), random.Random(seed))
        best.append(search_loop(strategy, Table(archs, {"x": true}, "x"), 1000).value)
    print(
        f"random best of 1,000, true {np.mean(best):.2f} +- {np.std(best, ddof=1):.2f}; random cell {true.mean():.2f}"
    )
    print(f"all nor_conv_3x3 {true[archs.index(constant_arch(Bench201(), 'nor_conv_3x3'))]:.2f}")


def task(args):
    """Domain, space and cells, with what the cells' true values are."""
    archs, columns = load("cifar10")
    row = {arch: i for i, arch in enumerate(archs)}
    sample = [random_arch(Bench201(), random.Random(i)) for i in range(args.cells)]
    params = np.array([columns["params"][row[arch]] for arch in sample])
    if args.task == "cifar10":
        domain = cifar10(Options(limit=2500, valid=0.2, batch=32, crop=0))
        return (
            domain,
            Bench201(channels=4, repeats=1),
            sample,
            columns["test200"][[row[arch] for arch in sample]],
            params,
        )
    domain, space = digits(replace(DIGITS, valid=0.3, batch=32, final_batch=32)), Bench201(channels=8, repeats=1)

    def alone(kind, cell, seed):
        return {"test": domain.test(train_one(space, domain, sample[cell], args.alone, seed))["accuracy"]}

    out = args.out and f"{args.out}.alone"
    rows = collect(out, [("alone", cell, seed) for cell in range(len(sample)) for seed in range(2)], alone)
    each = np.array([row["test"] for row in rows]).reshape(-1, 2)
    print(
        f"stand-alone test accuracies {each.mean():.1f} +- {each.mean(1).std(ddof=1):.1f} % over {len(sample)} cells;"
        f" tau between two trainings {tau(*each.T):.3f}",
        flush=True,
    )
    return domain, space, sample, each.mean(1), params


def train(args):
    domain, space, sample, true, params = task(args)
    base = fewshot.Config(
        epochs=args.epochs, leaf_epochs=args.leaf_epochs, lr=0.1, lr_min=0.0, evaluations=1, strategy="random"
    )
    variants = {
        "one supernet": replace(base, split=()),
        "five, inherited": base,
        "one, a part's steps more": replace(base, split=(), epochs=args.epochs + args.leaf_epochs),
        "one, all steps more": replace(base, split=(), epochs=args.epochs + 5 * args.leaf_epochs),
    }
    first = np.array([arch[0] for arch in sample])

    def run(seed, name):
        start = time.process_time()
        evaluator = fewshot.search(space, domain, variants[name], seed=seed).evaluator
        scores = [float(evaluator.score(Draw(arch)).value) for arch in sample]
        return {"scores": scores, "steps": evaluator.step, "seconds": time.process_time() - start}

    found = {}
    for seed in range(args.seeds):
        for name in variants:
            (row,) = collect(args.out, [(seed, name)], run)
            scores = np.array(row["scores"])
            inside = [tau(scores[first == k], true[first == k]) for k in range(5)]
            found.setdefault(name, []).append([tau(scores, true), np.mean(inside), scores.mean()])
            print(
                f"{seed}  {name:<26}tau {found[name][-1][0]:.3f}, mean inside the parts {np.mean(inside):.3f},"
                f" mean score {scores.mean():.1f} %, {row['steps']} steps, {row['seconds']:.0f} CPU s",
                flush=True,
            )
    for name, values in found.items():
        columns = [spread(column) for column in zip(*values, strict=True)]
        print(f"{name:<26}tau {columns[0]}, inside the parts {columns[1]}, mean score {columns[2]} %")
    print(f"{'number of parameters':<26}tau {tau(params, true):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["table", "train"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--task", choices=["digits", "cifar10"], default="digits", help="of train")
    parser.add_argument("--epochs", type=int, default=60, help="of the first supernet")
    parser.add_argument("--leaf-epochs", type=int, default=20, help="of every part's")
    parser.add_argument("--alone", type=int, default=20, help="epochs of a stand-alone training, on digits")
    parser.add_argument("--cells", type=int, default=60, help="scored")
    parser.add_argument("--out", help="file of results, to go on from")
    args = parser.parse_args()
    torch.set_num_threads(1)
    {"table": table, "train": train}[args.what](args)


if __name__ == "__main__":
    main()
