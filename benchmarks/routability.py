"""Searched routability predictors beside hand-made ones, physics and random architectures, on designs never seen.

    python benchmarks/routability.py --seeds 5 --out routability.jsonl     # goes on where it was stopped
    python benchmarks/routability.py --seeds 5 --out routability.jsonl --table
    python benchmarks/routability.py --tasks congestion --seeds 2 --out congestion.jsonl     # needs APPNAS_DATA

Every seed searches, then trains what it found, the best of as many random trainings, and the hand-made networks under
one budget on training and validation designs together, and tests each once. Hotspots and nets left open are of the
placements that ship with the package, in their split, or with --rotate in three splits, so that every design is in the
test once; congestion, on `ispd2015`, leaves out each design in turn.
"""

import argparse
import json
import os
import random
import statistics
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from rows import collect
from torch import nn

import appnas
from appnas.domains.eda import ISPD, SHIPPED, SMALL, Placements, Routability, load
from appnas.domains.eda.circuitnet import ispd2015
from appnas.retrain import train_one
from appnas.spaces import GuideDag
from appnas.spaces.eda import NETS
from appnas.support import seeded

STRIDES = {"hotspots": (1, 1), "violated_nets": (1, 2, 2), "congestion": (1, 2)}
"""Of the space's stages: chosen by validation, with single networks drawn at random."""
HEADLINE = {
    "hotspots": ("roc_auc", "precision", "roc_auc_pooled"), "violated_nets": ("tau", "tau_within", "pearson"),
    "congestion": ("nrms", "ssim", "spearman"),
}  # fmt: skip
OVERFLOW = "pattern router's overflow"
PHYSICS = {"RUDY": ("RUDY",), OVERFLOW: ("overflow_h", "overflow_v")}
"""The channels whose mean is taken as a prediction: nothing is trained."""
PARTS = 3
"""Of the designs, each the test once, with --rotate."""
FOLDS = 5
"""Of the cross-validation in a search's last stage, the paper's."""


class Mean(nn.Module):
    """The mean of the channels as a map, or of the map too."""

    def __init__(self, numbers: bool):
        super().__init__()
        self.numbers = numbers

    def forward(self, x):
        y = x.mean(1)
        return y.mean((1, 2))[:, None] if self.numbers else y


class Linear(nn.Module):
    """A weighted sum of the channels as a map."""

    def __init__(self, io):
        super().__init__()
        self.weigh = nn.Conv2d(io.inputs[0], 1, 1)

    def forward(self, x):
        return self.weigh(x)[:, 0]


def first(data: Placements, each: int) -> Placements:
    """The first `each` placements of every design."""
    seen = {design: 0 for design in data.designs}
    rows = []
    for i, design in enumerate(data.designs):
        seen[design] += 1
        rows += [i] if seen[design] <= each else []
    labels = {name: maps[rows] for name, maps in data.labels.items()}
    of = tuple(data.designs[i] for i in rows), tuple(data.names[i] for i in rows)
    return Placements(data.x[rows], data.channels, *of, labels, None if data.counts is None else data.counts[rows])


@cache
def placements(task, each, side):
    """The data of a task."""
    if task != "congestion":
        return first(load(SHIPPED), each)
    path = Path(os.environ.get("APPNAS_DATA", "data")) / "circuitnet_ispd2015" / "congestion_128.npz"
    return first(ispd2015(path, side), each)


def left_out(args, task):
    """Designs, or with --rotate parts of them, that are left out in turn; an empty name for the shipped split."""
    if task == "congestion":
        return sorted(set(placements(task, args.each, args.side).designs))
    return [f"{part + 1}/{PARTS}" for part in range(PARTS)] if args.rotate else [""]


def part_of(args, task, name):
    """Test and validation designs of a part."""
    designs = sorted(set(placements(task, args.each, args.side).designs))
    random.Random(0).shuffle(designs)
    part = int(name[0]) - 1
    return tuple(designs[part::PARTS]), tuple(designs[(part + 1) % PARTS :: PARTS][: len(SMALL.valid)])


def domain_of(args, task, design, **more):
    """With the design left out for the test, the next one for validation; or as shipped."""
    options = replace(SMALL, task=task)
    if "/" in design:
        test, valid = part_of(args, task, design)
        options = replace(options, test=test, valid=valid)
    elif design:
        designs = left_out(args, task)
        options = replace(ISPD, test=(design,), valid=(designs[(designs.index(design) + 1) % len(designs)],))
    return Routability(placements(task, args.each, args.side), replace(options, **more))


def keys(args):
    """Of every row: task, design left out, name, seed, and all sizes."""
    sizes = (args.each, args.side, args.evaluations, args.epochs, args.top, args.final)
    for seed in range(args.seeds):
        for task in args.tasks:
            fixed = [] if seed else ["RUDY", *([] if task == "congestion" else [OVERFLOW])]
            made = ["linear", *NETS] if task == "congestion" else NETS
            for design in left_out(args, task):
                for name in (*fixed, *made, *args.methods):
                    yield (task, design, name, seed, *sizes)


