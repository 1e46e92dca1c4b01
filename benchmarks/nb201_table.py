"""Random search, regularised evolution and REINFORCE on the NAS-Bench-201 table, beside the published rows.

The protocol is the benchmark's own (Dong and Yang, arXiv 2001.00326, section 4): search on CIFAR-10 with a simulated
budget of 12,000 s and the validation accuracy after 12 epochs; the cell found is then looked up on all three data
sets. The published baselines know no equal networks (`distinct`); rows below them draw each once. Needs the table in
APPNAS_DATA. One core:

    python benchmarks/nb201_table.py --seeds 500
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import torch

from appnas.estimate import Table
from appnas.loop import Budget
from appnas.methods import baselines, reinforce
from appnas.space import constant_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load

DATASETS = ("cifar10", "cifar100", "imagenet16")
PUBLISHED = {"random": "Random search", "evolution": "REA", "reinforce": "REINFORCE"}
METHODS = {
    "random": (baselines.random, baselines.RandomConfig(10_000, distinct=False)),
    "  distinct networks": (baselines.random, baselines.RandomConfig(10_000)),
    "evolution": (baselines.evolution, baselines.EvolutionConfig(10_000, population=10, sample=3, distinct=False)),
    "  distinct children": (baselines.evolution, baselines.EvolutionConfig(10_000, population=10, sample=3)),
    "reinforce": (reinforce.search, reinforce.Config(10_000)),
    "  lr 0.01": (reinforce.search, reinforce.Config(10_000, lr=0.01)),
    "  lr 0 (control)": (reinforce.search, reinforce.Config(10_000, lr=0.0)),
}


def simulate(name, table, seeds, seconds):
    """The architectures found by all seeds, the number of evaluations, and CPU seconds."""
    method, config = METHODS[name]
    start, found, evaluations = time.process_time(), [], []
    for seed in range(seeds):
        result = method(Bench201(), table, config, seed=seed, callbacks=[Budget("seconds12", seconds)])
        found.append(result.best)
        evaluations.append(len(result.history))
    return found, statistics.fmean(evaluations), time.process_time() - start


def published(name):
    """The published row: {column: [mean, sd]} and where it comes from."""
    file = Path(os.environ["APPNAS_DATA"]) / "headlines" / "headlines.json"
    rows = json.loads(file.read_text())["nas_bench_201"]
    return next(row for row in rows if row["method"] == PUBLISHED[name])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=12_000.0, help="simulated budget")
    args = parser.parse_args()
    torch.set_num_threads(1)
    archs, columns = load("cifar10")
    table = Table(archs, columns, "valid12", withheld=["valid200", "test200"])
    look_up = {name: Table(*load(name), "valid200", withheld=["test200"]) for name in DATASETS}
    short = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16": "in16"}
    print("published: seen in print; recalled: from memory, not confirmed, no figure of a paper")
    print(f"{args.seeds} seeds, {args.seconds:,.0f} simulated s, test accuracy (%) after 200 epochs; mean +- sd")
    print(f"{'method':<22}{'CIFAR-10':>16}{'CIFAR-100':>16}{'ImageNet16-120':>16}{'queries':>9}{'CPU s':>8}")
    for name in METHODS:
        found, evaluations, seconds = simulate(name, table, args.seeds, args.seconds)
        cells = ""
        for dataset in DATASETS:
            tests = [look_up[dataset].test(arch)["test200"] for arch in found]
            cells += f"{statistics.fmean(tests):>8.2f} +-{statistics.stdev(tests):>5.2f}"
        print(f"{name:<22}{cells}{evaluations:>9.1f}{seconds:>8.1f}")
        if name not in PUBLISHED:
            continue
        row = published(name)
        quoted = "".join("{:>8.2f} +-{:>5.2f}".format(*row[f"{short[d]}_test"]) for d in DATASETS)
        label = "  published" if "confirmed" in row["status"] else "  recalled"
        print(f"{label:<22}{quoted}   [{row['status']}]")
    fixed = {"all nor_conv_3x3": constant_arch(Bench201(), "nor_conv_3x3")}
    for name, arch in fixed.items():
        print(f"{name:<22}" + "".join(f"{look_up[d].test(arch)['test200']:>8.2f}{'':8}" for d in DATASETS))
    for name, value in (("mean of all cells", statistics.fmean), ("best cell", max)):
        print(f"{name:<22}" + "".join(f"{value(look_up[d].hidden['test200']):>8.2f}{'':8}" for d in DATASETS))


if __name__ == "__main__":
    main()
