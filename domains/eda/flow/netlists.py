"""Netlists of placed designs as pins on gcells: what message passing over cells and nets needs, and no more.

A pin is three integers: its gcell (row * W + column), its net and its cell. Nets and cells are numbered from 0 by their
first pin, so there are never more of them than pins, and whoever allocates one row a pin has enough. Only signal nets
with two pins or more are kept, as the maps of `appnas.domains.eda.flow.maps` keep them. A port of the chip is a cell of
its own, and so is a diode or bump.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from appnas.domains.eda.flow.grids import Grid
from appnas.domains.eda.flow.lefdef.placed import Design

COLUMNS = ("gcell", "net", "cell")
"""Of a netlist [P, 3]."""
ABSENT = -1
"""In all three, past a placement's last pin, where several are held in one array."""
PREFIX = "pin_"
"""Of the arrays that `pack` makes."""


def kept(design: Design) -> np.ndarray:
    """The pins of signal nets with two pins or more, net by net in the order of the file. Shapes: returns [P]."""
    pins = np.bincount(design.pin_net, minlength=len(design.nets))
    order = np.argsort(design.pin_net, kind="stable")
    return np.asarray(order[((pins > 1) & design.signals)[design.pin_net[order]]])


def numbered(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 by first appearance. Shapes: [P] both."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(len(first), int)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse])


def cells_of(design: Design, pins: np.ndarray) -> np.ndarray:
    """The cell of every one of these pins; of ports, diodes and bumps each a number of its own. Shapes: [P] both."""
    cells = design.pin_cell[pins]
    return np.where(cells < 0, len(design.cells) + np.arange(len(pins)), cells)


def netlist(design: Design, grid: Grid) -> np.ndarray:
    """A placed design's pins on a grid. Shapes: returns [P, 3], int32, the columns `COLUMNS`."""
    pins = kept(design)
    rows, columns = grid.cells(design.pins[pins])
    gcells = rows * grid.shape[1] + columns
    parts = [gcells, numbered(design.pin_net[pins]), numbered(cells_of(design, pins))]
    return np.stack(parts, 1).astype(np.int32)


def pack(netlists: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Netlists as few small arrays by name, for `numpy.savez_compressed`.

    Placements of one design share nets and cells, which are held once. What is left of a placement is the gcell of
    every pin: on small designs about a byte and a half a pin, compressed.
    """
    wirings: dict[bytes, tuple[int, np.ndarray]] = {}
    of = []
    for pins in netlists:
        number, _ = wirings.setdefault(pins[:, 1:].tobytes(), (len(wirings), pins[:, 1:]))
        of.append(number)
    found = {
        "start": np.cumsum([0, *map(len, netlists)]),
        "gcell": np.concatenate([pins[:, 0] for pins in netlists]),
        "wiring": np.array(of),
        "wiring_start": np.cumsum([0, *(len(wiring) for _, wiring in wirings.values())]),
        "net_cell": np.concatenate([wiring for _, wiring in wirings.values()]),
    }
    return {PREFIX + name: array.astype(np.min_scalar_type(int(array.max(initial=0)))) for name, array in found.items()}


def packed_in(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether a file of placements has their netlists."""
    return PREFIX + "start" in arrays


def unpack(arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """The inverse of `pack`. Shapes: each [P, 3], int32.

    Raises:
        KeyError: some of the arrays are missing.
        ValueError: they do not fit each other.
    """
    start, gcell, of, ends, both = (
        arrays[PREFIX + name].astype(int) for name in ("start", "gcell", "wiring", "wiring_start", "net_cell")
    )
    found = []
    for first, last, wiring in zip(start[:-1], start[1:], of, strict=True):
        own = both[ends[wiring] : ends[wiring + 1]]
        if len(own) != last - first or last > len(gcell):
            raise ValueError(f"a netlist has {len(own)} pins on nets, and {last - first} on gcells")
        found.append(np.concatenate([gcell[first:last, None], own], 1).astype(np.int32))
    return tuple(found)


def padded(netlists: Sequence[np.ndarray]) -> np.ndarray:
    """Netlists as one array [N, P, 3], `ABSENT` past each one's last pin; P is that of the largest."""
    found = np.full((len(netlists), max(map(len, netlists)), len(COLUMNS)), ABSENT, np.int32)
    for row, pins in zip(found, netlists, strict=True):
        row[: len(pins)] = pins
    return found


def tensor(netlists: Sequence[np.ndarray] | None) -> Tensor:
    """`padded`, as networks read it. Shapes: returns [N, P, 3], int64.

    Raises:
        ValueError: there are none.
    """
    if netlists is None:
        raise ValueError(
            "these placements were packed without their netlists: make them by `appnas eda generate --graphs`, or leave"
            " out netlist=True, for networks that read maps alone"
        )
    return torch.from_numpy(padded(netlists)).long()


def windowed(netlists: Sequence[np.ndarray], width: int, rows: slice, columns: slice) -> list[Tensor]:
    """The pins in a window of maps whose rows have `width` gcells, as networks read them; nothing of no netlists.

    Nets and cells end at the window's edge.
    """
    found = []
    for pins in netlists:
        row, column = pins[:, 0] // width, pins[:, 0] % width
        there = (row >= rows.start) & (row < rows.stop) & (column >= columns.start) & (column < columns.stop)
        gcell = (row - rows.start) * (columns.stop - columns.start) + column - columns.start
        found.append(np.stack([gcell, pins[:, 1], pins[:, 2]], 1)[there])
        found[-1][:, 1:] = np.stack([numbered(found[-1][:, k]) for k in (1, 2)], 1)
    return [tensor(found)] if found else []


def mirrored(pins: Tensor, axis: int, shape: Sequence[int], chosen: Tensor) -> Tensor:
    """Pins of mirrored maps: their gcells lie in the mirrored row (axis 0) or column (axis 1).

    Shapes:
        pins: [B, P, 3]. chosen: [B], which placements. returns: [B, P, 3].
    """
    gcell, step = pins[..., 0], shape[1] if axis == 0 else 1
    place = gcell // step % shape[axis]
    turned = gcell + (shape[axis] - 1 - 2 * place) * step
    turned = torch.where(chosen[:, None] & (gcell >= 0), turned, gcell)
    return torch.cat([turned[..., None], pins[..., 1:]], -1)


def check(netlists: Sequence[np.ndarray], gcells: int, names: Sequence[str]) -> None:
    """Whether netlists are what the networks that read them take for granted.

    Raises:
        ValueError: another shape, a gcell outside of the grid, or a net or cell of a higher number than there are pins.
    """
    if len(netlists) != len(names):
        raise ValueError(f"{len(names)} placements need as many netlists, got {len(netlists)}")
    for pins, name in zip(netlists, names, strict=True):
        if pins.ndim != 2 or pins.shape[1] != len(COLUMNS) or not np.issubdtype(pins.dtype, np.integer):
            raise ValueError(f"the netlist of {name!r} needs integers [pins, {len(COLUMNS)}], got {pins.shape}")
        most = np.array([gcells, len(pins), len(pins)])
        if len(pins) and (pins.min() < 0 or (pins >= most).any()):
            raise ValueError(
                f"the netlist of {name!r} has gcells below {gcells}, nets and cells below its {len(pins)} pins, and"
                f" nothing below 0; found {pins.min(0).tolist()} to {pins.max(0).tolist()}"
            )
