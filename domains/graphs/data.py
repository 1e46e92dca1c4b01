"""Named graphs: built from scikit-learn's digits, files in APPNAS_DATA, PyTorch Geometric's sets."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from appnas.domains.data_files import FIXED, data_file, missing
from appnas.domains.graphs.domain import Graphs
from appnas.domains.graphs.options import RECIPE, Options


@dataclass(frozen=True)
class DigitOptions(Options):
    """Options of the graph of digits. Its split is fixed: `train`, `valid` and `seed` have no effect."""

    neighbours: int = 8
    """Most alike images that every image is joined to."""
    labelled: int = 10
    """Training images of each class; 500 others validate, the rest is held out."""
    normalise: bool = True
    """Divide the pixels of an image by their sum."""


DIGITS = DigitOptions()
PIXELS = Options(recipe=dataclasses.replace(RECIPE, weight_decay=0.0))
CITATION = Options(normalise=True)
"""Features are bags of words, which GCN (arXiv 1609.02907) and GAT divide by their sum."""


@dataclass(frozen=True)
class PyGOptions(Options):
    """Options of a data set of PyTorch Geometric, read from files that are there: nothing is downloaded."""

    dataset: str = "Planetoid"
    """A class of torch_geometric.datasets."""
    name: str = "Cora"
    """Its argument `name`; empty for classes without one."""
    normalise: bool = True
    """Divide the features of a node by the sum of their absolute values."""
    root: str = ""
    """Its argument `root`; by default the folder `pyg` in the folder that APPNAS_DATA names."""


def _digits() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing("scikit-learn", "graphs") from error
    data = load_digits()
    return data.data.astype(np.float32), data.target


def digits(options: DigitOptions = DIGITS) -> Graphs:
    """1,797 handwritten digits as the nodes of one graph: pixels are features, the most alike images are joined.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    x, y = _digits()
    from sklearn.neighbors import kneighbors_graph

    source, target = kneighbors_graph(x, options.neighbours).nonzero()
    edges = torch.from_numpy(np.unique(np.concatenate([[source, target], [target, source]], 1), axis=1))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(FIXED))
    classes = torch.from_numpy(y)
    train = torch.cat([order[classes[order] == c][: options.labelled] for c in range(10)])
    rest = order[~torch.isin(order, train)]
    graph = SimpleNamespace(x=torch.from_numpy(x), edge_index=edges, y=classes)
    masked = _masked(graph, {"train_mask": train, "val_mask": rest[:500], "test_mask": rest[500:]})
    return Graphs(masked, options=options).named("graphs")


def _masked(graph: SimpleNamespace, splits: dict[str, Tensor]) -> SimpleNamespace:
    for name, nodes in splits.items():
        mask = torch.zeros(len(graph.x), dtype=torch.bool)
        mask[nodes] = True
        setattr(graph, name, mask)
    return graph


def pixels(options: Options = PIXELS) -> Graphs:
    """The same digits, each a graph of its own inked pixels.

    Features are ink, row and column; neighbours in any of eight directions are joined.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    x, y = _digits()
    graphs = []
    for image, label in zip(x.reshape(-1, 8, 8), y, strict=True):
        places = np.argwhere(image > 0)
        near = np.abs(places[:, None] - places[None]).max(-1) == 1
        features = np.concatenate([image[tuple(places.T)][:, None] / 16, places / 7], 1).astype(np.float32)
        edges = torch.from_numpy(np.stack(near.nonzero()))
        graphs.append(SimpleNamespace(x=torch.from_numpy(features), edge_index=edges, y=torch.tensor([int(label)])))
    return Graphs(graphs, options=options).named("pixels")


def planetoid(name: str, options: Options = CITATION) -> Graphs:
    """Cora or Citeseer with the public split (Yang et al., arXiv 1603.08861), from planetoid/NAME.npz in APPNAS_DATA.

    20 training nodes a class, 500 for validation, 1,000 held out.

    Raises:
        FileNotFoundError: no such file.
    """
    with np.load(data_file("planetoid", f"{name}.npz")) as data:
        parts = {key: torch.from_numpy(data[key]).long() for key in data.files if data[key].ndim}
        x = torch.zeros(len(parts["y"]), int(data["num_features"]))
    rows = torch.repeat_interleave(torch.arange(len(x)), parts["indptr"].diff())
    x[rows, parts["indices"]] = 1.0
    graph = SimpleNamespace(x=x, edge_index=parts["edge_index"], y=parts["y"])
    splits = {"train_mask": parts["train_idx"], "val_mask": parts["val_idx"], "test_mask": parts["test_idx"]}
    return Graphs(_masked(graph, splits), options=options).named(name)


cora, citeseer = partial(planetoid, "cora"), partial(planetoid, "citeseer")


def pyg(options: PyGOptions = PyGOptions()) -> Graphs:
    """Any data set of PyTorch Geometric, from local raw files: ROOT/NAME/raw (see the class's documentation).

    A class with a `split` of "train", "val" and "test" gives its own lists of graphs. PyTorch Geometric unpickles
    what lies there: use files that you trust.

    Raises:
        ImportError: torch_geometric is not installed.
        ValueError: there is no such class.
        FileNotFoundError: files that it would download are not there.
    """
    try:
        from torch_geometric import datasets
    except ImportError as error:
        raise missing("torch-geometric", "graphs") from error
    kind = getattr(datasets, options.dataset, None)
    if kind is None:
        raise ValueError(
            f"torch_geometric.datasets has no class {options.dataset!r}, it has: {', '.join(datasets.__all__)}"
        )
    root = options.root or str(Path(os.environ.get("APPNAS_DATA", "data")) / "pyg")

    def download(self: Any) -> None:
        raise FileNotFoundError(
            f"{options.dataset} needs the files {', '.join(self.raw_file_names)} in {self.raw_dir}: put them there,"
            " nothing is downloaded"
        )

    offline = type(kind.__name__, (kind,), {"download": download})
    if options.dataset in SPLIT:
        train, valid, test = (offline(root, split=split) for split in ("train", "val", "test"))
        return Graphs(train, valid, test, options).named("pyg")
    named = {"name": options.name} if options.name else {}
    return Graphs(offline(root, **named), options=options).named("pyg")


SPLIT = ("PPI", "ZINC", "GNNBenchmarkDataset", "MNISTSuperpixels")
"""Classes whose lists of graphs come by the argument `split`."""
