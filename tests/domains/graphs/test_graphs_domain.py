"""domains.graphs.domain: the suite on nodes, label sets, several graphs and parts; metrics and splits by hand."""

import copy
import dataclasses
import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ring_data
from graph_examples import Fixed, arcs
from torch import nn

import appnas
from appnas.domains.graphs import RECIPE, Graphs, Options
from appnas.domains.graphs.loaders import joined
from appnas.domains.labels import LabelNote
from appnas.estimate import Scratch
from appnas.methods import hyperband
from appnas.methods.hyperband import search
from appnas.space import IO
from appnas.spaces import GNN, GraphNet
from appnas.strategy import Draw
from appnas.testing import DomainSuite

FAST = dataclasses.replace(RECIPE, lr=0.1, lr_min=0.1)


class Linear(nn.Module):
    """A network without messages, pooled where graphs are examples; dropout, so that seeds differ."""

    def __init__(self, io):
        super().__init__()
        self.linear, self.dropout = nn.Linear(io.inputs[0], io.outputs[0]), nn.Dropout(0.1)

    def forward(self, x, edge_index, graph=None):
        y = self.linear(self.dropout(x))
        return y if graph is None else torch.zeros(int(graph.max()) + 1, y.shape[1]).index_add(0, graph, y)


class OfGraphs(DomainSuite):
    budget = 3

    def network(self, domain):
        torch.manual_seed(0)
        return Linear(domain.io)


class TestNodes(OfGraphs):
    @pytest.fixture
    def domain(self, ring):
        return ring

    def identify(self, domain, split):
        return domain._split(split).nodes.tolist()


class TestParts(OfGraphs):
    @pytest.fixture
    def domain(self):
        pytest.importorskip("torch_geometric")
        return Graphs(ring_data(), options=Options(loader="parts", parts=3))


class TestLastEpoch(OfGraphs):
    @pytest.fixture
    def domain(self):
        return Graphs(ring_data(), options=Options(keep="last", recipe=FAST))


class TestLabelSets(OfGraphs):
    @pytest.fixture
    def domain(self):
        data = ring_data()
        data.y = torch.stack([data.y == 0, data.y < 2, data.x[:, 2] > 0.5], 1).long()
        return Graphs(data, options=Options(recipe=FAST))


def changed(**parts):
    """The ring with other parts."""
    data = ring_data()
    vars(data).update(parts)
    return data


RING = ring_data()


class TestWholeGraphs(OfGraphs):
    @pytest.fixture
    def domain(self):
        return Graphs(arcs(), options=Options(batch=4))


class TestNumbersOfNodes(OfGraphs):
    @pytest.fixture
    def domain(self):
        data = ring_data()
        data.y = torch.stack([data.x[:, 0] * 30 + 500, data.x[:, 1] - data.x[:, 2]], 1)
        return Graphs(data, options=Options(recipe=FAST), loss="l1_loss", metric="mae", unit="mm")


class TestNumbersOfWholeGraphs(OfGraphs):
    @pytest.fixture
    def domain(self):
        graphs = arcs()
        for graph in graphs:
            graph.y = graph.x.mean()[None] * 5 + 40
        return Graphs(graphs[:20], graphs[20:25], graphs[25:], options=Options(batch=4, recipe=FAST))


class TestWeightedEdges(OfGraphs):
    @pytest.fixture
    def domain(self):
        return Graphs(changed(edge_weight=torch.rand(360, generator=torch.Generator().manual_seed(1))))

    def network(self, domain):
        torch.manual_seed(0)
        return GNN(dropout=0.1).build((3, 1, 1, 1, 1, 0, 0, 0, 0, 3, 3), domain.io)


class TestFeaturesOfEdges(OfGraphs):
    """In parts, with a network that reads them alone."""

    @pytest.fixture
    def domain(self):
        pytest.importorskip("torch_geometric")
        attr = RING.y[RING.edge_index[0]][:, None] + torch.rand(360, 2, generator=torch.Generator().manual_seed(1))
        return Graphs(changed(edge_attr=attr), options=Options(loader="parts", parts=3, recipe=FAST))

    def network(self, domain):
        torch.manual_seed(0)
        return OfEdges(domain.io)


