"""Which report a file is, by what is in it, and its markers; docs/own/chips.md lists the formats for users."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from appnas.domains.eda.flow.lefdef import text
from appnas.domains.eda.reports import boxes, gcell_arrays, icc2, innovus, klayout, openroad
from appnas.domains.eda.reports.marked import DRC, Report, Use, made

HEAD = 1 << 20
"""Characters that a format is recognised by."""
LINE = 70
"""Characters of an unknown file's first line that a message shows."""


class Format(NamedTuple):
    """One form of report."""

    name: str
    sign: re.Pattern[str]
    """What such a file has in it, and no other."""
    read: Callable[[str, str], Report]
    """Of its text and its name."""


FORMATS = (
    Format("OpenROAD's DRC or congestion report (violation type: ...)", openroad.SIGN, openroad.read),
    Format("klayout's .lyrdb", klayout.SIGN, klayout.read),
    Format("Innovus' dumpCongestArea", innovus.AREAS, innovus.areas),
    Format("Innovus' reportCongestion -hotSpot", innovus.SPOTS, innovus.spots),
    Format("Innovus' verify_drc", innovus.VIOLATIONS, innovus.drc),
    Format("ICC2's report_drc_error -report_type detailed", icc2.SIGN, icc2.read),
    Format("a table x0,y0,x1,y1,... such as OpenROAD's heat maps", boxes.SIGN, boxes.read),
)
"""In the order in which they are tried."""
ARRAY = "CircuitNet's .npy"


class Sums(NamedTuple):
    """A report that has sums and no coordinates."""

    name: str
    sign: re.Pattern[str]
    instead: str


TABLE = "a table x0,y0,x1,y1,overflow_h,overflow_v (micrometres, shares of the capacity)"
SUMS = (
    Sums(
        "ICC2's check_routes",
        re.compile(r"TOTAL VIOLATIONS\s*=|Total number of DRCs\s*="),
        "report_drc_error -error_data zroute.err -report_type detailed -nosplit",
    ),
    Sums(
        "ICC2's report_congestion",
        re.compile(r"^\s*(?:Both Dirs|[HV] routing)\s*[:|]", re.MULTILINE),
        f"{TABLE}, written from the GRCs",
    ),
    Sums(
        "Innovus' reportCongestion -overflow",
        re.compile(r"Congestion distribution|^\s*Remain\s+cntH|Overflow after Early", re.MULTILINE),
        "dumpCongestArea -all FILE",
    ),
    Sums(
        "ICC2's report_drc_error without its boxes",
        re.compile(r"^Report\s*:\s*(?:report_)?drc_error", re.MULTILINE),
        "report_drc_error -error_data zroute.err -report_type detailed -nosplit",
    ),
)
"""Reports that say how much, and not where; what to give instead."""


def read(path: str | Path) -> Report:
    """The markers of any known report. An empty file is a DRC report without violations, as OpenROAD writes it.

    Args:
        path: the file, gzipped or not.

    Raises:
        FileNotFoundError: no file there.
        ValueError: of no known form, without coordinates, or damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no report at {path}")
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(gcell_arrays.STARTS):
        return gcell_arrays.read(path)
    content = text.read(path)
    if not content.strip():
        empty = made(str(path), "an empty file", DRC | {"congestion"}, [])
        return replace(empty, notes=("it is empty, so there are no markers",))
    head = content[:HEAD]
    for form in FORMATS:
        if form.sign.search(head):
            return form.read(content, str(path))
    for sums in SUMS:
        if sums.sign.search(head):
            raise ValueError(f"{path} is {sums.name}: sums without coordinates; give {sums.instead}")
    first = next(line.strip() for line in content.splitlines() if line.strip())
    known = "; ".join([form.name for form in FORMATS] + [ARRAY])
    raise ValueError(f"{path} is no report that is known, its first line is {first[:LINE]!r}; known are: {known}")


def given_as(report: Report, use: Use) -> Report:
    """The report, if it may be given as one on DRC or on congestion.

    Raises:
        ValueError: it is the other.
    """
    if use not in report.uses:
        other = "--congestion" if use == "DRC" else "--drc"
        raise ValueError(f"{report.source} is {report.format}, not one on {use}: give it as {other}")
    return report
