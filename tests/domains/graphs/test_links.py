"""appnas.domains.graphs.links: what pairs are worth by hand, nothing leaks, every kind of label, a whole search."""

import copy
import dataclasses
from types import SimpleNamespace

import pytest
import torch
from conftest import ring_data
from torch import nn

import appnas
from appnas.domains.graphs import RECIPE, Graphs, LinkOptions, Links
from appnas.domains.graphs.splitting.pairs import without_edge
from appnas.domains.labelled.metrics.ranking import Hits, auc, mrr
from appnas.spaces import GraphNet
from appnas.testing import DomainSuite

FAST = LinkOptions(recipe=dataclasses.replace(RECIPE, lr=0.05, lr_min=0.05), dim=4, valid=0.1, train=0.7)


def graph(**parts):
    data = ring_data()
    del data.y, data.train_mask, data.val_mask, data.test_mask
    vars(data).update(parts)
    return data


def three(train=None, **parts):
    """As RandomLinkSplit gives them."""
    data, rng = graph(), torch.Generator().manual_seed(0)
    once = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    pairs = once[:, torch.randperm(180, generator=rng)]
    cuts = [slice(0, 100), slice(100, 130), slice(130, 180)]
    found = []
    for number, cut in enumerate(cuts):
        negative = without_edge(data.edge_index.T, 60, cut.stop - cut.start, False, rng).T
        index, label = torch.cat([pairs[:, cut], negative], 1), torch.ones(2 * negative.shape[1])
        label[negative.shape[1] :] = 0
        if train == "positives" and number == 0:
            index, label = pairs[:, cut], label[: negative.shape[1]]
        seen = pairs[:, : 130 if number == 2 else 100]
        seen = torch.cat([seen, seen.flip(0)], 1)
        one = SimpleNamespace(x=data.x, edge_index=seen, edge_label_index=index, edge_label=label, **parts)
        found.append(one)
    return tuple(found)


class OfLinks(DomainSuite):
    budget = 20

    def network(self, domain):
        torch.manual_seed(0)
        return Linear(domain.io)

    def identify(self, domain, split):
        whole = domain._whole[split]
        links = domain.metric.name == "auc"
        there = whole.nodes[whole.y[:, 0] > 0] if links else whole.nodes
        return {tuple(sorted(pair)) if links else tuple(pair) for pair in there.tolist()}


class Linear(nn.Module):
    def __init__(self, io):
        super().__init__()
        self.linear = nn.Linear(io.inputs[0], io.outputs[0])
        nn.init.normal_(self.linear.weight, 0, 0.01)  # all pairs are alike: where features are near, edges are likely
        nn.init.ones_(self.linear.bias)

    def forward(self, x, edge_index, *more):
        gathered = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])
        return self.linear(nn.functional.dropout(x + gathered, 0.1, self.training))


class TestLinks(OfLinks):
    @pytest.fixture
    def domain(self):
        return Links(graph(), options=FAST)


class TestGivenPairs(OfLinks):
    @pytest.fixture
    def domain(self):
        return Links(three(), options=FAST)


