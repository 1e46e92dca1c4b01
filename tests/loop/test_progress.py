"""appnas.loop.progress: the live line shows value, best and how far; nothing where nobody looks."""

from __future__ import annotations

import io
import random

import pytest
import torch
from rich.console import Console

from appnas.estimate import Stateless
from appnas.loop import Loop, Progress, Record, search_loop, training
from appnas.strategy import Random, Score
from appnas.support import Failure


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
    assert task.fields["value"] == result.history[-1].value and task.fields["best"] == result.value
    text = screen.file.getvalue()
    assert "random, seed 0" in text and "7/7" in text and f"best {result.value:.4g}" in text


def test_a_resumed_search_starts_where_it_stands(bench201):
    progress = Progress(console=console(True))
    history = [Record(0, (1,), 5.0, {}), Record(1, (2,), 3.0, {})]
    progress.start(Loop(Random(bench201, random.Random(0)), Sum(), 9, step=2, history=history))
    assert progress.best == 5.0 and progress.bar.tasks[0].completed == 2
    progress.step(Loop(None, None, 9, step=3), Record(2, (1,), 4.0, {}))
    assert progress.best == 5.0 and progress.bar.tasks[0].fields["value"] == 4.0
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


def test_a_file_stays_clean(bench201):
    screen = console(False)
    search_loop(Random(bench201, random.Random(0)), Sum(), 3, callbacks=[Progress(console=screen)])
    assert screen.file.getvalue() == ""


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
