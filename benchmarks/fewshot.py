"""Few-shot NAS on NAS-Bench-201: do the supernets of parts rank cells better than one supernet does?

`table` reads the published supernet scores of all 15,625 cells (one supernet; five, split along the first edge) and
compares them with the stand-alone accuracies of the same file: Kendall's tau-b over all cells, inside every part, in
the true top tenth; the true accuracy of what a score picks, alone and with regularised evolution on it.

`train` trains such supernets (C=4, N=1; 2,000 + 500 CIFAR-10 images, batch 32) and scores the same random cells by
validation accuracy: one supernet; five parts that inherit it; and controls: one supernet with one part's steps more,
one with all parts' steps more (equal budget), the number of parameters. Needs APPNAS_DATA.

    python benchmarks/fewshot.py table --seeds 20
    python benchmarks/fewshot.py train --seeds 3
"""

import argparse
import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kendalltau

from appnas.domains.image_data import cifar10
from appnas.domains.images import Options
from appnas.evaluate import Table
from appnas.methods import fewshot
from appnas.search import search
from appnas.space import constant_arch, random_arch
from appnas.spaces import Bench201
from appnas.spaces.bench201 import OPS_201, load
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
            picked.append(true[archs.index(search(strategy, Table(archs, {"x": score}, "x"), 1000).best)])
        print(
            f"{'':<22}true accuracy: largest score {true[order[0]]:.2f}, best of the 100 largest"
            f" {true[order[:100]].max():.2f}, evolution with 1,000 looks {np.mean(picked):.2f} +-"
            f" {np.std(picked, ddof=1):.2f} ({args.seeds} seeds)"
        )
    best = []
    for seed in range(args.seeds):
        strategy = Random(Bench201(), random.Random(seed))
        best.append(search(strategy, Table(archs, {"x": true}, "x"), 1000).value)
    print(
        f"random best of 1,000, true {np.mean(best):.2f} +- {np.std(best, ddof=1):.2f}; random cell {true.mean():.2f}"
    )
    print(f"all nor_conv_3x3 {true[archs.index(constant_arch(Bench201(), 'nor_conv_3x3'))]:.2f}")


def train(args):
    archs, columns = load("cifar10")
    row = {arch: i for i, arch in enumerate(archs)}
    domain = cifar10(Options(limit=2500, valid=0.2, batch=32, crop=0))
    space = Bench201(channels=4, repeats=1)
    base = fewshot.Config(
        epochs=args.epochs, leaf_epochs=args.leaf_epochs, lr=0.1, lr_min=0.0, evaluations=1, strategy="random"
    )
    variants = {
        "one supernet": replace(base, split=()),
        "five, inherited": base,
        "one, a part's steps more": replace(base, split=(), epochs=args.epochs + args.leaf_epochs),
        "one, all steps more": replace(base, split=(), epochs=args.epochs + 5 * args.leaf_epochs),
    }
    sample = [random_arch(space, random.Random(i)) for i in range(args.cells)]
    true = np.array([columns["test200"][row[arch]] for arch in sample])
    params = np.array([columns["params"][row[arch]] for arch in sample])
    first = np.array([arch[0] for arch in sample])
    found = {}
    for seed in range(args.seeds):
        for name, config in variants.items():
            key = f"{seed} {name}"
            known = read(args.out)
            if key not in known:
                start = time.process_time()
                evaluator = fewshot.search(space, domain, config, seed=seed).evaluator
                scores = [float(evaluator.score(Draw(arch)).value) for arch in sample]
                write(args.out, key, [scores, evaluator.step, time.process_time() - start])
                known = read(args.out) or {key: [scores, evaluator.step, time.process_time() - start]}
            scores, steps, seconds = known[key]
            inside = [tau(np.array(scores)[first == k], true[first == k]) for k in range(5)]
            found.setdefault(name, []).append([tau(scores, true), np.mean(inside)])
            print(
                f"{seed}  {name:<26}tau {found[name][-1][0]:.3f}, mean inside the parts {np.mean(inside):.3f},"
                f" mean score {np.mean(scores):.1f} %, {steps} steps, {seconds:.0f} CPU s",
                flush=True,
            )
    for name, values in found.items():
        mean, spread = np.mean(values, 0), np.std(values, 0, ddof=1) if len(values) > 1 else np.zeros(2)
        print(f"{name:<26}tau {mean[0]:.3f} +- {spread[0]:.3f}, inside the parts {mean[1]:.3f} +- {spread[1]:.3f}")
    print(f"{'number of parameters':<26}tau {tau(params, true):.3f}")


def read(path):
    return dict(map(json.loads, Path(path).read_text().splitlines())) if path and Path(path).exists() else {}


def write(path, key, value):
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps([key, value]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["table", "train"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12, help="of the first supernet, 63 steps each")
    parser.add_argument("--leaf-epochs", type=int, default=4, help="of every part's")
    parser.add_argument("--cells", type=int, default=100, help="scored")
    parser.add_argument("--out", help="file of results, to go on from")
    args = parser.parse_args()
    torch.set_num_threads(1)
    {"table": table, "train": train}[args.what](args)


if __name__ == "__main__":
    main()
