"""appnas.domains.eda.reports.klayout: marker databases, and cells below the top."""

import numpy as np
import pytest

from appnas.domains.eda.reports.klayout import placing, read


def database(items, cells="<cell><name>TOP</name></cell>", end="</report-database>"):
    rules = "<category><name>m1.2</name><description>min. m1 spacing : 0.14um</description></category>"
    group = "<category><name>1/0</name><categories><category><name>A</name></category></categories></category>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<report-database>\n <top-cell>TOP</top-cell>\n'
        f" <categories>{rules}{group}</categories>\n <cells>{cells}</cells>\n <items>{items}</items>\n{end}"
    )


def item(value, category="'m1.2'", cell="TOP", many=1):
    values = "".join(f"<value>{v}</value>" for v in ([value] if isinstance(value, str) else value))
    head = f"<category>{category}</category><cell>{cell}</cell><multiplicity>{many}</multiplicity>"
    return f"<item><tags/>{head}<values>{values}</values></item>"


@pytest.mark.parametrize(
    ("value", "box"),
    [("polygon: (1.4,1.8;-1.4,1.8;-1.4,3.8;1.4,3.8)", [-1.4, 1.8, 1.4, 3.8]), ("box: (1,2;3,4)", [1, 2, 3, 4]),
     ("edge: (0,10;20,30)", [0, 10, 20, 30]), ("edge-pair: (0,10;5,15)/(20,30;25,35)", [0, 10, 25, 35]),
     ("edge-pair: (1e-3,0;1,0)|(1,1;0.5,1)", [0.001, 0, 1, 1]), ("[m] path: (1,2;3,2) w=0.1", [1, 2, 3, 2]),
     ("label: ('9,9',r0 4,5)", [4, 5, 4, 5]), (["text: 'at 7,7'", "box: (1,2;3,4)"], [1, 2, 3, 4])],
)  # fmt: skip
def test_shapes(value, box):
    assert read(database(item(value)), "a.lyrdb").boxes.tolist() == [box]


def test_kinds_and_how_many():
    found = read(database(item("box: (0,0;1,1)", many=3) + item("box: (0,0;1,1)", "'1/0'.A")), "a.lyrdb")
    assert found.kinds == ["m1.2: min. m1 spacing : 0.14um", "1/0.A"] and found.amounts.tolist() == [3, 1]
    found = read(database(item("text: 'nothing'")), "a.lyrdb")
    assert len(found.boxes) == 0 and found.notes == ("1 items have no shape: left out",)


def test_waived_items_are_left_out():
    kept = item("box: (0,0;1,1)")
    found = read(database(kept + kept.replace("<tags/>", "<tags>waived,important</tags>")), "a.lyrdb")
    assert len(found.boxes) == 1 and found.notes == ("1 items are waived: left out",)


def test_cells_below_the_top():
    def cell(name, *places):
        refs = "".join(f"<ref><parent>{p}</parent><trans>{t}</trans></ref>" for p, t in places)
        return f"<cell><name>{name}</name><references>{refs}</references></cell>"

    cells = (
        cell("TOP") + cell("MID", ("TOP", "r0 *1 100,0"), ("TOP", "m0 *1 0,50")) + cell("LEAF", ("MID", "r90 *1 10,0"))
    )
    items = item("box: (1,2;3,4)", cell="LEAF") + item("box: (0,0;1,1)", cell="ALONE")
    found = read(database(items, cells), "a.lyrdb")
    assert found.boxes.tolist() == [[106, 1, 108, 3], [6, 47, 8, 49]]
    assert found.notes == ("1 items are in cells that the top cell has no reference to: left out",)


def test_turns_and_mirror_images():
    for said, to in (("r0", (2, 1)), ("r90", (-1, 2)), ("r180", (-2, -1)), ("r270", (1, -2)), ("m0", (2, -1)),
                     ("m45", (1, 2)), ("m90", (-2, 1)), ("m135", (-1, -2))):  # fmt: skip
        place = placing(f"{said} *1 10,20")
        np.testing.assert_allclose(place[:, :2] @ (2, 1) + place[:, 2], np.add(to, (10, 20)), atol=1e-9)
    assert placing("r0 *2 0,0")[0, 0] == 2
    with pytest.raises(ValueError, match="not one such as"):
        placing("sideways")


def test_a_file_that_is_cut_off():
    with pytest.raises(ValueError, match="is cut off or damaged"):
        read(database(item("box: (0,0;1,1)"), end=""), "a.lyrdb")