class OfEdges(nn.Module):
    def __init__(self, io):
        super().__init__()
        self.linear, self.dropout = nn.Linear(io.edges, io.outputs[0]), nn.Dropout(0.1)

    def forward(self, x, edge_index, edge_attr):
        y = self.dropout(self.linear(edge_attr))
        return torch.zeros(len(x), y.shape[1]).index_add(0, edge_index[1], y)


class TestNodesOfSeveralGraphs(OfGraphs):
    @pytest.fixture
    def domain(self):
        parts = []
        for i in range(6):
            data = ring_data()
            data.x = data.x.roll(i, 0)
            data.y = data.y.roll(i, 0)
            parts.append(data)
        return Graphs(parts[:2], parts[2:4], parts[4:], Options(batch=1))


def test_one_batch_is_the_whole_graph_with_the_split_marked(ring):
    (batch,) = ring.batches("valid", torch.Generator())
    assert batch.x.shape == (60, 8) and batch.nodes.tolist() == list(range(1, 60, 3))
    out = torch.randn(60, 3)
    loss = ring.loss(lambda x, edges: out, batch)
    torch.testing.assert_close(loss, nn.functional.cross_entropy(out[1::3], batch.y, reduction="none"))
    assert ring.io.inputs == (8,) and ring.io.outputs == (3,) and ring.chance == pytest.approx(100 / 3)


def test_metrics_by_hand(ring):
    guess = torch.eye(3)[torch.zeros(60, dtype=torch.long)]
    assert ring.score(Fixed(guess))["accuracy"] == pytest.approx(100 * 7 / 20)  # 1, 4, ... 19
    right = torch.eye(3)[ring_data().y]
    assert ring.score(Fixed(right))["value"] == ring.test(Fixed(right))["accuracy"] == 100.0


def test_micro_f1_by_hand():
    """Two right of three guessed and of four true: 2 * 2 / (3 + 4)."""
    data = ring_data(6)
    data.y = torch.tensor([[1, 0], [1, 1], [1, 1], [0, 1], [1, 1], [1, 0]])
    domain = Graphs(data)  # validation nodes are 1 and 4
    out = torch.full((6, 2), -1.0)
    out[1, 0] = out[4, 1] = 1.0
    assert domain.score(Fixed(out))["micro_f1"] == pytest.approx(100 * 2 * 2 / (2 + 4))
    share = float(data.y.float().mean())
    assert domain.chance == pytest.approx(200 * share / (1 + share))


def test_best_epoch_keeps_validation_out_of_the_weights():
    """keep="best": the final training is the search's own; keep="last": it trains on validation nodes too."""
    for keep, same in (("best", True), ("last", False)):
        domain = Graphs(ring_data(), options=Options(keep=keep))
        states = []
        for final in (False, True):
            torch.manual_seed(0)
            model = Linear(domain.io)
            domain.fit(model, 4, final=final)
            states.append(model.linear.weight.detach())
        assert torch.equal(*states) == same


def test_validation_is_measured_every_so_many_epochs_and_patience_ends_a_training(ring, monkeypatch):
    looks, losses = [], iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(Graphs, "_measure", lambda self, model, split: looks.append(split) or {"loss": next(losses)})
    domain, epochs = Graphs(ring_data(), options=Options(every=3, patience=6)), []
    domain.fit(Linear(domain.io), 50, on_epoch=lambda epoch, loss: epochs.append(epoch))
    assert looks == ["valid"] * 3 and epochs == list(range(1, 10))  # the least after 3


def test_rungs_on_a_graph_end_in_the_weights_of_a_training_straight_through(ring):
    """Hyperband's way: to 4 and then to 9 epochs, with a look every 3, is a training of 9."""
    draws = [Draw((3, 0, 0, 1, 1, 0, 0, 0, 0, 3, 3), budget=budget, since=since) for budget, since in ((4, 0), (9, 4))]
    domain = Graphs(ring_data(), options=Options(every=3))
    rungs, straight = Scratch(GNN(), domain, 9), Scratch(GNN(), domain, 9)
    first, second = (rungs.score(draw) for draw in draws)
    whole = straight.score(draws[0]._replace(budget=None))
    assert (first.metrics["budget"], second.metrics["budget"]) == (4.0, 5.0)
    assert {**second.metrics, "budget": 9.0} == whole.metrics


