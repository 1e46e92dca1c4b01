"""appnas.domains.eda.flow.lefdef.shapes: eight orientations, by hand and by klayout; polygons and paths."""

import numpy as np
import pytest
from test_grammar import LAYERS, macro, pin

from appnas.domains.eda.flow import read_def, read_lef
from appnas.domains.eda.flow.lefdef.shapes import ORIENTS, outside, path, rectangles, turned

BOX = (0.0, 0.5, 0.4, 0.9)
TURNED = {
    "N": (0.0, 0.5, 0.4, 0.9), "S": (9.6, 3.1, 10.0, 3.5), "FN": (9.6, 0.5, 10.0, 0.9), "FS": (0.0, 3.1, 0.4, 3.5),
    "E": (0.5, 9.6, 0.9, 10.0), "W": (3.1, 0.0, 3.5, 0.4), "FE": (3.1, 9.6, 3.5, 10.0), "FW": (0.5, 0.0, 0.9, 0.4),
}  # fmt: skip
"""A pin at the left, near the middle, of a block of 10 x 4."""
ELL = [(0, 0), (4, 0), (4, 1), (1, 1), (1, 3), (0, 3)]


def placed(folder):
    """A LEF and a DEF file with the block in every orientation, and the design read."""
    ram = macro("RAM", pin("A", "RECT 0.0 0.5 0.4 0.9 ;"), "CLASS BLOCK ;\nSIZE 10 BY 4 ;")
    rows = "\n".join(f"- {o} RAM + PLACED ( {20000 * k} 20000 ) {o} ;" for k, o in enumerate(ORIENTS))
    pins = " ".join(f"( {o} A )" for o in ORIENTS)
    (folder / "a.lef").write_text(
        f"VERSION 5.8 ;\nUNITS\nDATABASE MICRONS 1000 ;\nEND UNITS\n{LAYERS}{ram}END LIBRARY\n"
    )
    (folder / "a.def").write_text(
        "VERSION 5.8 ;\nDESIGN top ;\nUNITS DISTANCE MICRONS 1000 ;\nDIEAREA ( 0 0 ) ( 200000 100000 ) ;\n"
        f"COMPONENTS 8 ;\n{rows}\nEND COMPONENTS\nNETS 1 ;\n- n {pins} ;\nEND NETS\nEND DESIGN\n"
    )
    return read_def(folder / "a.def", read_lef([folder / "a.lef"]))


def test_eight_orientations_by_hand(tmp_path):
    assert set(TURNED) == set(ORIENTS)
    for orient, expected in TURNED.items():
        np.testing.assert_allclose(turned(BOX, orient, 10, 4), expected, atol=1e-9)
    for k, found in enumerate(placed(tmp_path).access):
        np.testing.assert_allclose(np.array(found[0][1]) - (20 * k, 20, 20 * k, 20), TURNED[ORIENTS[k]], atol=1e-9)
    with pytest.raises(ValueError, match="one of N, S, E, W, FN, FS, FE, FW, got 'R0'"):
        turned(BOX, "R0", 10, 4)


def test_eight_orientations_by_klayout(tmp_path):
    db = pytest.importorskip("klayout.db", reason="klayout is not installed")
    design = placed(tmp_path)
    options = db.LoadLayoutOptions()
    of = options.lefdef_config
    of.lef_files, of.read_lef_with_def, of.macro_resolution_mode, of.dbu = [str(tmp_path / "a.lef")], False, 1, 0.001
    layout = db.Layout()
    layout.read(str(tmp_path / "a.def"), options)
    found = set()
    for instance in layout.top_cell().each_inst():
        for layer in layout.layer_indexes():
            for shape in instance.cell.shapes(layer).each():
                box = shape.bbox()
                if (box.width(), box.height()) == (400, 400):
                    at = box.transformed(instance.trans)
                    found.add((at.left, at.bottom, at.right, at.top))
    assert found == {tuple(round(1000 * v) for v in access[0][1]) for access in design.access} and len(found) == 8


def test_polygons_are_cut_into_boxes():
    assert rectangles(ELL) == [(0, 0, 4, 1), (0, 1, 1, 3)] == rectangles(ELL[::-1])
    assert outside(ELL) == [(1, 1, 4, 3)]
    assert sum((b[2] - b[0]) * (b[3] - b[1]) for b in rectangles([(0, 0), (4, 0), (0, 3)])) == pytest.approx(6)


def test_paths_have_longer_ends():
    assert path([(0, 0), (4, 0), (4, 6)], 2) == [(-1, -1, 5, 1), (3, -1, 5, 7)]
    assert path([(4, 0), (0, 0)], 2, 0) == [(0, -1, 4, 1)]
