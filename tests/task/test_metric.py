"""appnas.task.metric."""

import math
from types import SimpleNamespace

import pytest

from appnas.domains.text import Text
from appnas.task import Metric, metric_of


def test_a_metric_says_what_is_better():
    error, share = Metric("rmse", "K", higher=False), Metric("macro_f1", "%")
    assert error.value(3.0) == -3.0 and share.value(3.0) == 3.0
    assert error.best([3.0, 2.0]) == 2.0 and share.best([3.0, 2.0]) == 3.0 and math.isnan(share.best([]))
    assert error.words == "rmse, K" and share.words == "macro f1, %" and Metric("r2").words == "r2"
    with pytest.raises(ValueError, match="a metric has a name"):
        Metric("")


def test_a_domain_need_not_have_one(digits):
    assert metric_of(digits) == Metric("accuracy", "%") and metric_of(Text) == Metric("perplexity", higher=False)
    assert metric_of(object()) is None and metric_of(SimpleNamespace(metric="accuracy")) is None
