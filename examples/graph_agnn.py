"""A graph network for a graph: AGNN searches, the winner is trained again beside hand-made networks and a random one.

    python examples/graph_agnn.py                      # classes of nodes: three minutes on one core, no download
    python examples/graph_agnn.py --task link          # which edges there are; graph: classes of whole graphs;
    python examples/graph_agnn.py --task regression    # a number for every node
    python examples/graph_agnn.py --task types         # nodes and edges of several types, edges with features
    python examples/graph_agnn.py --quick              # seconds, to see that everything runs

The graphs are built here of 1,797 handwritten digits: each joined to the eight that look most alike, ten labelled
images a class; or each a graph of its inked pixels; or nodes of two types, the images, without features of their own,
and the pixels that they ink. For a graph of your own, hand a torch_geometric.data.Data to `Graphs` or `Links`, or a
HeteroData to `Graphs`.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
import tyro
from rich.console import Console
from torch_geometric.data import HeteroData

import appnas
from appnas.domains.graphs import Graphs, LinkOptions, Links, Options
from appnas.run import domain as domain_of
from appnas.spaces import GraphNet


@dataclass
class Args:
    """Sizes of the demonstration."""

    task: Literal["node", "graph", "link", "regression", "types"] = "node"
    """Classes of nodes, of whole graphs or of nodes of one type; which edges there are; a number for every node."""
    evaluations: int = 30
    """Architectures of the search; the first are hand-made networks."""
    budget: int = 60
    """Epochs of a training from scratch."""
    warmup: int = 15
    """Epochs of a training that begins with inherited weights."""
    epochs: int = 100
    """Of the last trainings."""
    seeds: int = 3
    """Of the last trainings, whose test metric is shown."""
    seed: int = 0
    """Of the search."""
    quick: bool = False
    """A tiny version of everything."""


def images_and_pixels(images: int = 600) -> HeteroData:
    """Pixels point at the images that they ink, images at those most alike; how dark a pixel is, its edge knows."""
    from sklearn.datasets import load_digits
    from sklearn.neighbors import kneighbors_graph

    pictures, labels = (part[:images] for part in load_digits(return_X_y=True))
    image, pixel = pictures.nonzero()
    data = HeteroData()
    data["image"].y, data["image"].num_nodes = torch.from_numpy(labels), images
    data["pixel"].x = torch.eye(64)
    inks = data["pixel", "inks", "image"]
    inks.edge_index = torch.from_numpy(np.stack([pixel, image]))
    inks.edge_attr = torch.from_numpy(pictures[image, pixel][:, None] / 16).float()
    near = kneighbors_graph(pictures, 4).nonzero()
    data["image", "resembles", "image"].edge_index = torch.from_numpy(np.stack(near[::-1]))
    return data


def task_of(name: str) -> Any:
    """A task on the digits' graphs."""
    if name == "graph":
        return domain_of("pixels")
    digits = domain_of("graphs")
    x, edge_index = digits.example(1)
    if name == "node":
        return digits
    if name == "types":
        return Graphs(images_and_pixels(), target="image", options=Options(features="constant"))
    if name == "link":
        return Links(SimpleNamespace(x=x, edge_index=edge_index), options=LinkOptions(dim=16))
    pixels = torch.arange(64)  # how far to the right the ink of a digit lies, from its neighbours' pixels and its own
    right = (x * (pixels % 8)).sum(1) / x.sum(1).clamp_min(1e-6)
    hidden = x * (pixels % 8 < 4)  # of its own it sees the left half
    return Graphs(SimpleNamespace(x=hidden, edge_index=edge_index, y=right), metric="mae", unit="pixels")


def main(args: Args) -> None:
    """Search, train, compare."""
    torch.set_num_threads(1)
    console = Console()
    if args.quick:
        args.evaluations, args.budget, args.warmup, args.epochs, args.seeds = 4, 2, 1, 2, 1
    domain, space = task_of(args.task), GraphNet(repeats=(1, 2), hidden=(32, 64))
    result = appnas.search(
        space, domain, "agnn", evaluations=args.evaluations, budget=args.budget, warmup=args.warmup,
        top=min(3, args.evaluations), repeats=2, seed=args.seed, progress=True,
    )  # fmt: skip
    for name, options in space.named(result.best).items():
        console.print(f"{name:<12} {', '.join(options)}", highlight=False)
    trained = result.retrain(args.epochs, seeds=args.seeds, beside=["mlp", "gcn", "gat", "random"])
    console.print(trained)
    console.print(
        "Few seeds say little. `retrain(...).model` is the trained network, a plain module: model(x, edge_index)"
    )


if __name__ == "__main__":
    main(tyro.cli(Args))
