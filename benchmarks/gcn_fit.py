"""GCN-fit on NAS-Bench-201: does a fit to a supernet's scores rank unseen cells better than the scores themselves?

The scores are those that a published one-shot (or few-shot) supernet gave to all 15,625 cells on CIFAR-10, the truth is
the test accuracy after 200 epochs; agreement is measured on cells not fitted. Needs the tables in APPNAS_DATA:

    python benchmarks/gcn_fit.py --seeds 5
    python benchmarks/gcn_fit.py --seeds 3 --real digits       # a supernet trained here, and cells from scratch
    python benchmarks/gcn_fit.py --seeds 5 --planted 1 2       # errors made here, see benchmarks/planted.py
"""

import argparse
import contextlib
import os
import random
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from planted import planted
from rows import collect, spread, weights
from scipy.stats import kendalltau

from appnas.estimate import Scratch, Table
from appnas.methods import gcn_fit
from appnas.run import catalogue
from appnas.space import random_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load
from appnas.strategy import Draw

BASE = gcn_fit.Config(pairs=1000)
VARIANTS = {
    "GCN, 1,000 pairs": BASE,
    "GCN, 300 pairs": replace(BASE, pairs=300),
    "GCN, 2,000 pairs": replace(BASE, pairs=2000),
    "ridge": replace(BASE, predictor="ridge"),
    "random forest": replace(BASE, predictor="forest"),
    "GCN, per-node read-out": replace(BASE, readout="nodes"),
    "GCN, rank targets": replace(BASE, target="rank"),
    "GCN, 10 x epochs": replace(BASE, epochs=1000),
    "segments of 4": replace(BASE, segment=4),
}


def tau(a, b):
    return float(kendalltau(a, b).statistic)


def run(variant, supernet, seed):
    """One search: tau on the cells not fitted, true accuracies of what is chosen, with and without a limit."""
    archs, columns = load("cifar10")
    file = Path(os.environ["APPNAS_DATA"]) / "nasbench201" / "nb201_supernets.npz"
    with np.load(file) as data:
        scores, truth = data[f"{supernet}_supernet"], data["standalone_cifar10"]
    config, start = VARIANTS[variant], time.process_time()
    result = gcn_fit.search(Bench201(), Table(archs, {"value": scores}, "value"), config, seed=seed)
    seconds = time.process_time() - start
    fitted = {record.arch for record in result.history}
    rest = np.array([i for i, arch in enumerate(archs) if arch not in fitted])
    rows = {arch: i for i, arch in enumerate(archs)}
    row = {"seconds": seconds, "chosen": float(truth[rows[result.best]])}
    row["sampled"] = float(truth[rows[max(result.history, key=lambda record: record.value).arch]])
    limit = float(np.median(columns["params"]))
    allowed = columns["params"] <= limit
    with contextlib.suppress(ValueError):  # segments may all lead to larger cells
        small = gcn_fit.within(result, lambda arch: float(columns["params"][rows[arch]]), limit)
        row["within"] = float(truth[rows[small]])
    row["raw within"] = float(truth[np.where(allowed, scores, -1).argmax()])
    row["raw chosen"] = float(truth[scores.argmax()])
    if len(result.strategy.proposer.ends) == 1:
        predicted = result.strategy.proposer.predictor.predict([archs[i] for i in rest]).numpy()
        row["raw"], row["tau"] = tau(scores[rest], truth[rest]), tau(predicted, truth[rest])
        top = truth[rest] >= np.quantile(truth[rest], 0.9)
        row["tau top"], row["raw top"] = tau(predicted[top], truth[rest][top]), tau(scores[rest][top], truth[rest][top])
    return row


