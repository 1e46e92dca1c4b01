"""Feature maps of a placed design: those of Chang et al. (ICCAD 2021, arXiv 2012.01737), and those of CircuitNet.

Maps are [H, W], row 0 at the bottom of the die. Densities are areas per area of a gcell, counts are counts, and wire
densities are lengths in gcell sides. The paper's source could not be read in full, so the definitions below are ours:

- macro: share of a gcell under hard macros (blocks, pads, rings) and blockages of placement, of PARTIAL ones what they
  bar, and of one of a routing layer the layer's share of the tracks (`grids.shares`; all of it where the LEF files have
  no layers); what several cover is counted once; cell, flip_flop, buffer: under cells,
  sequential ones, and cells with one input and one output (in place of the paper's clock-tree cells: open flows have
  no clock tree); pin: pins.
- of nets with many pins (`_large`: more than `LARGE`) and few (`_small`): rudy, the half perimeter spread over the
  bounding box (RUDY: Spindler and Johannes, DATE 2007); bbox, the box's outline; and four kinds of fly lines: pair,
  all pairs of pins, each weighing 1 / (pins - 1), of nets of over 64 pins a sample of them (see `fly_lines`); star,
  every pin to the pins' centroid; source, the driver to every other pin; tree, a minimum spanning tree.
- macro_region, cell_density (cells that touch a gcell), RUDY, RUDY_long, RUDY_short, RUDY_pin, RUDY_pin_long as
  CircuitNet's extractor defines them: (1/w + 1/h) times the covered share, long nets spanning more than one gcell.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from appnas.domains.eda.flow.fly_lines import fly_lines, groups, spanning_tree
from appnas.domains.eda.flow.grids import Grid, by_layer, shares
from appnas.domains.eda.flow.lefdef.placed import ANYWHERE, PLACEMENT, Box, Design

__all__ = ["CIRCUITNET", "PAPER", "Grid", "bounding", "features", "groups", "maps_on", "pitch", "spanning_tree"]
LARGE = 4
"""Nets with more pins than this are large."""
CELL_MAPS = ("macro", "cell", "flip_flop", "buffer", "pin")
NET_MAPS = ("rudy", "bbox", "pair", "star", "source", "tree")
PAPER = (*CELL_MAPS, *(f"{name}_large" for name in NET_MAPS), *(f"{name}_small" for name in NET_MAPS))
"""The seventeen channels of the paper, in its order."""
CIRCUITNET = ("macro_region", "cell_density", "RUDY", "RUDY_long", "RUDY_short", "RUDY_pin", "RUDY_pin_long")
"""Channels that CircuitNet's extractor makes from a placement."""


def boxes_of(boxes: Iterable[Box]) -> np.ndarray:
    """Boxes as an array, [n, 4]."""
    return np.array([*boxes], float).reshape(-1, 4)


def bounding(points: np.ndarray, least: tuple[float, float]) -> np.ndarray:
    """Bounding boxes [n, 4] of pins [n, k, 2], widened to at least a routing pitch either way."""
    low, high = points.min(1), points.max(1)
    grow = np.maximum(np.array(least) - (high - low), 0) / 2
    return np.concatenate([low - grow, high + grow], 1)


def pitch(design: Design) -> tuple[float, float]:
    """Smallest pitch of vertical and of horizontal routing layers.

    Of a library without layers, as CircuitNet's: what the user said, else the smallest step of the DEF file's TRACKS
    along either axis, else 1 um. It is the least width of a net's box, and nothing else.
    """
    if not design.layers:
        steps = [[row[2] for rows in design.tracks.values() for row in rows if row[0] == axis] for axis in "XY"]
        x, y = (design.pitch or min(found, default=1.0) for found in steps)
        return x, y
    pitches: dict[str, list[float]] = {}
    for direction, step in design.layers.values():
        pitches.setdefault(direction, []).append(step)
    both = [min(steps) for steps in pitches.values()]
    return min(pitches.get("VERTICAL", both)), min(pitches.get("HORIZONTAL", both))


