"""What is known of a library and of a placed design, whatever files it came from. Lengths are micrometres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, overload

import numpy as np

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""
Shapes = tuple[tuple[str, Box], ...]
"""Layers and boxes."""
Role = Literal["cell", "hard", "filler", "cover"]
CLOCKS = {"CLK", "CK", "CLOCK", "CP", "CLKN", "CLK_N", "GATE", "GN", "G"}
"""Names of the pins that make a cell sequential, where the LEF does not say USE CLOCK."""
SUPPLY = ("POWER", "GROUND")
FILLERS = {"CORE SPACER", "CORE WELLTAP", "CORE ANTENNACELL", "PAD SPACER"}
"""Classes of cells that only fill, tap or protect; ENDCAPs of any kind do, too."""
PLACEMENT = "PLACEMENT"
"""In place of a layer: a blockage of cells."""
ANYWHERE = "OUTSIDE"
"""In place of a layer: what a polygon die leaves out of its box, which no layer may use."""
FILLER = -2
"""In place of a cell's index: the pin of a filler (an antenna diode's) or of a cover (a bump's)."""


class Pin(NamedTuple):
    """A cell's pin: direction, use, and boxes [layer, x0, y0, x1, y1] from the cell's lower left corner."""

    direction: str
    use: str
    boxes: tuple[tuple[str, Box], ...]


class Macro(NamedTuple):
    """A cell of the library."""

    kind: str
    """All words of its CLASS in capitals: "CORE", "CORE SPACER", "ENDCAP PRE", "BLOCK"."""
    width: float
    height: float
    pins: dict[str, Pin]
    obstructions: tuple[tuple[str, Box], ...] = ()
    """Its OBS on their layers, from the lower left corner."""

    def signals(self, direction: str) -> list[str]:
        """Names of its signal pins of a direction."""
        return [n for n, p in self.pins.items() if p.direction == direction and p.use not in SUPPLY]

    @property
    def sequential(self) -> bool:
        """Whether it has a clock pin: a flip-flop or latch."""
        return any(p.use == "CLOCK" or name.upper() in CLOCKS for name, p in self.pins.items())

    @property
    def buffer(self) -> bool:
        """Whether it has one input and one output: a buffer or inverter."""
        return not self.sequential and len(self.signals("INPUT")) == 1 == len(self.signals("OUTPUT"))

    @property
    def role(self) -> Role:
        """By its class. hard: blocks, pads, rings. cover: bumps and what else lies above the cells.

        A filler is one by class, or a core cell without a signal pin: some libraries say plain CORE of their decaps.
        """
        first = self.kind.split()[0]
        if self.kind in FILLERS or first == "ENDCAP":
            return "filler"
        if first in ("BLOCK", "PAD", "RING"):
            return "hard"
        if first == "COVER":
            return "cover"
        return "cell" if any(p.use not in SUPPLY for p in self.pins.values()) else "filler"


@dataclass
class Library:
    """What LEF files say."""

    layers: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Routing layer -> direction (HORIZONTAL or VERTICAL) and pitch, from the lowest."""
    vias: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Via -> the routing layers it joins."""
    macros: dict[str, Macro] = field(default_factory=dict)
    """Cell type -> its outline, pins and obstructions."""
    widths: dict[str, float] = field(default_factory=dict)
    """Layer -> default width of its wires."""
    skipped: dict[str, int] = field(default_factory=dict)
    """What was not read, by statement, and how often."""


class Wire(NamedTuple):
    """A straight wire or a via (then x0 = x1, y0 = y1, and two layers)."""

    net: int
    layers: tuple[str, ...]
    x0: float
    y0: float
    x1: float
    y1: float


class Patch(NamedTuple):
    """A rectangle of metal that a router added to a wire."""

    net: int
    layer: str
    box: Box


class Place(NamedTuple):
    """Where a component is."""

    number: int
    """Among the design's cells, or `FILLER`."""
    macro: Macro
    type: str
    x: float
    y: float
    orient: str


class Spot(NamedTuple):
    """A pin from a corner: the box around its boxes, these, and whether it drives its net."""

    around: Box
    boxes: Shapes
    drives: bool


class Access(Sequence[list[tuple[str, Box]]]):
    """The boxes of every pin on their layers, moved to their place when asked for.

    Args:
        boxes: of every pin, from the corner of its cell; pins of one kind share them.
        corners: lower left corners, [P, 2].
    """

    def __init__(self, boxes: Sequence[tuple[tuple[str, Box], ...]], corners: np.ndarray):
        self.boxes, self.corners = boxes, corners

    def __len__(self) -> int:
        """Number of pins."""
        return len(self.boxes)

    @overload
    def __getitem__(self, at: int) -> list[tuple[str, Box]]: ...
    @overload
    def __getitem__(self, at: slice) -> list[list[tuple[str, Box]]]: ...
    def __getitem__(self, at: int | slice) -> list[tuple[str, Box]] | list[list[tuple[str, Box]]]:
        """Of one pin or several."""
        if isinstance(at, slice):
            return [self[k] for k in range(*at.indices(len(self)))]
        x, y = self.corners[at].tolist()
        return [(layer, (b[0] + x, b[1] + y, b[2] + x, b[3] + y)) for layer, b in self.boxes[at]]

    def __iter__(self) -> Iterator[list[tuple[str, Box]]]:
        """One pin after another."""
        return (self[k] for k in range(len(self)))


@dataclass
class Design:
    """A placed design. Arrays: C cells, P pins, N nets."""

    name: str
    die: Box
    layers: dict[str, tuple[str, float]]
    tracks: dict[str, list[tuple[str, float, float, int]]]
    """Layer -> axis ("X" for vertical tracks), first position, step, count."""
    cells: list[str]
    """Names of the cells and hard macros; fillers, taps, end caps, diodes and bumps are not among them."""
    kinds: list[Macro]
    """Of every cell."""
    boxes: np.ndarray
    """Of the cells, [C, 4]."""
    nets: list[str]
    pins: np.ndarray
    """Centres, [P, 2]."""
    pin_net: np.ndarray
    """Index of the net, [P]."""
    pin_cell: np.ndarray
    """Index of the cell, -1 for a port of the chip, `FILLER` for a diode or bump, [P]."""
    driver: np.ndarray
    """Whether a pin drives its net, [P]."""
    access: Sequence[list[tuple[str, Box]]]
    """The boxes of every pin on their layers."""
    blockages: list[tuple[str, Box]]
    """Layer (or "PLACEMENT", or `ANYWHERE`) and box: what is barred entirely."""
    wires: list[Wire]
    signals: np.ndarray
    """Whether a net is a signal or clock, not power, [N]."""
    uses: list[str] = field(default_factory=list)
    """USE of every net."""
    patches: list[Patch] = field(default_factory=list)
    """RECTs of regular nets."""
    partial: list[tuple[float, Box]] = field(default_factory=list)
    """Placement blockages that bar a share of their box only: the share, and the box. SOFT ones, which bar only the
    first placement, bar none."""
    obstacles: list[tuple[str, Box]] = field(default_factory=list)
    """Layer and box of OBS of hard macros and covers, and of special nets (straps, rings), above the lowest layer."""
    pitch: float = 0.0
    """Distance of two tracks in libraries without layers, as a user says it; 0 if nobody did."""
    gcells: dict[str, list[tuple[float, float, int]]] = field(default_factory=dict)
    """Axis ("X" for columns) -> first line, step, number of lines of every GCELLGRID statement."""
    skipped: dict[str, int] = field(default_factory=dict)
    """What was not read, by statement, and how often."""
