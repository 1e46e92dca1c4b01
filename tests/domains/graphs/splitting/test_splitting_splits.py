"""appnas.domains.graphs.splitting.splits: what has no label, no nodes or no test is said and left out."""

from types import SimpleNamespace

import pytest
import torch
from conftest import ring_data
from graph_examples import Fixed, arcs

import appnas
from appnas.domains.graphs import Graphs, Options
from appnas.domains.labels import LabelNote


def test_nodes_without_a_label_are_in_no_split():
    data = ring_data()
    data.y[:10] = -1
    with pytest.warns(LabelNote, match="10 of 60 nodes of the masks have no label"):
        domain = Graphs(data)
    assert domain.io.outputs == (3,) and domain._whole["train"].nodes.tolist() == list(range(12, 60, 3))
    for name in ("train_mask", "val_mask", "test_mask"):
        delattr(data, name)
    with pytest.warns(LabelNote, match="10 of 60 nodes have no label"):
        domain = Graphs(data)
    parts = [domain._whole[split].nodes for split in ("train", "valid", "test")]
    assert sum(map(len, parts)) == 50 and min(int(part.min()) for part in parts) >= 10
    data.y = torch.where(data.y < 0, torch.nan, data.y * 1.5)
    with pytest.warns(LabelNote, match="10 of 60 nodes have no label"):
        assert Graphs(data).metric.name == "r2"


@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # the same in all splits
def test_masks_without_test_nodes_hold_nothing_out():
    data = ring_data()
    del data.test_mask
    domain = Graphs(data)
    assert domain.score(Fixed(torch.eye(3)[data.y]))["value"] == 100 and not domain.has_test
    with pytest.raises(ValueError, match="made without test data"):
        domain.test(Fixed(torch.eye(3)[data.y]))
    domain = Graphs(arcs(), arcs(4))
    assert [len(domain._graphs[split]) for split in ("train", "valid")] == [30, 4] and not domain.has_test


@pytest.mark.parametrize(
    ("change", "said", "labels"),
    [
        (
            lambda y: torch.where((y == 2) & (torch.arange(60) % 3 == 0), 0, y),
            "1 of 3 classes have no train",
            (0, 1, 2),
        ),
        (lambda y: y * 9, "3 of the integers 0 to 18 became the classes 0 to 2", (0, 9, 18)),
    ],
)
def test_what_is_odd_is_said_and_taken(change, said, labels):
    data = ring_data()
    data.y = change(data.y)
    with pytest.warns(LabelNote, match=said):
        assert Graphs(data).labels == labels


def test_graphs_without_nodes_or_labels_are_left_out():
    graphs, options = arcs(), Options(batch=4)
    none = torch.zeros(2, 0, dtype=torch.long)
    graphs.insert(3, SimpleNamespace(x=torch.zeros(0, 4), edge_index=none, y=torch.tensor([0])))
    with pytest.warns(
        UserWarning, match="1 of 31 graphs of train have no nodes and are left out, the first is graph 3"
    ):
        assert Graphs(graphs, options=options).fingerprint == Graphs(arcs(), options=options).fingerprint
    graphs = arcs()
    for graph in graphs:
        graph.y = graph.y / 3 + 0.1
    graphs[5].y = torch.tensor([torch.nan])
    with pytest.warns(LabelNote, match="1 of 30 graphs of train have no label"):
        assert sum(len(Graphs(graphs)._graphs[split]) for split in ("train", "valid", "test")) == 29


def test_retrained_on_every_split_that_the_masks_hold(tmp_path):
    """One row of tests a split, kept each; a domain with one split says so."""
    data = ring_data()
    for name in ("train_mask", "val_mask", "test_mask"):
        mask = getattr(data, name)
        setattr(data, name, torch.stack([mask, mask.roll(1), mask.roll(2)], 1))
    domain = Graphs(data, options=Options(split=1), metric="macro_f1")
    three = domain.splits()
    assert [one.options.split for one in three] == [0, 1, 2] and three[1].fingerprint == domain.fingerprint
    pytest.importorskip("torch_geometric")
    space = appnas.spaces.GraphNet(repeats=(1,), hidden=(16,))
    result = appnas.search(space, domain, "random", evaluations=2, budget=1)
    trained = result.retrain(5, seeds=2, beside=["gcn"], splits="all", out=tmp_path)
    assert [len(row.tests) for row in trained.rows] == [6, 6] and trained.splits == 3
    assert "over 3 splits, 2 seeds each" in str(trained)
    again = result.retrain(5, seeds=2, beside=["gcn"], splits="all", out=tmp_path)
    assert again.rows[1].tests == trained.rows[1].tests
    with pytest.raises(ValueError, match="several splits"):
        appnas.search(space, Graphs(ring_data()), "random", evaluations=2, budget=1).retrain(1, splits="all")


def test_graphs_in_two_splits_are_said():
    graphs = arcs(12)
    with pytest.warns(UserWarning, match=r"2 of 4 graphs of valid are graphs of train too.* seen before") as found:
        Graphs(graphs[:6], graphs[4:8], graphs[8:])
    assert len(found) == 1 and found[0].filename == __file__
    other = [SimpleNamespace(**{**vars(graph), "y": 1 - graph.y}) for graph in graphs]
    Graphs(graphs[:6], other[:6], graphs[6:])  # alike, with other labels
    data = ring_data()
    with pytest.warns(UserWarning, match=r"1 of 1 graphs of test are graphs of train too"):
        Graphs([data], [SimpleNamespace(**{**vars(data), "x": data.x + 1})], [data])
