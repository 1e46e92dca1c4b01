"""Drawings and tables of the command line."""

from pathlib import Path

import pytest
from torch import nn

from appnas.cli import show
from appnas.retrain import Retrained, Row
from appnas.space import Choice
from appnas.spaces import Bench201, Cells
from appnas.spaces.cells import DARTS_V2


def test_a_published_cell_reads_as_in_the_paper():
    space = Cells()
    assert show.drawing(space, space.from_cells(DARTS_V2)).splitlines() == [
        "normal:",
        "  0 <- sep_conv_3x3(c_{k-2}) + sep_conv_3x3(c_{k-1})",
        "  1 <- sep_conv_3x3(c_{k-2}) + sep_conv_3x3(c_{k-1})",
        "  2 <- skip_connect(c_{k-2}) + sep_conv_3x3(c_{k-1})",
        "  3 <- skip_connect(c_{k-2}) + dil_conv_3x3(0)",
        "  c_{k} <- concat(0, 1, 2, 3)",
        "reduce:",
        "  0 <- max_pool_3x3(c_{k-2}) + max_pool_3x3(c_{k-1})",
        "  1 <- max_pool_3x3(c_{k-1}) + skip_connect(0)",
        "  2 <- max_pool_3x3(c_{k-2}) + skip_connect(0)",
        "  3 <- max_pool_3x3(c_{k-1}) + skip_connect(0)",
        "  c_{k} <- concat(0, 1, 2, 3)",
    ]


def test_edges_without_an_operation_are_left_out():
    assert show.drawing(Bench201(), (3, 0, 0, 1, 0, 0)).splitlines() == [
        "cell:",
        "  1 <- nor_conv_3x3(in)",
        "  out <- skip_connect(in)",
    ]


def test_a_space_without_a_graph_is_listed_by_name():
    class Plain:
        choices = (Choice("depth", ("2", "4")), Choice("ops", ("a", "b"), 3))

    assert show.drawing(Plain(), (1, 0, 1, 1)) == "depth: 4\nops: a b b"


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
