"""Innovus' text reports: verify_drc (check_drc), dumpCongestArea, and the hot spots of reportCongestion.

Cadence publishes no grammar; this is read after public examples and public parsers:

- DRC, in micrometres, `SHORT: ( Metal Short ) Regular Wire of Net a & Blockage of Cell b  ( M3 )` and below it
  `Bounds : ( x, y ) ( x, y )`; at the end `Total Violations : N Viols.`, or `No DRC violations were found`. After the
  excerpts of a full report in nanosoc's docs ("Reading the reports") and the reader of ECNU's and iEDA's routers.
- `dumpCongestArea -all FILE`, in database units, a line a gcell: `(x, y) (x, y)  V: 3/20  H: -2/18`, the tracks that
  remain (below 0 if too many are used) and all of them; dumpNanoCongestArea has three numbers, remain/used/all. After
  CircuitNet's feature_extraction/src/read.py and DREAMPlace's RUPlace, which read the same lines.
- `reportCongestion -hotSpot`: a table, `[hotspot]  1 | x y x y | score`, in micrometres; scores of over 100 are said
  not to be routable. The value of a gcell is the score / 100.

Deviates: CircuitNet's script writes eGR's horizontal overflow as 1 wherever there is some (it divides a number by
itself); here it is the share of the capacity, as its other three maps are.
"""

from __future__ import annotations

import re

import numpy as np

from appnas.domains.eda.reports.marked import ACROSS, BOTH, CONGESTION, DRC, UP, Marker, Report, made

_N = r"\s*(-?[\d.]+(?:[eE][-+]?\d+)?)\s*"
_TYPE = re.compile(r"^\s*([A-Za-z][\w ]*):\s*\(\s*(.+?)\s*\)\s*(.*?)\s*\(\s*([^()\s]+)\s*\)\s*$")
_BOUNDS = re.compile(rf"^\s*Bounds\s*:\s*\({_N},{_N}\)\s*\({_N},{_N}\)")
_TOTAL = re.compile(r"^\s*Total Violations\s*:\s*(\d+)", re.MULTILINE)
_GCELL = re.compile(
    rf"^\s*\({_N},?{_N}\)\s*\({_N},?{_N}\)\s*V:\s*(-?\d+(?:[\s/]+-?\d+){{1,2}})\s*H:\s*(-?\d+(?:[\s/]+-?\d+){{1,2}})",
    re.MULTILINE,
)
_SPOT = re.compile(r"^\s*(?:\[hotspot\])?\s*\|?\s*\d+\s*\|((?:\s+-?[\d.]+){4})\s*\|\s*(-?[\d.]+)", re.MULTILINE)
VIOLATIONS = re.compile(r"^\s*Bounds\s*:\s*\(|^\s*No DRC violations were found", re.MULTILINE)
AREAS = _GCELL
SPOTS = re.compile(r"hotspot bbox|^\s*\[hotspot\]\s*\d+\s*\|", re.MULTILINE)


def drc(text: str, source: str) -> Report:
    """Violations, with the nets of the wires, vias and pins that they name.

    Raises:
        ValueError: bounds without a line that says what they are of.
    """
    found, before, lost = [], None, 0
    for number, line in enumerate(text.splitlines(), 1):
        bounds = _BOUNDS.match(line)
        if bounds and before is None:
            raise ValueError(f"{source}, line {number}: Bounds without a line TYPE: ( ... ) ... ( LAYER ) above it")
        if bounds and before is not None:
            kind = f"{before[1]}: {before[2]}"
            nets = re.findall(r"\bof Net (\S+)", before[3])
            box = tuple(float(v) for v in bounds.groups())
            found.append(Marker(box, kind, before[4], tuple(nets)))  # type: ignore[arg-type]
            before = None
        else:
            match = _TYPE.match(line)
            lost += match is not None and before is not None
            before = match or before
    said = _TOTAL.search(text)
    notes = [f"{lost} violations have no Bounds: left out"] * bool(lost)
    if said and int(said[1]) != len(found):
        notes.append(f"it says {said[1]} violations, {len(found)} have a box")
    return made(source, "Innovus' DRC report", DRC, found, notes=notes, naming=True)


def _share(said: list[str]) -> np.ndarray:
    """Overflow as a share of all tracks (of at least one), [N], from "remain/all" or "remain/used/all"."""
    rows = [re.split(r"[\s/]+", row.strip()) for row in said]
    remain, tracks = (np.array([float(row[k]) for row in rows]) for k in (0, -1))
    share: np.ndarray = np.maximum(-remain, 0) / np.maximum(tracks, 1)
    return share


def areas(text: str, source: str) -> Report:
    """Overflow of every gcell as a share of its tracks, horizontal and vertical."""
    rows = _GCELL.findall(text)
    boxes = np.array([row[:4] for row in rows], float).reshape(-1, 4)
    n = len(rows)
    over = {UP: _share([row[4] for row in rows]), ACROSS: _share([row[5] for row in rows])}
    form = "Innovus' dumpCongestArea"
    return Report(source, form, CONGESTION, boxes, "dbu", [""] * n, [""] * n, [()] * n, np.ones(n), over)


def spots(text: str, source: str) -> Report:
    """Hot spots: their score / 100 of both directions together."""
    rows = _SPOT.findall(text)
    found = [Marker(tuple(float(v) for v in box.split()), over=((BOTH, float(score) / 100),)) for box, score in rows]  # type: ignore[arg-type]
    notes = ["hot spots are few and large: dumpCongestArea -all FILE says more"]
    return made(source, "Innovus' hot spots", CONGESTION, found, notes=notes)
