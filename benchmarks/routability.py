"""Searched routability predictors beside hand-made ones, physics and random architectures, on designs never seen.

    python benchmarks/routability.py --seeds 5 --out routability.jsonl     # goes on where it was stopped
    python benchmarks/routability.py --seeds 5 --out routability.jsonl --table

Every seed searches, then trains what it found, the best of as many random architectures, and the hand-made networks
under one budget on training and validation designs together, and tests each once. `--each` uses the first so many
placements of every design.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

import appnas
from appnas.domains.eda import Routability
from appnas.domains.eda_data import SHIPPED, SMALL
from appnas.domains.placements import Placements, load
from appnas.evaluate import seeded
from appnas.retrain import train_one
from appnas.spaces import GuideDag
from appnas.spaces.map_nets import NETS

SPACE = GuideDag(width=16, strides=(1, 2), kernels=(3, 5, 7, 9))
HEADLINE = {"hotspots": ("roc_auc", "precision", "roc_auc_pooled"), "violated_nets": ("tau", "tau_within", "pearson")}


class Mean(nn.Module):
    """The mean of the channels as a map, or of the map too: a physical estimate needs no training."""

    def __init__(self, numbers: bool):
        super().__init__()
        self.numbers = numbers

    def forward(self, x):
        y = x.mean(1)
        return y.mean((1, 2))[:, None] if self.numbers else y


def first(data: Placements, each: int) -> Placements:
    """The first `each` placements of every design."""
    rows = [i for i, name in enumerate(data.names) if int(name.rsplit("-", 1)[1]) < each]
    labels = {name: maps[rows] for name, maps in data.labels.items()}
    of = tuple(data.designs[i] for i in rows), tuple(data.names[i] for i in rows)
    return Placements(data.x[rows], data.channels, *of, labels, data.counts[rows])


def jobs(args, data, task, seed):
    """Name and function of everything measured with one seed."""
    domain = Routability(data, replace(SMALL, task=task))
    for name, channels in (("RUDY", ("RUDY",)), ("pattern router's overflow", ("overflow_h", "overflow_v"))):
        physics = Routability(data, replace(SMALL, task=task, channels=channels))
        yield name, lambda physics=physics: physics.test(Mean(task == "violated_nets"))
    for name, make in NETS.items():
        yield name, lambda make=make: trained(domain, seeded(seed, partial(make, domain.io)), args.final, seed)
    budget = {"evaluations": args.evaluations, "budget": args.epochs}
    settings = {
        "routability": {**budget, "top": 3}, "random": {**budget, "evaluations": args.evaluations + 3},
        "evolution": {**budget, "population": 6, "sample": 2},
        "darts": {"order": "first", "epochs": args.epochs, "alpha_lr": 0.02},
    }  # fmt: skip
    for method in args.methods:
        yield method, lambda method=method: searched(domain, method, settings[method], args.final, seed)


def trained(domain, model, epochs, seed):
    domain.fit(model, epochs, final=True, seed=seed)
    return {**domain.test(model), "parameters": sum(p.numel() for p in model.parameters())}


def searched(domain, method, settings, epochs, seed):
    start = time.process_time()
    result = appnas.search(SPACE, domain, method, seed=seed, **settings)
    spent = time.process_time() - start
    model = train_one(SPACE, domain, result.best, epochs, seed)
    metrics = {**domain.test(model), "parameters": sum(p.numel() for p in model.parameters())}
    return {**metrics, "search_seconds": spent, "valid": result.value, "edges": sum(result.best)}


def table(records):
    for task, headline in HEADLINE.items():
        names = list(dict.fromkeys(r["name"] for r in records if r["task"] == task))
        print(f"\n{task}\n| predictor | seeds | " + " | ".join(headline) + " | parameters | search, CPU s |")
        for name in names:
            rows = [r for r in records if r["task"] == task and r["name"] == name]
            cells = []
            for metric in (*headline, "parameters", "search_seconds"):
                values = [r[metric] for r in rows if metric in r]
                digits = 0 if metric in ("parameters", "search_seconds") else 3
                spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 and digits else ""
                cells.append(f"{statistics.fmean(values):.{digits}f}{spread}" if values else "")
            print(f"| {name} | {len(rows)} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=list(HEADLINE))
    parser.add_argument("--methods", nargs="+", default=["routability", "random"])
    parser.add_argument("--evaluations", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=6, help="of every training in a search")
    parser.add_argument("--final", type=int, default=20, help="epochs of the final trainings")
    parser.add_argument("--each", type=int, default=15, help="placements of every design")
    parser.add_argument("--out", type=Path, default=Path("routability.jsonl"))
    parser.add_argument("--table", action="store_true", help="print what is there, measure nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    records = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    if not args.table:
        data = first(load(SHIPPED), args.each)
        for seed in range(args.seeds):
            for task in args.tasks:
                for name, job in jobs(args, data, task, seed):
                    key = {"task": task, "name": name, "seed": seed, "each": args.each}
                    if any(key.items() <= r.items() for r in records):
                        continue
                    records.append({**key, **{m: float(np.round(v, 5)) for m, v in job().items()}})
                    with args.out.open("a") as file:
                        file.write(json.dumps(records[-1]) + "\n")
    table(records)


if __name__ == "__main__":
    main()
