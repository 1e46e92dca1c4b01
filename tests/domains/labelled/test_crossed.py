"""appnas.domains.labelled.crossed: a training on every fold."""

import statistics
from dataclasses import replace

import pytest
import torch
from torch import nn

import appnas
from appnas import pick
from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.task import Recipe

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
OPTIONS = Options(batch=12, recipe=Recipe("adam", lr=0.05), folds=3)


def domain(**more):
    return Labelled(X, X.sum(1) + 3, X[:10], X[:10].sum(1) + 3, options=replace(OPTIONS, **more))


def network():
    torch.manual_seed(0)
    return nn.Linear(4, 1)


def test_a_score_is_the_mean_over_the_folds(tmp_path):
    crossed, model = domain(), network()
    before = crossed.score(model)  # not trained here: the usual split
    crossed.fit(model, 3, seed=1, checkpoint=tmp_path / "a.pt")
    values = []
    for index in range(3):
        alone = network()
        fold = domain(folds=0).fold(index, 3)
        fold.fit(alone, 3, seed=1)
        values.append(fold.score(alone)["value"])
    found = crossed.score(model)
    assert found["value"] == pytest.approx(statistics.fmean(values)) == pytest.approx(found["r2"])
    assert found["spread"] == pytest.approx(statistics.stdev(values)) and "spread" not in before
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a-fold-{k}.pt" for k in range(3)]
    with torch.no_grad():
        model.weight += 1  # other weights than those that were measured
    assert "spread" not in crossed.score(model)
    crossed.fit(model, 1, final=True)
    assert "spread" not in crossed.score(model)


def test_a_search_with_folds():
    def model(io):
        return nn.Sequential(nn.Linear(4, 4), pick("act", {"relu": nn.ReLU, "none": nn.Identity}), nn.Linear(4, 1))

    task = domain()
    space = appnas.space_of(model, task.io, inputs=task.example(2))
    result = appnas.search(space, task, "random", evaluations=2, budget=1)
    assert all("spread" in record.metrics for record in result.history)
    assert result.retrain(1).rows[0].tests[0].keys() == {"r2", "rmse", "mae", "loss"}
