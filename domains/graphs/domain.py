"""Classification on graphs: of the nodes of one graph, of the nodes of several, or of whole graphs.

Labels are classes (accuracy) or sets of labels (micro-F1). Networks are forward(x, edge_index), or
forward(x, edge_index, graph) where a whole graph is an example; weights of edges come last, if there are any. One graph
is one batch, its loss one number a node of the split; graphs that do not fit go through torch_geometric's loaders.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from appnas.compute import CPU, Compute, home, moved
from appnas.domains.graphs.checks import (
    SPLITS,
    Graph,
    as_graph,
    as_masks,
    classed,
    listed,
    named_labels,
    outputs,
    random_splits,
    warn_of_unused,
)
from appnas.domains.graphs.loaders import Batch, joined, neighbours, parts
from appnas.domains.random_labels import random_like
from appnas.space import IO
from appnas.support import checked, digest, typed
from appnas.task import Metric, Recipe, Supervised

RECIPE = Recipe("adam", lr=0.005, lr_min=0.005, weight_decay=5e-4, clip=0.0)
"""GAT's on Cora and GraphNAS's for all children: Adam at a constant rate."""

LINES = {
    "normalise": "x = x / x.abs().sum(1, keepdim=True).clamp_min(1e-12)",
    "undirected": "edge_index = torch_geometric.utils.to_undirected(edge_index)",
    "undirected, weighted": "edge_index, edge_weight = torch_geometric.utils.to_undirected("
    "edge_index, edge_weight, reduce='mean')",
}
"""What `Options` does to a graph, for those who hand one to a trained network."""


@dataclass(frozen=True)
@checked(split=0, batch=1, parts=1, epochs=1)
class Options:
    """Splits, batches and training on graphs."""

    split: int = 0
    """Which split, for data whose masks hold several."""
    train: float = 0.6
    """Share of training examples where the data has no masks."""
    valid: float = 0.2
    """Share of validation examples where the data has no masks; the rest is held out."""
    normalise: bool = False
    """Divide the features of a node by the sum of their absolute values, as is usual for bags of words. Their scale is
    lost: a single feature becomes 1 or -1."""
    undirected: bool = False
    """Add the missing opposite of every edge."""
    batch: int = 32
    """Graphs a batch, for several graphs; nodes a batch, for sampled neighbours."""
    loader: Literal["full", "parts", "neighbours"] = "full"
    """One graph at once, in random parts, or by sampled neighbours (needs the package pyg-lib or torch-sparse)."""
    parts: int = 4
    """Number of parts of a graph, for loader "parts"."""
    fanout: tuple[int, ...] = (10, 10)
    """Neighbours sampled of every node, one number a layer, for loader "neighbours"."""
    keep: Literal["best", "last"] = "best"
    """Weights of the epoch with the least validation loss, the protocol of the citation graphs: then validation data
    never train, not even after the search. Or those of the last epoch, after the search trained on both."""
    recipe: Recipe = field(default_factory=lambda: RECIPE)
    """How stand-alone networks are trained."""
    epochs: int = 200
    """Length of the training of a search's result, unless told."""
    seed: int = 0
    """Of a random split."""

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or shares that leave a split nothing.
        """
        if not (0 < self.train and 0 < self.valid and self.train + self.valid < 1):
            raise ValueError(f"train and valid are shares with a rest for testing, got {self.train} and {self.valid}")
        if not self.fanout or min(self.fanout) < 1:
            raise ValueError(f"fanout has a number of at least 1 for every layer, got {self.fanout}")


class Graphs(Supervised):
    """Classification on graphs. Metrics are in percent; "value" is validation accuracy, or micro-F1 for label sets.

    One graph: its nodes are split by its masks, or at random. Several graphs: they are split at random, or given as
    three lists; y has one row a graph, or one a node. Isolated nodes are fine (every layer sees a node itself too).
    A validation or test graph is seen whole, whatever the loader. `labels` names the classes (`appnas.domains.labels`).

    Args:
        data: a `torch_geometric.data.Data` or anything with x, edge_index, y and perhaps edge_weight; or several: a
            list, a data set or a `Batch` of torch_geometric.
        valid, test: further ones, if `data` holds the training graphs only.
        options: splits, batches, training.

    Raises:
        TypeError: options of another kind.
        ValueError: see `appnas.domains.graphs.checks`; or graphs that do not fit each other.
    """

    def __init__(self, data: Any, valid: Any = None, test: Any = None, options: Options = Options()):
        typed("options", Options, options)
        self.options, self.budget = options, options.epochs
        lists = [[] if part is None else listed(part) for part in (data, valid, test)]
        warn_of_unused(chain(*lists))
        self.labels = named_labels(chain(*lists)) or ()
        if len(lists[0]) == 1 and valid is None and test is None and not isinstance(data, list | tuple):
            self._one(lists[0][0])
        else:
            self._several(lists)
        self.tunable = ("batch",) if self._graphs or options.loader == "neighbours" else ()
        labels = {split: whole.y for split, whole in self._whole.items()}
        count, self.chance = outputs({split: labels[split] for split in SPLITS})
        self.io = IO((self._whole["train"].x.shape[1],), (count,))
        self.metric = Metric("accuracy" if labels["train"].dim() == 1 else "micro_f1", "%")

    def _one(self, data: Any) -> None:
        o = self.options
        graph = as_graph(data, "the graph", o.normalise, o.undirected, self.labels or None)
        if len(graph.y) != len(graph.x):
            raise ValueError(f"{len(graph.x)} nodes need as many rows of y, got {len(graph.y)}; for a label of each"
                             " graph give a list of graphs")  # fmt: skip
        nodes = as_masks(data, len(graph.x), o.split) or random_splits(len(graph.x), o.train, o.valid, o.seed, "nodes")
        parts, names = classed({split: [graph.y[part]] for split, part in nodes.items()})
        labels = {split: part for split, (part,) in parts.items()}
        labels["all"], self.labels = torch.cat([labels["train"], labels["valid"]]), self.labels or names
        nodes["all"] = torch.cat([nodes["train"], nodes["valid"]])
        if o.loader == "parts" and 2 * o.parts > min(map(len, nodes.values())):
            raise ValueError(
                f"a part needs nodes of every split: {o.parts} parts are too many for {min(map(len, nodes.values()))}"
            )
        self._graphs: dict[str, list[Graph]] = {}
        self._whole = {
            s: Batch(graph.x, graph.edge_index, None, n, labels[s], graph.edge_weight) for s, n in nodes.items()
        }

    def _several(self, lists: list[list[Any]]) -> None:
        o = self.options
        if o.loader != "full":
            raise ValueError(f"several graphs come in batches of whole graphs: loader='full', got {o.loader!r}")
        if not lists[0] or bool(lists[1]) != bool(lists[2]):
            raise ValueError(f"give training, validation and test graphs, or one list, got {[len(x) for x in lists]}")
        how = o.normalise, o.undirected, self.labels or None
        every = [
            [as_graph(d, f"graph {i} of {split}", *how) for i, d in enumerate(part)]
            for split, part in zip(SPLITS, lists, strict=True)
        ]
        if every[1]:
            self._graphs = dict(zip(SPLITS, every, strict=True))
        else:
            splits = random_splits(len(every[0]), o.train, o.valid, o.seed, "graphs")
            self._graphs = {split: [every[0][i] for i in part.tolist()] for split, part in splits.items()}
        graphs = [graph for split in SPLITS for graph in self._graphs[split]]
        whole = all(len(graph.y) == 1 for graph in graphs)
        shapes = {(graph.x.shape[1], *graph.y.shape[1:]) for graph in graphs}
        if len(shapes) > 1:
            raise ValueError(f"all graphs have the same number of features, and of labels, got {sorted(shapes)}")
        if not (whole or all(len(graph.y) == len(graph.x) for graph in graphs)):
            raise ValueError(
                "y is [1] or [1, labels] where a whole graph is an example, else it has a row for every node; got"
                f" {sorted({len(graph.y) for graph in graphs})} rows"
            )
        if len({graph.edge_weight is None for graph in graphs}) > 1:
            raise ValueError("all graphs have edge_weight or none has; an edge without a weight weighs 1")
        labels, names = classed({split: [graph.y for graph in part] for split, part in self._graphs.items()})
        for split, part in self._graphs.items():
            self._graphs[split] = [graph._replace(y=y) for graph, y in zip(part, labels[split], strict=True)]
        self.labels = self.labels or names
        self._graphs["all"] = self._graphs["train"] + self._graphs["valid"]
        self._whole = {split: joined(part, whole) for split, part in self._graphs.items()}

    @cached_property
    def fingerprint(self) -> str:
        """A digest of options, graphs, labels and splits: a training's checkpoint is of one of them."""
        sizes = {split: [len(graph.x) for graph in graphs] for split, graphs in self._graphs.items()}
        parts = [part for split in SPLITS for part in self._whole[split] if part is not None]
        once = {id(part): part for part in parts}  # the splits of one graph share it
        return digest(f"{self.options} {sizes}", *once.values())

    def preprocessing(self) -> dict[str, Any]:
        """What users of an exported network must do to a graph first, and the lines of "code" that do it."""
        o = self.options
        edges = "undirected" if self._whole["train"].edge_weight is None else "undirected, weighted"
        code = [LINES["normalise"]] * o.normalise + [LINES[edges]] * o.undirected
        named = {} if self.labels == tuple(range(len(self.labels))) else {"labels": list(self.labels)}
        return {"divide_features_by_their_absolute_sum": o.normalise, "undirected": o.undirected, "code": code, **named}

    def placed(self, compute: Compute) -> Graphs:
        """The same domain for another device; a graph that is one batch lies there, once for all splits."""
        other = copy.copy(self)
        other.compute = compute
        if not self._graphs and self.options.loader == "full":
            there: dict[int, Any] = {}
            for part in (part for whole in self._whole.values() for part in whole if part is not None):
                there.setdefault(id(part), moved(part, compute.device))
            there[id(None)] = None
            other._whole = {split: Batch(*(there[id(part)] for part in whole)) for split, whole in self._whole.items()}
        return other

    def _split(self, split: str) -> Batch:
        if split not in ("train", "valid", "all"):
            raise ValueError(f"the splits are all, train, valid, got {split!r}")
        return self._whole[split]

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch."""
        whole, o = self._split(split), self.options
        if self._graphs:
            return -(-len(self._graphs[split]) // o.batch)
        return {"full": 1, "parts": o.parts, "neighbours": -(-len(whole.y) // o.batch)}[o.loader]

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch of "train", "valid", or both: "all"."""
        whole, o = self._split(split), self.options
        if self._graphs:
            graphs = self._graphs[split]
            for part in torch.split(torch.randperm(len(graphs), generator=rng), o.batch):
                yield joined([graphs[i] for i in part.tolist()], whole.graph is not None)
        elif o.loader == "full":
            yield whole
        elif o.loader == "parts":
            yield from parts(whole, o.parts, rng)
        else:
            yield from neighbours(whole, o.fanout, o.batch, rng)

    def loss(self, model: Callable[..., Any], batch: Batch) -> Tensor:
        """Cross entropy of every example; of label sets the mean over the labels. Shapes: returns [n]."""
        out = model(*batch.inputs)
        return self._losses(out if batch.nodes is None else out[batch.nodes], batch.y)

    @staticmethod
    def _losses(out: Tensor, y: Tensor) -> Tensor:
        if y.dim() == 1:
            return cross_entropy(out, y, reduction="none")
        return binary_cross_entropy_with_logits(out, y.to(out.dtype), reduction="none").mean(1)

    def trained_on(self, final: bool) -> str:
        """The split that a training reads: what validation data do is said by `Options.keep`."""
        return "all" if final and self.options.keep != "best" else "train"

    def watched(self) -> Callable[[nn.Module], float] | None:
        """The validation loss, if the best epoch is kept."""
        return (lambda model: self._measure(model, "valid")["loss"]) if self.options.keep == "best" else None

    @torch.no_grad()
    def _measure(self, model: nn.Module, split: str) -> dict[str, float]:
        model.eval()
        whole = moved(self._whole[split], home(model))
        out = model(*whole.inputs)
        out, y = moved((out if whole.nodes is None else out[whole.nodes], whole.y), CPU)
        if self.metric.name == "accuracy":
            value = 100 * int((out.argmax(1) == y).sum()) / len(y)
        else:
            hits = float(((out > 0) & (y > 0)).sum())
            value = 200 * hits / max(float((out > 0).sum() + (y > 0).sum()), 1.0)
        loss = float(self._losses(out, y).mean())
        return {self.metric.name: value if loss == loss else self.chance, "loss": loss}

    def score(self, model: nn.Module) -> dict[str, float]:
        """Validation accuracy or micro-F1 (%) as "value" and under its name, and loss (nats)."""
        metrics = self._measure(model, "valid")
        return {"value": metrics[self.metric.name], **metrics}

    def test(self, model: nn.Module) -> dict[str, float]:
        """Accuracy or micro-F1 (%) and loss (nats) on the held-out nodes or graphs."""
        return self._measure(model, "test")

    def example(self, count: int) -> tuple[Tensor, ...]:
        """The whole graph, or the first `count` training graphs joined."""
        if not self._graphs:
            return self._whole["train"].inputs
        return joined(self._graphs["train"][:count], self._whole["train"].graph is not None).inputs

    def random_labels(self, seed: int) -> Graphs:
        """The same domain, whose training nodes, or graphs, have random labels."""
        other, count = copy.copy(self), self.io.outputs[0]
        if self._graphs:
            graphs = [g._replace(y=random_like(g.y, count, seed + i)) for i, g in enumerate(self._graphs["train"])]
            other._graphs = {**self._graphs, "train": graphs}
            train = joined(graphs, self._whole["train"].graph is not None)
        else:
            train = self._whole["train"]._replace(y=random_like(self._whole["train"].y, count, seed))
        other._whole = {**self._whole, "train": train}
        vars(other).pop("fingerprint", None)  # it was of the true labels
        return other
