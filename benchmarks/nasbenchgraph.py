"""AGNN's conservative controller on the NAS-Bench-Graph tables, beside its controls.

Search reads validation accuracy only; the test column is looked up for the best architecture so far. The tables ship in
the package nas-bench-graph. One core:

    python benchmarks/nasbenchgraph.py --seeds 50                          # arxiv: the claim
    python benchmarks/nasbenchgraph.py --seeds 10 --evaluations 500        # where small steps end
    python benchmarks/nasbenchgraph.py --seeds 10 --datasets all --plot curves.png
"""

import argparse
import statistics
import time
from dataclasses import replace
from typing import get_args

import torch

from appnas.estimate import Table
from appnas.methods import agnn, baselines, reinforce
from appnas.spaces.graphs.nasbenchgraph import Dataset, NASBenchGraph, NASBenchGraphProteins, load

AGNN = agnn.Config(200, restart=0)
"""One climb, as in the paper."""
METHODS = {
    "random": (baselines.random, baselines.RandomConfig(200)),
    "evolution (P=50, S=10)": (baselines.evolution, baselines.EvolutionConfig(200, population=50, sample=10)),
    "evolution (P=10, S=3)": (baselines.evolution, baselines.EvolutionConfig(200, population=10, sample=3)),
    "REINFORCE from scratch": (
        reinforce.search, reinforce.Config(200, controller="lstm", lr=3.5e-4, momentum=0.95, hidden=100),
    ),
    "AGNN": (agnn.search, AGNN),
    "AGNN, lr 0": (agnn.search, replace(AGNN, lr=0.0)),
    # how the class is chosen, and how many: not in the curves of all nine data sets
    "AGNN, guide softmax": (agnn.search, replace(AGNN, guide="softmax")),
    "AGNN, guide argmax": (agnn.search, replace(AGNN, guide="argmax")),
    "AGNN, guide uniform": (agnn.search, replace(AGNN, guide="uniform")),
    "AGNN, 2 classes a step": (agnn.search, replace(AGNN, classes=2)),
    # small steps that begin anew after so many in a row that brought nothing new; 10 is the method's default
    "AGNN, restart 5": (agnn.search, replace(AGNN, restart=5)),
    "AGNN, restart 10": (agnn.search, replace(AGNN, restart=10)),
    "AGNN, restart 20": (agnn.search, replace(AGNN, restart=20)),
    "AGNN, restart 10, lr 0": (agnn.search, replace(AGNN, restart=10, lr=0.0)),
}  # fmt: skip
MAIN = 6
"""Methods in the curves: the first so many."""
POINTS = (25, 50, 100, 200)


def curves(name, space, table, seeds, evaluations):
    """For every seed the record with the best validation so far, after every evaluation; CPU seconds of a seed."""
    method, config = METHODS[name]
    config = replace(config, evaluations=evaluations)
    start, found, unique = time.process_time(), [], []
    for seed in range(seeds):
        best, course = None, []
        history = method(space, table, config, seed=seed).history
        for record in history:
            best = record if best is None or record.value > best.value else best
            course.append(best)
        found.append(course)
        unique.append(len({record.metrics["row"] for record in history[:100]}))
    return found, statistics.fmean(unique), (time.process_time() - start) / seeds


def spread(values):
    return f"{statistics.fmean(values):6.2f} +-{statistics.stdev(values) if len(values) > 1 else 0:5.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--datasets", nargs="+", default=["arxiv"], help="names, or all")
    parser.add_argument("--plot", help="file for the curves")
    args = parser.parse_args()
    points = [p for p in POINTS if p < args.evaluations] + [args.evaluations]
    torch.set_num_threads(1)
    datasets = get_args(Dataset) if args.datasets == ["all"] else args.datasets
    lines = {}
    for dataset in datasets:
        space = NASBenchGraphProteins() if dataset == "proteins" else NASBenchGraph()
        table = Table(*load(dataset), "valid", withheld=["test"])
        print(f"\n{dataset}: {args.seeds} seeds, best validation so far (%), mean +- sd; test of that architecture")
        print(f"{'method':<24}" + "".join(f"{f'@{p}':>15}" for p in points)
              + f"{f'test @{points[-1]}':>15}{'unique':>8}{'CPU s':>7}")  # fmt: skip
        for name in list(METHODS)[: len(METHODS) if len(datasets) == 1 else MAIN]:
            found, unique, seconds = curves(name, space, table, args.seeds, args.evaluations)
            values = [[record.value for record in course] for course in found]
            lines[dataset, name] = [statistics.fmean(step) for step in zip(*values, strict=True)]
            cells = [spread([course[p - 1].value for course in found]) for p in points]
            cells.append(spread([table.test(course[-1].arch)["test"] for course in found]))
            print(
                f"{name:<24}" + "".join(f"{cell:>15}" for cell in cells) + f"{unique:>8.1f}{seconds:>7.2f}", flush=True
            )
        print(f"best of the table: {max(table.values):.2f} validation, {max(table.hidden['test']):.2f} test")
    if args.plot:
        plot(args.plot, datasets, lines)


def plot(file, datasets, lines):
    """One panel a data set, one curve a method."""
    from matplotlib.figure import Figure

    columns = min(3, len(datasets))
    rows = -(-len(datasets) // columns)
    figure = Figure((4 * columns, 3 * rows), layout="constrained")
    for i, dataset in enumerate(datasets):
        axes = figure.add_subplot(rows, columns, i + 1, title=dataset)
        for (_, name), line in ((key, line) for key, line in lines.items() if key[0] == dataset):
            axes.plot(range(10, len(line) + 1), line[9:], label=name)
        axes.set(xlabel="evaluations", ylabel="best validation (%)")
    axes.legend(fontsize=6, loc="lower right")
    figure.savefig(file)


if __name__ == "__main__":
    main()
