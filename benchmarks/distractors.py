"""Two temperatures where a mask must know what only the source can tell: digits with distractors.

Every image is 16 x 16: the digit lies in one quarter, random other digits in the other three. The source has the
digits 0 to 4, about 140 images each, the target 5 to 9 with few images each, too few to tell which quarter counts.
Masks over 8,192 weights are learned on the source, with weights that are never trained (`fixed`, the paper's case: a
mask that knows no weights) or trained along (`joint`); the target trains fresh weights, or the source's. Beside it, as
sparse: random masks, the largest weights of the trained source network, SNIP on the target's few images; and the dense
network. `quarter` is the share of the kept weights of the first layer that read the digit's quarter (25 % by chance).
All penalties are shown: none was chosen by the target.

    python benchmarks/distractors.py --seeds 5 --out distractors.jsonl
    python benchmarks/distractors.py --seeds 1 --sources joint --penalties 0.5      # quick
    python benchmarks/distractors.py --seeds 5 --shots 1 20 --out distractors.jsonl
"""

import argparse
import statistics
import time
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from rows import collect, spread
from sklearn.datasets import load_digits

from appnas.domains.images import DIGITS, Images, classes, few
from appnas.methods import two_temperature
from appnas.prune import compare, density, train_source
from appnas.spaces import MLP
from appnas.task import Recipe

SPACE = MLP(parts="weights", inputs=256, width=32, depth=1)
NAMES = ("dense", "learned", "random", "magnitude", "SNIP")
FEW = Recipe(optimiser="adam", lr=0.01, weight_decay=0.0, clip=0.0)


@cache
def domains():
    """Source and target; the images are the same for all seeds."""
    x, y = load_digits(return_X_y=True)
    x, rng = x.reshape(-1, 8, 8).astype("float32") / 16, np.random.default_rng(0)

    def beside(digits):
        whole = np.zeros((len(digits), 16, 16), "float32")
        whole[:, :8, :8] = digits
        for row, column in ((0, 8), (8, 0), (8, 8)):
            whole[:, row : row + 8, column : column + 8] = x[rng.integers(0, len(x), len(digits))]
        return whole

    order = rng.permutation(len(x))
    train, test = order[:1400], order[1400:]
    whole = Images(beside(x[train]), y[train], beside(x[test]), y[test], replace(DIGITS, crop=0))
    source, target = classes(whole, range(5)), classes(whole, range(5, 10))
    target.options = replace(target.options, recipe=FEW, crop=0, final_batch=256)
    return source, target


def quarter(mask):
    """Share of the first layer's kept weights that read the digit's quarter, %."""
    first = torch.tensor(mask[: SPACE.choices[0].count]).reshape(SPACE.width, 16, 16) == 1  # keep
    return 100 * float(first[:, :8, :8].sum() / first.sum().clamp_min(1))


def run(kind, penalty, shots, seed, epochs):
    """A mask and its controls on the target."""
    source, target = domains()
    start = time.process_time()
    trained = train_source(SPACE, source, 20, seed)
    config = two_temperature.Config(epochs=epochs, penalty=penalty, source=kind)
    mask = two_temperature.search(SPACE, source, config, seed=seed).best
    row = {"density": 100 * density(SPACE, mask), "quarter": quarter(mask)}
    for found in compare(SPACE, [mask], few(target, shots, seed), shots, trained, 100, seed):
        row[f"{found.weights} {found.name}"] = found.test["accuracy"]
    return {**row, "seconds": time.process_time() - start}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sources", nargs="+", default=["joint", "fixed"])
    parser.add_argument("--penalties", type=float, nargs="+", default=[0.5, 2.0], help="lambda")
    parser.add_argument("--shots", type=int, nargs="+", default=[5])
    parser.add_argument("--epochs", type=int, default=30, help="of the search for a mask, on the source")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"test accuracy on the target, %, {args.seeds} seeds; in brackets learned less control, paired, +- one"
          " standard error")  # fmt: skip
    for shots in args.shots:
        for kind in args.sources:
            for penalty in args.penalties:
                keys = [(kind, penalty, shots, seed, args.epochs) for seed in range(args.seeds)]
                show(collect(args.out, keys, run), kind, penalty, shots)


def show(rows, kind, penalty, shots):
    print(f"{shots} shots, source {kind}, lambda {penalty}: {spread([row['density'] for row in rows], 1)} % of the"
          f" weights, quarter {spread([row['quarter'] for row in rows], 0)} %,"
          f" {statistics.fmean(row['seconds'] for row in rows):.0f} CPU s a seed")  # fmt: skip
    for weights in ("fresh", "inherited"):
        line = f"  {weights:<10}"
        learned = np.array([row[f"{weights} learned"] for row in rows])
        for name in NAMES:
            theirs = np.array([row[f"{weights} {name}"] for row in rows])
            gain = learned - theirs
            error = gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else 0.0
            beside = "" if name == "learned" else f" ({gain.mean():+.1f} +- {error:.1f})"
            line += f"  {name} {spread(theirs.tolist(), 1)}{beside}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
