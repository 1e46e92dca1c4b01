"""Every method in every space, on images, a graph, a text or with an agent: what the parts promise each other."""

import random
import warnings
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from conftest import opinions, ring_data

import appnas
from appnas.compute import Compute
from appnas.domains.graphs import Graphs, LinkOptions, Links
from appnas.domains.graphs import Options as GraphOptions
from appnas.loop import furthest, worth
from appnas.methods import METHODS, darts
from appnas.one_shot import Shared
from appnas.run import catalogue
from appnas.space import check, full_mask, random_arch
from appnas.spaces import SPACES
from appnas.strategy import Draw
from appnas.support import seeded
from appnas.task import placed
from appnas.testing import identical, planted

TINY_SPACES = {
    "cells": {"channels": 2, "cells": 3, "width": 2, "depth": 3, "nodes": 2},
    "robust": {"channels": 2, "cells": 3, "width": 2, "depth": 3, "kind": "s1"},
    "slots": {"channels": 2, "cells": 3, "width": 2, "depth": 3, "nodes": 2},
    "bench201": {"channels": 2, "repeats": 1},
    "encoder": {"nodes": 2, "channels": (2, 2), "cells": 1, "width": (2, 2), "depth": 1, "hidden": 8},
    "torso": {"layers": 2, "widths": (3, 4), "activations": ("tanh", "relu")},
    "proxyless": {"stem": 2, "stem_stride": 1, "first": 2, "widths": (2, 3), "blocks": (2, 1), "strides": (2, 1)},
    "mnas": {
        "widths": (4, 6),
        "repeats": (1, 2),
        "strides": (1, 2),
        "stem": 3,
        "stem_stride": 1,
        "head": 8,
        "multiple": 2,
    },
    "alexnet": {"layers": 2, "filters": (2, 3), "kernels": (1, 3), "hidden": 4},
    "condensenet": {"blocks": 2, "stages": (1, 2), "growths": (2, 4), "stem": 4, "groups": 2},
    "mlp": {"width": 4},
    "cnn": {"channels": (3, 4)},
    "gnn": {"widest": 16},
    "graphmix": {"layers": 2, "hidden": 4, "heads": 2, "attention": ("gcn", "gat"), "aggregation": ("sum", "max")},
    "graphnet": {
        "operations": ("gcn", "sage"),
        "repeats": (1, 2),
        "pre": (1, 2),
        "output": ("linear", "max"),
        "norms": ("off", "batch"),
        "hidden": (4,),
        "dropout": (0.5,),
        "heads": 2,
    },
    "nasbenchgraph": {"hidden": 4},
    "nasbenchgraph-proteins": {"hidden": 4},
    "recurrent": {"nodes": 3, "hidden": 4, "width": 4},
    "nao-recurrent": {"nodes": 3, "hidden": 4, "width": 4},
    "guide_dag": {"width": 2, "strides": (2,), "branches": 1, "vertices": ("conv", "mix"), "kernels": (3,), "dense": 2},
    "net_map": {
        "width": 2,
        "strides": (2,),
        "branches": 1,
        "vertices": ("conv", "mix"),
        "kernels": (3,),
        "dense": 2,
        "rounds": 2,
        "hidden": (2, 3),
    },
}
GRAPHS = ("gnn", "graphmix", "graphnet", "nasbenchgraph", "nasbenchgraph-proteins")
"""Spaces on graphs."""
RECURRENT = ("recurrent", "nao-recurrent")
"""Spaces on text."""
ON_NETS = ("net_map",)
"""Spaces on maps and nets; the others are on images."""
SAMPLED = {"gnn": "graphmix", "mnas": "proxyless", "alexnet": "proxyless", "condensenet": "proxyless"}
"""Spaces without a supernet, and the space that their error names instead."""
NO_IMAGES = (*GRAPHS, *RECURRENT, *ON_NETS, *SAMPLED)
"""What no agent searches."""
REFUSED = {
    ("rlnas", "net_map"): "random_labels",
    **{("rlnas", space): "weights of their own" for space in ("mlp", "cnn", "slots", "torso")},
    **{("rlnas", space): "random_labels" for space in RECURRENT},
}
"""What cannot work, and what the error says."""
TINY_SETTINGS = {
    "darts": {"epochs": 1},
    "zarts": {"epochs": 2, "warmup": 1, "inner": 2, "candidates": 2},
    "unas": {"epochs": 2, "warmup": 1, "samples": "batch"},
    "rl_darts": {"steps": 1, "scale": 3.0},
    "two_temperature": {"epochs": 1},
    "radars": {"episodes": 1, "darts": darts.Config(order="first", epochs=1)},
    "fewshot": {"epochs": 1, "leaf_epochs": 1, "evaluations": 2},
    "freenas": {},
    "rlnas": {"epochs": 1, "generations": 1, "population": 2, "mutants": 1, "crossed": 1},
    "agnn": {"evaluations": 3, "budget": 1, "warmup": 1, "top": 1, "repeats": 1, "known": False},
    "ctnas": {"labels": 3, "verify": 1, "budget": 1, "width": 4, "layers": 1, "epochs": 2, "iterations": 3},
    "gcn_fit": {
        "pairs": 3, "segment": 64, "keep": 2, "width": 4, "layers": 1, "epochs": 2, "listed": 50, "samples": 5,
        "estimation": "scratch", "budget": 1,
    },
    "nao": {"start": 3, "rounds": 1, "new": 1, "hidden": 4, "embedding": 4, "epochs": 2, "budget": 1},
    "mnasnet": {"evaluations": 3, "budget": 1, "per_update": 2, "hidden": 8},
    "monas": {"evaluations": 3, "budget": 1, "reference": 1e4},
    "reinforce": {"evaluations": 3, "budget": 1},
    "hyperband": {"evaluations": 3, "budget": 2, "eta": 2.0},
    "evolution": {"evaluations": 4, "budget": 1, "population": 2, "sample": 2, "known": False},
    "local_search": {"evaluations": 4, "budget": 1, "init": 2},
    "bananas": {"evaluations": 4, "budget": 1, "start": 3, "batch": 1, "children": 3, "members": 2, "trees": 2},
    "nsga2": {"evaluations": 4, "budget": 1, "population": 2},
    "optuna": {"evaluations": 3, "budget": 1, "startup": 2},
    "random": {"evaluations": 2, "budget": 1},
    "routability": {"evaluations": 3, "budget": 1, "top": 1, "folds": 1},
    "zerocost": {"candidates": 3, "trained": 1, "start": 1, "budget": 1, "reference": 3},
}  # fmt: skip


