"""Searched routability predictors beside hand-made ones, forests, physics and random architectures, on unseen designs.

    python benchmarks/routability.py --seeds 5 --out routability.jsonl     # goes on where it was stopped
    python benchmarks/routability.py --seeds 5 --out routability.jsonl --table
    python benchmarks/routability.py --tasks congestion --seeds 2 --out congestion.jsonl     # needs APPNAS_DATA
    python benchmarks/routability.py --methods --channels paper --head mean --rows unet "one edge"     # one at a time

Every seed searches, then trains what it found, the best of as many random trainings, the hand-made networks, and
guide-DAGs without an edge and with one, under one budget on training and validation designs together, and tests each
once. Beside them: ridge and a random forest on pooled channels (for maps, on those around a gcell), RUDY, the pattern
router, and where the data have several routings a placement, what one of them says of the others. Hotspots and nets
left open are of the placements that ship with the package, in their split, or with --rotate in three splits, so that
every design is in the test once; congestion, on `ispd2015`, leaves out each design in turn.

What goes into a row can be varied one at a time: --channels (paper: the 17; router: with the pattern router's overflow;
default: the package's), --labels (one: counts of one routing to learn from, tested by the mean of all), --head (sum:
counts as the sum of a map; mean: one number), --strides (of the graph's stages), --rows and --methods.
"""

import argparse
import statistics
import time
from functools import partial
from pathlib import Path

import torch
from chips import CHANNELS, EDGES, Linear, domain_of, left_out, machine, network, rounded, single, space_of, tested
from rows import collect, kept

import appnas
from appnas.domains.eda.baselines import LEARNED, ORDERS, REROUTED, measure
from appnas.retrain import train_one
from appnas.spaces.eda import NETS
from appnas.support import seeded

__all__ = ["Linear"]
HEADLINE = {
    "hotspots": ("roc_auc", "precision", "roc_auc_pooled"), "violated_nets": ("tau", "tau_within", "pearson"),
    "congestion": ("nrms", "ssim", "spearman"),
}  # fmt: skip
FIXED = (*ORDERS, REROUTED, "ridge")
"""Rows without a seed."""
FOLDS = 5
"""Of the cross-validation in a search's last stage, the paper's."""


def rows_of(args, task, seed):
    """Names of the rows of a task and seed, in order."""
    fixed = [] if seed else [name for name in FIXED if task != "congestion" or name in ("RUDY", "ridge")]
    fixed = [name for name in fixed if task == "violated_nets" or name != REROUTED]
    made = [*(["linear"] if task == "congestion" else []), *NETS, *EDGES]
    return [name for name in (*fixed, "forest", *made, *args.methods) if not args.rows or name in args.rows]


def keys(args):
    """Of every row: task, design left out, name, seed, the switches, and all sizes."""
    switches = (args.channels, args.labels, args.head, "".join(map(str, args.strides)))
    sizes = (args.each, args.side, args.evaluations, args.epochs, args.top, args.final)
    for seed in range(args.seeds):
        for task in args.tasks:
            for design in left_out(args, task):
                for name in rows_of(args, task, seed):
                    yield (task, design, name, seed, *switches, *sizes)


def row(args, task, design, name, seed, *_):
    """Test metrics of one predictor, what it cost, and where it was trained."""
    domain, start = domain_of(args, task, design), time.process_time()
    if name in FIXED or name in LEARNED:
        return {**rounded(measure(domain, name, seed)), "machine": machine()}
    learner, found = single(domain) if args.labels == "one" else domain, {}
    if name in args.methods:
        model, found = searched(args, learner, name, seed)
    else:
        model = seeded(seed, partial(network, args, name, task, learner.io))
        learner.fit(model, args.final, final=True, seed=seed)
    found |= {"parameters": sum(p.numel() for p in model.parameters()), "seconds": time.process_time() - start}
    return {**rounded({**tested(domain, learner, model), **found}), "machine": machine()}


def searched(args, domain, method, seed):
    """The found network, trained like all others."""
    budget = {"evaluations": args.evaluations, "budget": args.epochs}
    settings = {
        "routability": {**budget, "top": args.top, "folds": FOLDS},
        "random": {**budget, "evaluations": args.evaluations + args.top * FOLDS},
        "evolution": {**budget, "evaluations": args.evaluations + args.top * FOLDS, "population": 6, "sample": 2},
        "darts": {"order": "first", "epochs": args.epochs, "alpha_lr": 0.02},
    }  # fmt: skip
    space = space_of(args, domain.options.task)
    start = time.process_time()
    result = appnas.search(space, domain, method, seed=seed, **settings[method])
    spent = time.process_time() - start
    model = train_one(space, domain, result.best, args.final, seed)
    return model, {"search_seconds": spent, "valid": result.value, "edges": sum(space.reached(result.best))}


def by_seed(rows, name, metric):
    """A metric's mean over the designs left out, for every seed."""
    of = {}
    for one in rows:
        if one["key"][2] == name and metric in one:
            of.setdefault(one["key"][3], []).append(one[metric])
    return {seed: statistics.fmean(values) for seed, values in of.items()}


def cell(values, digits):
    """Mean and one standard deviation over the seeds."""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 and digits else ""
    return f"{statistics.fmean(values):,.{digits}f}{spread}" if values else ""


def table(rows):
    """A table for each task, and what searched networks gain on the best hand-made one and on what needs no search."""
    for task, headline in HEADLINE.items():
        of = [one for one in rows if one["key"][0] == task]
        columns = [*((metric, 3) for metric in headline), ("parameters", 0), ("seconds", 0), ("search_seconds", 0)]
        if of:
            print(
                f"\n{task}\n| predictor | seeds | " + " | ".join(name.replace("_", " ") for name, _ in columns) + " |"
            )
        for name in dict.fromkeys(one["key"][2] for one in of):
            values = [by_seed(of, name, metric) for metric, _ in columns]
            if values[0]:
                cells = [cell(list(one.values()), digits) for one, (_, digits) in zip(values, columns, strict=True)]
                print(f"| {name} | {len(values[0])} | " + " | ".join(cells) + " |")
        for name in ("routability", "random"):
            for rivals in (tuple(NETS), ("forest",), ("no edge",), ("one edge",)):
                gain(of, name, rivals, headline[0])
    print("\n" + "; ".join(dict.fromkeys(one["machine"] for one in rows)))


def gain(rows, name, rivals, metric):
    """Relative to the rival with the best mean, seed by seed, in percent; above 0 is better."""
    sign = -1 if metric == "nrms" else 1
    made = {rival: values for rival in rivals if (values := by_seed(rows, rival, metric))}
    mine = by_seed(rows, name, metric)
    if mine and made:
        best = max(made, key=lambda rival: sign * statistics.fmean(made[rival].values()))
        gains = [100 * sign * (mine[s] - made[best][s]) / made[best][s] for s in mine if s in made[best]]
        print(f"{name} against {best}, {metric}: {cell(gains, 2)} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=["hotspots", "violated_nets"])
    parser.add_argument("--methods", nargs="*", default=["routability", "random"])
    parser.add_argument("--rows", nargs="*", default=[], help="only these, by the names of the table")
    parser.add_argument("--channels", choices=CHANNELS, default="default")
    parser.add_argument("--labels", choices=("shipped", "one"), default="shipped")
    parser.add_argument("--head", choices=("sum", "mean"), default="sum", help="of counts")
    parser.add_argument("--strides", type=int, nargs="*", default=(), help="of the space's stages")
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
    table(collect(args.out, kept(args.out, wanted) if args.table else wanted, partial(row, args)))


if __name__ == "__main__":
    main()