class TestClassesOfEdges(OfLinks):
    @pytest.fixture
    def domain(self):
        data = graph()
        return Links(graph(edge_label=(data.edge_index[0] // 20 + data.edge_index[1] // 20) % 3), options=FAST)


class TestNumbersOfEdges(OfLinks):
    @pytest.fixture
    def domain(self):
        data = graph()
        return Links(graph(edge_label=data.x[data.edge_index].sum((0, 2)) * 3 + 7), options=FAST)


class Fixed(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.out = out

    def forward(self, *inputs):
        return self.out


def test_scores_of_pairs_by_hand():
    domain = Links(graph(), options=FAST)
    out = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    assert not domain.directed and domain.io.outputs == (4,) and domain.metric.name == "auc"
    (whole,) = domain.batches("valid", torch.Generator())
    i, j = whole.nodes.T
    score = (out[i] * out[j]).sum(1, keepdim=True)
    loss = nn.functional.binary_cross_entropy_with_logits(score, whole.y, reduction="none")[:, 0]
    torch.testing.assert_close(domain.loss(Fixed(out), whole), loss)
    assert domain.score(Fixed(out))["value"] == pytest.approx(auc(score, whole.y))
    names = {"out": out, "i": i, "j": j}
    exec(domain.preprocessing()["pairs"], names)
    torch.testing.assert_close(names["scores"], score)


def test_a_direction_tells_the_ends_apart():
    edges = graph().edge_index
    domain = Links(graph(edge_index=edges[:, edges[0] < edges[1]]), options=FAST)
    assert domain.directed and domain.io.outputs == (8,)
    out = torch.randn(60, 8)
    (whole,) = domain.batches("valid", torch.Generator())
    i, j = whole.nodes.T
    score = (out[i, :4] * out[j, 4:]).sum(1, keepdim=True)
    assert domain.score(Fixed(out))["value"] == pytest.approx(auc(score, whole.y))
    names = {"out": out, "i": i, "j": j, **domain.preprocessing()}
    exec(names["pairs"], names)
    torch.testing.assert_close(names["scores"], score)


def test_messages_never_pass_along_what_is_predicted_later():
    domain = Links(graph(), options=FAST)

    def pairs(edges):
        return {tuple(sorted(pair)) for pair in edges.tolist()}

    positive = {s: pairs(domain._whole[s].nodes[domain._whole[s].y[:, 0] > 0]) for s in ("train", "valid", "test")}
    assert sum(map(len, positive.values())) == 180 == len(set.union(*positive.values()))
    messages = {s: pairs(domain._whole[s].edge_index.T) for s in ("train", "valid", "test", "all")}
    assert messages["train"] == messages["valid"] == positive["train"]
    assert messages["test"] == messages["all"] == positive["train"] | positive["valid"]
    every = set.union(*positive.values())
    for split in ("train", "valid", "test"):
        whole = domain._whole[split]
        negative = pairs(whole.nodes[whole.y[:, 0] == 0])
        taken = positive["train"] if split == "train" else every
        assert not negative & taken and len(whole.nodes) == 2 * len(positive[split])


@pytest.mark.parametrize("train", [None, "positives"])
def test_what_training_sees_does_not_depend_on_what_is_held_out(train):
    """Other pairs in validation and test: the training pairs, those without an edge too, are the same."""
    given = three(train)
    other = [copy.copy(part) for part in given]
    for part in other[1:]:
        part.edge_label_index = part.edge_label_index.flip(1).roll(7, 1)
    other[2].edge_index = given[0].edge_index
    domains = [Links(parts, options=FAST) for parts in (given, tuple(other))]
    first, second = (next(iter(d.batches("train", torch.Generator().manual_seed(3)))) for d in domains)
    assert torch.equal(first.nodes, second.nodes) and torch.equal(first.edge_index, second.edge_index)
    assert domains[0].fingerprint != domains[1].fingerprint


@pytest.mark.parametrize("data", [graph(), three("positives")])
def test_other_pairs_without_an_edge_for_every_batch(data):
    domain, rng = Links(data, options=FAST), torch.Generator().manual_seed(0)
    first, second = (next(iter(domain.batches("train", rng))) for _ in range(2))
    count = int((first.y > 0).sum())
    assert torch.equal(first.nodes[:count], second.nodes[:count])
    assert not torch.equal(first.nodes[count:], second.nodes[count:]) and len(first.nodes) == 2 * count
    fixed = domain.random_labels(0)
    first, second = (next(iter(fixed.batches("train", rng))) for _ in range(2))
    assert torch.equal(first.nodes, second.nodes) and torch.equal(first.y, second.y)


def test_pairs_that_are_given_stay(recwarn):
    domain = Links(three(), options=FAST)
    first, second = (next(iter(domain.batches("train", torch.Generator()))) for _ in range(2))
    assert first is second and torch.equal(first.nodes.T, three()[0].edge_label_index)
    assert Links(three()[:2], options=FAST).has_test is False
    assert Links(*three(), options=FAST).fingerprint == domain.fingerprint


def test_classes_and_metrics_by_name():
    data = graph(edge_label=torch.arange(360) % 3)
    domain = Links(data, options=FAST, metric="macro_f1", weights="balanced")
    assert domain.metric.name == "macro_f1" and domain.io.outputs == (12,) and domain.labels == (0, 1, 2)
    assert domain._whole["train"].edge_index.shape == (2, 360)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (lambda: graph(edge_index=torch.zeros(2, 0, dtype=torch.long)), "has no edges"),
        (lambda: graph(edge_label=torch.zeros(9)), "a row for each of the 360 edges, got 9"),
        (lambda: three()[0], "training and validation, perhaps for a test"),
        (lambda: (three()[0], graph()), "valid has no edge_label_index"),
        (lambda: graph(x=torch.eye(4), edge_index=torch.ones(4, 4).nonzero().T), "hardly a pair"),
    ],
)
def test_what_are_no_links(data, match):
    with pytest.raises(ValueError, match=match):
        Links(data(), options=dataclasses.replace(FAST, train=0.5, valid=0.2))


def test_graphs_say_whose_examples_are_edges():
    with pytest.raises(ValueError, match="its examples are edges, and appnas"):
        Graphs(three()[0])


def test_searched_from_what_torch_geometric_splits():
    """RandomLinkSplit's graphs go straight into a search; more than half of the pairs are told apart."""
    geometric = pytest.importorskip("torch_geometric")
    data = geometric.data.Data(**vars(graph()))
    split = geometric.transforms.RandomLinkSplit(0.1, 0.2, is_undirected=True, add_negative_train_samples=False)
    space = appnas.spaces.GraphNet(operations=("gcn", "sage"), repeats=(1,), hidden=(16,), dropout=(0.0,))
    result = appnas.search(space, split(data), "random", evaluations=3, budget=20)
    rows = result.retrain(60).rows
    assert rows[0].tests[0]["auc"] > 60


def test_features_of_edges_stay_with_their_edges():
    data = graph()
    data.edge_attr = data.edge_index.T.float()
    domain = Links(data, options=FAST)
    for whole in domain._whole.values():
        assert torch.equal(whole.edge_attr, whole.edge_index.T.float())
    assert domain.io.edges == 2
    parts = three()
    for part in parts:
        part.edge_attr = part.edge_index.T.float()
    assert Links(parts).io.edges == 2
    parts[2].edge_attr = None
    with pytest.raises(ValueError, match="have as many features"):
        Links(parts)


def test_ranks_by_name():
    out = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    for name, metric in (("mrr", mrr), ("hits@10", Hits(10))):
        domain = Links(graph(), options=FAST, metric=name)
        (whole,) = domain.batches("valid", torch.Generator())
        found = domain.score(Fixed(out))
        score = (out[whole.nodes[:, 0]] * out[whole.nodes[:, 1]]).sum(1, keepdim=True)
        assert domain.metric.name == name and domain.metric.unit == "%" and list(found)[1:] == [name, "auc", "loss"]
        assert found["value"] == found[name] == metric(score, whole.y) and found["auc"] == auc(score, whole.y)
        assert domain.chance < 20 and name in domain.test(Fixed(out))
    with pytest.raises(ValueError, match=r"hits@50 is among at least 50 pairs without an edge, valid has 18"):
        Links(graph(), options=FAST, metric="hits@50")
    assert Links(graph(), options=dataclasses.replace(FAST, negatives=4), metric="hits@50").metric.name == "hits@50"
    with pytest.raises(ValueError, match="the metric mrr ranks edges among pairs without one"):
        Links(graph(edge_label=torch.arange(360) % 3), options=FAST, metric="mrr")


class TestRanks(OfLinks):
    @pytest.fixture
    def domain(self):
        return Links(graph(), options=FAST, metric="mrr")

    def identify(self, domain, split):
        whole = domain._whole[split]
        return {tuple(sorted(pair)) for pair in whole.nodes[whole.y[:, 0] > 0].tolist()}


def test_vectors_are_learnt_for_nodes_without_features():
    pytest.importorskip("torch_geometric")
    options = dataclasses.replace(FAST, features="embedding", embedding=8)
    domain = Links(graph(x=None, num_nodes=60), options=options)
    assert domain.io.embedding == (60, 8) and domain.io.inputs == (8,)
    assert all(torch.equal(whole.x[:, 0], torch.arange(1.0, 61)) for whole in domain._whole.values())
    torch.manual_seed(0)
    space = GraphNet(layers=1, operations=("gcn",), repeats=(1,))
    network = space.build((0,) * len(space.choices), domain.io)
    domain.fit(network, 60)
    assert domain.score(network)["auc"] > 75
