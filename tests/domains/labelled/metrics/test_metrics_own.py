"""appnas.domains.labelled.metrics.own, against scikit-learn and torchmetrics."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from appnas.domains.labelled.metrics.own import Counts, Errors, predicted_sets

CLOSE = {"rel": 1e-9, "abs": 1e-9}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_counts_of_classes():
    y, guess = (torch.randint(0, 5, (200,), generator=rng(seed)) for seed in (0, 1))
    y[y == 3] = 1  # a class that is only predicted
    counts = Counts(6)
    for part in (slice(120), slice(120, None)):
        counts.add(guess[part], y[part])
    found = counts.found()
    assert found["accuracy"] == pytest.approx(100 * sk.accuracy_score(y, guess), **CLOSE)
    recalls = sk.recall_score(y, guess, average=None, labels=[0, 1, 2, 4])
    assert found["balanced_accuracy"] == pytest.approx(100 * recalls.mean(), **CLOSE)
    assert found["macro_f1"] == pytest.approx(100 * sk.f1_score(y, guess, average="macro"), **CLOSE)
    assert found["mean_iou"] == pytest.approx(100 * sk.jaccard_score(y, guess, average="macro"), **CLOSE)


def test_places_that_are_ignored_count_nowhere():
    counts = Counts(2, ignore=9)
    counts.add(torch.tensor([[0, 1], [1, 1]]), torch.tensor([[0, 9], [0, 1]]))
    assert counts.true.tolist() == [2, 1] and counts.predicted.tolist() == [1, 2] and counts.right.tolist() == [1, 1]


def test_counts_of_sets():
    y, scores = torch.rand(100, 4, generator=rng()) > 0.6, torch.randn(100, 4, generator=rng(1))
    counts = Counts(4)
    counts.add_sets(predicted_sets(False)(scores), y)
    for name in ("micro", "macro"):
        wanted = 100 * sk.f1_score(y.numpy(), (scores > 0).numpy(), average=name)
        assert counts.found()[f"{name}_f1"] == pytest.approx(wanted, **CLOSE)
    assert predicted_sets(True)(torch.tensor([0.4, 0.6])).tolist() == [False, True]


@pytest.mark.parametrize("shape", [(90, 1), (90, 3)])
def test_errors_of_numbers(shape):
    y = 1000 + 3 * torch.randn(*shape, generator=rng())
    guess = y + torch.randn(*shape, generator=rng(1))
    errors = Errors(torch.full(shape[1:], 990.0))
    for part in (slice(50), slice(50, None)):
        errors.add(guess[part], y[part])
    found, true, said = errors.found(), y.numpy().astype(np.float64), guess.numpy().astype(np.float64)
    assert found["r2"] == pytest.approx(sk.r2_score(true, said), rel=1e-9)
    assert found["rmse"] == pytest.approx(np.sqrt(sk.mean_squared_error(true, said)), **CLOSE)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(true, said), **CLOSE)


def test_maps_are_one_target_and_a_truth_that_never_changes_is_worth_nothing():
    y, guess = torch.randn(6, 2, 3, 3, generator=rng()), torch.randn(6, 2, 3, 3, generator=rng(1))
    errors = Errors(torch.zeros(1))
    errors.add(guess, y)
    assert errors.found()["r2"] == pytest.approx(sk.r2_score(y.flatten().double(), guess.flatten().double()), rel=1e-9)
    still = Errors(torch.full((1,), 2.0))
    still.add(torch.tensor([[1.0], [2.0]]), torch.full((2, 1), 2.0))
    assert still.found()["r2"] == 0.0


def test_labels_that_are_not_known_do_not_count():
    nan, counts, known = torch.nan, Counts(2), Counts(2)
    counts.add_sets(torch.tensor([[1, 1], [0, 1], [1, 0]]), torch.tensor([[1.0, nan], [nan, 1.0], [0.0, 1.0]]))
    known.right, known.true, known.predicted = torch.tensor([1, 1]), torch.tensor([1, 2]), torch.tensor([2, 1])
    assert counts.found() == known.found()
