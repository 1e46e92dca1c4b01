"""appnas.domains.eda.flow.design: where things are in a file written by hand; real designs of three technologies."""

import json

import numpy as np
import pytest
from test_lefdef import DEF, LEF, files  # noqa: F401

from appnas.domains.eda.flow import read_def, read_lef
from appnas.domains.eda.flow.lefdef.placed import FILLER

RAW = "eda_designs/raw"
FACTS = {"nangate45": "gcd_nangate45", "sky130": "gcd_sky130hs", "ispd18": "ispd18_test1"}
REAL = {
    "nangate45": (["test__Nangate45__Nangate45.lef.gz"], "test__gcd_nangate45.def.gz", 497),
    "sky130": (
        ["test__sky130hs__sky130hs.tlef.gz", "test__sky130hs__sky130_fd_sc_hs_merged.lef.gz"],
        "src__grt__test__gcd_sky130.def.gz",
        411,
    ),
    "ispd18": (
        ["src__gpl__test__testcases__ispd-test__ispd18_test1.input.lef.gz"],
        "src__gpl__test__testcases__ispd-test__ispd18_test1.input.def.gz",
        3153,
    ),
}


@pytest.fixture
def three(files):  # noqa: F811
    return read_def(files / "three.def", read_lef([files / "cells.lef"]))


def test_cells_and_pins(three):
    assert three.name == "three" and three.die == (0, 0, 80, 40)
    assert three.cells == ["i1", "i2", "f1"]  # fillers are left out
    np.testing.assert_allclose(three.boxes, [[10, 10, 14, 20], [40, 10, 44, 20], [60, 10, 68, 20]])
    assert three.nets == ["in", "mid", "clk", "alone"]
    assert three.pin_net.tolist() == [0, 0, 1, 1, 1, 2, 2, 3]
    assert three.pin_cell.tolist() == [-1, 0, 0, 1, 2, -1, 2, 2]
    assert three.driver.tolist() == [True, False, True, False, False, True, False, True]
    np.testing.assert_allclose(three.pins[:4], [[0, 20], [11, 13], [13, 15], [43, 17]])  # i2 is upside down
    np.testing.assert_allclose(three.pins[4], [63.5, 17])  # D of a flipped cell, at 3 to 4 and 2 to 4 of it


def test_tracks_wires_and_blockages(three):
    assert three.tracks["metal2"] == [("X", 0.5, 1.0, 80)] and three.tracks["metal3"] == three.tracks["metal1"]
    assert three.blockages == [("metal3", (20, 0, 40, 20))]
    assert [(w.net, w.layers, w.x0, w.y0, w.x1, w.y1) for w in three.wires] == [
        (1, ("metal1", "metal2"), 13, 15, 13, 15),
        (1, ("metal2",), 13.5, 15, 13.5, 19),
        (1, ("metal1", "metal2"), 13.5, 19, 13.5, 19),
        (1, ("metal1",), 13.5, 19, 42.5, 19),
    ]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("- i2 INV", "- i2 NAND", "a NAND, which the LEF files do not have"),
        ("i2 INV + PLACED ( 4000 1000 ) S", "i2 INV + UNPLACED", "i2 is not placed"),
        ("( i2 A )", "( i9 A )", "i9, which is no component"),
        ("( i2 A )", "( i2 B )", "i2 has no pin B"),
        ("( PIN in )", "( PIN out )", "the port out"),
        ("DIEAREA ( 0 0 ) ( 8000 4000 ) ;", "", "no DIEAREA"),
        ("( 4000 1000 ) S", "( 4000 1000 ) R90", "i2 is placed 'R90', not one of N, S, E, W"),
        ("( 4000 1000 ) S", "( 4000 far ) S", "wrong.def: a statement is not as DEF 5.8 has it: .*'far'"),
        ("( 1300 1500 )", "( 1300 )", "wrong.def: a statement is not as DEF 5.8 has it"),
    ],
)
def test_wrong_files_are_refused(files, old, new, match):  # noqa: F811
    (files / "wrong.def").write_text(DEF.replace(old, new))
    with pytest.raises(ValueError, match=match):
        read_def(files / "wrong.def", read_lef([files / "cells.lef"]))


def test_a_placement_without_its_wires(files):  # noqa: F811
    design = read_def(files / "three.def", read_lef([files / "cells.lef"]), wires=False)
    assert not design.wires and len(design.pins) == 8 and design.skipped == {"fillers": 1}


def test_diodes_and_bumps_have_pins_but_are_no_cells(files):  # noqa: F811
    port = "PIN A\nPORT\nLAYER metal1 ;\nRECT 0 0 2 2 ;\nEND\nEND A\n"
    diode = f"MACRO ANT\nCLASS CORE ANTENNACELL ;\nSIZE 2 BY 10 ;\n{port}END ANT\n"
    (files / "more.lef").write_text(LEF.replace("MACRO RAM", diode + "MACRO RAM"))
    text = DEF.replace("COMPONENTS 4 ;", "COMPONENTS 5 ;\n- a ANT + PLACED ( 3000 1000 ) N ;").replace(
        "( i2 A )", "( a A ) ( i2 A )"
    )
    (files / "more.def").write_text(text)
    design = read_def(files / "more.def", read_lef([files / "more.lef"]))
    assert design.cells == ["i1", "i2", "f1"] and design.pin_cell.tolist()[3] == FILLER
    assert design.pins[3].tolist() == [31, 11] and design.access[3] == [("metal1", (30, 10, 32, 12))]


@pytest.mark.parametrize("name", REAL)
def test_real_designs(data, name):
    libraries, placed, nets = REAL[name]
    if not (data / RAW / placed).exists():
        pytest.skip("no eda_designs in APPNAS_DATA")
    design = read_def(data / RAW / placed, read_lef([data / RAW / lef for lef in libraries]))
    facts = json.loads((data / "eda_designs" / "designs.json").read_text())[FACTS[name]]
    assert len(design.nets) == nets == facts["nets"] and len(design.pins) == facts["pins"]
    assert len(design.cells) == facts["movable"]
    assert len(design.cells) + design.skipped.get("fillers", 0) == facts["components"]
    low, high = (np.full((nets, 2), fill) for fill in (np.inf, -np.inf))
    np.minimum.at(low, design.pin_net, design.pins)
    np.maximum.at(high, design.pin_net, design.pins)
    assert (high - low)[np.isfinite(low[:, 0])].sum() == pytest.approx(facts["hpwl_um"], rel=1e-4)
    assert (design.boxes[:, :2] >= design.die[:2]).all() and (design.boxes[:, 2:] <= design.die[2:]).all()
    on = design.pin_cell >= 0
    boxes = design.boxes[design.pin_cell[on]]
    assert ((design.pins[on] >= boxes[:, :2]) & (design.pins[on] <= boxes[:, 2:])).all()
