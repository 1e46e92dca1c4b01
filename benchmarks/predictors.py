"""What predictors gain by seeing networks: agreement (tau) with a table on architectures that were not labelled.

156 labels, 1,000 other architectures, equal networks under other names left out. The comparator is CTNAS's, the
regression GCN-fit's, each with its settings there; "decisions in a chain" is the same predictor on a space that shows
no networks. NAS-Bench-201 needs its table in APPNAS_DATA (test accuracy on CIFAR-10), NAS-Bench-Graph ships its own
(validation accuracy):

    python benchmarks/predictors.py --seeds 5 --out predictors.jsonl       # rows are kept there, and not run again
"""

import argparse
import random
import statistics
import time
import warnings

import torch
from rows import collect, spread
from scipy.stats import kendalltau

from appnas.predict import Comparator, GCNRegressor, Reference
from appnas.spaces import Bench201, NASBenchGraph, NASBenchGraphProteins
from appnas.spaces.graphs import nasbenchgraph
from appnas.spaces.images import bench201


class Blind:
    """A space without its `graph`."""

    def __init__(self, space):
        self.space = space

    def __getattr__(self, name):
        if name in ("space", "graph"):
            raise AttributeError(name)
        return getattr(self.space, name)


MODELS = {
    "comparator, concat": lambda space, seed: Comparator(space, seed),
    "comparator, antisymmetric": lambda space, seed: Comparator(space, seed, form="antisymmetric"),
    "comparator, antisymmetric, and decisions": lambda space, seed: Comparator(
        space, seed, form="antisymmetric", readout="nodes"
    ),
    "regression": lambda space, seed: GCNRegressor(space, seed),
    "regression, 1,000 epochs": lambda space, seed: GCNRegressor(space, seed, epochs=1000),
    "comparator, concat: decisions in a chain": lambda space, seed: Comparator(Blind(space), seed),
    "regression, 1,000 epochs: decisions in a chain": lambda space, seed: GCNRegressor(Blind(space), seed, epochs=1000),
    "ridge regression": lambda space, seed: Reference(space, "ridge", seed),
    "random forest": lambda space, seed: Reference(space, "forest", seed),
}


def table(name):
    """A space, its different networks, and their values."""
    if name == "bench201":
        archs, columns = bench201.load("cifar10")
        return Bench201(), archs, columns["test200"].tolist()
    archs, columns = nasbenchgraph.load(name)
    names = {}
    for i, row in enumerate(columns["row"]):
        names.setdefault(row, []).append(i)
    rng = random.Random(0)
    one = [rng.choice(same) for same in names.values()]
    space = NASBenchGraphProteins() if name == "proteins" else NASBenchGraph()
    return space, [archs[i] for i in one], [columns["valid"][i] for i in one]


def run(name, labels, dataset, seed):
    """One fit: tau on the architectures that were not labelled, CPU seconds."""
    space, archs, values = table(dataset)
    chosen = random.Random(seed).sample(range(len(archs)), labels + 1000)
    model, start = MODELS[name](space, seed), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a predictor is blind
        model.fit([archs[i] for i in chosen[:labels]], [values[i] for i in chosen[:labels]])
    scores = model.predict([archs[i] for i in chosen[labels:]]).numpy()
    tau = kendalltau(scores, [values[i] for i in chosen[labels:]]).statistic
    return {"tau": float(tau), "seconds": time.process_time() - start}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=156)
    parser.add_argument("--tables", nargs="+", default=["arxiv", "bench201"], help="bench201, or of NAS-Bench-Graph")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help=f"of {list(MODELS)}")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"tau on 1,000 architectures that are none of the {args.labels} labelled, {args.seeds} seeds")
    print(f"{'':<48}" + "".join(f"{name:>18}" for name in args.tables) + f"{'CPU s':>8}")
    for model in args.models:
        rows = [
            collect(args.out, [(model, args.labels, name, seed) for seed in range(args.seeds)], run)
            for name in args.tables
        ]
        taus = "".join(f"{spread([row['tau'] for row in each]):>18}" for each in rows)
        seconds = statistics.fmean(row["seconds"] for each in rows for row in each)
        print(f"{model:<48}{taus}{seconds:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