@pytest.mark.parametrize("scheme", ["asha", "hyperband", "halving"])
def test_a_search_by_short_trainings_on_parts_of_a_graph(scheme):
    pytest.importorskip("torch_geometric")
    domain = Graphs(ring_data(), options=Options(every=2, loader="parts", parts=4, read=1))
    assert domain.epoch("train") == len(list(domain.batches("train", torch.Generator()))) == 1
    space = GraphNet(hidden=(8,), repeats=(1,))
    config = hyperband.Config(evaluations=3, budget=9, scheme=scheme, inner="evolution", population=2, sample=2)
    found = search(space, domain, config, seed=0)
    assert found.history[0].arch == next(iter(space.hand_made.values()))
    trained = {record.metrics["budget"] for record in found.history}
    assert trained & {1.0, 3.0, 2.0, 6.0} and sum(r.metrics["budget"] for r in found.history) <= 3 * 9 + 9
    assert not any(record.failure for record in found.history) and space.valid(found.best)


def test_a_diverged_training_is_worth_guessing(ring):
    hot = Graphs(ring_data(), options=Options(recipe=dataclasses.replace(RECIPE, lr=1e30, lr_min=1e30)))
    score = Scratch(GNN(), hot, 20).score(Draw((3, 0, 0, 1, 1, 0, 0, 0, 0, 3, 3)))
    assert score.metrics["diverged"] == 1.0 and float(score.value) == pytest.approx(hot.chance)


def test_a_nan_is_never_the_best(ring):
    metrics = ring.score(Fixed(torch.full((60, 3), float("nan"))))
    assert metrics["value"] == ring.chance


def test_random_splits_for_data_without_masks():
    data = ring_data()
    for name in ("train_mask", "val_mask", "test_mask"):
        delattr(data, name)
    one, two, other = (Graphs(data, options=Options(seed=seed)) for seed in (0, 0, 1))
    parts = [one._whole[split].nodes for split in ("train", "valid", "test")]
    assert [len(p) for p in parts] == [36, 12, 12] and torch.cat(parts).sort().values.tolist() == list(range(60))
    assert torch.equal(parts[0], two._whole["train"].nodes) and not torch.equal(parts[0], other._whole["train"].nodes)


@pytest.mark.parametrize(
    "other",
    [
        changed(edge_index=RING.edge_index.flip(0)[:, :100]),
        changed(edge_index=RING.edge_index[:, :100].roll(1)),
        changed(x=RING.x[:, [1, 0, *range(2, 8)]]),
        changed(y=RING.y.flip(0)),
        changed(train_mask=RING.val_mask, val_mask=RING.train_mask),
        changed(val_mask=RING.test_mask, test_mask=RING.val_mask),
    ],
)
def test_a_checkpoint_is_of_one_graph(other):
    """Reversed or rewired edges, permuted features, labels or splits: all their sums are the same."""
    same = changed(edge_index=RING.edge_index[:, : other.edge_index.shape[1]])
    assert Graphs(other).fingerprint != Graphs(same).fingerprint == Graphs(copy.deepcopy(same)).fingerprint


@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # the same in all splits
def test_a_checkpoint_is_of_graphs_of_these_sizes():
    """The same nodes, cut into graphs elsewhere, make other batches."""
    x, y, none = torch.eye(6), torch.tensor([0, 1] * 3), torch.zeros(2, 0, dtype=torch.long)

    def cut(place):
        parts = (slice(None, place), slice(place, None))
        return [SimpleNamespace(x=x[part], y=y[part], edge_index=none) for part in parts]

    assert Graphs(cut(2), cut(2), cut(2)).fingerprint != Graphs(cut(4), cut(2), cut(2)).fingerprint


@pytest.mark.parametrize("weight", [None, torch.arange(99.0)])
@pytest.mark.parametrize("more", [{}, {"normalise": True}, {"undirected": True, "normalise": True}])
def test_an_export_says_what_to_do_to_a_graph(more, weight):
    torch_geometric = pytest.importorskip("torch_geometric")
    names = {"x": RING.x, "edge_index": RING.edge_index[:, :99], "edge_weight": weight}
    domain = Graphs(changed(**names), options=Options(**more))
    names["torch_geometric"] = torch_geometric
    exec("\n".join(domain.preprocessing()["code"]), names)
    for name in ("x", "edge_index", "edge_weight"):
        torch.testing.assert_close(names[name], getattr(domain._whole["train"], name))


