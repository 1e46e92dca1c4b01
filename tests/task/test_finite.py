"""Losses and weights that must be finite."""

import math

import pytest
import torch
from torch import nn

from appnas.task import DivergedError, Watch, check_weights, finite


def test_finite_says_where():
    assert float(finite(torch.tensor(2.0), "step 3")) == 2.0
    for bad in ("nan", "inf", "-inf"):
        with pytest.raises(DivergedError, match=f"the loss is {bad} at step 3; a lower learning rate"):
            finite(torch.tensor(float(bad)), "step 3")


def test_a_watch_on_the_cpu_looks_at_once_and_hands_losses_on_as_they_are():
    watch, loss = Watch(), torch.tensor(2.0, requires_grad=True)
    assert watch(loss, "step 1") is loss
    assert watch.values((loss, "step 2"))[0] is loss
    with pytest.raises(DivergedError, match="nan at step 3"):
        watch(torch.tensor(math.nan), "step 3")


def test_all_weights_are_checked_and_the_first_bad_one_is_named():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    check_weights(model, "epoch 1")
    with torch.no_grad():
        model[1].weight[0, 1] = math.inf
    with pytest.raises(DivergedError, match=r"1\.weight holds NaN or infinity after epoch 2"):
        check_weights(model, "epoch 2")
