"""What a search step costs."""

import numpy as np
import pytest

from appnas.cli.app import main
from appnas.cli.bench import convolution_peak, measure, where
from appnas.estimate import Table
from appnas.loop import search_loop
from appnas.run import Run, create
from appnas.space import IO
from appnas.spaces import Cells
from appnas.strategy import Draw
from appnas.support import RunError

SIZES = {"channels": 2, "cells": 3, "repeats": 1}


def test_measures_the_supernet_of_the_given_size():
    step = measure("cells", SIZES, "digits", 8, 1)
    supernet = Cells(channels=2, cells=3).supernet(IO((1, 8, 8), (10,)))
    assert step.parameters == sum(weight.numel() for weight in supernet.parameters())
    assert 0 < step.low <= step.seconds <= step.high and step.plain_seconds > 0
    assert 0 < step.peak < step.plain_peak
    assert step.gflops > 0


def test_the_peak_is_above_what_a_step_reaches():
    assert convolution_peak(2) > measure("bench201", SIZES, "digits", 8, 1).rate


def test_saved_activations_grow_with_the_batch():
    small, large = (measure("bench201", SIZES, "digits", batch, 1).saved for batch in (8, 16))
    assert small > 16 * 2 * 64 * 4 and 1.8 < large / small < 2.2


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        measure("cells", SIZES, "digits", 8, 0)
    with pytest.raises(ValueError, match="no domain 'digit'"):
        measure("cells", SIZES, "digit", 8, 1)


class Listed:
    """Asks for what it is given, in turn."""

    def __init__(self, archs):
        self.archs, self.told = archs, []

    def ask(self):
        return Draw(self.archs[len(self.told) % len(self.archs)])

    def tell(self, draw, score):
        self.told.append((float(score.value), draw.arch))

    def best(self):
        return max(self.told)[1]

    def state_dict(self):
        return {}


def kept(path):
    """A run of a few evaluations out of a table."""
    archs = [(i, j, 0, 0, 0, 0) for i in range(5) for j in range(5)]
    table = Table(archs, {"value": np.array([float(sum(arch)) for arch in archs])}, "value")
    search_loop(Listed(archs), table, 20, callbacks=[Run(create(path, {}), events=False)])


def test_where_the_time_of_runs_went(tmp_path, capsys):
    for seed in (0, 1):
        kept(tmp_path / f"seed-{seed}")
    (tmp_path / "config.json").write_text((tmp_path / "seed-0/config.json").read_text())
    seconds, steps, _ = where(tmp_path)
    assert steps == 40 and seconds["bookkeeping"] > where(tmp_path / "seed-0")[0]["bookkeeping"]
    assert main(["bench", str(tmp_path / "seed-1")]) == 0
    out = capsys.readouterr().out
    assert "where the time went" in out and "100.0%" in out and "20 steps" in out
    (empty := tmp_path / "empty").mkdir()
    assert main(["bench", str(empty)]) == 2 and "is not a run" in capsys.readouterr().err
    with pytest.raises(RunError, match="no checkpoint yet"):
        where(create(tmp_path / "new", {}))
