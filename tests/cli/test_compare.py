"""appnas compare: figures by hand, runs as they lie on disk, and what cannot be compared."""

import json
import re
import shutil
import statistics

import pytest
from test_app import DATA, SPACE, call

from appnas.cli.compare import compare
from appnas.retrain import welch
from appnas.run import read_json, write_json
from appnas.support import RunError

RANDOM = ["search", "random", *SPACE, *DATA, "--evaluations", 2, "--budget", 1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two searches, retrained with two seeds, and one of two seeds, each of them retrained by itself."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("a", 0), ("b", 5)):
        assert call(*RANDOM, "--seed", seed, "--out", folder / name)[0] == 0
        assert call("retrain", folder / name, "--epochs", 1, "--seeds", 2)[0] == 0
    assert call(*RANDOM, "--seed", 8, "--seeds", 2, "--out", folder / "c")[0] == 0
    for part in ("seed-8", "seed-9"):
        assert call("retrain", folder / "c" / part, "--epochs", 1, "--seeds", 2)[0] == 0
    return folder


def results(path, metric="accuracy"):
    return [test[metric] for test in read_json(path / "retrain.json")["rows"][0]["tests"]]


def test_trainings_of_one_architecture_and_searches_are_told_apart(runs):
    metric, (a, b, c) = compare([runs / "a", runs / "b", runs / "c"])
    assert metric == "accuracy" and (a.difference, a.interval) == (None, None)
    assert a.values == results(runs / "a") and (a.of, a.trainings, a.epochs, a.scores) == ("trainings", 2, 1, 2)
    assert b.difference == pytest.approx(statistics.fmean(b.values) - statistics.fmean(a.values))
    assert b.interval == welch(a.values, b.values) and b.deviation == pytest.approx(statistics.stdev(b.values))
    searches = [statistics.fmean(results(runs / "c" / part)) for part in ("seed-8", "seed-9")]
    assert c.values == pytest.approx(searches) and (c.of, c.trainings, c.scores) == ("searches", 4, 4)
    assert compare([runs / "a"], "loss")[1][0].values == results(runs / "a", "loss")


def test_what_is_printed(runs, monkeypatch):
    monkeypatch.chdir(runs)
    code, out, _ = call("compare", "a", "c", "--json")
    found = json.loads(out)
    assert code == 0 and found["metric"] == "accuracy" and [run["run"] for run in found["runs"]] == ["a", "c"]
    assert found["runs"][1]["difference"] == compare([runs / "a", runs / "c"])[1][1].difference
    monkeypatch.setattr("appnas.cli.show.console.width", 200)
    code, out, err = call("compare", "a", "c")
    assert code == 0 and "difference to a" in out
    (row,) = [line for line in out.splitlines() if line.startswith("│ c ")]
    assert " ± " in row and "2 searches" in row and re.search(r"[+-][\d.]+ \[[+-]", row) and err == ""


def test_what_cannot_be_compared_is_named(runs, tmp_path):
    other, one = tmp_path / "other", ["--retrain-epochs", 1]
    assert call(*RANDOM, *one, "--domain.limit", 48, "--out", other)[0] == 0
    with pytest.raises(RunError, match=rf"{runs / 'a'} was on digits \(\w+\), {other} on digits \(\w+\)"):
        compare([runs / "a", other])
    code, _, err = call("compare", other, other)
    assert code == 0 and "retrain with more --seeds" in err
    config = read_json(other / "config.json")
    write_json(other / "config.json", config | {"domain": read_json(runs / "a" / "config.json")["domain"]})
    (other / "retrain.json").unlink()
    with pytest.raises(RunError, match="is not retrained: compare takes tests"):
        compare([runs / "a", other])
    with pytest.raises(ValueError, match=r"there is no test metric 'accuracies', .*did you mean 'accuracy'"):
        compare([runs / "a"], "accuracies")
    with pytest.raises(ValueError, match="got none"):
        compare([])
    shutil.copytree(runs / "c", tmp_path / "c")
    assert call("retrain", tmp_path / "c" / "seed-9", "--epochs", 2)[0] == 0
    with pytest.raises(RunError, match=r"were retrained for \[1, 2\] epochs"):
        compare([tmp_path / "c"])
