"""Feature maps of a placed design: those of Chang et al. (ICCAD 2021, arXiv 2012.01737), and those of CircuitNet.

Maps are [H, W], row 0 at the bottom of the die. Densities are areas per area of a gcell, counts are counts, and wire
densities are lengths in gcell sides. The paper's source could not be read in full, so the definitions below are ours:

- macro: share of a gcell under hard macros and routing blockages; cell, flip_flop, buffer: under cells, sequential
  ones, and cells with one input and one output (in place of the paper's clock-tree cells: open flows have no clock
  tree); pin: pins.
- of nets with many pins (`_large`: more than `LARGE`) and few (`_small`): rudy, the half perimeter spread over the
  bounding box (RUDY: Spindler and Johannes, DATE 2007); bbox, the box's outline; and four kinds of fly lines: pair,
  all pairs of pins, each weighing 1 / (pins - 1); star, every pin to the pins' centroid; source, the driver to every
  other pin; tree, a minimum spanning tree.
- macro_region, cell_density (cells that touch a gcell), RUDY, RUDY_long, RUDY_short, RUDY_pin, RUDY_pin_long as
  CircuitNet's extractor defines them: (1/w + 1/h) times the covered share, long nets spanning more than one gcell.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from appnas.domains.eda.flow.lefdef import Design

LARGE = 4
"""Nets with more pins than this are large."""
CELL_MAPS = ("macro", "cell", "flip_flop", "buffer", "pin")
NET_MAPS = ("rudy", "bbox", "pair", "star", "source", "tree")
PAPER = (*CELL_MAPS, *(f"{name}_large" for name in NET_MAPS), *(f"{name}_small" for name in NET_MAPS))
"""The seventeen channels of the paper, in its order."""
CIRCUITNET = ("macro_region", "cell_density", "RUDY", "RUDY_long", "RUDY_short", "RUDY_pin", "RUDY_pin_long")
"""Channels that CircuitNet's extractor makes from a placement."""


