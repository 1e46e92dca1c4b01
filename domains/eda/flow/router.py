"""A pattern global router: how far a placement's wires would overflow the tracks, without a tool and in under a second.

Nets become two-pin connections along minimum spanning trees. Each takes the cheapest of all paths with at most two
bends within its bounding box and a margin; gcells that are full cost more, and those that stay full cost more every
round (negotiated congestion: McMurchie and Ebeling, FPGA 1995). It is a label that needs no router, and a baseline
that no network should lose against.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from appnas.domains.eda.flow.fly_lines import groups, spanning_tree
from appnas.domains.eda.flow.grids import Grid, beyond, by_layer, density
from appnas.domains.eda.flow.lefdef.placed import ANYWHERE, Design
from appnas.domains.eda.flow.maps import PAPER, bounding, maps_on, pitch

ROUNDS = 3
BATCH = 32
"""Connections routed between two updates of the costs."""
MARGIN = 2
"""Gcells around a connection's bounding box that it may use."""
STEEP = 4.0
"""How much a gcell costs more for every further share of its capacity that is used."""
BEND = 0.5
OVERFLOW = ("overflow_h", "overflow_v")
"""Channels of `overflow`."""
TRACKS = ("tracks_h", "tracks_v", "load_h", "load_v")
"""Channels in tracks and in shares of them: see `in_tracks`."""
CAPACITY = (*TRACKS, *OVERFLOW, "layers")
"""What a placement's wires may use and would use; `layers`, how many routing layers there are, is a constant map."""
DEFAULT = (*PAPER, *CAPACITY)
"""What networks read unless told: the paper's channels do not say what room there is, which decides the label."""


