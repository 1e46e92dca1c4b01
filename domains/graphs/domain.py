"""Tasks on graphs: on the nodes of one graph, on the nodes of several, or on whole graphs.

Targets are classes, sets of labels or numbers. Networks are forward(x, edge_index), or
forward(x, edge_index, graph) where a whole graph is an example; weights of edges come next, if there are any, and
features of edges last. One graph is one batch, its loss one number a node of the split; graphs that do not fit go
through torch_geometric's loaders.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor, nn

from appnas.compute import Compute, home, moved
from appnas.domains.graphs.checks import SPLITS, Graph, as_graph, is_learnt, listed, lone, named_labels
from appnas.domains.graphs.cutting import LIGHTER, cut_down
from appnas.domains.graphs.edge_checks import warn_of_unused
from appnas.domains.graphs.instructions import instructions
from appnas.domains.graphs.loaders import EDGES, Batch, joined, neighbours, parts
from appnas.domains.graphs.options import Options
from appnas.domains.graphs.splitting.folds import fold
from appnas.domains.graphs.splitting.splits import fit_each_other, only_labelled, split_graphs, split_nodes, unmasked
from appnas.domains.graphs.targets import chance_of, targets_of
from appnas.domains.graphs.typed import Typed, one_graph, target_of
from appnas.domains.labelled.goal import Goal, Wishes
from appnas.domains.labelled.losses import Given, loss_name
from appnas.domains.labelled.metrics.ranking import Ranking
from appnas.domains.random_labels import random_like
from appnas.space import IO
from appnas.support import digest, typed
from appnas.task import Supervised


class Graphs(Supervised):
    """Classes, sets of labels or numbers, of nodes or of whole graphs. "value" is the metric in validation.

    One graph: its nodes are split by its masks, or at random. Several graphs: they are split at random, or given as
    three lists; y has one row a graph, or one a node. Isolated nodes are fine (every layer sees a node itself too).
    A validation or test graph is seen whole, whatever the loader. `labels` names the classes (`appnas.domains.labels`);
    `appnas.domains.graphs.targets` says what y may be, and which examples have no label.

    Args:
        data: a `torch_geometric.data.Data` or anything with x, edge_index, y and perhaps edge_weight, edge_attr; or
            several: a list, a data set or a `Batch` of torch_geometric; or one `HeteroData`, see `typed`. Masks without
            `test_mask` hold nothing out.
        valid, test: further ones, if `data` holds the training graphs only.
        options: splits, batches, training.
        loss: a name of torch's, "mse_loss", say, or a function (outputs, targets), as for `Labelled`.
        metric: a name of ours (accuracy, macro_f1, r2, rmse, mae, ...) or of torchmetrics', or a function, as there.
        higher: whether more is better, where torchmetrics does not tell.
        unit: of the metric.
        weights: of classes, or of the ones of each label of a set: "balanced", or numbers.
        target: of a graph with nodes of several types, the type to predict; the only one with y, unless told.

    Raises:
        ImportError: torchmetrics is needed, and not installed.
        TypeError: options, a loss or a metric of another kind.
        ValueError: see `appnas.domains.graphs.checks`; or graphs that do not fit each other.
    """

    def __init__(
        self, data: Any, valid: Any = None, test: Any = None, options: Options = Options(), *,  # noqa: B008  (frozen)
        loss: Given = None, metric: Any = None, higher: bool | None = None, unit: str = "", weights: Any = None,
        target: str | None = None,
    ):  # fmt: skip
        if isinstance(valid, Options):
            raise TypeError("options are given by their name: Graphs(data, options=...)")
        typed("options", Options, options)
        self.options, self.budget = options, options.epochs
        data = lone(data)
        if hasattr(data, "node_types") and valid is None and test is None:
            data = one_graph(data, target_of(data, target), options)
        elif target is not None:
            raise ValueError(f"target is a type of nodes of one HeteroData, the graph has no types: got {target!r}")
        lists = [[] if part is None else listed(part) for part in (data, valid, test)]
        warn_of_unused(chain(*lists) if options.edge_attr else ())
        self.labels = named_labels(chain(*lists)) or ()
        if len(lists[0]) == 1 and valid is None and test is None and not isinstance(data, list | tuple):
            self._one(lists[0][0], loss_name(loss))
        else:
            self._several(lists, loss_name(loss))
        self.tunable = ("batch",) if self._graphs or options.loader == "neighbours" else ()
        wishes = Wishes(loss, metric, higher, unit, weights)
        self._assemble(wishes)
        if getattr(getattr(data, "train_mask", None), "ndim", 1) == 2:
            self._given = data, wishes

    _given: tuple[Any, Wishes] | None = None
    """Data whose masks hold several splits, and what was said of their loss and metric."""

    _also: Mapping[str, Ranking] = {}
    """Functions of outputs and targets that are told beside the metric."""
    _typed: Typed | None = None
    """The graph, if it has nodes of several types."""
    _learnt: tuple[int, ...] = ()
    """How many nodes have features that are learnt, and how many."""

    def splits(self) -> list[Graphs]:
        """The same task by each of the splits that the graph's masks hold; none if these are one."""
        if self._given is None:
            return []
        data, wishes = self._given
        count, more = data.train_mask.shape[1], wishes._asdict()
        return [Graphs(data, options=replace(self.options, split=i), **more) for i in range(count)]

    def _assemble(self, wishes: Wishes, plain: bool = False) -> None:
        """Loss, metric and sizes of the examples that there are; `plain` for one metric alone."""
        y = {split: whole.y for split, whole in self._whole.items() if split != "all"}
        self.has_test = "test" in y
        usual = wishes.metric is None and self._task.kind != "numbers"
        self._goal = Goal(self._task, wishes, self.options, y["train"], beside=() if usual or plain else None)
        self.metric = self._goal.metric
        self.chance = chance_of(self._task, y) if usual else self._goal.chance(y["train"], y["valid"])
        whole = self._whole["train"]
        edges, width = 0 if whole.edge_attr is None else whole.edge_attr.shape[1], whole.x.shape[1]
        width += self._learnt[1] - 1 if self._learnt else 0
        relations = 0 if self._typed is None else self._typed.relations
        self.io = IO((width,), self._outputs(), edges, relations, self._learnt)

    def _outputs(self) -> tuple[int, ...]:
        """What a network gives for a node, or for a graph."""
        return self._task.outputs

    def _examples(self, out: Tensor, batch: Batch) -> Tensor:
        """The outputs of the examples of a batch. Shapes: [N, outputs] or [graphs, outputs] -> [n, outputs]."""
        return out if batch.nodes is None else out[batch.nodes]

    def _read(self, y: dict[str, list[Tensor]], loss: str | None) -> dict[str, list[Tensor]]:
        """Targets as the loss has them; the task and the names of its classes are kept."""
        self._task, found = targets_of(y, loss, self.labels)
        self.kind = self._task.kind
        self.labels = self._task.names
        return found

    def _one(self, data: Any, loss: str | None) -> None:
        o, self._typed = self.options, data if isinstance(data, Typed) else None
        plain = self._typed is None  # else that is done
        graph = as_graph(data, "the graph", o.normalise and plain, o.undirected and plain, self.labels or None,
                         o.features, o.edge_attr or not plain)  # fmt: skip
        learnt = self._typed.learnt if self._typed else len(graph.x) if is_learnt(data, o.features) else 0
        self._learnt = (learnt, o.embedding) if learnt else ()
        if len(graph.y) != len(graph.x):
            raise ValueError(f"{len(graph.x)} nodes need as many rows of y, got {len(graph.y)}; for a label of each"
                             " graph give a list of graphs")  # fmt: skip
        nodes = split_nodes(data, graph, o)
        targets = self._read({split: [graph.y[part]] for split, part in nodes.items()}, loss)
        labels = {split: part for split, (part,) in targets.items()}
        labels["all"], nodes["all"] = (torch.cat([of["train"], of["valid"]]) for of in (labels, nodes))
        if o.loader == "parts" and 2 * o.parts > min(map(len, nodes.values())):
            raise ValueError(
                f"a part needs nodes of every split: {o.parts} parts are too many for {min(map(len, nodes.values()))}"
            )
        self._graphs: dict[str, list[Graph]] = {}
        self._whole = {
            s: Batch(graph.x, graph.edge_index, None, n, labels[s], graph.edge_weight, graph.edge_attr)
            for s, n in nodes.items()
        }

    def _several(self, lists: list[list[Any]], loss: str | None) -> None:
        self._graphs = split_graphs(lists, self.options, self.labels or None)
        graphs = [graph for some in self._graphs.values() for graph in some]
        whole = fit_each_other(graphs)
        if not whole:
            unmasked([] if lists[1] else lists[0])
            self._graphs = only_labelled(self._graphs)
        targets = self._read({split: [graph.y for graph in part] for split, part in self._graphs.items()}, loss)
        for split, part in self._graphs.items():
            self._graphs[split] = [graph._replace(y=y) for graph, y in zip(part, targets[split], strict=True)]
        self._graphs["all"] = self._graphs["train"] + self._graphs["valid"]
        self._whole = {split: joined(part, whole) for split, part in self._graphs.items()}

    @cached_property
    def fingerprint(self) -> str:
        """A digest of options, graphs, labels and splits: a training's checkpoint is of one of them."""
        sizes = {split: [len(graph.x) for graph in graphs] for split, graphs in self._graphs.items()}
        parts = [part for split in SPLITS if split in self._whole for part in self._whole[split] if part is not None]
        once = {id(part): part for part in parts}  # the splits of one graph share it
        weights = self._goal.loss.weights
        said = f"{self.options} {sizes}{self._goal.said()}"
        return digest(said, *once.values(), *([] if weights is None else [weights]))

    def preprocessing(self) -> dict[str, Any]:
        """What users of an exported network must do to a graph first, and the lines of "code" that do it."""
        known = [key for key in EDGES if getattr(self._whole["train"], key) is not None]
        return {**instructions(self.options, known, self._typed), **self._goal.described()}

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
        return {"full": 1, "parts": o.read or o.parts, "neighbours": -(-len(whole.y) // o.batch)}[o.loader]

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
            yield from islice(parts(whole, o.parts, rng), o.read or None)
        else:
            yield from neighbours(whole, o.fanout, o.batch, rng)

    def loss(self, model: Callable[..., Any], batch: Batch) -> Tensor:
        """The loss of every example; of label sets and of several numbers their mean. Shapes: returns [n]."""
        return self._goal.losses(self._examples(model(*batch.inputs), batch), batch.y)

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
        out = self._examples(model(*whole.inputs), whole)
        loss = float(self._goal.loss.summed(out, self._goal.standard(whole.y))) / len(whole.y)
        if loss != loss:
            unknown = dict.fromkeys((*self._goal.measure.names, *self._also), math.nan)
            return {**unknown, self.metric.name: self.metric.value(self.chance), "loss": loss}
        meter = self._goal.measure.started()
        meter.add(self._goal.in_unit(out), whole.y)
        also = {name: metric(out, whole.y) for name, metric in self._also.items()}
        return {**meter.found(), **also, "loss": loss}

    def score(self, model: nn.Module) -> dict[str, float]:
        """The metric in validation as "value" (its negative where less is better) and by its name; and the loss."""
        metrics = self._measure(model, "valid")
        return {"value": self._goal.value(metrics), **metrics}

    def test(self, model: nn.Module) -> dict[str, float]:
        """The metric and the loss on the held-out nodes or graphs.

        Raises:
            ValueError: there are none.
        """
        if not self.has_test:
            raise ValueError("this domain was made without test data: the graph has no test_mask")
        return self._measure(model, "test")

    def example(self, count: int) -> tuple[Tensor, ...]:
        """The whole graph, or the first `count` training graphs joined."""
        if not self._graphs:
            return self._whole["train"].inputs
        return joined(self._graphs["train"][:count], self._whole["train"].graph is not None).inputs

    fold, cut, lighter = fold, cut_down, LIGHTER

    def random_labels(self, seed: int) -> Graphs:
        """The same domain, whose training nodes, or graphs, have random labels.

        Raises:
            TypeError: it predicts numbers.
        """
        if self._task.kind == "numbers":
            raise TypeError("random labels are of classes or sets of labels, and this task has none: labels='true'")
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