def measure(args, task, design, name, seed, *sizes):
    """Test metrics of one network, and what it cost."""
    if name in PHYSICS:
        return rounded(domain_of(args, task, design, channels=PHYSICS[name]).test(Mean(task == "violated_nets")))
    domain, found = domain_of(args, task, design), {}
    if name in args.methods:
        model, found = searched(args, domain, name, seed)
    else:
        model = seeded(seed, partial({"linear": Linear, **NETS}[name], domain.io))
        domain.fit(model, args.final, final=True, seed=seed)
    return rounded({**domain.test(model), "parameters": sum(p.numel() for p in model.parameters()), **found})


def rounded(metrics):
    return {name: float(np.round(value, 5)) for name, value in metrics.items()}


def searched(args, domain, method, seed):
    """The found network, trained like all others."""
    budget = {"evaluations": args.evaluations, "budget": args.epochs}
    settings = {
        "routability": {**budget, "top": args.top, "folds": FOLDS},
        "random": {**budget, "evaluations": args.evaluations + args.top * FOLDS},
        "evolution": {**budget, "evaluations": args.evaluations + args.top * FOLDS, "population": 6, "sample": 2},
        "darts": {"order": "first", "epochs": args.epochs, "alpha_lr": 0.02},
    }  # fmt: skip
    space = GuideDag(width=16, strides=STRIDES[domain.options.task], kernels=(3, 5, 7, 9))
    start = time.process_time()
    result = appnas.search(space, domain, method, seed=seed, **settings[method])
    spent = time.process_time() - start
    model = train_one(space, domain, result.best, args.final, seed)
    return model, {"search_seconds": spent, "valid": result.value, "edges": sum(space.reached(result.best))}


def by_seed(rows, name, metric):
    """A metric's mean over the designs left out, for every seed."""
    of = {}
    for row in rows:
        if row["key"][2] == name and metric in row:
            of.setdefault(row["key"][3], []).append(row[metric])
    return {seed: statistics.fmean(values) for seed, values in of.items()}


def cell(values, digits):
    """Mean and one standard deviation over the seeds."""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 and digits else ""
    return f"{statistics.fmean(values):,.{digits}f}{spread}" if values else ""


def table(rows):
    """A table for each task, and what searched networks gain on the best hand-made one."""
    for task, headline in HEADLINE.items():
        of = [row for row in rows if row["key"][0] == task]
        columns = [*((metric, 3) for metric in headline), ("parameters", 0), ("search_seconds", 0)]
        if of:
            print(
                f"\n{task}\n| predictor | seeds | " + " | ".join(name.replace("_", " ") for name, _ in columns) + " |"
            )
        for name in dict.fromkeys(row["key"][2] for row in of):
            cells = [cell(list(by_seed(of, name, metric).values()), digits) for metric, digits in columns]
            print(f"| {name} | {len(by_seed(of, name, headline[0]))} | " + " | ".join(cells) + " |")
        for name in ("routability", "random"):
            gain(of, name, headline[0])


def gain(rows, name, metric):
    """Relative to the hand-made network with the best mean, seed by seed, in percent; above 0 is better."""
    sign = -1 if metric == "nrms" else 1
    made = {net: by_seed(rows, net, metric) for net in NETS}
    mine = by_seed(rows, name, metric)
    made = {net: values for net, values in made.items() if values}
    if mine and made:
        best = max(made, key=lambda net: sign * statistics.fmean(made[net].values()))
        gains = [100 * sign * (mine[s] - made[best][s]) / made[best][s] for s in mine if s in made[best]]
        print(f"{name} against {best}, {metric}: {cell(gains, 2)} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=["hotspots", "violated_nets"])
    parser.add_argument("--methods", nargs="+", default=["routability", "random"])
    parser.add_argument("--evaluations", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=5, help="of every training in a search")
    parser.add_argument("--top", type=int, default=2, help="architectures that a search cross-validates in the end")
    parser.add_argument("--final", type=int, default=20, help="epochs of the final trainings")
    parser.add_argument("--each", type=int, default=30, help="placements of every design, at most")
    parser.add_argument("--side", type=int, default=32, help="gcells of ispd2015 along either side")
    parser.add_argument("--rotate", action="store_true", help="every third of the designs is the test once")
    parser.add_argument("--out", type=Path, default=Path("routability.jsonl"))
    parser.add_argument("--table", action="store_true", help="print what is there, measure nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    wanted = list(keys(args))
    if args.table:
        there = {tuple(json.loads(line)["key"]) for line in args.out.read_text().splitlines()}
        wanted = [key for key in wanted if key in there]
    table(collect(args.out, wanted, partial(measure, args)))


if __name__ == "__main__":
    main()
