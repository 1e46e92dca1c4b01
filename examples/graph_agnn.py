"""A graph network for a graph: AGNN searches, the best few are trained again, the winner is compared with GCN and GAT.

    python examples/graph_agnn.py            # two minutes on one core, no download
    python examples/graph_agnn.py --quick    # seconds, to see that everything runs

The graph is built here: 1,797 handwritten digits, each joined to the eight that look most alike, ten labelled images a
class. For a graph of your own, hand a torch_geometric.data.Data to `Graphs`.
"""

import random
from dataclasses import dataclass

import torch
import tyro
from rich.console import Console
from rich.table import Table

import appnas
from appnas.retrain import train_one
from appnas.run import domain as domain_of
from appnas.space import describe, parse, random_arch
from appnas.spaces import GNN


@dataclass
class Args:
    """Sizes of the demonstration."""

    evaluations: int = 25
    """Architectures of the search."""
    budget: int = 60
    """Epochs of a training from scratch."""
    warmup: int = 15
    """Epochs of a training that begins with inherited weights."""
    seeds: int = 3
    """Of the last trainings, whose test accuracy is shown."""
    seed: int = 0
    """Of the search."""
    quick: bool = False
    """A tiny version of everything."""


def layer(hidden: str, attention: str, heads: str, activation: str) -> dict[str, list[str]]:
    """Two layers of one kind."""
    return {
        "hidden": [hidden], "attention": [attention] * 2, "heads": [heads, "1"], "aggregation": ["sum"] * 2,
        "combine": ["identity"] * 2, "activation": [activation, "identity"],
    }  # fmt: skip


def main(args: Args) -> None:
    """Search, train, compare."""
    torch.set_num_threads(1)
    console = Console()
    if args.quick:
        args.evaluations, args.budget, args.warmup, args.seeds = 4, 2, 1, 1
    domain, space = domain_of("graphs"), GNN(widest=128)
    result = appnas.search(
        space, domain, "agnn", evaluations=args.evaluations, start=min(5, args.evaluations), budget=args.budget,
        warmup=args.warmup, top=2, repeats=2, seed=args.seed, progress=True,
    )  # fmt: skip
    for name, options in describe(space.choices, result.best).items():
        console.print(f"{name:<12} {', '.join(options)}", highlight=False)
    candidates = {
        "found by AGNN": result.best,
        "GCN": parse(space, layer("64", "gcn", "1", "relu")),
        "GAT": parse(space, layer("8", "gat", "8", "elu")),
        "random": random_arch(space, random.Random(args.seed)),
    }
    table = Table(title=f"trained alike: {args.budget} epochs, {args.seeds} seeds, 100 labelled nodes")
    for column in ("network", "test accuracy (%), mean", "lowest", "highest"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name, arch in candidates.items():
        trained = [train_one(space, domain, arch, args.budget, seed) for seed in range(args.seeds)]
        tests = [domain.test(network)["accuracy"] for network in trained]
        table.add_row(name, *(f"{x:.1f}" for x in (sum(tests) / len(tests), min(tests), max(tests))))
    console.print(table)
    console.print(
        f"Few seeds say little. result.retrain(epochs={args.budget}).model is the trained network, a plain"
        " torch.nn.Module: model(x, edge_index), the features of every node divided by their sum as in `graphs`;"
        " result.model() has the same layers, untrained."
    )


if __name__ == "__main__":
    main(tyro.cli(Args))
