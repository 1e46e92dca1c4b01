import random
from itertools import pairwise

import networkx as nx
import pytest

from appnas.report import diagram
from appnas.report.plots import FAINT, RULE
from appnas.space import random_arch
from appnas.spaces import Bench201, Cells, NASBenchGraph
from appnas.spaces.images.cells import DARTS_V1, DARTS_V2
from appnas.spaces.parts import wired


def graph(*edges) -> nx.MultiDiGraph:
    made = nx.MultiDiGraph()
    for source, target, op in edges:
        made.add_edge(source, target, op=op)
    return made


def drawn(cell, ops=("conv", "skip"), idle=()):
    return diagram.cell.__wrapped__(cell, ops, idle)


def test_operations_become_boxes_but_joins_do_not():
    made = diagram.boxes(graph(("a", "b", "conv"), ("b", "c", "concat")))
    assert set(made.edges) == {
        (("state", "a"), ("op", "a", "b", 0)),
        (("op", "a", "b", 0), ("state", "b")),
        (("state", "b"), ("state", "c")),
    }


def test_levels_are_longest_paths_with_operations_before_their_target():
    made = diagram.boxes(graph(("a", "b", "conv"), ("b", "c", "conv"), ("a", "c", "skip")))
    assert diagram.levels_of(made) == {
        ("state", "a"): 0, ("op", "a", "b", 0): 1, ("state", "b"): 2, ("op", "b", "c", 0): 3,
        ("op", "a", "c", 0): 3, ("state", "c"): 4,
    }  # fmt: skip


def test_outputs_come_last():
    made = diagram.boxes(graph(("a", "b", "conv"), ("b", "c", "conv"), ("a", "dead", "conv")))
    levels = diagram.levels_of(made)
    assert levels["state", "dead"] == levels["state", "c"] == 4


def test_long_lines_bend_at_every_level_between():
    layout = diagram.layered(graph(("a", "b", "conv"), ("b", "c", "conv"), ("a", "c", "skip")))
    (route,) = [route for route in layout.routes if route[-1] == ("op", "a", "c", 0)]
    assert [box[0] for box in route] == ["state", "bend", "bend", "op"]


def test_crossings_by_hand():
    a, b, c, d = (("state", name) for name in "abcd")
    assert diagram.crossings([[a, b], [c, d]], [(a, d), (b, c)]) == 1
    assert diagram.crossings([[a, b], [c, d]], [(a, c), (b, d)]) == 0
    assert diagram.crossings([[a, b], [c, d]], [(a, c), (a, d), (b, c), (b, d)]) == 1
    assert diagram.crossings(diagram.order([[a, b], [c, d]], [(a, d), (b, c)]), [(a, d), (b, c)]) == 0


@pytest.mark.parametrize(
    ("wish", "gaps", "places"),
    [
        ([0, 0], [1], [-0.5, 0.5]),
        ([0, 5], [1], [0, 5]),
        ([1, 0, 0], [1, 1], [-2 / 3, 1 / 3, 4 / 3]),
        ([4], [], [4]),
        ([], [], []),
    ],
)
def test_spread_by_hand(wish, gaps, places):
    assert diagram.spread(wish, gaps) == pytest.approx(places)


def test_nothing_overlaps_in_any_cell():
    space, rng = Cells(), random.Random(0)
    archs = [space.from_cells(DARTS_V1), space.from_cells(DARTS_V2), *(random_arch(space, rng) for _ in range(15))]
    for arch in archs:
        for cell in space.graph(arch).values():
            layout = diagram.layered(cell)
            boxes = [box for level in layout.levels for box in level if box[0] != "bend"]
            assert len(boxes) == 7 + 8  # all states and operations
            for level in layout.levels:
                for one, other in pairwise(level):
                    gap = 0.6 if "bend" in (one[0], other[0]) else 1.0
                    assert layout.y[other] - layout.y[one] >= gap - 1e-9


def test_lines_run_from_left_to_right():
    layout = diagram.layered(Cells().graph(Cells().from_cells(DARTS_V2))["reduce"])
    level = {box: i for i, boxes in enumerate(layout.levels) for box in boxes}
    for route in layout.routes:
        assert [level[box] for box in route] == list(range(level[route[0]], level[route[-1]] + 1))


