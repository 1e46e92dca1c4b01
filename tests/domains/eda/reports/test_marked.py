"""appnas.domains.eda.reports.marked: markers as arrays, and which of them are meant."""

import numpy as np
import pytest

from appnas.domains.eda.reports.marked import ACROSS, DRC, Marker, chosen, kept, listed, made


def some():
    return made("a.rpt", "a report", DRC, [
        Marker((1, 2, 0, 5), "Metal Short", "M1", ("a\\[1\\]", "b")), Marker((0, 0, 1, 1), "Cut Spacing", "VIA1"),
        Marker((0, 0, 2, 2), "Needs fat contact", "M1-M2", ("b",), over=((ACROSS, 0.5),)),
    ])  # fmt: skip


def test_markers_as_arrays():
    found = some()
    np.testing.assert_array_equal(found.boxes[0], [0, 2, 1, 5])  # corners in order
    assert found.named == {"a[1]", "b"} and found.amounts.tolist() == [1, 1, 1] and found.unit == "um"
    assert found.over[ACROSS].tolist() == [0, 0, 0.5]
    empty = made("b.rpt", "a report", DRC, [])
    assert empty.boxes.shape == (0, 4) and not empty.named and chosen(empty, ["M1"], ["short"])[0].kinds == []


def test_which_are_meant():
    by_layer, said = chosen(some(), layers=["m1"])
    assert by_layer.kinds == ["Metal Short", "Needs fat contact"]
    assert said == "layers m1 are those of 2 of 3 (M1 1, VIA1 1, M1-M2 1)"
    both, said = chosen(some(), ["M1", "via1"], ["short", "SPACING"])
    assert both.layers == ["M1", "VIA1"] and both.nets == [("a[1]", "b"), ()] and "kinds short,spacing" in said
    assert len(chosen(some(), kinds=["antenna"])[0].boxes) == 0
    whole, said = chosen(some())
    assert len(whole.boxes) == 3 and said == ""
    nameless = made("c.rpt", "a report", DRC, [Marker((0, 0, 1, 1), layer="-")])
    with pytest.raises(ValueError, match=r"c\.rpt: a report names no layers, .*leave --layers"):
        chosen(nameless, ["M1"])
    assert kept(some(), np.array([False, False, True])).over[ACROSS].tolist() == [0.5]


def test_lists_of_names():
    assert listed(["a", "b", "b", ""]) == "b 2, a 1, without a name 1"
    assert listed("abcdefghij").endswith("h 1 and 2 more")