def features(design: Design, height: int, width: int) -> dict[str, np.ndarray]:
    """All maps of a placed design by name: `PAPER` and `CIRCUITNET`, each [height, width], float32.

    Raises:
        ValueError: the die has no area, or no net has two pins.
    """
    return maps_on(design, Grid(design.die, height, width))


def maps_on(design: Design, grid: Grid, layers: int = 0) -> dict[str, np.ndarray]:
    """`features` on any grid, where wires may use so many layers, 0 for all.

    Raises:
        ValueError: no net has two pins.
    """
    kinds = {id(macro): macro for macro in design.kinds}
    said = {key: (m.role == "hard", m.sequential, m.buffer) for key, m in kinds.items()}
    what = np.array([said[id(macro)] for macro in design.kinds], bool).reshape(-1, 3)
    hard = what[:, 0]
    maps = {"cell": grid.area(design.boxes[~hard])}
    maps |= {name: grid.area(design.boxes[what[:, k] & ~hard]) for k, name in ((1, "flip_flop"), (2, "buffer"))}
    maps["macro"] = _barred(design, design.boxes[hard], grid, layers)
    maps["pin"] = grid.count(design.pins)
    maps |= {f"{name}_{size}": np.zeros(grid.shape) for name in NET_MAPS for size in ("large", "small")}
    maps |= {name: np.zeros(grid.shape) for name in CIRCUITNET}
    maps["macro_region"] = maps["macro"].copy()
    maps["cell_density"] = grid.touching(design.boxes[~hard])
    empty, least = True, pitch(design)
    for _, pins in groups(design):
        empty = False
        points = design.pins[pins]
        boxes = bounding(points, least)
        size = "large" if pins.shape[1] > LARGE else "small"
        w, h = (boxes[:, 2] - boxes[:, 0]) / grid.size[0], (boxes[:, 3] - boxes[:, 1]) / grid.size[1]
        maps[f"rudy_{size}"] += grid.area(boxes, 1 / w + 1 / h)
        maps[f"bbox_{size}"] += grid.outline(boxes)
        for name, lines in fly_lines(grid, points).items():
            maps[f"{name}_{size}"] += lines
        _circuitnet(maps, grid, points, boxes)
    if empty:
        raise ValueError(f"{design.name}: no net with two pins, so there is nothing to route")
    return {name: maps[name].astype(np.float32) for name in (*PAPER, *CIRCUITNET)}


def _barred(design: Design, hard: np.ndarray, grid: Grid, layers: int) -> np.ndarray:
    """Share of every gcell under hard macros and blockages; one of a cut layer bars nothing."""
    boxes = by_layer(design.blockages)
    every = (PLACEMENT, ANYWHERE) if design.layers else boxes
    whole = np.concatenate([hard, boxes_of(box for layer in every for box in boxes.get(layer, []))])
    parts = [(share, [box]) for share, box in design.partial]
    parts += [(share, boxes[layer]) for layer, share in shares(design, layers).items() if layer in boxes]
    found = base = grid.covered(whole)
    for share, some in parts:
        found = found + share * (grid.covered(np.concatenate([whole, boxes_of(some)])) - base)
    return found.clip(0, 1)


def _circuitnet(maps: dict[str, np.ndarray], grid: Grid, points: np.ndarray, boxes: np.ndarray) -> None:
    density = 1 / (boxes[:, 2] - boxes[:, 0]) + 1 / (boxes[:, 3] - boxes[:, 1])
    low, high = grid.cells(boxes[:, :2]), grid.cells(boxes[:, 2:])
    long = (low[0] != high[0]) | (low[1] != high[1])
    for name, rows in (("RUDY", slice(None)), ("RUDY_long", long), ("RUDY_short", ~long)):
        maps[name] += grid.area(boxes[rows], density[rows])
    for name, chosen in (("RUDY_pin", np.ones_like(long)), ("RUDY_pin_long", long)):
        weights = np.repeat(density[chosen], points.shape[1])
        maps[name] += grid.count(points[chosen].reshape(-1, 2), weights)
