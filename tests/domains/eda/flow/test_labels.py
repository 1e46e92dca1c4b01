"""appnas.domains.eda.flow.labels: a net that must cross another; obstructions; utilisation; a net of nobody."""

import numpy as np
import pytest

from appnas.domains.eda.flow import Design
from appnas.domains.eda.flow.labels import Tracks, complete, label
from appnas.domains.eda.flow.lefdef import Macro, Wire

LAYERS = {"metal1": ("HORIZONTAL", 1.0), "metal2": ("VERTICAL", 1.0), "metal3": ("HORIZONTAL", 1.0)}


def crossing(wall=None, die=(0, 0, 20, 10)):
    """Net a has pins left and right; net b is a wall of wires between them, on both layers."""
    wall = wall if wall is not None else [Wire(1, ("metal2",), 10, 0, 10, 9), Wire(1, ("metal3",), 10, 0, 10, 9)]
    access = [[("metal1", (2, 5, 2, 5))], [("metal1", (18, 5, 18, 5))], [("metal1", (10, 0, 10, 0))]]
    return Design(
        name="crossing", die=die, layers=LAYERS,
        tracks={"metal1": [("Y", 0, 1, 10)], "metal2": [("X", 0, 1, 20)], "metal3": [("Y", 0, 1, 10)]},
        cells=[], kinds=[Macro("CORE", 1, 1, {})] * 0, boxes=np.zeros((0, 4)), nets=["a", "b"],
        pins=np.array([[2.0, 5], [18, 5], [10, 0]]), pin_net=np.array([0, 0, 1]), pin_cell=np.array([-1, -1, -1]),
        driver=np.array([True, False, True]), access=access, blockages=[], wires=wall, signals=np.array([True, True]),
    )  # fmt: skip


def test_a_wall_is_crossed_once():
    """Every way crosses the wall at one node, so there is one marker, near the middle."""
    found = label(crossing(), ["a"], 3, 2, 4)
    assert found.drc.sum() == 1 and found.drc[:, 2].sum() == 1
    assert found.util_h.max() > 0 and found.util_v.max() > 0


def test_the_fewest_foreign_wires_are_crossed():
    """A wall with a gap at the top: the way round costs less than a crossing."""
    wall = [Wire(1, ("metal2",), 10, 0, 10, 7), Wire(1, ("metal3",), 10, 0, 10, 7)]
    assert label(crossing(wall), ["a"], 3, 2, 4).drc.sum() == 0


def test_later_completions_see_earlier_ones():
    design = crossing([])
    design.nets.append("c")
    tracks = Tracks(design, 3)
    tracks.fill(design)
    assert complete(tracks, 0, [[(0, 5, 2)], [(0, 5, 18)]]) == []
    assert (tracks.owner == 0).sum() >= 17
    vertical = complete(tracks, 2, [[(0, 0, 10)], [(0, 9, 10)]])
    assert vertical == []  # on the other layer
    tracks.owner[:, 4, :] = 1
    assert len(complete(tracks, 2, [[(0, 0, 12)], [(0, 9, 12)]])) >= 1


def test_obstructions_are_crossed_only_if_nothing_else_is_left():
    design = crossing()
    design.blockages = [("metal2", (10, 0, 10, 9))]
    design.wires = [wire for wire in design.wires if wire.layers == ("metal3",)]
    assert label(design, ["a"], 3, 2, 4).drc.sum() == 1  # of the wall on metal3, not of the obstruction


def test_wrong_input():
    with pytest.raises(ValueError, match=r"does not have.*z"):
        label(crossing(), ["z"], 3, 2, 4)
    design = crossing()
    design.tracks = {}
    with pytest.raises(ValueError, match="TRACKS"):
        label(design, ["a"], 3, 2, 4)


@pytest.mark.parametrize("die", [(0, 0, 20, 10), (0, 0, 10, 20)])
def test_tracks_are_where_the_file_puts_them(die):
    """Tall and wide dies; a layer with twice the pitch has every other track."""
    design = crossing(die=die)
    nx, ny = int(die[2]), int(die[3])
    design.tracks = {"metal2": [("X", 0, 1, nx)], "metal3": [("Y", 1, 2, ny // 2)], "metal1": [("Y", 0, 1, ny)]}
    usable = Tracks(design, 3).usable
    assert usable.shape == (2, ny, nx)
    assert usable[0].all() and usable[1, 1::2].all() and not usable[1, ::2].any()
