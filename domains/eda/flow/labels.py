"""Labels of a routed design: how full its tracks are, and where wires would have to conflict.

A maze router never leaves a violation; it leaves a net open. So the number of nets it could not finish stands for the
number of nets with violations, and violations are placed as follows: every open net is completed by the path over the
router's own tracks that crosses the fewest foreign wires (Dijkstra; a step costs 1, against the layer's direction 3,
a via 4, a foreign wire 30 more, an obstruction 200 more), and every crossed node is a marker. Later completions see
earlier ones. It imitates a router that prefers shorts to opens in its last iteration; it is no sign-off report, and
knows nothing of metal1, via spacing or pin access.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from appnas.domains.eda.flow.grids import Grid
from appnas.domains.eda.flow.lefdef.placed import ANYWHERE, Box, Design

WRONG_WAY, VIA, FOREIGN, OBSTRUCTED = 3.0, 4.0, 30.0, 200.0
WINDOW = 14
"""Tracks around a net's bounding box that a completing path may use."""
FREE, BLOCKED = -1, -2
"""Occupants of a node that are no net."""


@dataclass
class Labels:
    """Maps [H, W], row 0 at the bottom."""

    drc: np.ndarray
    """Violation markers."""
    util_h: np.ndarray
    """Occupied horizontal track nodes a track node; above 1 where completions conflict."""
    util_v: np.ndarray
    """The same of vertical tracks."""


