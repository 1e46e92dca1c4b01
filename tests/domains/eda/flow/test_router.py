"""appnas.domains.eda.flow.router: capacity, the cheapest pattern, overflow where there is no room."""

import numpy as np
import pytest
from test_labels import crossing

from appnas.domains.eda.flow.maps import Grid
from appnas.domains.eda.flow.router import (
    CAPACITY,
    OVERFLOW,
    TRACKS,
    Runs,
    capacity,
    channels,
    connections,
    in_tracks,
    overflow,
)  # fmt: skip


def bus(count):
    """`count` nets side by side from the left to the right of one row of gcells."""
    design = crossing([])
    design.nets = [str(k) for k in range(count)]
    left = np.stack([np.full(count, 1.0), np.full(count, 2.0)], 1)
    design.pins = np.concatenate([left, left + np.array([18, 0])])
    design.pin_net = np.tile(np.arange(count), 2)
    design.pin_cell, design.driver = np.full(2 * count, -1), np.repeat([True, False], count)
    design.signals = np.ones(count, bool)
    return design


def test_capacity_less_blockages():
    design = crossing()
    grid = Grid(design.die, 2, 4)
    h, v = capacity(design, 3, grid)
    assert (h == 5).all() and (v == 5).all()
    design.blockages = [("metal3", (0, 0, 5, 5)), ("metal1", (0, 0, 20, 10))]
    h, v = capacity(design, 3, grid)
    assert h[0, 0] == 0.5 and h[0, 1] == 5 and (v == 5).all()


def test_the_cheapest_of_all_patterns():
    """From the lower left to the upper right: all lines are free but the way along row 0 and up column 3."""
    h, v = np.ones((4, 4)), np.ones((4, 4))
    h[0], v[:, 3] = 9, 9
    by_column, at = Runs(h, v).best(0, 0, 3, 3)
    assert (by_column, at) == (True, 0)  # up at once, then along the top


def test_connections_join_different_gcells():
    design = bus(3)
    found = connections(design, Grid(design.die, 2, 4))
    assert found.tolist() == [[0, 0, 0, 3]] * 3


def test_overflow_only_where_there_is_no_room():
    h, v = overflow(bus(4), 3, 2, 4)
    assert not h.any() and not v.any()
    h, v = overflow(bus(30), 3, 2, 4)  # 30 nets, 10 tracks in two rows
    assert h.sum() > 0 and h.max() >= 1
    full = overflow(bus(30), 3, 1, 4)[0]
    np.testing.assert_allclose(full[0, 1:3], 2.0)  # 30 wires on 10 tracks


def test_macros_and_straps_take_tracks():
    """On metal3 a block over half a gcell, on metal2 a strap of a third of a column; metal1 does not count."""
    design = crossing()
    grid = Grid(design.die, 2, 4)
    design.obstacles = [("metal3", (0, 0, 5, 2.5)), ("metal2", (9, 0, 10, 10)), ("metal1", (0, 0, 20, 10))]
    h, v = capacity(design, 3, grid)
    np.testing.assert_allclose(h, [[2.5, 5, 5, 5], [5, 5, 5, 5]])
    np.testing.assert_allclose(v, [[5, 4, 5, 5]] * 2)
    design.blockages = [("OUTSIDE", (15, 5, 20, 10))]
    assert [side[1, 3] for side in capacity(design, 3, grid)] == [0.5, 0.5]


def test_loads_in_shares_of_the_tracks():
    """30 wires of 18 um on the ten tracks of metal3, in boxes of one pitch; the same in another technology's units."""
    design = bus(30)
    found = in_tracks(design, Grid(design.die, 1, 4))
    assert tuple(found) == TRACKS and (found["tracks_h"] == 10).all() and (found["tracks_v"] == 5).all()
    np.testing.assert_allclose(found["load_h"], [[0.8 * 3, 3, 3, 0.8 * 3]], rtol=1e-6)
    design.pins, design.die = design.pins * 7, tuple(7 * v for v in design.die)
    design.layers = {name: (way, 7 * step) for name, (way, step) in design.layers.items()}
    design.tracks = {
        name: [(axis, 7 * first, 7 * step, count) for axis, first, step, count in rows]
        for name, rows in design.tracks.items()
    }
    again = in_tracks(design, Grid(design.die, 1, 4))
    for name in TRACKS:
        np.testing.assert_allclose(again[name], found[name], rtol=1e-6)


def test_channels_on_demand():
    design, grid = bus(30), Grid((0, 0, 20, 10), 1, 4)
    assert not set(CAPACITY) & set(channels(design, grid, ()))
    found = channels(design, grid, ("load_h", "overflow_h"))
    assert {*TRACKS, *OVERFLOW} <= set(found) and found["overflow_h"].max() == 2
    every = channels(design, grid)
    assert set(CAPACITY) < set(every) and (every["layers"] == len(design.layers)).all()
    fewer = channels(design, grid, layers=2)
    assert (fewer["layers"] == 2).all() and (
        fewer["tracks_h"] + fewer["tracks_v"] < every["tracks_h"] + every["tracks_v"]
    ).all()
    for layers in (1, 9):
        with pytest.raises(
            ValueError, match=f"2 layers or more, and the LEF files have {len(design.layers)}; got {layers}"
        ):
            channels(design, grid, layers=layers)


def test_tracks_need_layers():
    design = bus(2)
    design.layers = {}
    with pytest.raises(ValueError, match="tracks need routing layers; give the technology's LEF file, too"):
        channels(design, Grid((0, 0, 20, 10), 1, 4), ("load_h",))
