"""klayout's marker database (.lyrdb): XML, in micrometres, documented at https://www.klayout.de/rdb_format.html.

Every item is one violation, or as many as its multiplicity says, and lies in the box around its geometrical values
(polygon, box, edge, edge-pair, path, label). Its kind is its category and that category's description, by which
`--kinds spacing` finds rules such as m1.2. Items name neither layers nor nets.

What is in a cell below the top is placed wherever the cell's references put it; a cell that is neither the top nor has
references is left out, and said. Transformations are r0 to r270 and m0 to m135 ("mirrored at the axis of the angle"),
a magnification and a displacement, as `DCplxTrans` writes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np

from appnas.domains.eda.reports.marked import DRC, Marker, Report, made

SIGN = re.compile(r"<report-database\b")
_POINT = re.compile(r"(-?[\d.]+(?:[eE][-+]?\d+)?)\s*,\s*(-?[\d.]+(?:[eE][-+]?\d+)?)")
_TRANS = re.compile(r"([rm])(-?[\d.]+)(?:\s+\*([\d.]+))?\s+(-?[\d.eE+-]+),(-?[\d.eE+-]+)")
_SHAPES = ("polygon", "box", "edge", "edge-pair", "path", "label")


def placing(said: str) -> np.ndarray:
    """A text such as "r90 *1 10,20" as a matrix [2, 3]: a turn or a mirror image, then a displacement.

    Raises:
        ValueError: another form.
    """
    found = _TRANS.search(said)
    if not found:
        raise ValueError(f"a reference has the transformation {said!r}, not one such as 'r90 *1 10,20'")
    angle = math.radians(float(found[2]))
    size = float(found[3] or 1)
    c, s = (round(f, 12) * size for f in (math.cos(angle), math.sin(angle)))
    if found[1] == "m":  # at a line at this angle
        c, s = (round(f, 12) * size for f in (math.cos(2 * angle), math.sin(2 * angle)))
        return np.array([[c, s, float(found[4])], [s, -c, float(found[5])]])
    return np.array([[c, -s, float(found[4])], [s, c, float(found[5])]])


class Cells:
    """Where every cell of a database lies in the top cell."""

    def __init__(self, root: ElementTree.Element):
        self.top = _text(root, "top-cell")
        self.references: dict[str, list[tuple[str, np.ndarray]]] = {}
        for cell in root.iter("cell"):
            name = _text(cell, "name")
            if name:
                full = ":".join(part for part in (name, _text(cell, "variant")) if part)
                refs = [(_text(ref, "parent"), placing(_text(ref, "trans"))) for ref in cell.iter("ref")]
                self.references[full] = refs
        self.known: dict[str, list[np.ndarray]] = {}

    def placings(self, cell: str) -> list[np.ndarray]:
        """Matrices [2, 3] of all places, none if there is no way to the top."""
        if cell not in self.known:
            self.known[cell] = []  # a circle ends here
            places = [np.eye(2, 3)] if cell.split(":")[0] == self.top or not self.top or not cell else []
            for parent, own in self.references.get(cell, []) if not places else []:
                for outer in self.placings(parent):
                    places.append(outer[:, :2] @ own + np.pad(outer[:, 2:], ((0, 0), (2, 0))))
            self.known[cell] = places
        return self.known[cell]


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _categories(element: ElementTree.Element, before: str = "") -> Iterator[tuple[str, str]]:
    for category in element.findall("categories/category"):
        name = before + _text(category, "name")
        yield name, _text(category, "description")
        yield from _categories(category, f"{name}.")


def _points(item: ElementTree.Element) -> np.ndarray:
    """All corners of its geometrical values, [n, 2]."""
    found: list[tuple[str, str]] = []
    for value in item.iter("value"):
        kind, _, shape = re.sub(r"^\[.*?\]\s*", "", (value.text or "").strip()).partition(":")
        if kind in _SHAPES:
            found += _POINT.findall(shape.split("'")[-1] if kind == "label" else shape)
    return np.array(found, float).reshape(-1, 2)


def read(text: str, source: str) -> Report:
    """DRC markers.

    Raises:
        ValueError: no XML to the end, or a transformation of another form.
    """
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        raise ValueError(f"{source} is cut off or damaged, its XML does not end well: {error}") from error
    cells, about = Cells(root), dict(_categories(root))
    found, lost, empty, waived = [], 0, 0, 0
    for item in root.iter("item"):
        if "waived" in re.split(r"[\s,]+", _text(item, "tags")):
            waived += 1
            continue
        name = re.sub(r"'([^']*)'", r"\1", _text(item, "category"))
        points = _points(item)
        places = cells.placings(_text(item, "cell"))
        many = float(_text(item, "multiplicity") or 1)
        if not len(points) or not places:
            lost += bool(len(points))
            empty += not len(points)
        for place in places if len(points) else ():
            at = points @ place[:, :2].T + place[:, 2]
            kind = ": ".join(part for part in (name, about.get(name, "")) if part)
            found.append(Marker((*at.min(0), *at.max(0)), kind, amount=many))
    notes = [f"{lost} items are in cells that the top cell has no reference to: left out"] * bool(lost)
    notes += [f"{empty} items have no shape: left out"] * bool(empty)
    notes += [f"{waived} items are waived: left out"] * bool(waived)
    return made(source, "klayout's marker database", DRC, found, notes=notes)
