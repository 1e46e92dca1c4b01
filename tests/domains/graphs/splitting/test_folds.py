"""domains.graphs.folds: other splits of what trains and validates, of one graph and of several."""

from types import SimpleNamespace

import pytest
import torch

from appnas.domains.graphs import Graphs, Links, Options
from appnas.domains.graphs.splitting.folds import redrawn
from appnas.task import Locked


def graph(nodes=60, classes=3, seed=0, whole=False):
    rng = torch.Generator().manual_seed(seed)
    y = torch.tensor([seed % classes]) if whole else torch.arange(nodes) % classes
    return SimpleNamespace(
        x=torch.randn(nodes, 4, generator=rng), edge_index=torch.randint(nodes, (2, 3 * nodes), generator=rng), y=y
    )


def test_nodes_are_split_anew_and_test_nodes_stay():
    domain = Graphs(graph())
    assert domain.fold(0, 3) is domain
    known = torch.cat([domain._whole["train"].nodes, domain._whole["valid"].nodes]).sort().values
    for index in (1, 2):
        other = domain.fold(index, 3)
        parts = [other._whole[split] for split in ("train", "valid")]
        assert torch.equal(torch.cat([part.nodes for part in parts]).sort().values, known)
        assert [len(part.y) for part in parts] == [len(domain._whole[split].y) for split in ("train", "valid")]
        assert all(torch.equal(part.y, torch.arange(60)[part.nodes] % 3) for part in parts)
        assert torch.equal(parts[0].y.bincount(), domain._whole["train"].y.bincount())
        assert torch.equal(other._whole["test"].nodes, domain._whole["test"].nodes)
        assert other.fingerprint != domain.fingerprint
    first, second = (set(domain.fold(index, 3)._whole["train"].nodes.tolist()) for index in (1, 2))
    assert first != second and first == set(domain.fold(1, 3)._whole["train"].nodes.tolist())


def test_graphs_are_split_anew():
    domain = Graphs([graph(5 + k, seed=k, whole=True) for k in range(30)])
    other = domain.fold(1, 2)
    sizes = {split: sorted(len(g.x) for g in domain._graphs[split]) for split in domain._graphs}
    again = {split: sorted(len(g.x) for g in other._graphs[split]) for split in other._graphs}
    assert sizes["all"] == again["all"] and sizes["test"] == again["test"] and sizes["train"] != again["train"]
    counts = [torch.cat([g.y for g in d._graphs["train"]]).bincount(minlength=3) for d in (domain, other)]
    assert torch.equal(*counts)
    assert len(other._whole["train"].y) == len(other._graphs["train"])
    batch = next(other.batches("train", torch.Generator().manual_seed(0)))
    assert len(batch.y) == min(len(other._graphs["train"]), other.options.batch)


def test_a_network_trains_and_scores_on_one():
    from appnas.estimate import Scratch
    from appnas.spaces import GraphNet
    from appnas.strategy import Draw

    domain, space = Locked(Graphs(graph())).fold(1, 3), GraphNet()
    score = Scratch(space, domain, 3).score(Draw(space.hand_made["gcn"]))
    assert 0 <= float(score.value) <= 100 and score.metrics["loss"] > 0


def test_classes_are_drawn_as_often_and_numbers_at_random():
    y = torch.tensor([0] * 4 + [1] * 2 + [0] * 10 + [1] * 10 + [2])
    train, valid = redrawn(y, 6, 1, True)
    assert y[train].bincount().tolist() == [4, 2] and len(valid) == 21 and 2 in y[valid]
    train, valid = redrawn(y.float(), 6, 1, False)
    assert sorted([*train.tolist(), *valid.tolist()]) == list(range(27)) and len(train) == 6


def test_what_has_no_other_split():
    with pytest.raises(ValueError, match="from 0 to 2, got 3"):
        Graphs(graph()).fold(3, 3)
    links = Links(graph())
    assert links.fold(0, 2) is links
    with pytest.raises(ValueError, match="have one split"):
        links.fold(1, 2)


def test_parts_of_a_graph_have_splits_too():
    domain = Graphs(graph(200), options=Options(loader="parts", parts=2)).fold(1, 2)
    assert len(list(domain.batches("train", torch.Generator().manual_seed(0)))) == 2
