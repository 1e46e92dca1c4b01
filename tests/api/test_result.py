"""appnas.api.result: the verbs that follow a search."""

import pytest
from torch import nn

import appnas
from appnas.loop import SearchResult


def test_a_result_is_what_the_loop_gives_with_verbs(bench201, digits):
    result = appnas.search(bench201, digits, "random", evaluations=1, budget=1)
    assert isinstance(result, appnas.Result) and isinstance(result, SearchResult)
    trained = result.retrain(1, beside=["nor_conv_3x3"])
    assert [row.name for row in trained.rows] == ["found", "all nor_conv_3x3"] and trained.epochs == 1
    assert isinstance(trained.model, nn.Module) and not trained.model.training
    with pytest.raises(ValueError, match=r"pass out=\.\.\. to appnas.search"):
        result.report()


def test_a_report_lies_in_the_run_or_where_it_is_wished(bench201, digits, tmp_path):
    result = appnas.search(bench201, digits, "random", evaluations=1, budget=1, out=tmp_path / "run")
    assert result.report() == tmp_path / "run" / "report.html"
    other = result.report(tmp_path / "mine")
    assert other == tmp_path / "mine" / "report.html" and "random" in other.read_text()