def capacity(design: Design, layers: int, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Tracks through every gcell, horizontal and vertical, on the layers above the lowest.

    As many as the DEF file's TRACKS say, or the layers' pitches, less the share that is covered by blockages,
    obstructions of hard macros, straps and rings, and what is no die: what several of them cover counts once.

    Raises:
        ValueError: the library has no routing layers.
    """
    if not design.layers:
        raise ValueError(f"{design.name}: tracks need routing layers; give the technology's LEF file, too")
    both = {"HORIZONTAL": np.zeros(grid.shape), "VERTICAL": np.zeros(grid.shape)}
    side = {"HORIZONTAL": grid.size[1], "VERTICAL": grid.size[0]}
    taken = by_layer((*design.blockages, *design.obstacles))
    taken.setdefault(ANYWHERE, []).extend(beyond(design.die, grid.die))
    for name in list(design.layers)[1:layers]:
        direction, _ = design.layers[name]
        boxes = np.array(taken.get(name, []) + taken[ANYWHERE]).reshape(-1, 4)
        both[direction] += side[direction] * density(design, name) * (1 - grid.covered(boxes))
    return np.maximum(both["HORIZONTAL"], 0.5), np.maximum(both["VERTICAL"], 0.5)


def in_tracks(design: Design, grid: Grid, layers: int | None = None) -> dict[str, np.ndarray]:
    """Maps whose units know no technology, `TRACKS`, each [H, W], float32.

    tracks_h and tracks_v: how many tracks a gcell has, from `capacity`, of all layers unless told. load_h and load_v:
    the share of them that nets take if each spreads the width and the height of its box evenly over the box (RUDY by
    direction, over the capacity).
    """
    h, v = capacity(design, layers or len(design.layers), grid)
    wires_h, wires_v = np.zeros(grid.shape), np.zeros(grid.shape)
    least = pitch(design)
    for _, pins in groups(design):
        boxes = bounding(design.pins[pins], least)
        wires_h += grid.area(boxes, grid.size[1] / (boxes[:, 3] - boxes[:, 1]))
        wires_v += grid.area(boxes, grid.size[0] / (boxes[:, 2] - boxes[:, 0]))
    found = dict(zip(TRACKS, (h, v, wires_h / h, wires_v / v), strict=True))
    return {name: values.astype(np.float32) for name, values in found.items()}


def connections(design: Design, grid: Grid) -> np.ndarray:
    """Two-pin connections between different gcells: row, column, row, column, [M, 4], short ones first."""
    found = []
    for _, pins in groups(design):
        rows, columns = grid.cells(design.pins[pins].reshape(-1, 2))
        at = np.stack([rows, columns], 1).reshape(*pins.shape, 2)
        start, end = spanning_tree(at.astype(float))
        every = np.arange(len(at))[:, None]
        found.append(np.concatenate([at[every, start], at[every, end]], -1).reshape(-1, 4))
    edges = np.concatenate(found) if found else np.zeros((0, 4), int)
    length = np.abs(edges[:, :2] - edges[:, 2:]).sum(1)
    order = np.argsort(length, kind="stable")
    return edges[order][length[order] > 0]  # type: ignore[no-any-return]


class Runs:
    """Prices of straight runs, from sums along rows and columns."""

    def __init__(self, horizontal: np.ndarray, vertical: np.ndarray):
        self.h = np.pad(horizontal.cumsum(1), ((0, 0), (1, 0)))
        self.v = np.pad(vertical.cumsum(0), ((1, 0), (0, 0)))

    def row(self, row: int | np.ndarray, a: int, b: int | np.ndarray) -> np.ndarray:
        """Of a horizontal run between two columns, nothing if they are one."""
        cost = self.h[row, np.maximum(a, b) + 1] - self.h[row, np.minimum(a, b)]
        return np.where(np.equal(a, b), 0.0, cost)

    def column(self, column: int | np.ndarray, a: int, b: int | np.ndarray) -> np.ndarray:
        """Of a vertical run between two rows, nothing if they are one."""
        cost = self.v[np.maximum(a, b) + 1, column] - self.v[np.minimum(a, b), column]
        return np.where(np.equal(a, b), 0.0, cost)

    def best(self, r0: int, c0: int, r1: int, c1: int) -> tuple[bool, int]:
        """The cheapest path with at most two bends: whether its middle run is a column, and which column or row."""
        columns = np.arange(max(min(c0, c1) - MARGIN, 0), min(max(c0, c1) + MARGIN + 1, self.v.shape[1]))
        rows = np.arange(max(min(r0, r1) - MARGIN, 0), min(max(r0, r1) + MARGIN + 1, self.h.shape[0]))
        through = self.row(r0, c0, columns) + self.column(columns, r0, r1) + self.row(r1, c1, columns)
        across = self.column(c0, r0, rows) + self.row(rows, c0, c1) + self.column(c1, r1, rows)
        through = through + BEND * ((columns != c0).astype(float) + (columns != c1))
        across = across + BEND * ((rows != r0).astype(float) + (rows != r1))
        if through.min() <= across.min():
            return True, int(columns[through.argmin()])
        return False, int(rows[across.argmin()])


def _use(demand: tuple[np.ndarray, np.ndarray], edge: tuple[int, ...], way: tuple[bool, int], sign: float) -> None:
    r0, c0, r1, c1 = edge
    by_column, at = way
    h, v = demand
    runs = [(r0, c0, at), (r1, at, c1)] if by_column else [(at, c0, c1)]
    for row, a, b in runs:
        if a != b:
            h[row, min(a, b) : max(a, b) + 1] += sign
    runs = [(at, r0, r1)] if by_column else [(c0, r0, at), (c1, at, r1)]
    for column, a, b in runs:
        if a != b:
            v[min(a, b) : max(a, b) + 1, column] += sign


def overflow(design: Design, layers: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Demand above capacity as a share of capacity, horizontal and vertical, each [height, width]."""
    return overflow_on(design, layers, Grid(design.die, height, width))


def overflow_on(design: Design, layers: int, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """`overflow` on any grid."""
    limit = capacity(design, layers, grid)
    demand = np.zeros(grid.shape), np.zeros(grid.shape)
    history = np.zeros(grid.shape), np.zeros(grid.shape)
    edges = [tuple(row) for row in connections(design, grid).tolist()]
    ways: list[tuple[bool, int]] = []
    for turn in range(ROUNDS):
        for start in range(0, len(edges), BATCH):
            part = range(start, min(start + BATCH, len(edges)))
            for k in part if turn else ():
                _use(demand, edges[k], ways[k], -1.0)
            prices = (
                (1 + past) * (1 + STEEP * (used / full) ** 2)
                for past, used, full in zip(history, demand, limit, strict=True)
            )
            runs = Runs(*prices)
            found = [runs.best(*edges[k]) for k in part]
            ways[start : start + BATCH] = found
            for k, way in zip(part, found, strict=True):
                _use(demand, edges[k], way, 1.0)
        for past, used, full in zip(history, demand, limit, strict=True):
            past += (used / full - 1).clip(0)
    h, v = ((used / full - 1).clip(0) for used, full in zip(demand, limit, strict=True))
    return h, v


def channels(design: Design, grid: Grid, more: Collection[str] = CAPACITY, layers: int = 0) -> dict[str, np.ndarray]:
    """All maps that are made of a placement, by name, each [H, W], float32.

    Args:
        design: placed.
        grid: of gcells.
        more: of `CAPACITY`, besides `PAPER` and `CIRCUITNET`; `TRACKS` and `OVERFLOW` come whole.
        layers: the router may use these many, from the lowest; 0 for all of the LEF files.

    Raises:
        ValueError: no net has two pins, or for `more`, fewer than two layers, or more than the LEF files have.
    """
    there, found = len(design.layers), maps_on(design, grid, layers)
    layers = layers or there
    if there and set(CAPACITY) & set(more) and not 2 <= layers <= there:
        raise ValueError(
            f"{design.name}: a router needs 2 layers or more, and the LEF files have {there}; got {layers}"
        )
    if set(TRACKS) & set(more):
        found |= in_tracks(design, grid, layers)
    if set(OVERFLOW) & set(more):
        both = overflow_on(design, layers, grid)
        found |= {name: over.astype(np.float32) for name, over in zip(OVERFLOW, both, strict=True)}
    if "layers" in more:
        found["layers"] = np.full(grid.shape, layers, np.float32)
    return found
