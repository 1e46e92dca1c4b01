"""Zero-cost proxies on NAS-Bench-201: rank agreement with the benchmark's accuracies, and what they choose.

Random cells are scored with new weights; Kendall's tau is with the test accuracy after 200 epochs of the same cells on
all three data sets. Beside each proxy: the accuracy on CIFAR-10 of the cell that it likes best among the random ones,
and its time. Several proxies together are ranked among the cells themselves. Controls: the numbers of parameters and of
multiply-adds, and a random cell. Needs APPNAS_DATA. Minutes on one core:

    python benchmarks/zerocost.py --cells 300 --channels 8 --repeats 1 --data cifar10
"""

import argparse
import random
import time
from collections import defaultdict

import numpy as np
import torch

from appnas.cost import kendall
from appnas.domains.images import Options, cifar10, digits
from appnas.one_shot import PROXIES, ZeroCost, rank_sum, vote
from appnas.space import random_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load

DATASETS = ("cifar10", "cifar100", "imagenet16")
TOGETHER = {
    "synflow, jacov, snip": ("synflow", "jacov", "snip"),
    "synflow, naswot": ("synflow", "naswot"),
    "jacov, naswot": ("jacov", "naswot"),
    "synflow, jacov, naswot": ("synflow", "jacov", "naswot"),
}


def measured(space, domain, archs, seed):
    """Every proxy of every cell, and seconds of each; NaN where it failed."""
    found, seconds = defaultdict(list), defaultdict(float)
    for name in PROXIES:
        scorer = ZeroCost(space, domain, (name,), seed=seed)
        for arch in archs:
            start = time.process_time()
            try:
                found[name].append(scorer.measured(arch)[name])
            except ValueError:
                found[name].append(float("nan"))
            seconds[name] += (time.process_time() - start) / len(archs)
    return found, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument(
        "--repeats", type=int, default=1, help="cells a stage; the benchmark's own has 5, and 16 channels"
    )
    parser.add_argument("--data", choices=("cifar10", "digits"), default="cifar10")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    space = Bench201(channels=args.channels, repeats=args.repeats)
    domain = cifar10(Options(limit=1000)) if args.data == "cifar10" else digits()
    tables = [dict(zip(archs, columns["test200"], strict=True)) for archs, columns in map(load, DATASETS)]
    rows = defaultdict(list)
    for seed in range(args.seeds):
        rng = random.Random(seed)
        archs = [random_arch(space, rng) for _ in range(args.cells)]
        true = np.array([[float(table[arch]) for table in tables] for arch in archs])
        found, seconds = measured(space, domain, archs, seed)
        columns = {name: np.array(found[name]) for name in PROXIES}
        for name, of in TOGETHER.items():
            values = torch.tensor(np.array([columns[one] for one in of])).nan_to_num(-1e300)
            columns[f"{name}: ranks"] = rank_sum(values, values).numpy()
            columns[f"{name}: vote"] = vote(values, values).numpy()
        for name, values in columns.items():
            there = ~np.isnan(values)
            taus = [kendall(torch.tensor(values[there].clip(-1e300)), torch.tensor(true[there, k])) for k in range(3)]
            best = true[np.nanargmax(np.where(there, values, -np.inf)), 0]
            rows[name].append([*taus, best, seconds.get(name, float("nan")), (~there).sum()])
        rows["a random cell"].append([0, 0, 0, true[:, 0].mean(), 0, 0])
    print(f"{'':<32}" + "".join(f"{name:>16}" for name in (*DATASETS, "best cell", "CPU s", "failed")))
    for name, found in rows.items():
        means, errors = np.mean(found, 0), np.std(found, 0, ddof=min(1, len(found) - 1))
        cells = (f"{mean:.2f} +-{error:.2f}" for mean, error in zip(means, errors, strict=True))
        print(f"{name:<32}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
