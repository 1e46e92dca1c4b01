"""OpenROAD's marker reports: DRC of detailed_route (TritonRoute's), and congestion of global_route.

An entry has three or four lines, in micrometres (the unit of `-output_drc` and `-congestion_report_file`):

    violation type: Short
        srcs: net:a net:b
        bbox = (18.56, 19.82) - (18.70, 19.96) on Layer met1

and of congestion, before the box, a line `congestion information: capacity:17 usage:20 overflow:3`, in later versions
`comment: capacity:17 ...`. The layer is then "-", the type Horizontal or Vertical congestion. The grammar is that of
OpenROAD's own reader, `dbMarkerCategory::fromTR` (src/odb/src/db), and of the writers of src/drt and src/grt; the
options are in the manuals of detailed_route and global_route. Only congested gcells are listed, so all others have 0.

Deviates: lines in any order within an entry, and none but the box is needed; sources without "net:", as older
TritonRoute writes them, are nets unless they are N/A.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appnas.domains.eda.reports.marked import ACROSS, CONGESTION, DRC, UP, Marker, Report, made

SIGN = re.compile(r"^\s*violation type:", re.MULTILINE)
_NUMBER = r"\s*(-?[\d.]+(?:[eE][-+]?\d+)?)\s*"
_BOX = re.compile(rf"bbox\s*=\s*\({_NUMBER},{_NUMBER}\)\s*-\s*\({_NUMBER},{_NUMBER}\)\s*on Layer\s+(\S+)")
_USE = re.compile(r"capacity:\s*(-?\d+)\s+usage:\s*(-?\d+)\s+overflow:\s*(-?\d+)")
_WAYS = {"horizontal congestion": ACROSS, "vertical congestion": UP}


def markers(text: str, source: str) -> Iterator[Marker]:
    """One after another.

    Raises:
        ValueError: an entry without a box, or one of congestion without its capacity: the file is cut off.
    """
    starts = [m.start() for m in SIGN.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        entry = text[start:end]
        kind = entry.split("violation type:", 1)[1].split("\n", 1)[0].strip()
        box = _BOX.search(entry)
        if not box:
            line = text.count("\n", 0, start) + 1
            raise ValueError(f"{source}, line {line}: {kind!r} has no bbox = (x, y) - (x, y) on Layer: it is cut off")
        found = re.search(r"srcs:(.*)", entry)
        words = found[1].split() if found else []
        nets = tuple(w.removeprefix("net:") for w in words if w.startswith("net:") or (":" not in w and w != "N/A"))
        way, over = _WAYS.get(kind.lower()), ()
        if way:
            use = _USE.search(entry)
            if not use:
                line = text.count("\n", 0, start) + 1
                raise ValueError(f"{source}, line {line}: {kind!r} has no capacity:N usage:N overflow:N")
            over = ((way, max(int(use[3]), 0) / max(int(use[1]), 1)),)  # type: ignore[assignment]
        corners = tuple(float(v) for v in box.groups()[:4])
        yield Marker(corners, kind, box[5], nets, over=over)  # type: ignore[arg-type]


def read(text: str, source: str) -> Report:
    """DRC or congestion markers; the value of congestion is the overflow as a share of the capacity (of at least 1).

    Raises:
        ValueError: as for `markers`, or markers of both kinds in one file.
    """
    found = list(markers(text, source))
    over = sum(bool(m.over) for m in found)
    if 0 < over < len(found):
        raise ValueError(f"{source} has {over} markers of congestion and {len(found) - over} of DRC: give two files")
    what = "congestion report" if over else "DRC report"
    return made(source, f"OpenROAD's {what}", CONGESTION if over else DRC, found, naming=not over)
