"""appnas.domains.eda.flow.maps: every map of a small design by hand; sums that hold for any; real designs."""

import numpy as np
import pytest
from test_design import RAW, REAL, three  # noqa: F401
from test_lefdef import files  # noqa: F401

from appnas.domains.eda.flow import CIRCUITNET, PAPER, features, read_def, read_lef
from appnas.domains.eda.flow.maps import Grid, bounding, groups, pitch, spanning_tree


def test_a_grid():
    grid = Grid((0, 0, 40, 20), 2, 4)
    assert grid.size == (10, 10)
    assert [a.tolist() for a in grid.cells(np.array([[0, 0], [39, 19], [99, -5]]))] == [[0, 1, 0], [0, 3, 3]]
    area = grid.area(np.array([[5, 5, 25, 10]]))
    np.testing.assert_allclose(area, [[0.25, 0.5, 0.25, 0], [0, 0, 0, 0]])
    lines = grid.lines(np.array([[0.0, 5]]), np.array([[40.0, 5]]), np.array([2.0]))
    np.testing.assert_allclose(lines, [[2, 2, 2, 2], [0, 0, 0, 0]])
    with pytest.raises(ValueError, match="die with an area"):
        Grid((0, 0, 0, 5), 2, 2)


def test_spanning_trees():
    """Three points on a line and one beside, twice: the second time mirrored."""
    points = np.array([[[0, 0], [10, 0], [4, 0], [4, 3]], [[0, 0], [-10, 0], [-4, 0], [-4, 3]]], float)
    starts, ends = spanning_tree(points)
    for k in range(2):
        assert {frozenset(e) for e in zip(starts[k].tolist(), ends[k].tolist(), strict=True)} == {
            frozenset(e) for e in ((0, 2), (2, 3), (2, 1))
        }


def test_maps_by_hand(three):  # noqa: F811
    """Gcells of 20 x 20: two rows, four columns. Cells 4 x 10, 4 x 10 and 8 x 10."""
    maps = features(three, 2, 4)
    assert tuple(maps) == (*PAPER, *CIRCUITNET)
    np.testing.assert_allclose(maps["cell"], [[0.1, 0, 0.1, 0.2], [0, 0, 0, 0]])
    np.testing.assert_allclose(maps["buffer"], [[0.1, 0, 0.1, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(maps["flip_flop"], [[0, 0, 0, 0.2], [0, 0, 0, 0]])
    np.testing.assert_allclose(maps["macro"], [[0, 1, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(maps["pin"], [[2, 0, 1, 4], [1, 0, 0, 0]])
    np.testing.assert_allclose(maps["cell_density"], [[1, 0, 1, 1], [0, 0, 0, 0]])
    assert not any(maps[f"{name}_large"].any() for name in ("rudy", "tree", "pair"))
    half_perimeters = (11 + 7) / 20 + (50.5 + 2) / 20 + (0 + 1 + 17) / 20
    assert maps["rudy_small"].sum() == pytest.approx(half_perimeters, rel=0.1)
    assert maps["tree_small"].sum() == pytest.approx((np.hypot(11, 7) + 30.1 + 20.5 + 17) / 20, rel=0.05)
    assert maps["source_small"].sum() == pytest.approx((np.hypot(11, 7) + 30.1 + 50.5 + 17) / 20, rel=0.05)
    np.testing.assert_allclose(maps["RUDY"], maps["RUDY_long"] + maps["RUDY_short"], rtol=1e-5)


def test_pins_with_the_driver_first(three):  # noqa: F811
    found = {tuple(nets.tolist()): pins.tolist() for nets, pins in groups(three)}
    assert found == {(0, 2): [[0, 1], [5, 6]], (1,): [[2, 3, 4]]}  # the net with one pin is in none


def test_boxes_are_at_least_a_pitch_wide():
    np.testing.assert_allclose(bounding(np.array([[[5.0, 1], [5, 9]]]), (2, 1)), [[4, 1, 6, 9]])


def test_a_design_without_nets_is_refused(three):  # noqa: F811
    three.pin_net = np.arange(len(three.pins))
    three.nets = [str(k) for k in range(len(three.pins))]
    three.signals = np.ones(len(three.pins), bool)
    with pytest.raises(ValueError, match="no net with two pins"):
        features(three, 2, 4)


@pytest.mark.parametrize("name", REAL)
def test_real_designs(data, name):
    libraries, placed, _ = REAL[name]
    if not (data / RAW / placed).exists():
        pytest.skip("no eda_designs in APPNAS_DATA")
    design = read_def(data / RAW / placed, read_lef([data / RAW / lef for lef in libraries]))
    maps = features(design, 16, 24)
    assert all(x.shape == (16, 24) and np.isfinite(x).all() and (x >= 0).all() for x in maps.values())
    assert maps["pin"].sum() == len(design.pins)
    whole = (design.boxes[:, 2:] - design.boxes[:, :2]).prod(1).sum()
    die = (design.die[2] - design.die[0]) * (design.die[3] - design.die[1])
    assert maps["cell"].mean() == pytest.approx(whole / die, rel=1e-3)
    assert 0 < maps["flip_flop"].mean() < maps["cell"].mean()


def test_libraries_of_macros_alone(three):  # noqa: F811
    """A pitch as told, else of the DEF file's tracks, else 1 um."""
    three.layers, three.tracks = {}, {"M1": [("X", 0, 0.4, 9), ("Y", 0, 0.6, 9)], "M2": [("X", 0, 0.3, 9)]}
    assert pitch(three) == (0.3, 0.6)
    three.pitch = 0.2
    assert pitch(three) == (0.2, 0.2)
    three.tracks, three.pitch = {}, 0.0
    assert pitch(three) == (1, 1) and features(three, 2, 4)["RUDY"].any()
