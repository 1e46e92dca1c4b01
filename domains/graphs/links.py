"""Tasks on the edges of a graph: which there are (link prediction), of which class, with which number.

A network gives a vector for every node, and a pair of nodes is judged by the product of theirs:

    s_k(i, j) = <a_ik, b_jk>,    b = a in undirected graphs; else the second half of what the network gives

Where edges themselves are predicted, messages never pass along one that validates or is held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from appnas.compute import moved
from appnas.domains.graphs.checks import SPLITS, Graph, as_graph, as_labels, as_tensor, is_learnt, listed, typeless
from appnas.domains.graphs.domain import Graphs
from appnas.domains.graphs.edge_checks import warn_of_unused
from appnas.domains.graphs.loaders import Batch
from appnas.domains.graphs.options import LinkOptions
from appnas.domains.graphs.splitting.pairs import known_edges, of_edges, of_labels, of_three, without_edge
from appnas.domains.graphs.splitting.splits import with_features
from appnas.domains.labelled.goal import Wishes
from appnas.domains.labelled.losses import Given, loss_name
from appnas.domains.labelled.metrics.ranking import Hits, auc, ranking
from appnas.support import typed

LINE = "scores = (out[i].view(len(i), {count}, -1){a} * out[j].view(len(j), {count}, -1){b}).sum(-1)"
"""What makes scores of pairs of what an exported network gives, for those who use one."""


class Links(Graphs):
    """Link prediction, or classes, sets of labels or numbers of edges. Networks give `dim` numbers a node and output.

    One graph whose edges are split at random: without `edge_label`, its edges are to be told from pairs without one;
    with `edge_label` [E, ...], what is predicted is the label of every edge, and messages pass along all. Or three
    graphs as torch_geometric's `RandomLinkSplit` gives them: messages pass along their `edge_index`, examples are the
    pairs `edge_label_index` with their `edge_label`; where those of training are all 1, pairs without an edge are
    drawn.

    Args:
        data: a graph with x and edge_index, perhaps edge_label; or a tuple of three with edge_label_index.
        valid, test: the second and third of three.
        options: splits and training, and what pairs are judged by.
        loss: as for `Graphs`.
        metric: as for `Graphs`; of links "auc", the default, "mrr", or "hits@10" for any number, all in percent, see
            `appnas.domains.labelled.metrics.ranking`: an edge of a split is ranked against all pairs without an edge of
            the split, drawn (`LinkOptions.negatives`) or given.
        higher: whether more is better, of a metric of one's own.
        unit: of the metric.
        weights: of classes, or of the ones.

    Raises:
        TypeError: options of another kind.
        ValueError: no edges, labels that do not fit them, or what `Graphs` refuses.
    """

    options: LinkOptions

    def __init__(
        self, data: Any, valid: Any = None, test: Any = None, options: LinkOptions = LinkOptions(), *,  # noqa: B008
        loss: Given = None, metric: Any = None, higher: bool | None = None, unit: str = "", weights: Any = None,
    ):  # fmt: skip
        typed("options", LinkOptions, options)
        if options.loader != "full":
            raise ValueError(f"edges are predicted in the whole graph: loader='full', got {options.loader!r}")
        self.options, self.budget, self.labels, self.tunable, self._graphs = options, options.epochs, (), (), {}
        given = _listed(data, valid, test)
        for one, split in zip(given, SPLITS, strict=False):
            typeless(one, f"the graph of {split}")
        warn_of_unused(given if options.edge_attr else ())
        graphs = [_graph(one, split, options) for one, split in zip(given, SPLITS, strict=False)]
        with_features({"all": graphs})  # as many of every edge
        if is_learnt(given[0], options.features):
            self._learnt = (max(len(graph.x) for graph in graphs), options.embedding)
        known = options.directed
        self.directed = _directed(graphs[0].edge_index) if known is None else known
        label = getattr(given[0], "edge_label", None)
        if len(given) > 1 or getattr(given[0], "edge_label_index", None) is not None:
            parts = of_three(given, graphs)
            of_links = loss is None and all(p.y.dim() == 1 and ((p.y == 0) | (p.y == 1)).all() for p in parts.values())
        elif label is None:
            parts, of_links = of_edges(graphs[0], options, self.directed), True
        else:
            labels = as_labels(as_tensor(label, "edge_label"), "edge_label")
            parts, of_links = of_labels(graphs[0], labels, options, self.directed), False
        name = "binary_cross_entropy_with_logits" if of_links else loss_name(loss)
        y = self._read({split: [part.y] for split, part in parts.items()}, name)
        self._edges = {split: known_edges(parts, split) for split in parts} if of_links else {}
        self._fresh, self._whole = of_links and bool((parts["train"].y == 1).all()), {}
        for number, (split, (graph, ends, _)) in enumerate(parts.items()):
            whole = Batch(graph.x, graph.edge_index, None, ends, y[split][0], graph.edge_weight, graph.edge_attr)
            alone = of_links and bool((whole.y == 1).all())
            rng = torch.Generator().manual_seed(options.seed * len(parts) + number)
            self._whole[split] = self._among_others(whole, split, rng) if alone else whole
        wishes = Wishes(loss, metric, higher, unit, weights)
        named = ranking(metric) if isinstance(metric, str) else None
        if named is not None and not of_links:
            raise ValueError(f"the metric {metric} ranks edges among pairs without one; what is predicted are labels")
        if of_links and (metric is None or named is not None):
            wishes = wishes._replace(metric=named or auc, higher=True, unit="%")
            self._also = {} if wishes.metric is auc else {"auc": auc}
            if isinstance(named, Hits):
                self._enough(named.k)
        self._assemble(wishes, plain=of_links)

    def _enough(self, k: int) -> None:
        """Check that there are pairs for a hit to be one."""
        for split in ("valid", "test"):
            count = int((self._whole[split].y == 0).sum()) if split in self._whole else k
            if count < k:
                raise ValueError(
                    f"hits@{k} is among at least {k} pairs without an edge, {split} has {count}:"
                    " LinkOptions(negatives=...) draws more for every edge, or ask for less"
                )

    def _outputs(self) -> tuple[int, ...]:
        return (self._task.outputs[0] * self.options.dim * (1 + self.directed),)

    def _examples(self, out: Tensor, batch: Batch) -> Tensor:
        assert batch.nodes is not None
        first, second = (out[end].view(len(end), self._task.outputs[0], -1) for end in batch.nodes.unbind(1))
        if self.directed:
            first, second = first.chunk(2, -1)[0], second.chunk(2, -1)[1]
        return (first * second).sum(-1)

    def _among_others(self, whole: Batch, split: str, rng: torch.Generator) -> Batch:
        """The edges of a batch, and as many pairs without one as the options say."""
        assert whole.nodes is not None
        count = round(self.options.negatives * len(whole.nodes))
        others = moved(without_edge(self._edges[split], len(whole.x), count, self.directed, rng), whole.y.device)
        y = torch.cat([whole.y, whole.y.new_zeros(len(others), 1)])
        return whole._replace(nodes=torch.cat([whole.nodes, others]), y=y)

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch: the whole graph, in training with other pairs without an edge each time."""
        whole = self._split(split)
        if not self._fresh or split == "valid":
            yield whole
            return
        there = whole.y[:, 0] > 0
        assert whole.nodes is not None
        yield self._among_others(whole._replace(nodes=whole.nodes[there], y=whole.y[there]), split, rng)

    def fold(self, index: int, count: int) -> Links:
        """None.

        Raises:
            ValueError: always, but for the own split.
        """
        if index:
            raise ValueError("tasks on edges have one split: the edges that networks see are those that train")
        return self

    def random_labels(self, seed: int) -> Links:
        """The same domain, whose training pairs have random labels and stay the same."""
        other = super().random_labels(seed)
        assert isinstance(other, Links)
        other._fresh = False
        return other

    def preprocessing(self) -> dict[str, Any]:
        """As for `Graphs`; and the line that makes scores of the outputs for the nodes i and j of pairs."""
        half = ("[..., :half]", "[..., half:]") if self.directed else ("", "")
        line = LINE.format(count=self._task.outputs[0], a=half[0], b=half[1])
        more = {"half": self.options.dim} if self.directed else {}
        return {**super().preprocessing(), **more, "pairs": line}


