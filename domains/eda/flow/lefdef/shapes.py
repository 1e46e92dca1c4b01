"""Shapes of LEF and DEF as boxes: turned cells, polygons, paths, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from appnas.domains.eda.flow.lefdef.placed import Box

ORIENTS = ("N", "S", "E", "W", "FN", "FS", "FE", "FW")
Points = Sequence[tuple[float, float]]


def turned(box: Box, orient: str, width: float, height: float) -> Box:
    """A box in a cell's own coordinates after the cell was placed in an orientation.

    W turns left, E right, S half; FN mirrors left and right, FS up and down, FW swaps x and y, FE is FW turned half.

    Raises:
        ValueError: no such orientation.
    """
    x0, y0, x1, y1 = box
    if orient == "N":
        return box
    if orient == "S":
        return width - x1, height - y1, width - x0, height - y0
    if orient == "FN":
        return width - x1, y0, width - x0, y1
    if orient == "FS":
        return x0, height - y1, x1, height - y0
    if orient == "W":
        return height - y1, x0, height - y0, x1
    if orient == "E":
        return y0, width - x1, y1, width - x0
    if orient == "FW":
        return y0, x0, y1, x1
    if orient == "FE":
        return height - y1, width - x1, height - y0, width - x0
    raise ValueError(f"a cell's orientation is one of {', '.join(ORIENTS)}, got {orient!r}")


def box_of(points: Points) -> Box:
    """The box around points."""
    x, y = [p[0] for p in points], [p[1] for p in points]
    return min(x), min(y), max(x), max(y)


def _slabs(points: Points) -> list[tuple[float, float, list[float]]]:
    """Between two neighbouring corners' heights: both, and where the outline crosses the middle."""
    levels = sorted({y for _, y in points})
    edges = list(zip(points, [*points[1:], points[0]], strict=True))
    found = []
    for low, high in pairwise(levels):
        middle = (low + high) / 2
        at = [
            a[0] + (b[0] - a[0]) * (middle - a[1]) / (b[1] - a[1])
            for a, b in edges
            if min(a[1], b[1]) < middle < max(a[1], b[1])
        ]
        found.append((low, high, sorted(at)))
    return found


def rectangles(points: Points) -> list[Box]:
    """A polygon as boxes that do not overlap: exact if its sides are level or upright, else of equal area."""
    return [(a, low, b, high) for low, high, at in _slabs(points) for a, b in zip(at[::2], at[1::2], strict=False)]


def outside(points: Points) -> list[Box]:
    """What a polygon leaves out of the box around it, as boxes."""
    left, _, right, _ = box_of(points)
    found = []
    for low, high, at in _slabs(points):
        ends = [left, *at, right]
        found += [(a, low, b, high) for a, b in zip(ends[::2], ends[1::2], strict=True) if b > a]
    return found


def path(points: Points, width: float, extension: float | None = None) -> list[Box]:
    """A wire of a width through points, its ends longer by `extension` (half the width); slanted parts as their box."""
    out = width / 2 if extension is None else extension
    found = []
    for (x0, y0), (x1, y1) in pairwise(points):
        along, across = (out, width / 2) if abs(x1 - x0) >= abs(y1 - y0) else (width / 2, out)
        found.append((min(x0, x1) - along, min(y0, y1) - across, max(x0, x1) + along, max(y0, y1) + across))
    return found


def moved(box: Box, x: float, y: float) -> Box:
    """A box somewhere else."""
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
