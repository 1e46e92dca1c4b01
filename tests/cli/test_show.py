"""Drawings and tables of the command line."""

from pathlib import Path

import pytest
from torch import nn

from appnas.cli import show
from appnas.retrain import Retrained, Row


@pytest.mark.parametrize(("tests", "words"), [([50.0], "50"), ([50.0, 54.0], "52 ± 2.8")])
def test_the_table_of_controls_has_mean_and_deviation(capsys, tests, words):
    row = Row("found", (0,), 12345, 678, [{"accuracy": value} for value in tests])
    show.trained(Retrained(nn.Identity(), [row], 7), Path("a run"))
    out = capsys.readouterr().out
    assert "12,345" in out and "678" in out and words in out and "7 epochs" in out
    assert ("±" in out) == (len(tests) > 1)
    assert "appnas export 'a run' --out FOLDER" in out


def test_notes_are_one_line_however_long(capsys):
    show.note("first [bold]\n second " + 100 * "long ")
    assert capsys.readouterr().err == "first [bold] second " + ("long " * 100).strip() + "\n"