ON_AN_ORACLE = {
    "mnasnet": {"cost": "true"},
    "monas": {"cost": "true", "reference": 1.0},
    "nsga2": {"objectives": ("value:max", "true:min")},
}
"""Costs that are measured in a domain must be among an evaluator's metrics."""


def test_the_matrix_is_complete():
    """A new method or space gets its row here."""
    assert TINY_SETTINGS.keys() == METHODS.keys()
    assert TINY_SPACES.keys() == SPACES.keys()


NEEDS = {
    needs: [name for name, method in METHODS.items() if method.needs == needs]
    for needs in ("gates", "agent", "data", "scores")
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", [*NEEDS["gates"], *NEEDS["data"], *NEEDS["scores"]])
def test_searches_retrains_and_tests(method: str, space: str, digits, ring, licence, chips):
    """A search, a retraining, held-out metrics: all through the front door."""
    made = SPACES[space](**TINY_SPACES[space])
    domain, outputs, metric, most = digits, (3, 10), "accuracy", 100
    if space in GRAPHS:
        domain, outputs = ring, (60, 3)
    if space in ON_NETS:
        domain, outputs, metric, most = chips, (3, 8, 8), "roc_auc", 1
    if space in RECURRENT:
        domain, outputs, metric, most = licence, (3, *licence.io.outputs), "perplexity", 2 * licence.io.outputs[1]
    if METHODS[method].needs == "gates" and space in SAMPLED:
        with pytest.raises(TypeError, match=SAMPLED[space]):
            appnas.search(made, domain, method, **TINY_SETTINGS[method])
        return
    if (method, space) in REFUSED:
        with pytest.raises(TypeError, match=REFUSED[method, space]):
            appnas.search(made, domain, method, **TINY_SETTINGS[method])
        return
    result = appnas.search(made, domain, method, **TINY_SETTINGS[method])
    assert check(made, result.best) == result.best
    trained = result.retrain(1)
    (row,) = trained.rows
    assert row.arch == result.best and row.parameters > 0 and row.macs > 0
    assert 0 <= row.mean(metric) <= most
    assert trained.model(*domain.example(3)).shape == outputs


@pytest.mark.parametrize("task", ["types", "links"])
@pytest.mark.parametrize("method", [*NEEDS["gates"], *NEEDS["data"], "agnn", "random"])
def test_searches_other_graphs(method: str, task: str):
    """Several types of nodes and edges, features of edges and such as are learnt; edges that are ranked."""
    pytest.importorskip("torch_geometric")
    made = SPACES["graphnet"](**{**TINY_SPACES["graphnet"], "operations": ("gcn", "gat", "gin"), "norms": ("off",)})
    if task == "types":
        data = opinions(bare=True)
        for kind in data.edge_types:
            data[kind].edge_attr = torch.rand(data[kind].edge_index.shape[1], 2)
        domain, metric = Graphs(data, options=GraphOptions(features="embedding", embedding=4)), "accuracy"
        assert domain.io.edges == 6 and domain.io.relations == 2 and domain.io.embedding == (30, 4)
    else:
        given, options = ring_data(), LinkOptions(dim=4, train=0.7, valid=0.1)
        attr = torch.rand(given.edge_index.shape[1], 2)
        given = SimpleNamespace(x=given.x, edge_index=given.edge_index, edge_attr=attr)
        domain, metric = Links(given, options=options, metric="hits@5"), "hits@5"
    result = appnas.search(made, domain, method, **TINY_SETTINGS[method])
    trained = result.retrain(1)
    assert 0 <= trained.rows[0].mean(metric) <= 100
    assert trained.model(*domain.example(1)).shape[1:] == domain.io.outputs


@pytest.mark.parametrize(
    ("method", "space"),
    [
        *((name, "encoder") for name in [*NEEDS["data"], *NEEDS["scores"]]),
        *((n, space) for n in NEEDS["agent"] for space in SPACES if space not in NO_IMAGES),
    ],
)
def test_searches_retrains_and_tests_an_agent(method: str, space: str, catch):
    """The same front door, with Stable-Baselines3 behind it."""
    if method == "optuna":
        pytest.importorskip("optuna")  # which the environment of Procgen lacks
    made = SPACES[space](**TINY_SPACES[space])
    result = appnas.search(made, catch, method, **TINY_SETTINGS[method])
    assert check(made, result.best) == result.best
    (row,) = result.retrain(1).rows
    assert row.arch == result.best and -1 <= row.mean("return") <= 1


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", NEEDS["scores"])
def test_searches_a_space_by_an_evaluator(method: str, space: str):
    """What needs scores only, needs no domain."""
    made = SPACES[space](**TINY_SPACES[space])
    oracle = planted(made)
    settings = {**TINY_SETTINGS[method], **ON_AN_ORACLE.get(method, {})}
    runs = [appnas.search(made, oracle, method, seed=seed, **settings) for seed in (0, 0, 1)]
    assert check(made, runs[0].best) == runs[0].best
    for record in runs[0].history:
        assert worth(record) == pytest.approx(oracle.of(record.arch))
    assert runs[0].value == max(record.value for record in furthest(runs[0].history))
    assert identical(runs[0].history, runs[1].history) and not identical(runs[0].history, runs[2].history)
    with pytest.raises(ValueError, match="domain"):
        runs[0].model()


@pytest.mark.parametrize("method", [*NEEDS["gates"], *NEEDS["agent"], *NEEDS["data"]])
def test_weight_sharing_without_data_is_refused(method: str, bench201):
    with pytest.raises(TypeError, match="random"):
        appnas.search(bench201, planted(bench201), method, **TINY_SETTINGS[method])


@pytest.mark.parametrize("method", NEEDS["agent"])
def test_a_domain_without_a_loop_of_its_own_is_refused(method: str, bench201, digits):
    with pytest.raises(TypeError, match=r"`host`.*random"):
        appnas.search(bench201, digits, method, **TINY_SETTINGS[method])


@pytest.mark.parametrize("space", SPACES)
def test_every_kind_of_name_is_known(space: str):
    """The catalogue makes what the tables above make."""
    make = partial(catalogue.space_type(space), **TINY_SPACES[space])
    assert type(make()) is SPACES[space]
    assert make() == SPACES[space](**TINY_SPACES[space])


@pytest.mark.parametrize("space", SPACES)
def test_trains_in_bf16_as_in_32(space: str, digits, ring, licence, chips):
    """Networks from scratch, and supernets: the losses of the first epoch differ by what 8 bits say."""
    made = SPACES[space](**TINY_SPACES[space])
    domain = ring if space in GRAPHS else licence if space in RECURRENT else chips if space in ON_NETS else digits
    arch, mean, found = random_arch(made, random.Random(0)), {}, {}
    for precision in ("32", "bf16"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of processors without bfloat16
            lower = placed(domain, Compute(precision=precision))
        model = seeded(0, partial(made.build, arch, domain.io))
        lower.fit(model, 1, on_epoch=lambda _, loss, key=precision: mean.update({key: loss}))
        assert {w.dtype for w in model.parameters()} == {torch.float32}
        if space not in SAMPLED:
            shared = Shared(made, lower)
            gates = tuple(m.float().softmax(-1).requires_grad_() for m in full_mask(made.choices))
            loss = -shared.score(Draw(arch, gates)).value
            slopes = torch.autograd.grad(loss, gates, materialize_grads=True)
            found[precision] = loss.item(), torch.cat([s.flatten() for s in slopes])
            shared.learn(Draw(arch, gates))
    assert mean["bf16"] == pytest.approx(mean["32"], rel=0.03)
    if found:
        (one, there), (other, here) = found.values()
        assert other == pytest.approx(one, rel=0.03)
        assert torch.cosine_similarity(there, here, 0) > 0.9
