"""GCN-fit where its assumption holds: scores = truth + an error that is independent from network to network.

Truths: NAS-Bench-201's accuracies on CIFAR-10, and chains of 8 decisions of 3 options (`appnas.testing.chained`),
scaled to 90 +- 2.7 %, in which an option is worth about the same at every place, as an operation of a network is
(alike), or something else at every place (own). A control with errors of the same size that are a smooth function of
the network (systematic), as those of a supernet partly are. 300 scores are fitted. Part of benchmarks/gcn_fit.py.
"""

import itertools
import statistics
import time
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from rows import collect, spread
from scipy.stats import kendalltau

from appnas.estimate import Table
from appnas.methods import gcn_fit
from appnas.predict import BlindWarning
from appnas.space import Combinations
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load
from appnas.testing import ChainOracle, chained

BASE = gcn_fit.Config(pairs=300, segment=8, estimation="scratch")
FITS = {
    "GCN": BASE,
    "GCN, per-node read-out": replace(BASE, readout="nodes"),
    "ridge": replace(BASE, predictor="ridge"),
    "forest": replace(BASE, predictor="forest"),
}
CASES = (
    ("NAS-Bench-201", "independent"), ("alike", "independent"), ("alike", "systematic"), ("own", "independent"),
)  # fmt: skip


def values(kind, seed):
    """The true accuracies of a chain, and its costs."""
    chain = chained(seed, 8, 3)
    archs = list(itertools.product(range(3), repeat=8))
    lone = chain.value.lone
    if kind == "alike":  # four fifths of the deviation is the option's own, whatever the place
        common = torch.randn(3, generator=torch.Generator().manual_seed(seed), dtype=lone.dtype)
        lone = lone.std() * (0.8 * common + 0.6 * (lone - lone.mean()) / lone.std())
    oracle = ChainOracle(lone, chain.value.pairs)
    found = np.array([oracle.of(arch) for arch in archs])
    return archs, 90 + 2.7 * (found - found.mean()) / found.std(), np.array([chain.cost.of(arch) for arch in archs])


@cache
def whole(kind, errors, deviation, seed):
    """The space, all its networks, their true accuracies, scores and costs."""
    if kind == "NAS-Bench-201":
        archs, columns = load("cifar10")
        space, truth, costs = Bench201(), columns["test200"], columns["params"]
    else:
        archs, truth, costs = values(kind, seed)
        space = Combinations(chained(seed, 8, 3).space.choices)
    if errors == "independent":
        error = np.random.default_rng(seed).standard_normal(len(archs))
    else:
        error = (values(kind, 1000 + seed)[1] - 90) / 2.7
    return space, archs, truth, truth + deviation * error, costs


def run(kind, errors, deviation, fit, seed):
    """One fit to 300 scores: its ranking of the others, its choice, its choice under the median cost."""
    space, archs, truth, scores, costs = whole(kind, errors, deviation, seed)
    rows, start = {arch: i for i, arch in enumerate(archs)}, time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BlindWarning)  # a chain of decisions is what these truths are
        result = gcn_fit.search(space, Table(archs, {"value": scores}, "value"), FITS[fit], seed=seed)
    seconds, limit = time.process_time() - start, float(np.median(costs))
    fitted = {record.arch for record in result.history}
    rest = [i for i, arch in enumerate(archs) if arch not in fitted]
    guess = result.strategy.proposer.predictor.predict([archs[i] for i in rest]).numpy()
    small = gcn_fit.within(result, lambda arch: float(costs[rows[arch]]), limit)
    sampled = max(result.history, key=lambda record: record.value).arch
    allowed = costs <= limit
    return {
        "tau": float(kendalltau(guess, truth[rest]).statistic), "choice": float(truth[rows[result.best]]),
        "small": float(truth[rows[small]]), "seconds": seconds,
        "raw tau": float(kendalltau(scores[rest], truth[rest]).statistic), "raw choice": float(truth[scores.argmax()]),
        "raw sampled": float(truth[rows[sampled]]), "raw small": float(truth[np.where(allowed, scores, 0).argmax()]),
        "best": float(truth.max()), "best small": float(truth[allowed].max()),
    }  # fmt: skip


def planted(deviations, seeds, out):
    """Print the table."""
    print(f"300 scores fitted, {seeds} seeds; tau with the truth on networks not fitted; true accuracy of the choice,"
          " and of that under the median cost, %")  # fmt: skip
    print(f"{'truth, errors':<38}{'':<26}{'tau':>16}{'choice':>16}{'small choice':>16}{'CPU s':>7}")
    for (kind, errors), deviation in itertools.product(CASES, deviations):
        name = f"{kind}, {errors}, sd {deviation:g}"
        for fit in FITS:
            keys = [(kind, errors, deviation, fit, seed) for seed in range(seeds)]
            rows = collect(out, keys, run)
            line(name, fit, rows, "tau", "choice", "small", statistics.fmean(row["seconds"] for row in rows))
        line(name, "largest of all scores", rows, "raw tau", "raw choice", "raw small")
        line(name, "largest of 301 scores", rows, "", "raw sampled", "")
        line(name, "best", rows, "", "best", "best small")


def line(name, who, rows, tau, choice, small, seconds=None):
    cells = [spread([row[key] for row in rows], 2 + (key == tau)) if key else "" for key in (tau, choice, small)]
    tail = "" if seconds is None else f"{seconds:>7.1f}"
    print(f"{name:<38}{who:<26}{cells[0]:>16}{cells[1]:>16}{cells[2]:>16}{tail}", flush=True)
