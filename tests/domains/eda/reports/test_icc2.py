"""appnas.domains.eda.reports.icc2: detailed DRC errors."""

from appnas.domains.eda.reports.icc2 import read

TEXT = """****************************************
Report : drc_error
Design : top
****************************************
Error ID    : 1
Error Type  : Diff net spacing
Error Layer : M1
Bbox        : {{220.26 195.91} {220.40 196.02}}
Status      : error

  Error ID    : 2
  Error Type  : Short
  Error Layer : M1-M2
  Nets        : n1 n2
  Bbox        : {{1 2} {3e0 4}}
Error ID    : 3
Error Type  : Open
Bbox        : {}
Error Type  : Off-grid
Error Layer : VIA1
Bbox        : {{5 6} {5 6}}
"""


def test_errors():
    found = read(TEXT, "drc.rpt")
    assert found.kinds == ["Diff net spacing", "Short", "Off-grid"] and found.layers == ["M1", "M1-M2", "VIA1"]
    assert found.boxes.tolist() == [[220.26, 195.91, 220.4, 196.02], [1, 2, 3, 4], [5, 6, 5, 6]]
    assert found.nets == [(), ("n1", "n2"), ()] and found.notes == ("1 errors have no box of two corners: left out",)
