"""Tasks on the edges of a graph: which there are (link prediction), of which class, with which number.

A network gives a vector for every node, and a pair of nodes is judged by the product of theirs:

    s_k(i, j) = <a_ik, b_jk>,    b = a in undirected graphs; else the second half of what the network gives

Where edges themselves are predicted, messages never pass along one that validates or is held out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from appnas.compute import moved
from appnas.domains.graphs.checks import SPLITS, Graph, as_graph, as_labels, is_learnt, listed, random_splits, typeless
from appnas.domains.graphs.domain import Graphs
from appnas.domains.graphs.edge_checks import as_edges, warn_of_unused
from appnas.domains.graphs.loaders import Batch
from appnas.domains.graphs.options import LinkOptions
from appnas.domains.graphs.splitting.splits import with_features
from appnas.domains.labelled.goal import Wishes
from appnas.domains.labelled.losses import Given, loss_name
from appnas.domains.labelled.metrics.ranking import Hits, auc, ranking
from appnas.support import typed

LINE = "scores = (out[i].view(len(i), {count}, -1){a} * out[j].view(len(j), {count}, -1){b}).sum(-1)"
"""What makes scores of pairs of what an exported network gives, for those who use one."""


class Pairs(NamedTuple):
    """Examples of a split.

    Attributes:
        graph: along whose edges messages pass.
        ends: [n, 2], first and second node.
        y: [n] or [n, T].
    """

    graph: Graph
    ends: Tensor
    y: Tensor


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
        given = [one for one in (*listed(data), valid, test) if one is not None]
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
            parts = _of_three(given, graphs)
            of_links = loss is None and all(p.y.dim() == 1 and ((p.y == 0) | (p.y == 1)).all() for p in parts.values())
        elif label is None:
            parts, of_links = _of_edges(graphs[0], options, self.directed), True
        else:
            parts, of_links = _of_labels(graphs[0], as_labels(label, "edge_label"), options), False
        name = "binary_cross_entropy_with_logits" if of_links else loss_name(loss)
        y = self._read({split: [part.y] for split, part in parts.items()}, name)
        self._edges = {split: _known(parts, split) for split in parts} if of_links else {}
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


def _known(parts: dict[str, Pairs], split: str) -> Tensor:
    """The edges that a pair without one must not be; in training only its own, to learn nothing of what is held out.

    Shapes: returns [E, 2].
    """
    seen = {"train": ("train",), "all": ("train", "valid")}.get(split, tuple(parts))
    mine = [parts[name] for name in seen]
    return torch.cat([end for p in mine for end in (p.ends[p.y > 0], p.graph.edge_index.T)])


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


def _of_edges(graph: Graph, options: LinkOptions, directed: bool) -> dict[str, Pairs]:
    """The edges split at random: messages of validation pass along those of training, of the test along both."""
    edges, weight, nodes = graph.edge_index, graph.edge_weight, len(graph.x)
    between = edges[0] != edges[1]  # loops are no examples, and always there
    first, second = edges[:, between] if directed else edges[:, between].sort(0).values
    keys, place = torch.unique(first * nodes + second, return_inverse=True)
    ends = torch.stack([keys // nodes, keys % nodes], 1)
    splits = random_splits(len(ends), options.train, options.valid, options.seed, "edges")
    part, of = torch.empty(len(ends), dtype=torch.long), torch.zeros(edges.shape[1], dtype=torch.long)
    for number, split in enumerate(SPLITS):
        part[splits[split]] = number
    of[between] = part[place]
    found = {}
    for split, most in (("train", 0), ("valid", 0), ("test", 1), ("all", 1)):
        kept = of <= most
        mine = (None if part is None else part[kept] for part in (weight, graph.edge_attr))
        seen = Graph(graph.x, edges[:, kept], graph.y, *mine)
        asked = torch.cat([splits["train"], splits["valid"]]) if split == "all" else splits[split]
        found[split] = Pairs(seen, ends[asked], torch.ones(len(asked), dtype=torch.long))
    return found


def _of_labels(graph: Graph, y: Tensor, options: LinkOptions) -> dict[str, Pairs]:
    """The labels of edges split at random; messages pass along all."""
    if len(y) != graph.edge_index.shape[1]:
        raise ValueError(
            f"edge_label has a row for each of the {graph.edge_index.shape[1]} edges, got {len(y)}; edges are made"
            " undirected before they are labelled"
        )
    splits = random_splits(len(y), options.train, options.valid, options.seed, "edges")
    splits["all"] = torch.cat([splits["train"], splits["valid"]])
    return {split: Pairs(graph, graph.edge_index.T[part], y[part]) for split, part in splits.items()}


def _of_three(given: Sequence[Any], graphs: Sequence[Graph]) -> dict[str, Pairs]:
    """The pairs and labels that three graphs, or two without a test, hold."""
    if len(given) < 2:
        raise ValueError("pairs are given for training and validation, perhaps for a test: Links(train, valid, test)")
    found = {}
    for split, data, graph in zip(SPLITS, given, graphs, strict=False):
        index, y = (getattr(data, key, None) for key in ("edge_label_index", "edge_label"))
        if not isinstance(index, Tensor):
            raise ValueError(f"the graph of {split} has no edge_label_index [2, n], the pairs that are its examples")
        ends = as_edges(index, len(graph.x), f"edge_label_index of {split}").T
        labels = torch.ones(len(ends), dtype=torch.long) if y is None else as_labels(y, f"edge_label of {split}")
        if len(labels) != len(ends) or not len(ends):
            raise ValueError(f"{split}: {len(ends)} pairs need as many rows of edge_label, and one; got {len(labels)}")
        found[split] = Pairs(graph, ends, labels)
    both = (found["train"], found["valid"])
    found["all"] = Pairs(graphs[1], *(torch.cat(parts) for parts in zip(*(p[1:] for p in both), strict=True)))
    return found


def without_edge(edges: Tensor, nodes: int, count: int, directed: bool, rng: torch.Generator) -> Tensor:
    """Random pairs of two nodes without an edge between them. Shapes: edges [E, 2]; returns [count, 2].

    Raises:
        ValueError: there are hardly any.
    """
    ends = edges if directed else torch.cat([edges, edges.flip(1)])
    taken, found, left = torch.unique(ends[:, 0] * nodes + ends[:, 1]), [], count
    for _ in range(20):
        pairs = torch.randint(nodes, (2 * left + 8, 2), generator=rng)
        free = (pairs[:, 0] != pairs[:, 1]) & ~torch.isin(pairs[:, 0] * nodes + pairs[:, 1], taken)
        found.append(pairs[free][:left])
        left -= len(found[-1])
        if not left:
            return torch.cat(found)
    raise ValueError(f"{nodes} nodes have hardly a pair without an edge: LinkOptions(negatives=...) asks for {count}")