@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # the same in all splits
def test_weights_of_edges_reach_the_network():
    weight = torch.arange(360.0)
    weighted = Graphs(changed(edge_weight=weight))
    assert weighted.fingerprint != Graphs(RING).fingerprint
    assert weighted.fingerprint != Graphs(changed(edge_weight=weight.flip(0))).fingerprint
    (batch,) = weighted.batches("train", torch.Generator())
    assert torch.equal(batch.inputs[2], weight) and torch.equal(weighted.example(1)[2], weight)
    several = [SimpleNamespace(**vars(arc), edge_weight=torch.full((len(arc.x),), i)) for i, arc in enumerate(arcs(4))]
    x, edges, graph, weights = Graphs(several, several, several).example(3)
    assert weights.tolist() == graph[edges[0]].tolist() and len(x) == len(graph)
    with pytest.raises(ValueError, match="all graphs have edge_weight or none"):
        Graphs(several, several, arcs(4))


UNMASKED = dict.fromkeys(("train_mask", "val_mask", "test_mask"))


@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # the same in all splits
def test_nodes_of_several_graphs_that_have_no_label():
    """They are in no split; masks, which would split the nodes, are refused in one list of graphs."""
    y = RING.y.clone()
    y[::3] = -1
    with pytest.warns(UserWarning, match="200 of 600 nodes have no label"):
        domain = Graphs([changed(y=y, **UNMASKED) for _ in range(10)])
    whole = domain._whole["train"]
    assert len(whole.y) == len(whole.nodes) == 240 and len(whole.x) == 360 and int(whole.y.min()) == 0
    assert (whole.nodes % 60 % 3 > 0).all()
    batch = next(domain.batches("valid", torch.Generator().manual_seed(0)))
    assert domain.loss(lambda x, *_: torch.zeros(len(x), 3), batch).shape == batch.y.shape
    with pytest.raises(ValueError, match="10 of 10 graphs have masks, which split the nodes of one graph: join"):
        Graphs([changed() for _ in range(10)])


def test_options_by_position_and_masks_of_numpy():
    with pytest.raises(TypeError, match=r"given by their name: Graphs\(data, options=\.\.\.\)"):
        Graphs(RING, Options())
    masks = {name: getattr(RING, name).numpy() for name in UNMASKED}
    assert Graphs(changed(**masks)).fingerprint == Graphs(RING).fingerprint


def test_one_number_an_edge_is_not_used_and_a_warning_says_so():
    with pytest.warns(UserWarning, match="edge_attr is not used") as found:
        domain = Graphs([changed(edge_attr=torch.zeros(360), **UNMASKED) for _ in range(5)])
    assert len(found) == 1 and found[0].filename == __file__ and domain.io.edges == 0
    graphs = [changed(edge_attr=torch.zeros(360, 2), **UNMASKED) for _ in range(5)]
    domain = Graphs(graphs, options=Options(edge_attr=False))
    assert domain.io.edges == 0 and len(domain.example(2)) == 2


@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # the same in all splits
def test_features_of_edges_go_where_edges_go():
    attr = torch.stack([torch.arange(360.0), RING.edge_index[0].float(), RING.edge_index[1].float()], 1)
    domain = Graphs(changed(edge_attr=attr))
    assert domain.io.edges == 3 and torch.equal(domain.example(1)[2], attr)
    assert domain.fingerprint != Graphs(changed(edge_attr=attr + 1)).fingerprint != Graphs(RING).fingerprint
    both = Graphs(changed(edge_attr=attr[:, 0], edge_weight=torch.ones(360)))  # with a weight one number is a feature
    assert both.io.edges == 1 and [x.dim() for x in both.example(1)] == [2, 2, 1, 2]
    several = [SimpleNamespace(**vars(arc), edge_attr=arc.edge_index.T.float()) for arc in arcs(4)]
    several[1].edge_index, several[1].edge_attr = torch.zeros(2, 0, dtype=torch.long), torch.zeros(0)  # a single atom
    _, edges, graph, found = Graphs(several, several, several).example(3)
    first = torch.tensor([0, *torch.bincount(graph).cumsum(0).tolist()])
    assert torch.equal(found, (edges - first[graph[edges[0]]]).T.float())
    with pytest.raises(ValueError, match=r"have as many features.*1 of 3 graphs with edges without"):
        several[1].edge_index, several[1].edge_attr = several[0].edge_index, None
        Graphs(several[:3])
    lines = Graphs(changed(edge_attr=attr, edge_weight=torch.ones(360)), options=Options(undirected=True))
    (line,) = lines.preprocessing()["code"]
    assert line.startswith("edge_index, (edge_weight, edge_attr) = torch_geometric.utils.to_undirected(")
    scope = {"torch_geometric": pytest.importorskip("torch_geometric"), "edge_index": RING.edge_index}
    scope |= {"edge_weight": torch.ones(360), "edge_attr": attr}
    exec(line, scope)
    assert torch.equal(scope["edge_attr"], lines.example(1)[3])


