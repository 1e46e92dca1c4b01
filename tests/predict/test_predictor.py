"""appnas.predict.predictor: the protocol, targets worked out by hand, the references."""

import builtins

import pytest
import torch

from appnas.predict import AutoEncoder, Comparator, GCNRegressor, Predictor, Reference
from appnas.predict.predictor import LatentPredictor, order, parts, ranks, shuffled, target
from appnas.spaces import Bench201, Cells
from appnas.testing import planted

MAKE = {
    "ridge": Reference,
    "forest": lambda space, seed=0: Reference(space, "forest", seed, trees=20),
    "gcn": lambda space, seed=0: GCNRegressor(space, seed, 16, 2, "nodes", epochs=20, lr=3e-3),
    "comparator": lambda space, seed=0: Comparator(space, seed, 16, 2, "nodes", "antisymmetric", 150, 64, 3e-3),
    "autoencoder": lambda space, seed=0: AutoEncoder(
        space, seed, 16, 8, lam=0.95, kind_of_target="rank", epochs=100, lr=1e-2
    ),
}
SPACES = {"bench201": Bench201(), "cells": Cells(nodes=2)}


def sampled(space, count, seed=0):
    import random

    from appnas.space import random_arch

    rng = random.Random(seed)
    archs = list(dict.fromkeys(random_arch(space, rng) for _ in range(count)))
    oracle = planted(space)
    return archs, [oracle.of(arch) for arch in archs]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", MAKE)
def test_every_predictor_keeps_the_protocol_and_learns(name, space):
    """Fitted to some architectures it orders others; it compares as it predicts; global states stay."""
    made = SPACES[space]
    archs, values = sampled(made, 150)
    others, truth = sampled(made, 100, seed=1)
    before = torch.get_rng_state()
    model = MAKE[name](made)
    assert isinstance(model, Predictor)
    model.fit(archs, values)
    scores = model.predict(others)
    assert scores.shape == (len(others),) and scores.dtype == torch.float32
    right = ((scores[:, None] > scores) == (torch.tensor(truth)[:, None] > torch.tensor(truth))).float().mean()
    assert right > 0.6, "pairs in the right order; half would be by chance"
    compared = model.compare(others[:-1], others[1:])
    assert bool(((compared >= 0) & (compared <= 1)).all())
    clear = (scores[:-1] - scores[1:]).abs() > 1e-4
    assert torch.equal((compared > 0.5)[clear], (scores[:-1] > scores[1:])[clear])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", MAKE)
def test_a_fit_starts_anew(name):
    """One seed and one set of values, one result, whatever was fitted before."""
    space = SPACES["bench201"]
    archs, values = sampled(space, 30)
    first, again = MAKE[name](space), MAKE[name](space)
    first.fit(archs, values)
    again.fit(archs[:20], values[:20])
    again.fit(archs, values)
    assert torch.equal(first.predict(archs), again.predict(archs))


def test_a_latent_predictor():
    assert isinstance(AutoEncoder(SPACES["bench201"]), LatentPredictor)
    assert not isinstance(Reference(SPACES["bench201"]), LatentPredictor)


@pytest.mark.parametrize("name", ["gcn", "comparator", "autoencoder"])
def test_unfitted_predictors_say_so(name):
    with pytest.raises(ValueError, match=r"not fitted yet: call fit"):
        MAKE[name](SPACES["bench201"]).predict([(0,) * 6])


def test_targets_by_hand():
    values = [10.0, 90.0, 94.0, 90.0]
    assert target(values, "raw").tolist() == values
    torch.testing.assert_close(target(values, "minmax"), torch.tensor([0, 80 / 84, 1, 80 / 84]))
    assert target(values, "rank").tolist() == [0, 0.5, 1, 0.5], "ties share the mean of their ranks"
    standard = target(values, "standard")
    assert float(standard.mean()) == pytest.approx(0, abs=1e-6) and float(standard.std()) == pytest.approx(1)
    assert target([5.0, 5.0], "minmax").tolist() == target([5.0, 5.0], "standard").tolist() == [0, 0]
    assert ranks(torch.tensor([3.0])).tolist() == [0]


@pytest.mark.parametrize("values", [[1.0], [1.0, float("nan")], [1.0, float("-inf")]])
def test_values_that_nothing_can_be_fitted_to(values):
    with pytest.raises(ValueError, match="two finite values or more"):
        target(values, "rank")


def test_order_and_pieces():
    assert order(torch.tensor([1.0, 2, 3]), torch.tensor([2.0, 2, 2])).tolist() == [0, 0.5, 1]
    assert [len(piece) for piece in parts(torch.zeros(5, 2), 2)] == [2, 2, 1]
    batches = list(shuffled(5, 2, 3, torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [3, 2, 3, 2]
    assert sorted(torch.cat(batches[:2]).tolist()) == sorted(torch.cat(batches[2:]).tolist()) == [0, 1, 2, 3, 4]
    assert torch.cat(batches[:2]).tolist() != torch.cat(batches[2:]).tolist()


def test_ridge_by_hand():
    """One decision matters; the penalty shrinks what is learned of it."""
    space = SPACES["bench201"]
    archs = [(a, 0, 0, 0, 0, 0) for a in range(5)]
    free, tight = Reference(space, penalty=1e-6), Reference(space, penalty=100.0)
    for model in (free, tight):
        model.fit(archs, [1.0, 2.0, 3.0, 4.0, 5.0])
    torch.testing.assert_close(free.predict(archs), torch.tensor([0, 0.25, 0.5, 0.75, 1]), atol=1e-3, rtol=0)
    assert float(tight.predict(archs).max() - tight.predict(archs).min()) < 0.1


def test_without_scikit_learn(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **more):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"appnas\[predictors\]"):
        Reference(SPACES["bench201"])
