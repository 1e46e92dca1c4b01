"""appnas.domains.eda.flow.router: capacity, the cheapest pattern, overflow where there is no room."""

import numpy as np
from test_labels import crossing

from appnas.domains.eda.flow.maps import Grid
from appnas.domains.eda.flow.router import Runs, capacity, connections, overflow


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
