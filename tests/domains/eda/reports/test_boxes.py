"""appnas.domains.eda.reports.boxes: heat maps, and tables of what has no report of its own."""

import pytest

from appnas.domains.eda.reports.boxes import SIGN, read
from appnas.domains.eda.reports.marked import ACROSS, BOTH, UP


@pytest.mark.parametrize("head", ["x0,y0,x1,y1,value (%)", "x0,y0,x1,y1,value", "\ufeffX0, Y0, X1, Y1, Value"])
def test_heat_maps(head):
    text = f"{head}\n0,0,10,10,55.5\n10,0,20,10,1e2\n\n"
    assert SIGN.match(text)
    found = read(text, "routing.csv")
    assert found.format == "a heat map" and found.boxes.tolist() == [[0, 0, 10, 10], [10, 0, 20, 10]]
    assert found.over[BOTH].tolist() == found.amounts.tolist() == [55.5, 100]


def test_tables_of_other_tools():
    text = "x0;y0;x1;y1;kind;layer;nets\n1;2;3;4;Short;M2;a b\n5;6;7;8;Off-grid;;\n"
    found = read(text, "drc.csv")
    assert found.kinds == ["Short", "Off-grid"] and found.nets == [("a", "b"), ()] and found.amounts.tolist() == [1, 1]
    found = read("x0\ty0\tx1\ty1\toverflow_h\toverflow_v\n0\t0\t1\t1\t0.5\t0\n", "grc.tsv")
    assert found.over[ACROSS].tolist() == [0.5] and found.over[UP].tolist() == [0]


@pytest.mark.parametrize(
    ("text", "match"),
    [("x0,y0,x1,y1,hue\n", r"the columns \['hue'\] mean nothing here; known are"),
     ("x0,y0,x1,y1,value\n0,0,1,1\n", "row 2: 4 columns, the header has 5"),
     ("x0,y0,x1,y1,value\n0,0,1,1,much\n", "t.csv, row 2: could not convert")],
)  # fmt: skip
def test_wrong_tables(text, match):
    with pytest.raises(ValueError, match=match):
        read(text, "t.csv")
