"""MnasNet on real images with latency measured on this machine: soft and hard reward beside random search.

A three-block factorised space on scikit-learn's digits, three epochs a network, latency of one image on one thread. T
is the median latency of 40 random networks, measured first. Every search keeps a run with a report that shows the
Pareto front; parts that are done are read again, so it can be called with one seed, then with more.

    python benchmarks/mnasnet_images.py --out DIR --seeds 3
"""

import argparse
import dataclasses
import json
import random
import statistics
from pathlib import Path

import torch

import appnas
from appnas.cost import survey, weighted_product
from appnas.domains.images import DIGITS
from appnas.loop import hypervolume, worth
from appnas.run import catalogue
from appnas.space import random_arch
from appnas.spaces import Mnas

SPACE = Mnas((8, 12, 24), (1, 2, 2), (1, 2, 2), stem=8, stem_stride=1, head=48, multiple=4, dropout=0.0, momentum=0.1)
REWARDS = {"soft": (-0.07, -0.07), "hard": (0.0, -1.0)}


def images():
    """1,797 digits, in small batches."""
    return catalogue.domain("digits", dataclasses.replace(DIGITS, batch=16))


def target(out, domain):
    """T: the median latency of 40 random networks, measured in turns, once."""
    file = out / "target.json"
    if not file.exists():
        archs = [random_arch(SPACE, random.Random(seed)) for seed in range(1000, 1040)]
        found = survey(SPACE, domain.io, archs, domain.example(1), repeats=30)
        content = {"ms": statistics.median(one.median for one in found), **found[0].conditions}
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return json.loads(file.read_text())


def searched(out, name, seed, domain, ms, evaluations):
    """The result of one search, from its directory if it is there."""
    folder = out / f"{name}-{seed}"
    if (folder / "config.json").exists():
        return appnas.resume(folder, domain=domain)
    below, above = REWARDS.get(name.split()[0], (0.0, 0.0))
    settings = {"evaluations": evaluations, "budget": 3, "target": ms, "below": below, "above": above}
    settings |= {"controller": "independent", "lr": 0.0 if name == "random" else 0.1, "per_update": 5}
    return appnas.search(SPACE, domain, "mnasnet", seed=seed, out=folder, **settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=10, help="of the retraining")
    args = parser.parse_args()
    torch.set_num_threads(1)
    domain = images()
    conditions = target(args.out, domain)
    ms = conditions["ms"]
    print(conditions)
    print(f"{'':<8}{'soft reward':>18}{'hard reward':>18}{'hypervolume':>18}{'test %':>18}  late ms / T, deciles")
    for name in ("soft", "hard", "random"):
        rows, late = [], []
        for seed in range(args.seeds):
            result = searched(args.out, name, seed, domain, ms, args.evaluations)
            points = [(worth(r), r.metrics["latency_ms"]) for r in result.history]
            best = [max(weighted_product(*point, ms, *trade) for point in points) for trade in REWARDS.values()]
            volume = hypervolume([(value, -cost / ms) for value, cost in points], (0.0, -3.0)) / 300
            trained = result.retrain(args.epochs)
            rows.append((*best, volume, trained.rows[0].mean("accuracy")))
            late += [cost / ms for _, cost in points[-20:]]
            result.report()
        columns = [(statistics.fmean(c), statistics.stdev(c) if len(c) > 1 else 0.0) for c in zip(*rows, strict=True)]
        cells = [f"{mean:.2f} +- {deviation:.2f}" for mean, deviation in columns]
        deciles = " ".join(f"{x:.2f}" for x in statistics.quantiles(late, n=10))
        print(f"{name:<8}" + "".join(f"{cell:>18}" for cell in cells) + f"  {deciles}", flush=True)


if __name__ == "__main__":
    main()
