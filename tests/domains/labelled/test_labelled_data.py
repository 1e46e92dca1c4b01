"""appnas.domains.labelled.data."""

import sys

import pytest
import torch

from appnas.domains import DOMAINS
from appnas.domains.labelled.data import diabetes, digit_sets


def test_diabetes():
    domain = diabetes()
    assert domain.io.inputs == (10,) and domain.io.outputs == (1,) and domain.metric.name == "r2"
    assert len(domain._splits["all"][1]) == 354 and len(domain._held_out[1]) == 88
    assert domain.catalogue_name == "diabetes" and -0.1 < domain.chance <= 0
    model = torch.nn.Linear(10, 1)
    domain.fit(model, 40)
    assert 0.35 < domain.test(model)["r2"] < 0.65 and 40 < domain.test(model)["rmse"] < 65  # linear regression: .45


def test_sets_of_digits():
    domain = digit_sets()
    y = domain._splits["all"][1]
    assert domain.io.inputs == (1, 8, 16) and domain.io.outputs == (10,) and domain.metric.name == "micro_f1"
    assert set(y.sum(1).tolist()) == {1.0, 2.0} and len(y) == 1600 and len(domain._held_out[1]) == 400
    assert torch.equal(digit_sets()._held_out[0], domain._held_out[0])


@pytest.mark.parametrize("name", ["diabetes", "digit_sets"])
def test_without_scikit_learn_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"appnas\[predictors\]"):
        DOMAINS[name].make(DOMAINS[name].options)
