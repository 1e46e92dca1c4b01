"""appnas.domains.eda.reports.openroad: marker reports of the detailed and of the global router."""

import pytest

from appnas.domains.eda.reports.marked import ACROSS, CONGESTION, DRC, UP
from appnas.domains.eda.reports.openroad import read

SHORT = "violation type: Short\n\tsrcs: net:n1 net:n2 \n\tbbox = (10.5, 20) - (11, 20.25) on Layer metal2\n"
SPACED = "violation type: Metal Spacing\n  srcs: net:n1 inst:u1 obs:\n  bbox = ( 1, 2 ) - ( 3, 4) on Layer met1\n"
OLD = "  violation type: EOL\n    srcs: n3 N/A\n    bbox = (1e-1, -2) - (0.2, 4) on Layer LU\n"


def crowded(way, word="congestion information:", use="capacity:4 usage:7 overflow:3", nets="net:n1 "):
    box = "bbox = (69.3000, 25.2000) - (71.4000, 27.3000) on Layer -"
    return f"violation type: {way} congestion\n\tsrcs: {nets}\n\t{word} {use}\n\t{box}\n"


def test_violations():
    found = read(SHORT + SPACED + "\n" + OLD, "5_route_drc.rpt")
    assert found.uses == DRC and found.unit == "um" and found.format == "OpenROAD's DRC report"
    assert found.kinds == ["Short", "Metal Spacing", "EOL"] and found.layers == ["metal2", "met1", "LU"]
    assert found.boxes.tolist() == [[10.5, 20, 11, 20.25], [1, 2, 3, 4], [0.1, -2, 0.2, 4]]
    assert found.nets == [("n1", "n2"), ("n1",), ("n3",)]


@pytest.mark.parametrize("word", ["congestion information:", "comment:"])
def test_congestion(word):
    full = crowded("Vertical", word, "capacity:0 usage:2 overflow:2", "")
    found = read(crowded("Horizontal", word) + full, "congestion.rpt")
    assert found.uses == CONGESTION and found.nets == [("n1",), ()]
    assert found.over[ACROSS].tolist() == [0.75, 0] and found.over[UP].tolist() == [0, 2]  # a capacity of at least 1
    assert found.boxes[0].tolist() == [69.3, 25.2, 71.4, 27.3]


@pytest.mark.parametrize(
    ("text", "match"),
    [(SHORT + SPACED[:60], "line 4: 'Metal Spacing' has no bbox"), (SHORT + crowded("Vertical"), "give two files"),
     (crowded("Vertical", use="full"), "'Vertical congestion' has no capacity")],
)  # fmt: skip
def test_wrong_reports(text, match):
    with pytest.raises(ValueError, match=match):
        read(text, "r.rpt")
