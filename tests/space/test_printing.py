"""Architectures in words."""

from appnas.space import Choice, drawing, table
from appnas.spaces import Bench201, Cells, CondenseNet, NASBenchGraph
from appnas.spaces.images.cells import DARTS_V2


def test_a_published_cell_reads_as_in_the_paper():
    space = Cells()
    assert drawing(space, space.from_cells(DARTS_V2)).splitlines() == [
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
    assert drawing(Bench201(), (3, 0, 0, 1, 0, 0)).splitlines() == [
        "cell:",
        "  1 <- nor_conv_3x3(in)",
        "  out <- skip_connect(in)",
    ]


def test_operations_on_nodes_read_as_what_they_take():
    assert drawing(NASBenchGraph(), (3, 0, 1, 7, 8)).splitlines() == [
        "cell:",
        "  1 <- gat (0)",
        "  2 <- gcn (0)",
        "  3 <- fc (1)",
        "  4 <- skip (2)",
        "  out <- sum (3, 4)",
    ]
    assert drawing(CondenseNet(blocks=1, stages=(1, 2)), (0, 1)) == "network:\n  dense growth 8"  # a row


def test_a_space_without_a_graph_is_listed_by_name():
    class Plain:
        choices = (Choice("depth", ("2", "4")), Choice("ops", ("a", "b"), 3))

    assert drawing(Plain(), (1, 0, 1, 1)) == "depth: 4\nops: a b b"


def test_a_table_puts_words_left_and_numbers_right():
    made = table("t", ["name", "about", "n"], [["a", "b", "1"], ["c", "[d]", "22"]], left=2)
    assert [column.justify for column in made.columns] == ["left", "left", "right"]
    assert [str(cell) for cell in made.columns[1].cells] == ["b", "[d]"]  # brackets are no markup
