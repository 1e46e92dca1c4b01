"""Gcells over a die: so many, of so many micrometres or tracks, or where the DEF file draws them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from appnas.domains.eda.flow.lefdef.placed import Box, Design

AT_ONCE = 1 << 18
"""Points, or box sides, that are held at a time."""
MOST = 1 << 22
"""Gcells of a grid, at most."""
HOW = "N or HxW gcells, gcells of a size (4.2um, 4.2x5.6um, 15tracks, 15x20tracks: height x width), or gcellgrid"


def disjoint(boxes: np.ndarray) -> np.ndarray:
    """Boxes that cover what the given ones cover, none of them twice. Shapes: [N, 4] -> [M, 4]."""
    boxes = boxes[np.argsort(boxes[:, 1], kind="stable")]
    levels, found, active = np.unique(boxes[:, [1, 3]]), [np.zeros((0, 4))], boxes[:0]
    begins = np.searchsorted(boxes[:, 1], levels)
    for k, (low, high) in enumerate(pairwise(levels)):
        active = np.concatenate([active[active[:, 3] > low], boxes[begins[k] : begins[k + 1]]])
        if len(active):
            sides = np.unique(active[:, [0, 2]], axis=0)
            reach = np.maximum.accumulate(sides[:, 1])
            first = np.flatnonzero(np.append(True, sides[1:, 0] > reach[:-1]))
            end = reach[np.append(first[1:] - 1, len(sides) - 1)]
            found.append(np.stack([sides[first, 0], np.full_like(end, low), end, np.full_like(end, high)], 1))
    return np.concatenate(found)


class Grid:
    """Gcells over a die.

    Args:
        die: x0, y0, x1, y1 in micrometres.
        height, width: gcells along y and x.
    """

    def __init__(self, die: Box, height: int, width: int):
        if min(height, width) < 1 or die[2] <= die[0] or die[3] <= die[1]:
            raise ValueError(f"a grid needs a die with an area and at least one gcell, got {die}, {height} x {width}")
        self.die, self.shape = die, (height, width)
        self.size = (die[2] - die[0]) / width, (die[3] - die[1]) / height

    def cells(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of every point [N, 2]; those outside of the die belong to its edge."""
        columns = np.floor((points[:, 0] - self.die[0]) / self.size[0]).astype(int)
        rows = np.floor((points[:, 1] - self.die[1]) / self.size[1]).astype(int)
        return rows.clip(0, self.shape[0] - 1), columns.clip(0, self.shape[1] - 1)

    def count(self, points: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Sum of the weights of the points in every gcell."""
        rows, columns = self.cells(points)
        flat = np.bincount(rows * self.shape[1] + columns, weights, self.shape[0] * self.shape[1])
        return flat.reshape(self.shape)

    def overlap(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How much of every gcell's side a box covers, in gcell sides: along y [N, H] and x [N, W]."""
        sides = []
        for low, high, start, step, count in (
            (boxes[:, 1], boxes[:, 3], self.die[1], self.size[1], self.shape[0]),
            (boxes[:, 0], boxes[:, 2], self.die[0], self.size[0], self.shape[1]),
        ):
            edges = start + step * np.arange(count)
            covered = np.minimum(high[:, None], edges + step) - np.maximum(low[:, None], edges)
            sides.append(covered.clip(0) / step)
        return sides[0], sides[1]

    def few(self, n: int) -> Iterator[slice]:
        """So many boxes, a few at a time: what is held does not grow with their number."""
        step = max(AT_ONCE // sum(self.shape), 1)
        return (slice(k, k + step) for k in range(0, n, step))

    def area(self, boxes: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Covered share of every gcell, summed over the boxes, each times its weight."""
        found = np.zeros(self.shape)
        for part in self.few(len(boxes)):
            y, x = self.overlap(boxes[part])
            found += (y if weights is None else y * weights[part, None]).T @ x
        return found

    def covered(self, boxes: np.ndarray) -> np.ndarray:
        """Share of every gcell that one of the boxes covers, or several."""
        return self.area(disjoint(boxes)).clip(0, 1)

    def touching(self, boxes: np.ndarray) -> np.ndarray:
        """How many boxes every gcell has a part of."""
        found = np.zeros(self.shape)
        for part in self.few(len(boxes)):
            y, x = self.overlap(boxes[part])
            found += (y > 0).astype(float).T @ (x > 0).astype(float)
        return found

    def outline(self, boxes: np.ndarray) -> np.ndarray:
        """Length of the boxes' sides in every gcell, in gcell sides."""
        found = np.zeros(self.shape)
        for part in self.few(len(boxes)):
            y, x = self.overlap(boxes[part])
            rows, columns = np.zeros_like(y), np.zeros_like(x)
            every = np.arange(len(y))
            for corner in (boxes[part, :2], boxes[part, 2:]):
                row, column = self.cells(corner)
                np.add.at(rows, (every, row), 1)
                np.add.at(columns, (every, column), 1)
            found += rows.T @ x + y.T @ columns
        return found

    def lines(self, start: np.ndarray, end: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Length of straight lines in every gcell, in gcell sides, times the weights; exact to a quarter of a side."""
        spans = (end - start) / self.size
        length = np.hypot(spans[:, 0], spans[:, 1])
        steps = np.maximum(np.ceil(4 * length), 1).astype(int)
        cuts = np.searchsorted(np.cumsum(steps), np.arange(0, max(int(steps.sum()), 1), AT_ONCE))
        found, each = np.zeros(self.shape), weights * length / steps
        for first, last in zip(cuts, [*cuts[1:], len(steps)], strict=True):
            part = slice(first, last)
            found += self._lines(start[part], end[part], each[part], steps[part])
        return found

    def _lines(self, start: np.ndarray, end: np.ndarray, each: np.ndarray, steps: np.ndarray) -> np.ndarray:
        of = np.repeat(np.arange(len(steps)), steps)
        first = np.repeat(np.cumsum(steps) - steps, steps)
        t = (np.arange(len(of)) - first + 0.5) / steps[of]
        points = start[of] + t[:, None] * (end - start)[of]
        return self.count(points, each[of])

    def tiles(self, height: int, width: int, margin: int) -> Iterator[tuple[slice, slice, slice, slice]]:
        """Windows of a size that cover a grid: their rows and columns, and which of these are theirs alone.

        They overlap. What is a window's own is at least `margin` from its edge, unless that is the grid's.

        Raises:
            ValueError: the grid is smaller than a window, or the margins leave nothing of one.
        """
        if height > self.shape[0] or width > self.shape[1] or min(height, width) <= 2 * margin:
            raise ValueError(
                f"a grid of {self.shape[0]} x {self.shape[1]} gcells has no windows of {height} x {width}"
                f" with margins of {margin}"
            )
        for rows, own_rows in _spans(self.shape[0], height, margin):
            for columns, own_columns in _spans(self.shape[1], width, margin):
                yield rows, columns, own_rows, own_columns


def _spans(whole: int, side: int, margin: int) -> list[tuple[slice, slice]]:
    """Along one side: windows, and what is theirs alone."""
    count = 1 if whole == side else math.ceil((whole - 2 * margin) / (side - 2 * margin))
    starts = np.linspace(0, whole - side, count).round().astype(int).tolist()
    borders = [0, *((a + side + b) // 2 for a, b in pairwise(starts)), whole]
    return [(slice(s, s + side), slice(a, b)) for s, a, b in zip(starts, borders[:-1], borders[1:], strict=True)]


def beyond(die: Box, grid: Box) -> list[Box]:
    """What of a grid's box lies off the die, left, right, below and above it."""
    (x0, y0, x1, y1), (left, low, right, high) = die, grid
    strips = [(left, low, x0, high), (x1, low, right, high), (x0, low, x1, y0), (x0, y1, x1, high)]
    return [box for box in strips if box[2] > box[0] and box[3] > box[1]]


def density(design: Design, layer: str) -> float:
    """Tracks of a routing layer a micrometre: of the DEF file's TRACKS in its direction, else by its pitch."""
    direction, pitch = design.layers[layer]
    axis, k = ("Y", 1) if direction == "HORIZONTAL" else ("X", 0)
    side = design.die[k + 2] - design.die[k]
    rows = [row for row in design.tracks.get(layer, []) if row[0] == axis and row[2] > 0]
    return sum(min((count + 1) * step / side, 1) / step for _, _, step, count in rows) or 1 / pitch


def by_layer(boxes: Iterable[tuple[str, Box]]) -> dict[str, list[Box]]:
    """Boxes of blockages and obstructions by their layer."""
    found: dict[str, list[Box]] = {}
    for layer, box in boxes:
        found.setdefault(layer, []).append(box)
    return found


def shares(design: Design, layers: int = 0) -> dict[str, float]:
    """The tracks of every routing layer above the lowest, as a share of those that hard macros bar.

    These are the layers from the third up, or of two the second: all of them barred are as a macro, in any technology.

    Args:
        design: with layers.
        layers: that wires may use, from the lowest; 0 for all.
    """
    found = {name: density(design, name) for name in list(design.layers)[1 : layers or None]}
    whole = sum(list(found.values())[1:] or found.values())
    return {name: tracks / whole for name, tracks in found.items()}


def track(design: Design) -> tuple[float, float]:
    """Distance of two tracks along x and along y: of the finest routing layer of either direction above the lowest."""
    layers = list(design.layers)[1:] or list(design.layers)
    steps = {
        way: [1 / density(design, name) for name in layers if design.layers[name][0] == way]
        for way in ("VERTICAL", "HORIZONTAL")
    }
    every = [step for found in steps.values() for step in found]
    if not every:
        raise ValueError(f"{design.name}: gcells of so many tracks need routing layers with a pitch")
    return min(steps["VERTICAL"] or every), min(steps["HORIZONTAL"] or every)


def sized(die: Box, width: float, height: float) -> Grid:
    """Gcells of a size in micrometres from the die's lower left corner on; the last ones may stand out over the die.

    Raises:
        ValueError: a size that is not above 0, or more gcells than `MOST`.
    """
    if not (width > 0 and height > 0):
        raise ValueError(f"gcells need a width and a height above 0, got {width:g} x {height:g} um")
    columns, rows = (max(math.ceil((die[k + 2] - die[k]) / s - 1e-6), 1) for k, s in ((0, width), (1, height)))
    if rows * columns > MOST:
        raise ValueError(f"{rows} x {columns} gcells of {width:g} x {height:g} um are too many: give a larger size")
    return Grid((die[0], die[1], die[0] + columns * width, die[1] + rows * height), rows, columns)


def drawn(design: Design) -> Grid:
    """The gcells of the DEF file's GCELLGRID.

    Of several statements along an axis the one with the most lines has the size; the others, at the borders, stretch or
    cut the last gcells, which are whole ones here.

    Raises:
        ValueError: it has none along x or y.
    """
    if not all(design.gcells.get(axis) for axis in "XY"):
        raise ValueError(f"{design.name}: the DEF file has no GCELLGRID along X and Y; give {HOW}")
    start, size = [], []
    for k, axis in enumerate("XY"):
        first, step, _ = max(design.gcells[axis], key=lambda row: row[2])
        start.append(first - step * round((first - design.die[k]) / step))
        size.append(step)
    return sized((start[0], start[1], design.die[2], design.die[3]), size[0], size[1])


class Asked(NamedTuple):
    """A grid that somebody asked for."""

    unit: Literal["gcells", "um", "tracks", "gcellgrid"]
    height: float = 0
    width: float = 0


def asked(said: str) -> Asked:
    """What is meant by "32", "24x32", "4.2um", "4.2x5.6um", "15tracks", "15x20tracks" or "gcellgrid"; heights first.

    Raises:
        ValueError: something else, sizes of 0, or more than `MOST` gcells.
    """
    text = said.strip().lower()
    if text == "gcellgrid":
        return Asked("gcellgrid")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\s*x\s*(\d+(?:\.\d+)?))?\s*(um|µm|tracks?)?", text)
    if not found:
        raise ValueError(f"grid is {HOW}; got {said!r}")
    height, width = float(found[1]), float(found[2] or found[1])
    if found[3]:
        if not min(height, width) > 0:
            raise ValueError(f"grid needs gcells with a height and a width above 0, got {said!r}")
        return Asked("tracks" if found[3].startswith("track") else "um", height, width)
    if not (height.is_integer() and width.is_integer()):
        raise ValueError(f"grid is {HOW}; got {said!r}, without a unit")
    if min(height, width) < 1 or height * width > MOST:
        raise ValueError(
            f"grid must be at least 1, got {said}" if height * width < 1 else f"at most {MOST} gcells: {said}"
        )
    return Asked("gcells", height, width)


def grid_of(design: Design, said: str) -> Grid:
    """The grid that somebody asked for, on a design; see `asked`.

    Raises:
        ValueError: as for `asked`, `drawn`, `sized` and `track`.
    """
    unit, height, width = asked(said)
    if unit == "gcellgrid":
        return drawn(design)
    if unit == "gcells":
        return Grid(design.die, int(height), int(width))
    x, y = track(design) if unit == "tracks" else (1.0, 1.0)
    return sized(design.die, width * x, height * y)
