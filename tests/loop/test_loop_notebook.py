"""The bar of a notebook, without one: what it would show."""

import math
import random

import pytest
import torch

from appnas.estimate import Stateless
from appnas.loop import Progress, in_notebook, search_loop
from appnas.loop.notebook import HIGH, WIDE, NotebookBar, sparkline
from appnas.strategy import Random, Score


class Sum(Stateless):
    def score(self, draw):
        return Score(torch.tensor(float(sum(draw.arch))))


class Handle:
    """What IPython gives for something displayed."""

    def __init__(self):
        self.seen = []

    def update(self, shown):
        self.seen.append(shown.data)


def test_here_is_no_notebook():
    assert in_notebook() is False


def test_a_bar_tells_how_far_and_how_good_and_draws_a_curve():
    bar = NotebookBar("value {task.fields[value]:.4g}  best {task.fields[best]:.4g}")
    task = bar.add_task("random <0>", total=4, completed=1, value=math.nan, best=-math.inf, followed=-math.inf)
    assert bar.curve == [] and "1/4" in bar.html() and "left" not in bar.html()
    for done, best in ((2, 1.0), (3, 3.0)):
        bar.update(task, completed=done, value=0.5, best=best, followed=best)
    html = bar.html()
    assert 'value="3" max="4"' in html and "value 0.5  best 3" in html and "random &lt;0&gt;" in html
    assert "<svg" in html and "s left" in html
    bar.update(task, completed=4, value=0.5, best=3.0)
    assert "left" not in bar.html()


def test_the_curve_goes_from_corner_to_corner():
    points = sparkline([0.0, 1.0]).split('points="')[1].split('"')[0]
    assert points.split() == [f"0.0,{HIGH - 2:.1f}", f"{WIDE:.1f},2.0"]
    assert sparkline([1.0]) == "" and sparkline([]) == ""
    assert len(sparkline([float(i) for i in range(10_000)])) < 5000


def test_a_search_moves_it(bench201, monkeypatch):
    pytest.importorskip("IPython", reason="the extra `dev` brings ipykernel")
    import IPython.display

    from appnas.loop import progress

    handle, shown = Handle(), []
    monkeypatch.setattr(IPython.display, "display", lambda html, display_id: shown.append(html.data) or handle)
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    search_loop(Random(bench201, random.Random(0)), Sum(), 7, callbacks=[Progress("random")])
    assert "0/7" in shown[0] and "7/7" in handle.seen[-1]
