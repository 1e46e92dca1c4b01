"""estimate.last_stage: methods have the same last stage; its epochs, splits and choice are settings."""

from types import SimpleNamespace

import pytest
import torch

import appnas
from appnas.domains.graphs import Graphs
from appnas.methods import agnn, baselines
from appnas.spaces import GNN, GraphNet
from appnas.strategy import Ranked

RNG = torch.Generator().manual_seed(0)
GRAPH = SimpleNamespace(
    x=torch.randn(40, 4, generator=RNG), edge_index=torch.randint(40, (2, 90), generator=RNG), y=torch.arange(40) % 2
)
SMALL = {"evaluations": 4, "budget": 2, "top": 2, "repeats": 3, "longer": 3}
METHODS = {
    "random": (baselines.random, baselines.RandomConfig, {}),
    "evolution": (baselines.evolution, baselines.EvolutionConfig, {"population": 2, "sample": 1}),
    "agnn": (agnn.search, agnn.Config, {"sharing": "none"}),
}


@pytest.mark.parametrize("method", METHODS)
def test_methods_train_their_best_again(chain, regression, method):
    search, config, more = METHODS[method]
    result = search(chain, regression, config(**SMALL, **more))
    last = result.history[4:]
    assert isinstance(result.strategy, Ranked) and len(last) == 6
    assert [record.metrics["budget"] for record in last] == [3.0] * 6
    assert {record.arch for record in last[:2]} == {record.arch for record in last[2:4]}
    assert result.best in {record.arch for record in last}


def test_optuna_has_it_too(chain, regression):
    pytest.importorskip("optuna", reason="the extra optuna is not installed")
    result = appnas.search(chain, regression, "optuna", startup=2, **SMALL)
    assert len(result.history) == 10 and [r.metrics["budget"] for r in result.history[4:]] == [3.0] * 6


def test_a_table_has_none(chain, regression):
    config = baselines.RandomConfig(evaluations=4, top=2)
    assert len(baselines.random(chain, regression, config).history) == 4


def test_splits_choice_and_control():
    settings = {**SMALL, "folds": 2, "by": "both", "simplest": True}
    result = appnas.search(GraphNet(), Graphs(GRAPH), "agnn", control=True, known=False, **settings)
    last = [record.value for record in result.history[4:]]
    assert len(last) == 6 and result.info["control"]["evaluations"] >= 10
    assert result.strategy.by == "both" and result.strategy.simplest


def test_all_hand_made_networks_enter_a_longer_last_stage():
    space = GraphNet(operations=("mlp", "gcn", "sage"), repeats=(1,))
    result = appnas.search(space, Graphs(GRAPH), "agnn", **SMALL)
    last = [record.arch for record in result.history[4:]]
    assert last[:3] == list(space.hand_made.values()) and len(last) == 8
    of_best = max(last.count(arch) for arch in space.hand_made.values())
    assert of_best >= 3 and result.best in last
    alike = appnas.search(space, Graphs(GRAPH), "agnn", **SMALL | {"longer": 0})
    assert len(alike.history) == 10


def test_settings_are_checked():
    with pytest.raises(ValueError, match="by is one of"):
        agnn.Config(by="size")
    with pytest.raises(ValueError, match="repeats must be at least 0"):
        baselines.RandomConfig(repeats=-1)
    assert agnn.Config(7).evaluations == 7 and GNN().choices
