"""AGNN on Cora or Citeseer over several searches, beside random search, evolution and its own controls.

Every candidate is trained from scratch, as long for all methods, so that nothing but the choice of candidates differs;
the search reads validation accuracies only (public split, 500 nodes). What a search finds is trained again for longer
with three seeds, and tested. In this space half of the networks are hardly better than chance: small steps from a good
one waste less. A row of `--out` for each search. Needs the data in APPNAS_DATA. About six CPU minutes a search:

    python benchmarks/agnn_searches.py --seeds 5 --out agnn_searches.jsonl

The same in `graphnet`, with the training among the choices, is `citations.py`.
"""

import argparse
import statistics
import time
from functools import partial

import torch
from agnn import at_rate, show
from rows import collect, spread

from appnas.estimate import Cached, Scratch
from appnas.methods import agnn, baselines
from appnas.retrain import train_one
from appnas.spaces import GNN
from appnas.task import Locked


def of_agnn(space, domain, args, seed, **config):
    config = {"repeats": 0, **config}
    config = agnn.Config(args.evaluations, budget=args.budget, sharing="none", **config)
    return agnn.search(space, domain, config, seed=seed)


def of_baseline(method, config, space, domain, args, seed):
    evaluator = Cached(Scratch(space, domain, args.budget, seed))
    return method(space, evaluator, config(args.evaluations), seed=seed)


METHODS = {
    "random": partial(of_baseline, baselines.random, baselines.RandomConfig),
    "evolution (20, 5)": partial(
        of_baseline, baselines.evolution, partial(baselines.EvolutionConfig, population=20, sample=5)
    ),
    "AGNN": of_agnn,
    "AGNN, lr 0": partial(of_agnn, lr=0.0),
    "AGNN, lr .03": partial(of_agnn, lr=0.03),
    "AGNN, 20 random first": partial(of_agnn, start=20),
    "AGNN, ranked": partial(of_agnn, top=5, repeats=3),
}
SPACE = GNN()


def found_by(args, name, domain, seed):
    """A search: what it found, and what it saw."""
    result = METHODS[name](SPACE, Locked(domain), args, seed)
    values = [record.value for record in result.history][: args.evaluations]
    return result.best, {
        "half": max(values[: len(values) // 2]),
        "whole": max(values),
        "mean": statistics.fmean(values[len(values) // 2 :]),
        "different": len({record.arch for record in result.history}),
    }


def row(args, name, seed):
    """One search, and the trainings of what it found."""
    domain, start = at_rate(args.dataset, args.lr), time.process_time()
    best, seen = found_by(args, name, domain, seed)
    networks = [train_one(SPACE, domain, best, args.epochs, again) for again in range(3)]
    return {
        **seen,
        "valid": statistics.fmean(domain.score(network)["accuracy"] for network in networks),
        "test": statistics.fmean(domain.test(network)["accuracy"] for network in networks),
        "found": show(SPACE, best),
        "seconds": time.process_time() - start,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="cora", choices=["cora", "citeseer", "graphs"])
    parser.add_argument("--seeds", type=int, default=5, help="searches of each method")
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--budget", type=int, default=60, help="epochs of a candidate")
    parser.add_argument("--epochs", type=int, default=300, help="of the last trainings")
    parser.add_argument("--lr", type=float, default=0.02, help="of Adam, in every training")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sizes = [args.dataset, args.evaluations, args.budget, args.epochs, args.lr]
    keys = [(*sizes, name, seed) for seed in range(args.seeds) for name in args.methods]
    rows = collect(args.out, keys, lambda *key: row(args, *key[-2:]))
    candidates = f"{args.evaluations} candidates of {args.budget} epochs"
    print(f"{args.dataset}: {candidates}, {args.seeds} searches each; accuracy, %")
    heads = {
        "half": "best @half", "whole": "best", "mean": "mean of 2nd half", "different": "different",
        "valid": f"valid @{args.epochs}", "test": f"test @{args.epochs}",
    }  # fmt: skip
    print(f"{'':<20}" + "".join(f"{head:>18}" for head in heads.values()) + f"{'CPU s':>8}")
    for name in args.methods:
        own = [found for key, found in zip(keys, rows, strict=True) if key[-2] == name]
        cells = "".join(f"{spread([f[head] for f in own], 2):>18}" for head in heads)
        print(f"{name:<20}{cells}{statistics.fmean(found['seconds'] for found in own):>8.0f}")


if __name__ == "__main__":
    main()
