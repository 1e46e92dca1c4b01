"""RLNAS on NAS-Bench-201: does the angle on random labels rank the cells as their true CIFAR-10 accuracies do?

A small supernet (C=16, N=1, batch norms without scale and shift, as the authors' for this space) is trained on 128
digits of 8 x 8 pixels whose labels are uniformly random, 800 steps of single paths; then the angles of all 15,625
cells are compared with the benchmark's test accuracies on CIFAR-10 (Kendall's tau-b), and evolution looks for the
largest. `operations` counts the weights of operations alone, `everything` all that lies on a path, as the authors do.
Beside it: true labels; noise for images; a third, a tenth and (untrained) one epoch of the training; the number of
parameters. Width, length, learning rate, weight decay and what the angle counts were chosen on seeds 100 to 102, so by
the table; the seeds from 30 on were not looked at before. Needs APPNAS_DATA.

    python benchmarks/rlnas.py --seeds 3
    python benchmarks/rlnas.py --seeds 5 --repeats 5 --channels 8 --epochs 1000 --out rlnas.jsonl  # the authors' N
    python benchmarks/rlnas.py --seeds 1 --repeats 5 --channels 8 --epochs 10     # quick
"""

import argparse
import statistics
import time
from functools import cache

import numpy as np
import torch
from rows import collect
from scipy.stats import kendalltau
from sklearn.datasets import load_digits

from appnas.domains.images import Images, Options
from appnas.methods import rlnas
from appnas.space import constant_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load

VARIANTS = {
    "random labels": ("random", 1.0, "digits"),
    "true labels": ("true", 1.0, "digits"),
    "random labels, noise for images": ("random", 1.0, "noise"),
    "random labels, a third": ("random", 1 / 3, "digits"),
    "random labels, a tenth": ("random", 0.1, "digits"),
    "random labels, one epoch": ("random", 0.0, "digits"),
}
"""Labels, share of the epochs, images."""


@cache
def table():
    """The cells and their true accuracies."""
    archs, columns = load("cifar10")
    return archs, columns["test200"], columns["params"], {arch: i for i, arch in enumerate(archs)}


def run(variant, channels, repeats, epochs, seed):
    """A supernet: tau of both counts, true accuracies of the largest angles and of what evolution finds."""
    archs, true, _, row = table()
    labels, share, images = VARIANTS[variant]
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8).astype("float32")
    if images == "noise":
        x = np.random.default_rng(seed).normal(x.mean(), x.std(), x.shape).astype("float32")
    domain = Images(x, y, options=Options(limit=256, crop=0, flip=False))
    space = Bench201(channels=channels, repeats=repeats, affine=False)
    config = rlnas.Config(
        epochs=max(1, int(share * epochs)), lr=0.1, lr_min=0.0, weight_decay=0.0, shared=False, labels=labels
    )
    start = time.process_time()
    result = rlnas.search(space, domain, config, seed=seed)
    found = {"seconds": time.process_time() - start, "epochs": config.epochs, "found": float(true[row[result.best]])}
    losses = [-record.value for record in result.history if "train_loss" in record.metrics]
    found["loss"] = statistics.fmean(losses[-50:])
    whole = result.evaluator.make(result.evaluator.supernet, shared=True)
    for counted, angles in (("operations", result.evaluator.table()), ("everything", whole)):
        begin = time.process_time()
        angle = angles(archs).numpy()
        found["lookup"], top = time.process_time() - begin, np.argsort(-angle)[:30]
        found[counted] = {
            "tau": float(kendalltau(angle, true).statistic), "mean": float(true[top].mean()),
            "first": float(true[top[0]]),
        }  # fmt: skip
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=30)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=1, help="N, cells a stage; the authors have 5")
    parser.add_argument("--epochs", type=int, default=400, help="2 steps each")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    _, true, params, row = table()
    taus = {}
    print("seed  variant                                                  tau   mean of top 30  argmax  found by"
          " evolution  loss   CPU s")  # fmt: skip
    for name in args.variants:
        keys = [(name, args.channels, args.repeats, args.epochs, args.first + i) for i in range(args.seeds)]
        for key, found in zip(keys, collect(args.out, keys, run), strict=True):
            for counted in ("operations", "everything"):
                own, label = found[counted], f"{name}, {found['epochs']} epochs, {counted}"
                taus.setdefault(label, []).append(own["tau"])
                evolved = f"{found['found']:.2f}" if counted == "operations" else ""
                print(f"{key[-1]:<6}{label:<56}{own['tau']:>6.3f}  {own['mean']:.2f}  {own['first']:.2f}  {evolved:<6} "
                      f" {found['loss']:.3f}  {found['seconds']:.1f} (all angles {found['lookup']:.2f})",
                      flush=True)  # fmt: skip
    for name, values in taus.items():
        spread = f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
        print(f"{name:<56}tau {np.mean(values):.3f}{spread}, smallest {min(values):.3f}")
    print(f"{'number of parameters':<56}tau {kendalltau(params, true).statistic:.3f}")
    print(f"random cell {true.mean():.2f}, all nor_conv_3x3 {true[row[constant_arch(Bench201(), 'nor_conv_3x3')]]:.2f}")


if __name__ == "__main__":
    main()