def real(domain, seed):
    """A supernet trained on images; on 40 cells not fitted, its scores and the fit beside training from scratch."""
    space, data, start = Bench201(channels=4, repeats=1), catalogue.domain(domain), time.process_time()
    result = gcn_fit.search(space, data, replace(BASE, pairs=300, warmup=20), seed=seed)
    seconds = time.process_time() - start
    fitted, rng = {record.arch for record in result.history[-301:]}, random.Random(f"held out {seed}")
    held_out = set()
    while len(held_out) < 40:
        held_out |= {random_arch(space, rng)} - fitted
    archs = sorted(held_out)
    scratch = Scratch(space, data, 5, seed)
    truth = [float(scratch.score(Draw(arch)).value) for arch in archs]
    scores = [float(result.evaluator.measure(arch).value) for arch in archs]
    predicted = result.strategy.strategy.proposer.predictor.predict(archs).tolist()
    luckiest = max(result.history[-301:], key=lambda record: record.value).arch
    return {
        "raw": tau(scores, truth),
        "tau": tau(predicted, truth),
        "weights": tau([weights(arch) for arch in archs], truth),
        "mean": statistics.fmean(truth),
        "chosen": float(scratch.score(Draw(result.best)).value),
        "sampled": float(scratch.score(Draw(luckiest)).value),
        "seconds": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--supernets", nargs="+", default=["oneshot", "fewshot"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), help=f"of {list(VARIANTS)}")
    parser.add_argument("--real", help="a domain of images, for a supernet trained here instead of the tables")
    parser.add_argument("--planted", type=float, nargs="+", help="deviations of errors made here, in points")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.planted:
        planted(args.planted, args.seeds, args.out)
        return
    if args.real:
        rows = collect(args.out, [(args.real, seed) for seed in range(args.seeds)], real)
        print(f"{args.real}, {args.seeds} seeds: a supernet of 20 epochs, 300 pairs; 40 cells not fitted, from scratch")
        words = {"raw": "tau of the scores", "tau": "tau of the fit", "weights": "tau of the number of weights",
                 "mean": "validation from scratch: mean of the cells", "sampled": "choice of the scores",
                 "chosen": "choice of the fit", "seconds": "CPU s"}  # fmt: skip
        for key, text in words.items():
            print(f"{text:<44}{spread([row[key] for row in rows], 2)}")
        return
    for supernet in args.supernets:
        print(f"{supernet} scores, {args.seeds} seeds; tau on cells not fitted; true accuracy of the choice, %")
        print(f"{'':<24}{'tau of the scores':>18}{'of the fit':>16}{'gain':>17}{'in the top 10 %':>16}{'choice':>15}"
              f"{'small choice':>15}{'CPU s':>7}")  # fmt: skip
        for name in args.variants:
            rows = collect(args.out, [(name, supernet, seed) for seed in range(args.seeds)], run)
            cells = " " * 67
            if "tau" in rows[0]:
                columns = {key: [row[key] for row in rows] for key in ("raw", "tau", "raw top", "tau top")}
                gains = [fit - raw for fit, raw in zip(columns["tau"], columns["raw"], strict=True)]
                top = f"{statistics.fmean(columns['tau top']):.2f} of {statistics.fmean(columns['raw top']):.2f}"
                cells = f"{spread(columns['raw']):>18}{spread(columns['tau']):>16}{spread(gains):>17}{top:>16}"
            small = [row["within"] for row in rows if "within" in row]
            told = spread(small, 2) + (f" (n={len(small)})" if len(small) < len(rows) else "") if small else "none"
            print(f"{name:<24}{cells}{spread([row['chosen'] for row in rows], 2):>15}{told:>15}"
                  f"{statistics.fmean(row['seconds'] for row in rows):>7.1f}", flush=True)  # fmt: skip
        sampled = spread([row["sampled"] for row in rows], 2)
        print(f"choice of the scores themselves: {rows[0]['raw chosen']:.2f} of all cells, small"
              f" {rows[0]['raw within']:.2f}; of those sampled {sampled}")  # fmt: skip


if __name__ == "__main__":
    main()
