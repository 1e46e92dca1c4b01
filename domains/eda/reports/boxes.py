"""Tables with a box a row: OpenROAD's heat maps, and what any tool can be made to write.

`gui::dump_heatmap NAME FILE` writes, in micrometres, `x0,y0,x1,y1,value (%)`, in older versions `value` alone
(HeatMapDataSource::dumpToFile, src/gui). Coordinates have four significant digits there, so the boxes of dies of over a
millimetre are coarse; the heat map of routing ends at 100 %.

Other columns make the same form a way in for tools whose reports have no coordinates: kind, layer, net or nets (between
spaces), value, and for congestion overflow_h and overflow_v, as shares of the capacity. Commas, semicolons or tabs.

Given as DRC, a row is a violation, or `value` of them. Given as congestion, overflow_h and overflow_v are the labels
congestion_h and congestion_v, and a value is the label congestion, as it is: of a heat map use, not overflow.
"""

from __future__ import annotations

import csv
import re

from appnas.domains.eda.reports.marked import ACROSS, BOTH, EITHER, UP, Marker, Report, made

SIGN = re.compile(r"\A\W*x0\s*[,;\t]\s*y0\s*[,;\t]\s*x1\s*[,;\t]\s*y1\b", re.IGNORECASE)
CORNERS = ("x0", "y0", "x1", "y1")
KNOWN = {*CORNERS, "value", "kind", "layer", "net", "nets", "overflow_h", "overflow_v"}
_LABELS = (("overflow_h", ACROSS), ("overflow_v", UP), ("value", BOTH))


def read(text: str, source: str) -> Report:
    """Rows as markers, for DRC and for congestion.

    Raises:
        ValueError: columns that mean nothing, a row of another length, or what should be a number is none.
    """
    lines = text.lstrip("\ufeff").splitlines()
    mark = next(c for c in ",;\t" if c in lines[0])
    rows = [row for row in csv.reader(lines, delimiter=mark) if row]
    names = [re.sub(r"\s*\(.*\)$", "", name.strip()).lower() for name in rows[0]]
    unknown = [name for name in names if name not in KNOWN]
    if unknown:
        raise ValueError(f"{source}: the columns {unknown} mean nothing here; known are {sorted(KNOWN)}")
    found = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise ValueError(f"{source}, row {number}: {len(row)} columns, the header has {len(names)}")
        cells = dict(zip(names, row, strict=True))
        try:
            box = tuple(float(cells[name]) for name in CORNERS)
            over = tuple((label, float(cells[name])) for name, label in _LABELS if name in cells)
            amount = float(cells.get("value", 1))
        except ValueError as error:
            raise ValueError(f"{source}, row {number}: {error}") from error
        nets = (cells.get("nets") or cells.get("net") or "").split()
        found.append(Marker(box, cells.get("kind", ""), cells.get("layer", ""), tuple(nets), amount, over))  # type: ignore[arg-type]
    form = "a heat map" if set(names) == {*CORNERS, "value"} else "a table of boxes"
    return made(source, form, EITHER, found, naming=bool({"net", "nets"} & set(names)))
