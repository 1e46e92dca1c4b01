"""appnas.domains.eda.flow.lefdef.lef: libraries in any order and spelling, and what is wrong with them."""

import pytest
from test_grammar import INV, LAYERS, VIA, lef, macro, pin

from appnas.domains.eda.flow.lefdef.lef import read_lef, shape, via_layers

END = "END LIBRARY\n"


def test_a_library_before_its_technology(tmp_path):
    """Vias are known by the layers of a file that comes later; pins called as their cell, and END."""
    names = macro("A", pin("A") + pin("END"))
    (tmp_path / "cells.lef").write_text(VIA + INV.lower().replace("inv", "INV") + names + END)
    (tmp_path / "tech.lef").write_text(LAYERS + END)
    found = read_lef([tmp_path / "cells.lef", tmp_path / "tech.lef"])
    assert found.vias == {"V12": ("M1", "M2")} and [*found.macros] == ["INV", "A"]
    assert found.macros["INV"].buffer and [*found.macros["A"].pins] == ["A", "END"]


@pytest.mark.parametrize(
    ("text", "match"),
    [(LAYERS, "END LIBRARY"), (LAYERS + "MACRO X\nPIN A\n", "END LIBRARY"), (END, "no routing layer"),
     (LAYERS + "MACRO X\nCLASS CORE ;\nEND X\n" + END, "MACRO X without SIZE"),
     (LAYERS + "MACRO X\nSIZE big BY 2 ;\nEND X\n" + END, "a.lef: not as LEF 5.8 has it, near .*SIZE big BY")],
)  # fmt: skip
def test_wrong_files(tmp_path, text, match):
    (tmp_path / "a.lef").write_text(text)
    with pytest.raises(ValueError, match=match):
        read_lef([tmp_path / "a.lef"])


def test_shapes_that_repeat():
    said = "ITERATE ( 0 0 ) ( 1 1 ) DO 2 BY 2 STEP 5 7".split()
    assert shape("RECT", said, 0) == [(0, 0, 1, 1), (5, 0, 6, 1), (0, 7, 1, 8), (5, 7, 6, 8)]
    assert via_layers("VIARULE r ; LAYERS M1 C M2 ;".split()) == ("M1", "C", "M2")
    assert "MACRO INV" in lef()