class Grid:
    """Gcells over a die.

    Args:
        die: x0, y0, x1, y1 in micrometres.
        height, width: gcells along y and x.
    """

    def __init__(self, die: tuple[float, float, float, float], height: int, width: int):
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

    def area(self, boxes: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Covered share of every gcell, summed over the boxes, each times its weight."""
        y, x = self.overlap(boxes)
        return (y if weights is None else y * weights[:, None]).T @ x  # type: ignore[no-any-return]

    def lines(self, start: np.ndarray, end: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Length of straight lines in every gcell, in gcell sides, times the weights; exact to a quarter of a side."""
        spans = (end - start) / self.size
        length = np.hypot(spans[:, 0], spans[:, 1])
        steps = np.maximum(np.ceil(4 * length), 1).astype(int)
        of = np.repeat(np.arange(len(steps)), steps)
        first = np.repeat(np.cumsum(steps) - steps, steps)
        t = (np.arange(len(of)) - first + 0.5) / steps[of]
        points = start[of] + t[:, None] * (end - start)[of]
        return self.count(points, (weights * length / steps)[of])


def groups(design: Design) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Signal nets by number of pins, from two: nets [n], and their pins' indices [n, k], the driver first."""
    order = np.lexsort((~design.driver, design.pin_cell < 0, design.pin_net))
    order = order[np.argsort(~design.driver[order], kind="stable")]
    order = order[np.argsort(design.pin_net[order], kind="stable")]
    counts = np.bincount(design.pin_net, minlength=len(design.nets))
    starts = np.cumsum(counts) - counts
    for k in np.unique(counts[counts > 1]):
        nets = np.flatnonzero((counts == k) & design.signals)
        if len(nets):
            yield nets, order[starts[nets][:, None] + np.arange(k)]


def spanning_tree(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges of minimum spanning trees in Manhattan distance (Prim). Shapes: [n, k, 2] -> two of [n, k - 1] indices."""
    n, k, _ = points.shape
    rows = np.arange(n)
    distance = np.abs(points - points[:, :1]).sum(-1)
    parent, joined = np.zeros((n, k), int), np.zeros((n, k), bool)
    joined[:, 0] = True
    starts, ends = np.empty((n, k - 1), int), np.empty((n, k - 1), int)
    for step in range(k - 1):
        new = np.where(joined, np.inf, distance).argmin(1)
        starts[:, step], ends[:, step] = parent[rows, new], new
        joined[rows, new] = True
        further = np.abs(points - points[rows, new][:, None]).sum(-1)
        closer = (further < distance) & ~joined
        distance, parent = np.where(closer, further, distance), np.where(closer, new[:, None], parent)
    return starts, ends


def bounding(points: np.ndarray, least: tuple[float, float]) -> np.ndarray:
    """Bounding boxes [n, 4] of pins [n, k, 2], widened to at least a routing pitch either way."""
    low, high = points.min(1), points.max(1)
    grow = np.maximum(np.array(least) - (high - low), 0) / 2
    return np.concatenate([low - grow, high + grow], 1)


def pitch(design: Design) -> tuple[float, float]:
    """Smallest pitch of vertical and of horizontal routing layers."""
    pitches = {"VERTICAL": [1.0], "HORIZONTAL": [1.0]} if not design.layers else {}
    for direction, step in design.layers.values():
        pitches.setdefault(direction, []).append(step)
    both = [min(steps) for steps in pitches.values()]
    return min(pitches.get("VERTICAL", both)), min(pitches.get("HORIZONTAL", both))


def _fly_lines(grid: Grid, points: np.ndarray) -> dict[str, np.ndarray]:
    n, k, _ = points.shape
    first, second = np.triu_indices(k, 1)
    centre = np.broadcast_to(points.mean(1, keepdims=True), points.shape)
    source = np.broadcast_to(points[:, :1], points[:, 1:].shape)
    starts, ends = spanning_tree(points)
    rows = np.arange(n)[:, None]
    ways = {
        "pair": (points[:, first], points[:, second], 1 / (k - 1)),
        "star": (points, centre, 1.0),
        "source": (source, points[:, 1:], 1.0),
        "tree": (points[rows, starts], points[rows, ends], 1.0),
    }
    return {
        name: grid.lines(a.reshape(-1, 2), b.reshape(-1, 2), np.full(a.shape[0] * a.shape[1], weight))
        for name, (a, b, weight) in ways.items()
    }


def _outline(grid: Grid, boxes: np.ndarray) -> np.ndarray:
    y, x = grid.overlap(boxes)
    rows = np.zeros((len(boxes), grid.shape[0]))
    columns = np.zeros((len(boxes), grid.shape[1]))
    for corner in (boxes[:, :2], boxes[:, 2:]):
        row, column = grid.cells(corner)
        np.add.at(rows, (np.arange(len(boxes)), row), 1)
        np.add.at(columns, (np.arange(len(boxes)), column), 1)
    return rows.T @ x + y.T @ columns  # type: ignore[no-any-return]


def features(design: Design, height: int, width: int) -> dict[str, np.ndarray]:
    """All maps of a placed design by name: `PAPER` and `CIRCUITNET`, each [height, width], float32.

    Raises:
        ValueError: the die has no area, or no net has two pins.
    """
    grid = Grid(design.die, height, width)
    block = np.array([macro.kind.startswith("BLOCK") for macro in design.kinds], bool)
    chosen = {
        "cell": ~block,
        "flip_flop": np.array([macro.sequential for macro in design.kinds], bool),
        "buffer": np.array([macro.buffer for macro in design.kinds], bool),
    }
    hard = [design.boxes[block], np.array([b for _, b in design.blockages]).reshape(-1, 4)]
    maps = {name: grid.area(design.boxes[rows]) for name, rows in chosen.items()}
    maps["macro"] = grid.area(np.unique(np.concatenate(hard), axis=0)).clip(0, 1)
    maps["pin"] = grid.count(design.pins)
    maps |= {f"{name}_{size}": np.zeros(grid.shape) for name in NET_MAPS for size in ("large", "small")}
    maps |= {name: np.zeros(grid.shape) for name in CIRCUITNET}
    maps["macro_region"] = maps["macro"].copy()
    y, x = grid.overlap(design.boxes[~block])
    maps["cell_density"] = (y > 0).astype(float).T @ (x > 0).astype(float)
    empty = True
    for _, pins in groups(design):
        empty = False
        points = design.pins[pins]
        boxes = bounding(points, pitch(design))
        size = "large" if pins.shape[1] > LARGE else "small"
        w, h = (boxes[:, 2] - boxes[:, 0]) / grid.size[0], (boxes[:, 3] - boxes[:, 1]) / grid.size[1]
        maps[f"rudy_{size}"] += grid.area(boxes, 1 / w + 1 / h)
        maps[f"bbox_{size}"] += _outline(grid, boxes)
        for name, lines in _fly_lines(grid, points).items():
            maps[f"{name}_{size}"] += lines
        _circuitnet(maps, grid, points, boxes)
    if empty:
        raise ValueError(f"{design.name}: no net with two pins, so there is nothing to route")
    return {name: maps[name].astype(np.float32) for name in (*PAPER, *CIRCUITNET)}


def _circuitnet(maps: dict[str, np.ndarray], grid: Grid, points: np.ndarray, boxes: np.ndarray) -> None:
    density = 1 / (boxes[:, 2] - boxes[:, 0]) + 1 / (boxes[:, 3] - boxes[:, 1])
    low, high = grid.cells(boxes[:, :2]), grid.cells(boxes[:, 2:])
    long = (low[0] != high[0]) | (low[1] != high[1])
    for name, rows in (("RUDY", slice(None)), ("RUDY_long", long), ("RUDY_short", ~long)):
        maps[name] += grid.area(boxes[rows], density[rows])
    for name, chosen in (("RUDY_pin", np.ones_like(long)), ("RUDY_pin_long", long)):
        weights = np.repeat(density[chosen], points.shape[1])
        maps[name] += grid.count(points[chosen].reshape(-1, 2), weights)
