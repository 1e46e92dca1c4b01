"""appnas.domains.eda.flow.netlists: pins on gcells by hand, small files, padding, what is refused."""

import io

import numpy as np
import pytest
import torch
from conftest import tool
from test_design import three  # noqa: F401
from test_lefdef import files  # noqa: F401

from appnas.domains.eda import load
from appnas.domains.eda.flow import Grid, generate, netlists, own


def test_pins_on_gcells_by_hand(three):  # noqa: F811
    """Gcells of 20 x 20; nets "in", "mid" and "clk", of which two begin at a port; "alone" has one pin."""
    pins = netlists.netlist(three, Grid(three.die, 2, 4))
    assert pins.dtype == np.int32 and pins[:, 1].tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert pins[:, 2].tolist() == [0, 1, 1, 2, 3, 4, 3]  # both ports are cells of their own
    rows, columns = Grid(three.die, 2, 4).cells(three.pins[:7])
    assert pins[:, 0].tolist() == (4 * rows + columns).tolist() and pins[:5, 0].tolist() == [4, 0, 0, 2, 3]
    three.signals[:] = [True, False, True, True]
    assert netlists.netlist(three, Grid(three.die, 2, 4))[:, 1].tolist() == [0, 0, 1, 1]


def drawn(sizes, wirings=2):
    """Random netlists of which every second one has the nets and cells of another."""
    rng = np.random.default_rng(0)
    made = {size: [netlists.numbered(rng.integers(0, size // 3 + 1, size)) for _ in range(2)] for size in sizes}
    return [np.stack([rng.integers(0, 1024, n), *made[n]], 1).astype(np.int32) for n in sizes for _ in range(wirings)]


def test_packing_and_padding():
    given = drawn((30, 7, 300))
    packed = netlists.pack(given)
    assert netlists.packed_in(packed) and not netlists.packed_in({"x": given[0]})
    assert len(packed["pin_net_cell"]) == 337 and packed["pin_gcell"].dtype == np.uint16
    for found, wanted in zip(netlists.unpack(packed), given, strict=True):
        np.testing.assert_array_equal(found, wanted)
    whole = netlists.padded(given)
    assert whole.shape == (6, 300, 3) and (whole[2, 7:] == netlists.ABSENT).all()
    np.testing.assert_array_equal(whole[2, :7], given[2])
    with pytest.raises(ValueError, match="30 pins on nets, and 29 on gcells"):
        netlists.unpack({**packed, "pin_start": packed["pin_start"] - (np.arange(7) > 0)})


def test_what_is_kept_of_a_placement_is_small():
    """16 placements of a netlist of 1,500 pins: less than two bytes a pin."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **netlists.pack(drawn((1500,), 16)))
    assert len(buffer.getvalue()) < 16 * 1500 * 2


def test_generated_placements_keep_them(tmp_path):
    """Two placements of a design have one wiring; pins lie where the map of pins says."""
    for name in ("yosys", "graywolf", "qrouter"):
        tool(name)
    assert not generate(own(["tiny"]), tmp_path, each=2, orders=1, grid=8, jobs=1, graphs=True)
    with np.load(tmp_path / "dataset.npz") as packed:
        assert packed["pin_wiring"].tolist() == [0, 0] and len(packed["pin_net_cell"]) > 300
    data = load(tmp_path / "dataset.npz")
    for k, pins in enumerate(data.netlists):
        where = np.bincount(pins[:, 0], minlength=64)
        np.testing.assert_allclose(where, np.load(tmp_path / f"samples/tiny-00{k}.npz")["x"][4].ravel(), atol=3)
        assert pins[:, 1].max() > 100 and where.sum() == len(pins)
    assert not np.array_equal(data.netlists[0][:, 0], data.netlists[1][:, 0])
    generate(own(["tiny"]), tmp_path, each=2, orders=1, grid=8, jobs=1)
    assert load(tmp_path / "dataset.npz").netlists is None


def test_numbers_by_first_appearance():
    assert netlists.numbered(np.array([7, 3, 7, 9, 3])).tolist() == [0, 1, 0, 2, 1]


def test_pins_of_a_window():
    """On maps of 3 x 5 gcells, the upper right 2 x 2: gcells 8, 9, 13 and 14; nets and cells are numbered anew."""
    pins = np.array([[0, 0, 0], [8, 1, 1], [14, 1, 2], [9, 3, 2], [4, 3, 1]])
    (found,) = netlists.windowed([pins], 5, slice(1, 3), slice(3, 5))
    assert found.tolist() == [[[0, 0, 0], [3, 0, 1], [1, 1, 1]]]
    assert netlists.windowed([], 5, slice(1, 3), slice(3, 5)) == []
    (none,) = netlists.windowed([pins[:1]], 5, slice(1, 3), slice(3, 5))
    assert none.shape == (1, 0, 3)


def test_mirrored_pins_are_where_mirrored_maps_have_them():
    """On maps of 3 x 5 gcells, by either axis, of one placement and not of the other; absent pins stay absent."""
    pins = torch.tensor([[[7, 0, 0], [14, 0, 1], [-1, -1, -1]], [[3, 0, 0], [-1, -1, -1], [-1, -1, -1]]])
    for axis in (0, 1):
        turned = netlists.mirrored(pins, axis, (3, 5), torch.tensor([True, False]))
        assert torch.equal(turned[1], pins[1]) and torch.equal(turned[..., 1:], pins[..., 1:])
        assert turned[0, 2, 0] == -1
        for k in (0, 1):
            here, there = torch.zeros(2, 15)
            here[pins[0, k, 0]], there[turned[0, k, 0]] = 1, 1
            assert torch.equal(here.view(3, 5).flip(axis), there.view(3, 5))


@pytest.mark.parametrize(
    ("pins", "match"),
    [
        (np.zeros((4, 2), int), "needs integers"),
        (np.zeros((4, 3)), "needs integers"),
        (np.array([[64, 0, 0]]), "gcells below 64, nets and cells below its 1 pins"),
        (np.array([[0, 1, 0]]), "0, 1, 0"),
        (np.array([[0, -1, 0]]), "nothing below 0"),
    ],
)
def test_wrong_netlists_are_refused(pins, match):
    with pytest.raises(ValueError, match=match):
        netlists.check([pins], 64, ["p0"])
    with pytest.raises(ValueError, match="2 placements need as many netlists, got 1"):
        netlists.check([pins], 64, ["p0", "p1"])
