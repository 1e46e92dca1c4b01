"""appnas.domains.eda.flow.lefdef.placed: what a cell is, by its class or its pins; boxes of pins where they lie."""

import numpy as np
import pytest

from appnas.domains.eda.flow.lefdef.placed import Access, Macro, Pin

SIGNAL, POWER = {"A": Pin("INPUT", "SIGNAL", ())}, {"VDD": Pin("INOUT", "POWER", ())}


@pytest.mark.parametrize(
    ("kind", "pins", "role"),
    [
        ("CORE", SIGNAL, "cell"), ("CORE TIEHIGH", SIGNAL, "cell"), ("CORE SPACER", SIGNAL, "filler"),
        ("CORE WELLTAP", {}, "filler"), ("CORE ANTENNACELL", SIGNAL, "filler"), ("CORE", POWER, "filler"),
        ("ENDCAP PRE", {}, "filler"), ("ENDCAP BOTTOMLEFT", {}, "filler"), ("PAD INOUT", SIGNAL, "hard"),
        ("PAD SPACER", {}, "filler"), ("BLOCK", {}, "hard"), ("BLOCK BLACKBOX", {}, "hard"), ("RING", {}, "hard"),
        ("COVER BUMP", SIGNAL, "cover"), ("COVER", {}, "cover"),
    ],
)  # fmt: skip
def test_roles(kind, pins, role):
    assert Macro(kind, 1, 1, pins).role == role


def test_pins_of_one_kind_share_their_boxes():
    access = Access([(("M1", (0, 1, 2, 3)),), ()], np.array([[10, 20], [0, 0]]))
    assert len(access) == 2 and access[0] == [("M1", (10, 21, 12, 23))] and access[1] == []
    assert [*access] == access[:2] == [access[0], []]
