"""appnas.domains.eda.reports.gcells: markers on gcells, those off the die, nets, and placements of them."""

from dataclasses import replace

import numpy as np
import pytest
from test_design import RAW, REAL
from test_grammar import PLACED, de, lef

from appnas.domains.eda.flow import Grid, grid_of, read_def, read_lef
from appnas.domains.eda.reports import read
from appnas.domains.eda.reports.gcells import counted, database_unit, labelled, placed, placement, shared, touched
from appnas.domains.eda.reports.marked import ACROSS, BOTH, CONGESTION, DRC, UP, Marker, made

GRID = Grid((0.0, 0.0, 100.0, 100.0), 10, 10)


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    """100 x 100 um, with the nets n and a\\[0\\], and VDD of power."""
    folder = tmp_path_factory.mktemp("design")
    nets = ("- n ( i Y ) ( r A ) ;", "- a\\[0\\] ( i A ) ;", "- VDD ( r A ) + USE POWER ;")
    (folder / "a.lef").write_text(lef())
    (folder / "a.def").write_text(de(cells=PLACED, nets=nets))
    return read_def(folder / "a.def", read_lef([folder / "a.lef"]))


def drc(*markers, source="drc.rpt"):
    return made(source, "a report", DRC, markers)


def congestion(*over, source="c.rpt", box=(0, 0, 10, 20)):
    return made(source, "a report", CONGESTION, [Marker(box, over=over)])


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [((12, 21, 13, 22), [2], [1]), ((12, 21, 23, 39), [2, 3], [1, 2]), ((10, 20, 20, 30), [2], [1]),
     ((15, 25, 15, 25), [2], [1]), ((20, 25, 20, 45), [2, 3, 4], [2]), ((100, 100, 100, 100), [9], [9]),
     ((-5, 95, 5, 105), [9], [0]), ((0.1 * 3 * 100, 0, 40, 1), [0], [3])],
)  # fmt: skip
def test_markers_in_gcells(box, rows, columns):
    """A border belongs to the gcell above it; what ends at one is below it; lines and points are in one."""
    boxes = np.array([box], float)
    found = touched(GRID, boxes, np.array([2.0]))
    expected = np.zeros((10, 10))
    expected[np.ix_(rows, columns)] = 2
    np.testing.assert_array_equal(found, expected)
    part = shared(GRID, boxes, np.array([2.0]))
    assert part.sum() == pytest.approx(2) and (part[expected == 0] < 1e-6).all()


def test_shares_by_area():
    found = shared(GRID, np.array([[5.0, 0.0, 20.0, 10.0]]), np.array([3.0]))
    assert found[0, 0] == pytest.approx(1) and found[0, 1] == pytest.approx(2)


def test_off_the_die(design):
    report = drc(Marker((1, 1, 2, 2)), Marker((100, 50, 120, 60)), Marker((101, 50, 120, 60)))
    found, said = placed(report, design, 1e-3)
    assert len(found.boxes) == 2 and said == "drc.rpt: 1 of 3 markers are off the die, and left out"
    with pytest.raises(
        ValueError, match=r"all 1 markers are off the die of top, 0 0 100 100 um; .*\(--unit um or dbu\)"
    ):
        placed(drc(Marker((1000, 1000, 2000, 2000))), design, 1e-3)
    units = replace(drc(Marker((1000, 1000, 2000, 2000))), unit="dbu")
    assert placed(units, design, 1e-3)[0].boxes.tolist() == [[1, 1, 2, 2]]
    shares = replace(drc(Marker((0.25, 0, 0.5, 1))), unit="die")
    assert placed(shares, design, 1e-3)[0].boxes.tolist() == [[25, 0, 50, 100]]
    assert placed(drc(), design, 1e-3)[1] == ""


def test_micrometres_that_are_taken_for_database_units(design):
    """With decimals, or many in one corner; one that lies there may be right."""
    for boxes in (((10.5, 20, 30, 40),), ((10, 20, 20, 30), (20, 30, 40, 90))):
        with pytest.raises(ValueError, match=r"they seem to be micrometres \(--unit um\)"):
            placed(replace(drc(*map(Marker, boxes)), unit="dbu"), design, 1e-3)
    assert placed(replace(drc(Marker((10, 20, 20, 30))), unit="dbu"), design, 1e-3)[0].boxes.max() == 0.03


def test_database_units(tmp_path):
    (tmp_path / "a.def").write_text(de())
    assert database_unit(tmp_path / "a.def") == 1e-3
    (tmp_path / "a.def").write_text(de().replace("\n", " "))
    assert database_unit(tmp_path / "a.def") == 1e-3
    (tmp_path / "b.def").write_text("VERSION 5.8 ;\n")
    with pytest.raises(ValueError, match="has no UNITS DISTANCE MICRONS"):
        database_unit(tmp_path / "b.def")


