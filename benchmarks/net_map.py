"""Graph and map beside maps alone: searches of both spaces at equal budgets, hand-made joins, a U-Net; unseen designs.

    python benchmarks/net_map.py --data data/dataset.npz --seeds 5 --out net_map.jsonl    # goes on if stopped
    python benchmarks/net_map.py --data data/dataset.npz --seeds 5 --out net_map.jsonl --table

The data are what `appnas eda generate data --graphs` made. Both spaces have the same map network; net_map may join
messages over nets to it, or not. Every search has as many trainings of as many epochs; what it found, the hand-made
joins and the U-Net are then trained alike on training and validation designs, and tested once.
"""

import argparse
import statistics
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch
from chips import EDGES, machine, rounded
from rows import collect, kept

import appnas
from appnas.domains.eda import SHIPPED, SMALL, Options, Routability, load
from appnas.retrain import train_one
from appnas.spaces import GuideDag, NetMap
from appnas.spaces.eda import NETS
from appnas.spaces.eda.net_map import OWN
from appnas.support import seeded

HEADLINE = {"hotspots": ("roc_auc", "precision"), "violated_nets": ("tau", "tau_within", "pearson")}
FRAME = {"width": 16, "strides": (1, 1), "kernels": (3, 5, 7, 9)}
SPACES = {"guide_dag": GuideDag(**FRAME), "net_map": NetMap(**FRAME)}
JOINED = {
    "LHNN's kind": ("gcells", "2", "sum", "mean", "32", "stage0", "concat"),
    "Circuit GNN's kind": ("cells", "2", "mean", "mean", "32", "end", "concat"),
}
"""What the papers do by hand, as options of net_map: on a map network of one edge."""


@cache
def data(path):
    return load(path)


def domain_of(args, task, nets):
    """In the split of the package's designs, or of other designs in a drawn one."""
    there = set(SMALL.test + SMALL.valid) <= set(data(args.data).designs)
    held = {} if there else {"test": (), "valid": ()}
    channels = tuple(args.channels) or Options().channels
    return Routability(data(args.data), replace(SMALL, task=task, netlist=nets, channels=channels, **held))


def by_hand(name):
    """The architecture of a joined network."""
    space = SPACES["net_map"]
    own = (space.options[choice].index(option) for choice, option in zip(OWN, JOINED[name], strict=True))
    count = sum(choice.count for choice in space.frame.choices)
    return (*own, *(int(edge in EDGES["one edge"]) for edge in range(count)))


def names(args):
    return ["unet", *JOINED, *(f"{space}, {method}" for method in args.methods for space in SPACES)]


def keys(args):
    """Task, name, seed, channels and sizes of every row."""
    sizes = (",".join(args.channels), args.evaluations, args.epochs, args.final)
    return [(task, name, seed, *sizes) for seed in range(args.seeds) for task in args.tasks for name in names(args)]


def row(args, task, name, seed, *_):
    """Test metrics, what was found, and what it cost."""
    space, _, method = name.partition(", ")
    domain = domain_of(args, task, space not in ("unet", "guide_dag"))
    start, found = time.process_time(), {}
    if method:
        more = {"population": 6, "sample": 2} if method == "evolution" else {}
        budget = {"evaluations": args.evaluations, "budget": args.epochs}
        result = appnas.search(SPACES[space], domain, method, seed=seed, **budget, **more)
        found = {"search_seconds": time.process_time() - start, "valid": result.value}
        found |= {"rounds": result.best[OWN.index("rounds")]} if space == "net_map" else {}
        model = train_one(SPACES[space], domain, result.best, args.final, seed)
    else:
        make = partial(NETS["unet"], domain.io) if space == "unet" else partial(built, name, domain.io)
        model = seeded(seed, make)
        domain.fit(model, args.final, final=True, seed=seed)
    found |= {"parameters": sum(p.numel() for p in model.parameters()), "seconds": time.process_time() - start}
    return {**rounded({**domain.test(model), **found}), "machine": machine()}


def built(name, io):
    return SPACES["net_map"].build(by_hand(name), io)


def table(rows):
    """A table for each task."""
    for task, headline in HEADLINE.items():
        columns = (*headline, "rounds", "parameters", "seconds", "search_seconds")
        of = [one for one in rows if one["key"][0] == task]
        if of:
            print(f"\n{task}\n| predictor | seeds | " + " | ".join(name.replace("_", " ") for name in columns) + " |")
        for name in dict.fromkeys(one["key"][1] for one in of):
            mine = [one for one in of if one["key"][1] == name]
            cells = [cell([one[column] for one in mine if column in one], column in headline) for column in columns]
            print(f"| {name} | {len(mine)} | " + " | ".join(cells) + " |")
    print("\n".join(sorted({one["machine"] for one in rows})))


def cell(values, fine):
    """Mean, and of metrics one standard deviation over the seeds."""
    spread = f" ± {statistics.stdev(values):.3f}" if fine and len(values) > 1 else ""
    return f"{statistics.fmean(values):,.{3 if fine else 1}f}{spread}" if values else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=SHIPPED, help="dataset.npz with netlists")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=["hotspots", "violated_nets"])
    parser.add_argument("--channels", nargs="*", default=[], help="by name; by default the package's")
    parser.add_argument("--methods", nargs="+", default=["evolution", "random"])
    parser.add_argument("--evaluations", type=int, default=18)
    parser.add_argument("--epochs", type=int, default=5, help="of every training in a search")
    parser.add_argument("--final", type=int, default=20, help="epochs of the final trainings")
    parser.add_argument("--out", type=Path, default=Path("net_map.jsonl"))
    parser.add_argument("--table", action="store_true", help="print what is there, measure nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    wanted = keys(args)
    table(collect(args.out, kept(args.out, wanted) if args.table else wanted, partial(row, args)))


if __name__ == "__main__":
    main()
