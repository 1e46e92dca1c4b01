"""appnas.loop.progress: a live line shows value, best and how far; a file gets a plain line every so often."""

from __future__ import annotations

import io
import random
import time
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from appnas.estimate import Stateless
from appnas.loop import Loop, Progress, Record, search_loop, training
from appnas.loop.progress import Told
from appnas.strategy import Random, Score
from appnas.support import Failure
from appnas.task import Metric


class Sum(Stateless):
    def score(self, draw):
        return Score(torch.tensor(float(sum(draw.arch))))


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)


def test_a_terminal_sees_value_best_and_steps(bench201):
    screen = console(True)
    progress = Progress("random, seed 0", screen)
    result = search_loop(Random(bench201, random.Random(0)), Sum(), 7, callbacks=[progress])
    assert progress.best == result.value
    task = progress.bar.tasks[0]
    assert (task.completed, task.total) == (7, 7)
    assert progress.value == result.history[-1].value
    text = screen.file.getvalue()
    assert "random, seed 0" in text and "7/7" in text and f"best {result.value:.4g}" in text


def test_a_resumed_search_starts_where_it_stands(bench201):
    progress = Progress(console=console(True))
    history = [Record(0, (1,), 5.0, {}), Record(1, (2,), 3.0, {})]
    progress.start(Loop(Random(bench201, random.Random(0)), Sum(), 9, step=2, history=history))
    assert progress.best == 5.0 and progress.bar.tasks[0].completed == 2
    progress.step(Loop(None, None, 9, step=3), Record(2, (1,), 4.0, {}))
    assert progress.best == 5.0 and progress.value == 4.0
    progress.end(Loop(None, None, 9, step=3))


def test_what_failed_or_diverged_is_not_the_best(bench201):
    progress = Progress(console=console(True))
    history = [Record(0, (1,), float("nan"), {}), Record(1, (2,), None, {}), Record(2, (3,), 2.0, {})]
    progress.start(Loop(Random(bench201, random.Random(0)), Sum(), 9, step=3, history=history))
    assert progress.best == 2.0
    for value, best in ((float("nan"), 2.0), (None, 2.0), (float("-inf"), 2.0), (3.0, 3.0)):
        progress.step(Loop(None, None, 9, step=4), Record(3, (1,), value, {}))
        assert progress.best == best
    progress.bar.refresh()
    progress.end(Loop(None, None, 9, step=4))


def test_a_short_search_leaves_a_file_clean(bench201):
    screen = console(False)
    search_loop(Random(bench201, random.Random(0)), Sum(), 3, callbacks=[Progress(console=screen)])
    assert screen.file.getvalue() == ""


def test_a_file_gets_plain_lines_with_the_name_and_the_unit_of_the_metric(bench201, monkeypatch):
    """Also while one evaluation takes long."""
    monkeypatch.setenv("APPNAS_PROGRESS", "0.05")
    monkeypatch.setattr(Told, "last", 0.0)

    class Slow(Stateless):
        def score(self, draw):
            time.sleep(0.2)
            return Score(torch.tensor(93.75), {"accuracy": 93.75, "loss": 2.0})

    screen = console(False)
    told = Progress("random, seed 0", screen, SimpleNamespace(metric=Metric("accuracy", "%")))
    search_loop(Random(bench201, random.Random(0)), Slow(), 3, callbacks=[told])
    lines = screen.file.getvalue().splitlines()
    assert lines[0].startswith("random, seed 0: 0 of 3 steps, 0:00:00") and 6 <= len(lines) <= 12
    said = "random, seed 0: 2 of 3 steps, validation accuracy 93.75 %, best 93.75 %, 0:00:00, about 0:00:00 left"
    assert said in lines and not told.told.thread.is_alive()


def test_before_the_first_value_none_is_named(bench201):
    told = Progress(console=console(True))
    told.start(Loop(Random(bench201, random.Random(0)), Sum(), 9))
    assert told.said == ""
    told.step(Loop(None, None, 9, step=1), Record(0, (1,), -0.5, {"loss": 0.5}))
    assert told.said == "minus loss -0.5, best -0.5"
    told.step(Loop(None, None, 9, step=2), Record(1, (1,), float("nan"), {"loss": float("nan")}))
    assert told.said.endswith("none, best -0.5")
    told.end(Loop(None, None, 9, step=2))


def test_many_short_trainings_are_told_of(monkeypatch):
    monkeypatch.setenv("APPNAS_PROGRESS", "0.3")
    monkeypatch.setattr(Told, "last", 0.0)
    screen = console(False)
    for number in range(10):
        with training(f"training {number}", 2, console=screen) as on_epoch:
            on_epoch(1, 2.5)
            time.sleep(0.1)
    lines = screen.file.getvalue().splitlines()
    assert 2 <= len(lines) <= 4 and all(": 1 of 2 epochs, loss 2.5, 0:00:00" in line for line in lines)


@pytest.mark.parametrize("text", ["often", "-1", "nan"])
def test_no_number_of_seconds_is_refused(monkeypatch, text):
    monkeypatch.setenv("APPNAS_PROGRESS", text)
    with pytest.raises(ValueError, match=f"0 for none, got '{text}'"):
        Told("search", "steps", 3)


def test_the_line_goes_away_after_an_error(bench201):
    progress = Progress(console=console(True))

    class Fails(Stateless):
        def score(self, draw):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        search_loop(Random(bench201, random.Random(0)), Fails(), 3, callbacks=[progress])
    assert not progress.bar.live.is_started


def test_nan_is_shown_not_kept(bench201):
    progress = Progress(console=console(True))
    progress.start(Loop(None, None, 3))
    for step, value in enumerate((1.0, float("nan"), 2.0)):
        progress.step(Loop(None, None, 3, step=step + 1), Record(step, (0,), value, {}))
    assert progress.best == 2.0
    progress.end(Loop(None, None, 3, step=3))


def test_a_training_shows_epochs_and_loss():
    screen = console(True)
    with training("found, seed 1 of 2", 3, console=screen) as on_epoch:
        on_epoch(1, 2.5)
        on_epoch(3, 0.125)
    text = screen.file.getvalue()
    assert "found, seed 1 of 2" in text and "3/3" in text and "loss 0.125" in text
    with training("found", 3, shown=False) as nothing:
        assert nothing is None


def test_the_best_is_that_of_the_largest_budget():
    """Values of smaller budgets, and of what failed, do not count any more."""
    bar = Progress(console=Console(file=io.StringIO()))
    loop = Loop(None, None, 9)
    loop.history = [Record(0, (0,), 5.0, {}, None, 1)]
    bar.start(loop)
    seen = [bar.best]
    failure = Failure("E", "no")
    for value, budget, why in ((6.0, 1, None), (9.0, 3, failure), (2.0, 3, None), (7.0, 1, None), (3.0, 3, None)):
        bar.step(loop, Record(1, (0,), value, {}, why, budget))
        seen.append(bar.best)
    bar.end(loop)
    assert seen == [5.0, 6.0, 6.0, 2.0, 2.0, 3.0]
