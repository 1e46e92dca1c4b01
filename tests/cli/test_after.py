"""The command line after a search: the retraining it was asked for, and how to go on after Ctrl-C."""

import json
import os
import signal
from pathlib import Path

import pytest
from test_app import DARTS, DATA, SPACE, call

from appnas.api import front
from appnas.cli import after
from appnas.domains.images import Images
from appnas.report import write
from appnas.retrain import load_rows
from appnas.run import KEYS, LATER, InterruptedSearchError, load_config, write_json
from appnas.support import RunError
from appnas.task import training

RANDOM = ["search", "random", *SPACE, *DATA, "--evaluations", 3, "--budget", 1]
ASKED = ["--retrain-epochs", 1, "--beside", "sep_conv_3x3"]


def interrupted(patch, args, call_number=2):
    """The command, with Ctrl-C in a training."""
    calls, fit = iter(range(1, 100)), Images.fit

    def stopping(self, *args, **more):
        fit(self, *args, **more)
        if next(calls) == call_number:
            os.kill(os.getpid(), signal.SIGINT)

    with patch.context() as during:
        during.setattr(Images, "fit", stopping)
        return call(*args)


def names(path):
    return [row.name for row in load_rows(path)]


def test_resume_does_the_retraining_that_the_search_was_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "run"
    code, out, err = interrupted(monkeypatch, [*RANDOM, *ASKED, "--out", path])
    assert (code, out) == (130, "") and err.splitlines()[-1].endswith(f"go on with: appnas resume {path}")
    saved = load_config(path)
    assert (saved["retrain_epochs"], saved["beside"]) == (1, ["sep_conv_3x3"])
    code, out, err = call("resume", path)
    assert (code, err) == (0, "") and "│ all sep_conv_3x3 " in out
    assert names(path) == ["found", "all sep_conv_3x3"]
    before = (path / "retrain.json").read_bytes()
    assert call("resume", path)[0] == 0 and (path / "retrain.json").read_bytes() == before


def test_resume_goes_on_with_an_interrupted_retraining(tmp_path, monkeypatch):
    path, save = tmp_path / "run", training.save

    def saving(*args):
        save(*args)
        if "train-found" in str(args[0]):
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training, "save", saving)
        code, _, err = call(*RANDOM, "--retrain-epochs", 2, "--beside", "random", "--out", path)
    assert code == 130 and err.splitlines()[-1].endswith(f"appnas retrain {path} --epochs 2 --seeds 1 --beside random")
    assert names(path) == []
    assert call("resume", path)[0] == 0 and names(path) == ["found", "random"]


def test_a_retraining_by_itself_takes_what_the_search_was_asked_for(tmp_path):
    path = tmp_path / "run"
    assert call(*RANDOM, *ASKED, "--out", path)[0] == 0
    assert call("retrain", path, "--seeds", 2)[0] == 0
    assert names(path) == ["found", "all sep_conv_3x3"] and len(load_rows(path)[0].tests) == 2
    assert json.loads((path / "retrain.json").read_text())["epochs"] == 1


def test_a_run_from_before_these_settings_is_resumed_without_a_retraining(tmp_path, monkeypatch):
    path = tmp_path / "run"
    interrupted(monkeypatch, [*RANDOM, "--out", path])
    saved = load_config(path, KEYS)
    write_json(path / "config.json", {name: value for name, value in saved.items() if name not in LATER})
    assert call("resume", path)[0] == 0 and (path / "result.json").exists() and names(path) == []


def test_random_search_at_equal_budget_is_trained_and_tested_too(tmp_path):
    path = tmp_path / "run"
    ranked = ["--epochs", 1, "--seeds", 2, "--rank-epochs", 1, "--control"]
    code, out, _ = call(*DARTS, *ranked, "--retrain-epochs", 1, "--beside", "random", "--out", path)
    assert code == 0 and "│ random search " in out
    for part in ("seed 0", "random search at equal budget, 4 evaluations"):
        assert f"{part}: validation value after 1 epoch from scratch " in out
    assert " (minus validation loss), the largest of 2 steps" in out
    control = json.loads((path / "result.json").read_text())["control"]
    found, searched, drawn = load_rows(path)
    assert [found.name, searched.name, drawn.name] == ["found", "random search", "random"]
    assert searched.arch == tuple(control["best"])
    (path / "retrain.json").unlink()
    assert call("retrain", path, "--epochs", 1)[0] == 0  # on a finished run
    assert names(path) == ["found", "random search", "random"]
    assert front.resume(path).retrain(1, beside=[]).rows[1].tests == searched.tests
    assert ">random search" in write(path, tmp_path / "report").read_text()


def test_every_seed_can_be_retrained_by_itself(tmp_path):
    path = tmp_path / "run"
    assert call(*RANDOM, "--seeds", 2, *ASKED, "--out", path)[0] == 0
    runs = json.loads((path / "result.json").read_text())["runs"]
    for run in runs:
        part = path / f"seed-{run['seed']}"
        assert call("resume", part)[0] == 0 and names(part) == []  # the retraining was asked for the best of them
        assert call("retrain", part, "--epochs", 1)[0] == 0
        assert load_rows(part)[0].arch == tuple(run["best"])


def test_stopped_before_the_search_there_is_nothing_to_resume(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("appnas.api.preflight.check", stop)
    for more in ([], ["--out", "mine"]):
        code, out, err = call(*RANDOM, *more)
        assert (code, out, err) == (130, "", "stopped before the search began; nothing was saved\n")
    assert [path for path in Path().rglob("*") if path.is_file() or path.name != "runs"] == []


def test_what_was_begun_can_be_gone_on_with(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with (
        pytest.raises(InterruptedSearchError, match="Go on with: appnas resume x"),
        after.resumable(tmp_path, "appnas resume x"),
    ):
        raise KeyboardInterrupt


def test_no_run_is_told_from_an_unfinished_one(tmp_path):
    with pytest.raises(RunError, match=r"is not a run: it has no config\.json"):
        after.finished(tmp_path)
    code, _, err = call("resume", tmp_path)
    assert code == 2 and "is not a run: it has no config.json" in err
