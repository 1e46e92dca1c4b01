"""ICC2's DRC errors in text: `report_drc_error -error_data zroute.err -report_type detailed -nosplit`.

Synopsys publishes no grammar; read after a public flow and the parser beside it, which take these lines of an error, in
micrometres, and pass all others:

    Error ID    : 12
    Error Type  : Diff net spacing
    Error Layer : M1-M2
    Bbox        : {{220.26 195.91} {220.40 196.02}}

Nets are read from a line `Nets : a b` or `Objects : net a` only where there is one. `check_routes` and
`report_congestion` print sums without coordinates: they are recognised and refused (see `formats`), and so is a report
that is not detailed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appnas.domains.eda.reports.marked import DRC, Marker, Report, made

SIGN = re.compile(r"^\s*Error (?:ID|Type)\s*:", re.MULTILINE)
_LINE = re.compile(r"^\s*([A-Za-z][A-Za-z ]*?)\s*:\s*(.*?)\s*$")
_POINT = re.compile(r"\{\s*(-?[\d.]+(?:[eE][-+]?\d+)?)\s+(-?[\d.]+(?:[eE][-+]?\d+)?)\s*\}")


def _entries(text: str) -> Iterator[dict[str, str]]:
    """Of every error its lines by name."""
    entry: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        name = found[1].lower()
        if entry and (name == "error id" or (name in entry and name in ("error type", "bbox"))):
            yield entry
            entry = {}
        entry.setdefault(name, found[2])
    if entry:
        yield entry


def read(text: str, source: str) -> Report:
    """DRC markers; errors without a box are counted."""
    found, lost = [], 0
    for entry in _entries(text):
        corners = _POINT.findall(entry.get("bbox", ""))
        if len(corners) == 2:
            box = tuple(float(v) for corner in corners for v in corner)
            nets = entry.get("nets", "").strip("{} ").split()
            nets += re.findall(r"\bnet ([^\s{}]+)", entry.get("objects", ""))
            kind, layer = entry.get("error type", ""), entry.get("error layer", "")
            found.append(Marker(box, kind, layer, tuple(nets)))  # type: ignore[arg-type]
        else:
            lost += "error type" in entry or "error id" in entry
    notes = [f"{lost} errors have no box of two corners: left out"] * bool(lost)
    return made(source, "ICC2's DRC errors", DRC, found, notes=notes)
