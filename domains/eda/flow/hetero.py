"""A placed design as a graph of cells, nets and gcells, in torch_geometric's HeteroData as plain tensors.

What is given is `HeteroData.to_dict()` of it, so that a file of it loads with `weights_only=True`, in any version,
and writing one needs no torch_geometric. Units know no technology: lengths and areas are in gcells, places are shares
of the die's sides. Node types as in RoutePlacer's RouteGNN (arXiv 2406.02651) and LHNN (arXiv 2203.12831).

- cell: `CELL`. net: `NET`, of signal nets with two pins or more. gcell, row by row from the bottom: `GCELL`, then the
  maps.
- (cell, pin, net) and back, (net, pin_of, cell): a pin each, whose feature says whether it drives the net. Ports of the
  chip are no cells: their pins are in the gcells of (net, pin_in, gcell) alone.
- (cell, in, gcell): the share of the gcell that the cell covers. (net, pin_in, gcell): pins. (net, covers, gcell), if
  asked for: the gcells of the net's box. (gcell, adjacent, gcell): four neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from appnas.domains.eda.flow.grids import Grid
from appnas.domains.eda.flow.lefdef.placed import Design
from appnas.domains.eda.flow.netlists import kept, numbered

CELL = ("area", "width", "height", "pins", "sequential", "buffer", "macro", "x", "y")
"""Area and sides in gcells, pins on nets, flags, and the centre as a share of the die."""
NET = ("pins", "width", "height", "half_perimeter", "long", "clock")
"""Box of the pins in gcells, whether they lie in more than one gcell, whether its USE is CLOCK."""
GCELL = ("x", "y")
"""Centre of a gcell as a share of the grid; the maps follow, under their names."""


def within(grid: Grid, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every gcell from one corner of a box [n, 4] to the other: numbers of box and gcell, the covered share, [M]."""
    low, high = np.stack(grid.cells(boxes[:, :2]), 1), np.stack(grid.cells(boxes[:, 2:]), 1)
    sides = high - low + 1
    each = sides.prod(1)
    of = np.repeat(np.arange(len(boxes)), each)
    k = np.arange(len(of)) - np.repeat(np.cumsum(each) - each, each)
    row, column = low[of, 0] + k // sides[of, 1], low[of, 1] + k % sides[of, 1]
    start = np.stack([column, row], 1) * grid.size + np.array(grid.die[:2])
    covered = np.minimum(boxes[of, 2:], start + grid.size) - np.maximum(boxes[of, :2], start)
    return of, row * grid.shape[1] + column, (covered.clip(0) / grid.size).prod(1)


def adjacent(height: int, width: int) -> np.ndarray:
    """Neighbouring gcells, both ways. Shapes: returns [2, E]."""
    number = np.arange(height * width).reshape(height, width)
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
    ways = [np.stack([a.ravel(), b.ravel()]) for a, b in pairs]
    return np.concatenate([*ways, *(way[::-1] for way in ways)], 1)


def _floats(columns: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(column, np.float32) for column in columns], 1))


def _edges(source: np.ndarray, target: np.ndarray, value: np.ndarray | None = None) -> dict[str, Tensor]:
    found = {"edge_index": torch.from_numpy(np.stack([source, target]).astype(np.int64))}
    return found if value is None else {**found, "edge_attr": _floats([value])}


def hetero(design: Design, grid: Grid, maps: Mapping[str, np.ndarray], covers: bool = False) -> dict[Any, Any]:
    """The graph, for `torch_geometric.data.HeteroData.from_dict`.

    Args:
        design: placed.
        grid: of the gcells.
        maps: features of the gcells by name, each [H, W].
        covers: with the gcells under every net's box, of which large nets have many.

    Raises:
        ValueError: no signal net has two pins, or there is no cell.
    """
    pins = kept(design)
    if not len(pins) or not design.cells:
        raise ValueError(f"{design.name}: a graph needs cells, and a signal net with two pins")
    net, cell, at = numbered(design.pin_net[pins]), design.pin_cell[pins], design.pins[pins]
    size, die = np.array(grid.size), np.array(grid.die)
    whole = die[2:] - die[:2]
    count, first = np.bincount(net), np.unique(net, return_index=True)[1]
    boxes = np.concatenate([np.minimum.reduceat(at, first), np.maximum.reduceat(at, first)], 1)
    rows, columns = grid.cells(at)
    gcell = rows * grid.shape[1] + columns
    sides = (boxes[:, 2:] - boxes[:, :2]) / size
    long = np.minimum.reduceat(gcell, first) != np.maximum.reduceat(gcell, first)
    clock = [bool(design.uses) and design.uses[k] == "CLOCK" for k in design.pin_net[pins][first]]
    lengths = (design.boxes[:, 2:] - design.boxes[:, :2]) / size
    centres = ((design.boxes[:, 2:] + design.boxes[:, :2]) / 2 - die[:2]) / whole
    kinds = np.array([(m.sequential, m.buffer, m.role == "hard") for m in design.kinds], float)
    own = cell >= 0
    of, under, share = within(grid, design.boxes)
    height, width = grid.shape
    middle = (np.indices(grid.shape).reshape(2, -1) + 0.5) / np.array([[height], [width]])
    graph: dict[Any, Any] = {
        "_global_store": {"design": design.name, "grid": list(grid.shape)},
        "cell": {
            "x": _floats([lengths.prod(1), *lengths.T, np.bincount(cell[own], minlength=len(design.cells)),
                          *kinds.T, *centres.T]),
            "features": list(CELL), "names": list(design.cells),
        },
        "net": {
            "x": _floats([count, *sides.T, sides.sum(1), long, np.array(clock)]),
            "features": list(NET), "names": [design.nets[k] for k in design.pin_net[pins][first]],
        },
        "gcell": {
            "x": _floats([middle[1], middle[0], *(values.ravel() for values in maps.values())]),
            "features": [*GCELL, *maps],
        },
        ("cell", "pin", "net"): _edges(cell[own], net[own], design.driver[pins][own]),
        ("net", "pin_of", "cell"): _edges(net[own], cell[own], design.driver[pins][own]),
        ("net", "pin_in", "gcell"): _edges(net, gcell),
        ("cell", "in", "gcell"): _edges(of[share > 0], under[share > 0], share[share > 0]),
        ("gcell", "adjacent", "gcell"): _edges(*adjacent(*grid.shape)),
    }  # fmt: skip
    if covers:
        graph["net", "covers", "gcell"] = _edges(*within(grid, boxes)[:2])
    return graph