def test_how_many_nets(design):
    first, second = drc(Marker((0, 0, 1, 1), nets=("n", "VDD"))), drc(Marker((0, 0, 1, 1), nets=("a[0]", "n", "GND")))
    many, what, said = counted([first, second], design)
    assert (many, what) == (2, "nets") and said == [
        "1 of 4 nets named are not among the DEF file's NETS (GND): not counted"
    ]
    assert counted([drc(Marker((0, 0, 1, 1), amount=3), Marker((0, 0, 1, 1)))], design) == (4, "markers", [])
    assert counted([drc()], design) == (0, "", [])
    named = replace(drc(Marker((0, 0, 1, 1))), naming=True)  # a short of two pins, in a report that names nets
    assert counted([named], design) == (0, "nets", ["no violation names a net: 0 nets are counted"])


def test_labels(design):
    markers = (
        Marker((12, 21, 23, 39), "Short", "M1", ("n",)),
        Marker((12, 21, 13, 22), "Spacing", "M2", ("a\\[0\\]",)),
    )
    found = labelled(design, GRID, [drc(*markers), drc(markers[0], source="more.rpt")])
    assert found.maps["drc"].sum() == 9 and found.maps["drc"][2, 1] == 3 and (found.count, found.counted) == (2, "nets")
    assert found.said[0] == "drc.rpt: a report, 2 markers"
    found = labelled(design, GRID, [drc(*markers)], by="area", kinds=["spac"], layers=["m2"])
    assert found.maps["drc"].sum() == pytest.approx(1) and found.count == 1 and "Short 1" in found.said[-1]
    with pytest.raises(ValueError, match="give --drc FILE, --congestion FILE, or both"):
        labelled(design, GRID)
    with pytest.raises(ValueError, match="not one on congestion"):
        labelled(design, GRID, congestion=[drc(*markers)])


def test_congestion(design):
    both = labelled(design, GRID, congestion=[congestion((ACROSS, 0.5)), congestion((UP, 1), box=(0, 0, 5, 10))])
    assert both.count is None and set(both.maps) == {ACROSS, UP, BOTH}
    assert both.maps[ACROSS][:3, 0].tolist() == [0.5, 0.5, 0] and both.maps[UP][0, 0] == 0.5  # a mean over the gcell
    assert both.maps[BOTH][:2, 0].tolist() == [1, 0.5]
    heat = labelled(design, GRID, congestion=[congestion((BOTH, 80.0))])
    assert set(heat.maps) == {BOTH} and heat.maps[BOTH][0, 0] == 80
    none = labelled(design, GRID, congestion=[made("c.rpt", "an empty file", CONGESTION, [])])
    assert set(none.maps) == {ACROSS, UP, BOTH} and not none.maps[BOTH].any()
    with pytest.raises(ValueError, match="by direction, another of both"):
        labelled(design, GRID, congestion=[congestion((ACROSS, 1)), congestion((BOTH, 1))])


def test_placements(design):
    labels = labelled(design, GRID, [drc(Marker((12, 21, 13, 22), nets=("n",)))])
    data = placement(design, {"pin": np.ones((10, 10))}, labels, "top-1")
    assert data.designs == ("top",) and data.names == ("top-1",) and data.counts.tolist() == [1]
    assert data.x.shape == (1, 1, 10, 10) and data.label("drc").sum() == 1
    assert placement(design, {"pin": np.ones((10, 10))}, labels, "a", "mine").designs == ("mine",)


@pytest.mark.parametrize("name", REAL)
def test_real_designs(data, name, tmp_path):
    """Markers at pins of real nets, as OpenROAD would write them, count in those gcells, and those nets."""
    libraries, path, _ = REAL[name]
    if not (data / RAW / path).exists():
        pytest.skip("no eda_designs in APPNAS_DATA")
    design = read_def(data / RAW / path, read_lef([data / RAW / lef for lef in libraries]))
    pins = np.flatnonzero(design.signals[design.pin_net])[::7]
    entry = "violation type: Short\n\tsrcs: net:{} \n\tbbox = ({:.4f}, {:.4f}) - ({:.4f}, {:.4f}) on Layer metal1\n"
    (tmp_path / "drc.rpt").write_text(
        "".join(entry.format(design.nets[design.pin_net[p]], *design.pins[p], *design.pins[p]) for p in pins)
    )
    grid = grid_of(design, "29x31")
    found = labelled(design, grid, [read(tmp_path / "drc.rpt")])
    assert found.maps["drc"].sum() == len(pins) and found.count == len(set(design.pin_net[pins]))
    at = grid.cells(np.round(design.pins[pins], 4))
    expected = np.zeros(grid.shape)
    np.add.at(expected, at, 1)
    assert np.abs(found.maps["drc"] - expected).sum() <= 0.02 * len(pins)  # but for pins on a border