def test_features_of_edges_need_a_space_that_takes_them():
    pytest.importorskip("torch_geometric")
    domain = Graphs(changed(edge_attr=torch.rand(360, 3)))
    for space in ("gnn", "graphmix", "nasbenchgraph"):
        with pytest.raises(ValueError, match=r"no place for 3 features of an edge.*GraphNet.*edge_attr=False"):
            appnas.search(space, domain, "random", evaluations=1, budget=1)
    result = appnas.search("graphnet", domain, "random", evaluations=2, budget=1)
    assert result.history


@pytest.fixture
def stored():
    """A data set of torch_geometric, as its users write one."""
    geometric = pytest.importorskip("torch_geometric.data")

    class Stored(geometric.InMemoryDataset):
        def __init__(self, graphs):
            super().__init__()
            self.data, self.slices = self.collate([geometric.Data(**vars(graph)) for graph in graphs])

    return Stored


@pytest.mark.filterwarnings("ignore:It is not recommended")
@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # the same in all splits
def test_data_sets_and_batches_are_several_graphs(stored):
    from torch_geometric.data import Batch

    ours = Graphs(arcs(), options=Options(batch=4))
    for several in (stored(arcs()), Batch.from_data_list(list(stored(arcs())))):
        theirs = Graphs(several, options=Options(batch=4))
        assert theirs.fingerprint == ours.fingerprint and len(theirs.example(2)) == 3
    half = stored(arcs())[:15], stored(arcs())[15:]
    assert Graphs(half[0], half[1], half[1]).fingerprint == Graphs(arcs()[:15], arcs()[15:], arcs()[15:]).fingerprint


@pytest.mark.filterwarnings("ignore:It is not recommended")
@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # the same in all splits
def test_a_data_set_of_one_graph_is_that_graph(stored):
    assert Graphs(stored([RING])).fingerprint == Graphs(RING).fingerprint
    same = Graphs(RING, RING, RING)
    assert [len(same._graphs[split]) for split in ("train", "valid", "test")] == [1, 1, 1]


def test_features_keep_their_scale():
    """A single feature divided by itself would be 1 everywhere."""
    data = changed(x=RING.x[:, :1])
    assert torch.equal(Graphs(data)._whole["train"].x, data.x)


def test_graphs_are_joined_without_edges_between_them():
    batch = joined([g for g in map(as_checked, arcs(2))], True)
    assert batch.edge_index.tolist() == [[0, 1, 2, 3, 4, 5, 6], [1, 2, 0, 4, 5, 6, 3]]
    assert batch.graph.tolist() == [0, 0, 0, 1, 1, 1, 1] and batch.y.tolist() == [0, 1]


def as_checked(data):
    from appnas.domains.graphs.checks import as_graph

    return as_graph(data, "graph")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"y": torch.zeros(59, dtype=torch.long)}, "60 nodes need as many rows of y, got 59"),
        ({"y": torch.zeros(60, dtype=torch.long)}, "nothing to tell apart"),
        ({"y": torch.arange(60)}, "60 integers of 60 different values can be read in more than one way"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(change, match):
    data = ring_data()
    vars(data).update(change)
    with pytest.raises(ValueError, match=match):
        Graphs(data)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([],), "one list"),
        ((arcs(), None, arcs(2)), "training, validation and test graphs"),
        ((arcs(2),), "is empty"),
        (([*arcs(9), ring_data()],), "same number of features"),
        ((arcs(), None, None, Options(loader="parts")), "whole graphs"),
        (([changed(y=torch.tensor([0, 1]))] * 9,), r"y is \[1\] or \[1, labels\] where .* got \[2\] rows"),
        ((ring_data(), None, None, Options(loader="parts", parts=11)), "too many"),
    ],
)
def test_graphs_that_do_not_fit_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        Graphs(*arguments)