class Tracks:
    """Nodes of the routing tracks above metal1: which net occupies each.

    Args:
        design: routed; its lowest layer is for pins.
        layers: number of routing layers.

    Raises:
        ValueError: no tracks.
    """

    def __init__(self, design: Design, layers: int):
        self.layers = list(design.layers)[1:layers]
        rows = [row for found in design.tracks.values() for row in found]
        if not rows or not self.layers:
            raise ValueError(f"{design.name}: labels need TRACKS of at least two routing layers, got {design.tracks}")
        fine = {axis: min((row for row in rows if row[0] == axis), key=lambda row: row[2]) for axis in "XY"}
        self.start = np.array([fine["X"][1], fine["Y"][1]])
        self.step = np.array([fine["X"][2], fine["Y"][2]])
        self.corner, self.pitch = self.start.tolist(), self.step.tolist()
        self.shape = len(self.layers), fine["Y"][3], fine["X"][3]
        self.vertical = np.array([design.layers[layer][0] == "VERTICAL" for layer in self.layers])
        self.owner = np.full(self.shape, FREE)
        self.usable = np.zeros(self.shape, bool)
        for k, layer in enumerate(self.layers):
            axis, first, step, count = next(row for row in design.tracks[layer])
            across = 0 if axis == "X" else 1
            at = np.round((first + step * np.arange(count) - self.start[across]) / self.step[across]).astype(int)
            at = at[(at >= 0) & (at < self.shape[2 - across])]
            if across == 0:
                self.usable[k, :, at] = True
            else:
                self.usable[k, at] = True

    def index(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of the nearest node."""
        (x0, y0), (dx, dy) = self.corner, self.pitch  # plain numbers: arrays of two take ten times as long
        row, column = round((y - y0) / dy), round((x - x0) / dx)
        return min(max(row, 0), self.shape[1] - 1), min(max(column, 0), self.shape[2] - 1)

    def inside(self, box: Box) -> tuple[slice, slice]:
        """Rows and columns of the nodes in a box; the nearest one if there is none."""
        low = np.ceil((np.array(box[:2]) - self.start) / self.step - 1e-6).astype(int)
        high = np.floor((np.array(box[2:]) - self.start) / self.step + 1e-6).astype(int)
        if (high < low).any():
            row, column = self.index((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            return slice(row, row + 1), slice(column, column + 1)
        low, high = low.clip(0), high.clip(0)
        return slice(low[1], high[1] + 1), slice(low[0], high[0] + 1)

    def fill(self, design: Design) -> None:
        """Put obstructions and wires on the nodes."""
        for layer, box in (*design.blockages, *design.obstacles):
            rows, columns = self.inside(box)
            if layer in self.layers:
                self.owner[self.layers.index(layer), rows, columns] = BLOCKED
            elif layer == ANYWHERE:
                self.owner[:, rows, columns] = BLOCKED
        for wire in design.wires:
            (r0, c0), (r1, c1) = self.index(wire.x0, wire.y0), self.index(wire.x1, wire.y1)
            for layer in wire.layers:
                if layer in self.layers:
                    rows, columns = slice(min(r0, r1), max(r0, r1) + 1), slice(min(c0, c1), max(c0, c1) + 1)
                    self.owner[self.layers.index(layer), rows, columns] = wire.net
        for patch in design.patches:
            if patch.layer in self.layers:
                rows, columns = self.inside(patch.box)
                self.owner[self.layers.index(patch.layer), rows, columns] = patch.net

    def pin(self, access: list[tuple[str, Box]]) -> list[tuple[int, int, int]]:
        """Nodes over a pin: on its own layer, or the lowest above metal1."""
        nodes = []
        for layer, box in access:
            k = self.layers.index(layer) if layer in self.layers else 0
            rows, columns = self.inside(box)
            nodes += [(k, r, c) for r in range(rows.start, rows.stop) for c in range(columns.start, columns.stop)]
        return [node for node in nodes if node[1] < self.shape[1] and node[2] < self.shape[2]]


class Window:
    """The track graph within some rows and columns, whose edges cost as the module says, for one net."""

    def __init__(self, tracks: Tracks, net: int, rows: slice, columns: slice):
        from scipy.sparse import csr_matrix

        self.corner = np.array([0, rows.start, columns.start])
        owner, usable = tracks.owner[:, rows, columns], tracks.usable[:, rows, columns]
        self.shape = owner.shape
        own = owner == net
        enter = np.where(owner >= 0, FOREIGN, np.where(owner == BLOCKED, OBSTRUCTED, 0.0))
        enter = np.where(own, 0.0, enter)
        way = np.where(tracks.vertical, WRONG_WAY, 1.0)[:, None, None] * np.ones(self.shape)
        up = np.where(tracks.vertical, 1.0, WRONG_WAY)[:, None, None] * np.ones(self.shape)
        number = np.arange(owner.size).reshape(self.shape)
        sources, targets, costs = [], [], []
        for axis, step in ((2, way), (1, up), (0, np.full(self.shape, VIA))):
            here = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
            there = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
            both = usable[here] & usable[there]
            inside = own[here] & own[there]
            for a, b in ((here, there), (there, here)):
                sources.append(number[a][both])
                targets.append(number[b][both])
                costs.append(np.where(inside, 0.01, step[here] + enter[b])[both])
        entries = np.concatenate(costs), (np.concatenate(sources), np.concatenate(targets))
        self.graph = csr_matrix(entries, shape=(owner.size, owner.size))

    def flat(self, nodes: list[tuple[int, int, int]]) -> np.ndarray:
        """Numbers of nodes inside of the window."""
        at = np.array(nodes) - self.corner
        at = at[((at >= 0) & (at < self.shape)).all(1)]
        return np.unique(np.ravel_multi_index(tuple(at.T), self.shape))

    def path(self, sources: np.ndarray, targets: np.ndarray) -> list[tuple[int, int, int]]:
        """The cheapest path from any source to any target as nodes; empty if there is none."""
        from scipy.sparse.csgraph import dijkstra

        cost, before, _ = dijkstra(self.graph, indices=sources, return_predecessors=True, min_only=True)
        at = int(targets[np.argmin(cost[targets])])
        if not np.isfinite(cost[at]):
            return []
        numbers = [at]
        while before[at] >= 0:
            at = int(before[at])
            numbers.append(at)
        found = np.array(np.unravel_index(numbers, self.shape)).T + self.corner
        return [(int(k), int(r), int(c)) for k, r, c in found]


def complete(tracks: Tracks, net: int, pins: list[list[tuple[int, int, int]]]) -> list[tuple[int, int, int]]:
    """Join the pins of an open net; returns the nodes where its wires cross foreign ones."""
    pins = [nodes for nodes in pins if nodes]
    crossed: list[tuple[int, int, int]] = []
    if len(pins) < 2:
        return crossed
    around = np.array([node for nodes in pins for node in nodes])
    low, high = around.min(0) - WINDOW, around.max(0) + WINDOW + 1
    rows = slice(max(low[1], 0), min(high[1], tracks.shape[1]))
    columns = slice(max(low[2], 0), min(high[2], tracks.shape[2]))
    window = Window(tracks, net, rows, columns)
    sources = window.flat(pins[0])
    centre = np.mean(pins[0], 0)
    for nodes in sorted(pins[1:], key=lambda nodes: np.abs(np.mean(nodes, 0) - centre).sum()):
        path = window.path(sources, window.flat(nodes))
        crossed += [node for node in path if tracks.owner[node] not in (net, FREE)]
        sources = np.unique(np.concatenate([sources, window.flat(path or nodes)]))
    taken = np.unique(np.array([np.unravel_index(s, window.shape) for s in sources]), axis=0)
    taken = taken + window.corner
    tracks.owner[tuple(taken.T)] = np.where(tracks.owner[tuple(taken.T)] == BLOCKED, BLOCKED, net)
    return crossed


def label(design: Design, open_nets: list[str], layers: int, height: int, width: int) -> Labels:
    """Violation markers and utilisation of a routed design.

    Args:
        design: with the wires that the router left.
        open_nets: names of the nets it could not finish.
        layers: routing layers it used.
        height: gcells along y.
        width: gcells along x.

    Raises:
        ValueError: an open net that the design does not have, or no tracks.
    """
    number = {name: k for k, name in enumerate(design.nets)}
    unknown = [name for name in open_nets if name not in number]
    if unknown:
        raise ValueError(f"{design.name}: open nets that the DEF file does not have: {unknown[:5]}")
    tracks, grid = Tracks(design, layers), Grid(design.die, height, width)
    tracks.fill(design)
    conflicts: list[tuple[int, int, int]] = []
    for name in open_nets:
        pins = np.flatnonzero(design.pin_net == number[name])
        conflicts += complete(tracks, number[name], [tracks.pin(design.access[int(p)]) for p in pins])
    used = (tracks.owner >= 0).astype(float)
    np.add.at(used, tuple(np.array(conflicts, int).reshape(-1, 3).T), 1.0)

    def mapped(weights: np.ndarray) -> np.ndarray:
        layer, row, column = np.nonzero(weights)
        points = tracks.start + tracks.step * np.stack([column, row], 1)
        return grid.count(points, weights[layer, row, column])

    markers = np.zeros(tracks.shape)
    np.add.at(markers, tuple(np.array(conflicts, int).reshape(-1, 3).T), 1.0)
    util = []
    for vertical in (False, True):
        chosen = (tracks.vertical == vertical)[:, None, None]
        util.append(mapped(used * chosen * tracks.usable) / np.maximum(mapped(tracks.usable * chosen), 1))
    return Labels(mapped(markers), util[0], util[1])
