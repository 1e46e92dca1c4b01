"""appnas.domains.eda.reports.formats: forms are told by what is in them; sums without places are refused."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from test_icc2 import TEXT
from test_innovus import BODY, HEAD, TAIL
from test_klayout import database, item
from test_openroad import SHORT, crowded

from appnas.domains.eda.reports.formats import ARRAY, FORMATS, SUMS, given_as, read
from appnas.domains.eda.reports.marked import ACROSS

GCELLS = "(0, 0) (2000, 4000)  V: -2/8  H: 3/20\n"
SPOTS = "[hotspot] top 1 congestion hotspot bounding boxes:\n[hotspot]   1   | 27.66 43.90 32.38 57.70  |   117.25\n"
KNOWN = {
    "OpenROAD's DRC report": (SHORT, {"DRC"}), "OpenROAD's congestion report": (crowded("Vertical"), {"congestion"}),
    "klayout's marker database": (database(item("box: (0,0;1,1)")), {"DRC"}),
    "Innovus' DRC report": (HEAD + BODY + TAIL, {"DRC"}), "Innovus' dumpCongestArea": (GCELLS, {"congestion"}),
    "Innovus' hot spots": (SPOTS, {"congestion"}), "ICC2's DRC errors": (TEXT, {"DRC"}),
    "a heat map": ("x0,y0,x1,y1,value (%)\n0,0,1,1,3\n", {"DRC", "congestion"}),
    "an empty file": ("\n", {"DRC", "congestion"}),
}  # fmt: skip


@pytest.mark.parametrize("form", KNOWN)
def test_told_by_what_is_in_them(tmp_path, form):
    text, uses = KNOWN[form]
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "b.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.txt", "b.gz"):
        found = read(tmp_path / name)
        assert found.format == form and found.uses == uses and (len(found.boxes) > 0) == (form != "an empty file")
    assert sum(bool(f.sign.search(text)) for f in FORMATS) == (form != "an empty file")  # by one alone


def test_arrays(tmp_path):
    np.save(tmp_path / "drc", np.eye(2))  # whatever its name
    (tmp_path / "drc.npy").rename(tmp_path / "drc.rpt")
    assert read(tmp_path / "drc.rpt").boxes.tolist() == [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]


ICC2 = """Report : congestion
Layer     |    overflow     |              # GRCs has
Both Dirs |      60 |     3 |      42  ( 0.21%) |       3
H routing |       3 |     2 |       2  ( 0.02%) |       1
"""


@pytest.mark.parametrize(
    ("text", "match"),
    [("\n Total number of DRCs = 4\n", "ICC2's check_routes: sums without coordinates; give report_drc_error"),
     (ICC2, "ICC2's report_congestion: .* give a table x0,y0,x1,y1,overflow_h,overflow_v"),
     ("Congestion distribution:\nRemain cntH cntV\n -1: 75398 0.29% 2403 0.01%\n", "give dumpCongestArea -all"),
     ("Report : report_drc_error\n", "without its boxes: .*-report_type detailed"),
     ("\n  hello, world\nx\n", "no report that is known, its first line is 'hello, world'; known are: OpenROAD's")],
)  # fmt: skip
def test_what_is_refused(tmp_path, text, match):
    (tmp_path / "a.rpt").write_text(text)
    with pytest.raises(ValueError, match=match):
        read(tmp_path / "a.rpt")
    assert len({sums.name for sums in SUMS}) == len(SUMS)


def test_reports_of_the_wrong_sort(tmp_path):
    with pytest.raises(FileNotFoundError, match="no report at"):
        read(tmp_path / "none.rpt")
    (tmp_path / "a.rpt").write_text(SHORT)
    (tmp_path / "b.rpt").write_text(crowded("Horizontal"))
    assert given_as(read(tmp_path / "b.rpt"), "congestion").over[ACROSS].tolist() == [0.75]
    with pytest.raises(ValueError, match="is OpenROAD's DRC report, not one on congestion: give it as --drc"):
        given_as(read(tmp_path / "a.rpt"), "congestion")
    with pytest.raises(ValueError, match="give it as --congestion"):
        given_as(read(tmp_path / "b.rpt"), "DRC")


def test_the_page_lists_them_all():
    page = (Path(__file__).parents[4] / "docs/own/chips.md").read_text()
    rows = re.findall(r"^\| (.+?) \| .+ \| .+ \| .+ \|$", page, re.MULTILINE)[2:]
    assert rows == [*(form.name for form in FORMATS), ARRAY]
    assert all(sums.name.split(" ", 1)[1] in page for sums in SUMS[:3])