def test_a_cycle_is_refused():
    with pytest.raises(nx.NetworkXUnfeasible):
        diagram.layered(graph(("a", "b", "conv"), ("b", "a", "conv")))


def test_edges_of_the_spaces():
    space = Cells()
    names = ["c_{k-2}", "c_{k-1}", "0", "1", "2", "3"]
    normal = [("normal", names[source], names[target]) for source, target in space.edges]
    assert diagram.edges_of(space) == normal + [("reduce", *edge) for _, *edge in normal]
    assert diagram.edges_of(Bench201()) == [
        ("cell", u, v) for u, v in (("in", "1"), ("in", "2"), ("1", "2"), ("in", "out"), ("1", "out"), ("2", "out"))
    ]


def test_idle_states_are_those_off_every_path():
    space = Bench201()
    could = [edge[1:] for edge in diagram.edges_of(space)]

    def idle(*arch):
        return diagram.idle(space.graph(arch)["cell"], could)

    assert idle(3, 3, 3, 3, 3, 3) == set()
    assert idle(0, 3, 3, 3, 3, 3) == {"1"}  # nothing enters state 1
    assert idle(3, 3, 0, 3, 0, 3) == {"1"}  # nothing leaves it
    assert idle(3, 0, 3, 0, 0, 0) == {"in", "1", "2", "out"}  # the output hears nothing


def test_a_cell_that_is_shorter_than_others_is_not_idle():
    """Choices that exist only under others make cells of several lengths."""
    row = nx.MultiDiGraph([("0", "1", {"op": "conv"})])
    assert diagram.idle(row, [("0", "1"), ("1", "2"), ("2", "3")]) == set()


def test_a_cell_shows_its_names_and_fades_what_is_idle():
    cell = graph(("c_{k-1}", "0", "conv"), ("0", "out", "skip"), ("1", "out", "conv"))
    (axes,) = drawn(cell, idle={"1"}).axes
    assert sorted(text.get_text() for text in axes.texts) == ["$c_{k-1}$", "0", "1", "conv", "conv", "out", "skip"]
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert colours["1"] == FAINT != colours["0"]
    assert RULE in {line.get_color() for line in axes.lines}


def test_operations_that_are_nodes_are_boxes_in_their_colours():
    cell = wired(
        {"in": None, "1": "conv", "2": ("conv", "wide"), "out": "sum"}, [("in", "1"), ("in", "2"), ("1", "out")]
    )
    assert set(diagram.boxes(cell).edges) == {
        (("state", "in"), ("state", "1")), (("state", "in"), ("state", "2")), (("state", "1"), ("state", "out")),
    }  # fmt: skip
    (axes,) = drawn(cell, ops=("conv",)).axes
    assert sorted(text.get_text() for text in axes.texts) == ["conv", "conv wide", "in", "sum"]
    faces = [patch.get_facecolor() for patch in axes.patches if hasattr(patch, "get_boxstyle")]
    assert faces.count((1.0, 1.0, 1.0, 1.0)) == 1, "the state alone is white"
    assert diagram.edges_of(NASBenchGraph()) == [None] * 5


def test_texts_fit_into_their_boxes():
    shown = drawn(graph(("in", "out", "a_rather_long_operation_9x9")), ops=("a_rather_long_operation_9x9",))
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(shown).get_renderer()
    (axes,) = shown.axes
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if hasattr(patch, "get_boxstyle")]
    for text in axes.texts:
        extent = text.get_window_extent(renderer)
        assert any(b.x0 <= extent.x0 and extent.x1 <= b.x1 and b.y0 <= extent.y0 and extent.y1 <= b.y1 for b in boxes)


def test_colours_tell_operations_apart_and_skips_are_grey():
    colours = diagram.palette(Cells().ops)
    assert colours["skip_connect"] == FAINT
    real = [colour for op, colour in colours.items() if op not in ("none", "skip_connect")]
    assert len(set(real)) == len(real) == 6
