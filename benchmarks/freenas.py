"""FreeNAS: every proxy at initialisation on NAS-Bench-201, judged by the benchmark's true accuracies, and its time.

The supernet has the benchmark's own size (C=16, N=5). Nothing is trained; SNIP and GraSP read one labelled batch of
CIFAR-10 a draw, the others nothing but the shape of an image. Controls: a random cell (what a method without any
evaluation is to be compared with), the best of as many random cells as draws by true accuracy, and the cell with the
most parameters of convolutions, which is 3x3 convolution everywhere. On the DARTS space (8 cells, C=16; no table) the
time, and what the normal cell holds. Needs APPNAS_DATA. Minutes on one core:

    python benchmarks/freenas.py --seeds 10
"""

import argparse
import time
from collections import Counter

import numpy as np
import torch

from appnas.domains.images import Options, cifar10
from appnas.methods import freenas
from appnas.space import constant_arch, describe
from appnas.spaces import Bench201, Cells
from appnas.spaces.images.bench201 import load

DATASETS = ("cifar10", "cifar100", "imagenet16")
SETTINGS = {
    "FreeFlow (the paper's)": {},
    "FreeFlow, 5 draws": {"draws": 5},
    "FreeFlow, 4 rounds of 3 draws": {"draws": 3, "rounds": 4},
    "SynFlow, random alpha": {"proxy": "synflow"},
    "SynFlow, alpha 1": {"proxy": "synflow", "scale": 0.0},
    "SynFlow, alpha 1, 4 rounds": {"proxy": "synflow", "scale": 0.0, "rounds": 4},
    "SNIP": {"proxy": "snip"},
    "SNIP, 5 draws": {"proxy": "snip", "draws": 5},
    "GraSP": {"proxy": "grasp"},
}


def line(name, accuracies, more=""):
    means, spreads = np.mean(accuracies, 0), np.std(accuracies, 0, ddof=1) if len(accuracies) > 1 else np.zeros(3)
    print(
        f"{name:<32}" + "  ".join(f"{m:.2f} +- {s:.2f}" for m, s in zip(means, spreads, strict=True)) + more, flush=True
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cells", type=int, default=8, help="of the DARTS supernet; 0 leaves that space out")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tables = [dict(zip(archs, columns["test200"], strict=True)) for archs, columns in map(load, DATASETS)]
    true = {arch: [float(table[arch]) for table in tables] for arch in tables[0]}
    domain, space = cifar10(Options(limit=1000)), Bench201()
    print(f"{'':<32}" + "  ".join(f"{name:<14}" for name in DATASETS) + "CPU s a search, different cells")
    for name, settings in SETTINGS.items():
        start = time.process_time()
        found = [freenas.search(space, domain, freenas.Config(**settings), seed=s).best for s in range(args.seeds)]
        seconds = (time.process_time() - start) / args.seeds
        line(name, [true[arch] for arch in found], f"  {seconds:5.2f}, {len(set(found))}")
    values = np.array(list(true.values()))
    line("random cell", values)
    rng = np.random.default_rng(0)
    best = [max(values[rng.integers(len(values), size=5)].tolist()) for _ in range(2000)]
    line("best of 5 random, true", best)
    line("all nor_conv_3x3", [true[constant_arch(space, "nor_conv_3x3")]])
    if not args.cells:
        return
    print("DARTS space, C=16: CPU s a search, operations of the normal cell over all seeds")
    darts = Cells(cells=args.cells)
    for name, settings in (("FreeFlow (the paper's)", {}), ("FreeFlow, 5 draws", {"draws": 5})):
        start, counts = time.process_time(), Counter()
        for seed in range(args.seeds):
            arch = freenas.search(darts, domain, freenas.Config(**settings), seed=seed).best
            counts.update(op for op in describe(darts.choices, arch)["normal"] if op != "none")
        seconds = (time.process_time() - start) / args.seeds
        print(f"{name:<32}{seconds:5.1f}   " + ", ".join(f"{op} {n}" for op, n in counts.most_common()), flush=True)


if __name__ == "__main__":
    main()