def _listed(data: Any, valid: Any, test: Any) -> list[Any]:
    """The graphs that are given, without a last one that has no pairs, as `RandomLinkSplit(num_test=0)` makes it."""
    given = [one for one in (*listed(data), valid, test) if one is not None]
    pairs = getattr(given[-1], "edge_label_index", None)
    return given[:-1] if len(given) == len(SPLITS) and isinstance(pairs, Tensor) and not pairs.numel() else given


def _graph(data: Any, name: str, options: LinkOptions) -> Graph:
    """A checked graph, whatever its y is."""
    keys = ("x", "edge_index", "edge_weight", "edge_attr", "adj_t")
    bare = SimpleNamespace(**{key: getattr(data, key, None) for key in keys})
    bare.y, bare.num_nodes = torch.zeros(1, dtype=torch.long), getattr(data, "num_nodes", None)
    o = options
    graph = as_graph(bare, f"the graph of {name}", o.normalise, o.undirected, None, o.features, o.edge_attr)
    if not graph.edge_index.numel():
        raise ValueError(f"the graph of {name} has no edges")
    return graph


def _directed(edge_index: Tensor) -> bool:
    """Whether some edge is listed without its opposite."""
    there, back = (torch.unique(edges, dim=1) for edges in (edge_index, edge_index.flip(0)))
    return not torch.equal(there, back)