def test_edges_as_they_are_or_made_undirected(ring):
    data = ring_data()
    data.edge_index = torch.tensor([[0, 0, 1], [1, 1, 2]])
    assert Graphs(data)._whole["train"].edge_index.tolist() == [[0, 0, 1], [1, 1, 2]]
    both = Graphs(data, options=Options(undirected=True))._whole["train"].edge_index
    assert both.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]


def test_a_graph_without_edges_trains():
    data = ring_data()
    data.edge_index = torch.zeros(2, 0, dtype=torch.long)
    assert float(Scratch(GNN(), Graphs(data), 3).score(Draw((3, 2, 1, 1, 1, 0, 0, 0, 0, 3, 3))).value) > 0


@pytest.mark.parametrize(
    ("change", "names", "note"),
    [
        (lambda y: y, (0, 1, 2), ""),
        (lambda y: y + 1, (1, 2, 3), "integers became the classes 0 to 2 in the order 1, 2, 3"),
        (lambda y: y * 10 - 5, (-5, 5, 15), "in the order -5, 5, 15"),
        (lambda y: y.double(), (0, 1, 2), "floats that are whole became the classes 0 to 2"),
        (lambda y: torch.eye(3)[y], (0, 1, 2), "one-hot rows of 3 became the classes 0 to 2"),
        (lambda y: np.array(["x", "a", "b"])[y.numpy()], ("a", "b", "x"), "texts became the classes 0 to 2"),
        (lambda y: [f"q{i}" for i in y.tolist()], ("q0", "q1", "q2"), "texts became"),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_labels_of_every_kind_are_classes(change, names, note, several):
    """Of nodes and of whole graphs alike; the names are in what an export says."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", LabelNote)
        if several:
            graphs = [ring_data() for _ in range(18)]
            for graph, y in zip(graphs, torch.arange(18) % 3, strict=True):
                graph.y = change(y[None])
            domain = Graphs(graphs)
        else:
            graph = ring_data()
            graph.y = change(graph.y)
            domain = Graphs(graph)
    assert domain.labels == names and domain.io.outputs == (3,) and domain.metric.name == "accuracy"
    assert [note in str(one.message) for one in told] == [True] * bool(note)
    assert domain.preprocessing().get("labels") == (None if names == (0, 1, 2) else list(names))
    whole = domain._whole["train"].y
    assert whole.dtype == torch.int64 and sorted(set(whole.tolist())) == [0, 1, 2]
    if "a" not in names:  # whose order is another
        plain = [ring_data() for _ in range(18)] if several else ring_data()
        if several:
            for graph, y in zip(plain, torch.arange(18) % 3, strict=True):
                graph.y = y[None]
        assert torch.equal(whole, Graphs(plain)._whole["train"].y)


def test_labels_that_are_no_classes_are_refused():
    for change, said in (
        (lambda y: torch.stack([y, y], 1) + 1, "holds 0 and 1 only, found 1 to 3; numbers are y.float()"),
        (lambda y: torch.stack([y + 0.5, torch.full((60,), torch.nan)], 1), "NaN beside numbers"),
    ):
        graph = ring_data()
        graph.y = change(graph.y)
        with pytest.raises(ValueError, match=said):
            Graphs(graph)
    graph = ring_data()
    graph.y = torch.where(graph.train_mask | graph.val_mask | graph.test_mask, graph.y, -1)
    graph.test_mask[0], graph.y[0], graph.train_mask[0] = False, -1, False
    assert Graphs(graph).labels == (0, 1, 2)  # outside of the splits there may be nodes without a label


def test_numbers_by_hand():
    """Networks give standardised numbers; metrics are in the unit of y."""
    data = ring_data()
    data.y = torch.arange(60.0) * 2 + 100.25
    domain = Graphs(data)
    assert (domain.metric.name, domain.io.outputs) == ("r2", (1,)) and domain.chance == pytest.approx(0, abs=0.01)
    y, train = data.y[:, None], data.y[data.train_mask]
    perfect = (y - train.mean()) / train.std(correction=0)
    found = domain.test(Fixed(perfect))
    assert found["r2"] == pytest.approx(1) and found["rmse"] == pytest.approx(0, abs=1e-3)
    off = float((data.y[data.test_mask] - train.mean()).abs().mean())
    assert domain.test(Fixed(torch.zeros(60, 1)))["mae"] == pytest.approx(off)
    said = domain.preprocessing()["outputs"]
    assert said["mean"] == [pytest.approx(float(train.mean()))] and said["code"] == ["y = outputs * std + mean"]
    with pytest.raises(TypeError, match="random labels"):
        domain.random_labels(0)


def test_metrics_and_weights_by_name():
    data = ring_data()
    data.y = (torch.arange(60) % 10 == 0).long()
    domain = Graphs(data, metric="macro_f1", weights="balanced")
    assert domain.score(Fixed(torch.eye(2)[data.y]))["value"] == pytest.approx(100)
    found = domain.score(Fixed(torch.eye(2)[torch.zeros(60, dtype=torch.long)]))
    assert found["macro_f1"] < 50 == found["balanced_accuracy"] < found["accuracy"]
    assert domain.fingerprint != Graphs(data, metric="macro_f1").fingerprint
    (batch,) = domain.batches("train", torch.Generator())
    loss = domain.loss(lambda x, edges: torch.zeros(60, 2), batch)
    assert float(loss[batch.y == 1].mean()) > 5 * float(loss[batch.y == 0].mean())


def test_graphs_without_features():
    data = ring_data()
    data.x = None
    assert Graphs(data, options=Options(features="degree")).io.inputs == (3,)


@pytest.mark.parametrize("space", ["gnn", "graphmix", "graphnet"])
def test_vectors_are_learnt_for_nodes_without_features(space):
    pytest.importorskip("torch_geometric")
    more = Options(features="embedding", embedding=8, normalise=True, recipe=FAST)
    data = changed(x=None, num_nodes=60)
    domain = Graphs(data, options=more)
    assert domain.io == IO((8,), (3,), embedding=(60, 8)) and domain.example(1)[0].flatten().tolist() == [*range(1, 61)]
    found = appnas.search(space, domain, "agnn", evaluations=8, budget=30, warmup=10, top=1, repeats=1)
    same = appnas.search(space, Graphs(data, options=dataclasses.replace(more, features="constant")), "random",
                         evaluations=2, budget=10)  # fmt: skip
    assert max(r.value for r in found.history) > 55 > 50 > max(r.value for r in same.history)
    with pytest.raises(ValueError, match=r"learnt for the nodes of one graph.*features='degree' or 'constant'"):
        Graphs([SimpleNamespace(edge_index=arc.edge_index, y=arc.y) for arc in arcs()], options=more)
    assert Graphs(RING, options=more).io == Graphs(RING).io  # features that are given stay


class TestLabelsThatAreNotKnown(OfGraphs):
    """Sets of three labels, a third of them NaN."""

    @pytest.fixture
    def domain(self):
        data, rng = ring_data(), torch.Generator().manual_seed(0)
        y = torch.stack([data.y == 0, data.y < 2, data.x[:, 2] > 0.5], 1).float()
        data.y = torch.where(torch.rand(60, 3, generator=rng) < 0.3, torch.nan, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LabelNote)
            return Graphs(data, options=Options(recipe=FAST))


def test_metrics_of_labels_that_are_not_known():
    y = torch.tensor([[1, torch.nan], [0, 1]]).repeat(30, 1)
    with pytest.warns(LabelNote, match="30 of 120 labels are not known"):
        domain = Graphs(changed(y=y), metric="macro_f1")
    perfect = torch.where(y > 0, 1.0, -1.0)
    assert domain.score(Fixed(perfect))["value"] == 100
    perfect[y.isnan()] = 9
    assert domain.score(Fixed(perfect))["micro_f1"] == 100 and math.isfinite(domain.score(Fixed(perfect))["loss"])
