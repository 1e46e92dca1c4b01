"""Placed and routed designs from LEF and DEF files, of any flow and technology.

Lengths are micrometres throughout. What is read: of LEF the routing layers, the vias, and every cell's size, class and
pins; of DEF the die, tracks, components, ports, nets, blockages, and the wires and vias of regular nets.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""
Tokens = list[str]
CLOCKS = {"CLK", "CK", "CLOCK", "CP", "CLKN", "CLK_N", "GATE", "GN", "G"}
"""Names of the pins that make a cell sequential, where the LEF does not say USE CLOCK."""
SIZED = ("COMPONENTS", "PINS", "NETS")
"""Sections that say how many entries they hold, and are checked for it."""
_NUMBER = r"-?[\d.]+(?:[eE][-+]?\d+)?"


class Pin(NamedTuple):
    """A cell's pin: direction, use, and boxes [layer, x0, y0, x1, y1] from the cell's lower left corner."""

    direction: str
    use: str
    boxes: tuple[tuple[str, Box], ...]


class Macro(NamedTuple):
    """A cell of the library."""

    kind: str
    width: float
    height: float
    pins: dict[str, Pin]

    def signals(self, direction: str) -> list[str]:
        """Names of its signal pins of a direction."""
        return [n for n, p in self.pins.items() if p.direction == direction and p.use not in ("POWER", "GROUND")]

    @property
    def sequential(self) -> bool:
        """Whether it has a clock pin: a flip-flop or latch."""
        return any(p.use == "CLOCK" or name.upper() in CLOCKS for name, p in self.pins.items())

    @property
    def buffer(self) -> bool:
        """Whether it has one input and one output: a buffer or inverter."""
        return not self.sequential and len(self.signals("INPUT")) == 1 == len(self.signals("OUTPUT"))


@dataclass
class Library:
    """What LEF files say."""

    layers: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Routing layer -> direction (HORIZONTAL or VERTICAL) and pitch, from the lowest."""
    vias: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Via -> the routing layers it joins."""
    macros: dict[str, Macro] = field(default_factory=dict)
    """Cell type -> its outline and pins."""


class Wire(NamedTuple):
    """A straight wire or a via (then x0 = x1, y0 = y1, and two layers)."""

    net: int
    layers: tuple[str, ...]
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass
class Design:
    """A placed design. Arrays: C cells, P pins, N nets."""

    name: str
    die: Box
    layers: dict[str, tuple[str, float]]
    tracks: dict[str, list[tuple[str, float, float, int]]]
    """Layer -> axis ("X" for vertical tracks), first position, step, count."""
    cells: list[str]
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
    """Index of the cell, -1 for a port of the chip, [P]."""
    driver: np.ndarray
    """Whether a pin drives its net, [P]."""
    access: list[list[tuple[str, Box]]]
    """The boxes of every pin on their layers."""
    blockages: list[tuple[str, Box]]
    """Layer (or "PLACEMENT") and box."""
    wires: list[Wire]
    signals: np.ndarray
    """Whether a net is a signal or clock, not power, [N]."""


def read(path: str | Path) -> str:
    """A text file, gzipped or not.

    Raises:
        ValueError: it cannot be decompressed to the end.
    """
    path = Path(path)
    try:
        return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is cut off or no text: {error}") from error


def _lef_pin(body: str) -> Pin:
    direction, use = re.search(r"DIRECTION\s+(\S+)", body), re.search(r"USE\s+(\S+)", body)
    boxes, layer = [], ""
    for match in re.finditer(r"LAYER\s+(\S+)|(?:RECT|POLYGON)\s+(?:MASK\s+\d+\s+)?((?:" + _NUMBER + r"\s+)+)", body):
        if match[1]:
            layer = match[1]
        else:
            n = [float(v) for v in match[2].split()]
            boxes.append((layer, (min(n[::2]), min(n[1::2]), max(n[::2]), max(n[1::2]))))
    return Pin(direction[1] if direction else "INPUT", use[1] if use else "SIGNAL", tuple(boxes))


def _lef_macro(body: str) -> Macro:
    kind = re.search(r"CLASS\s+(\S+)", body)
    size = re.search(rf"SIZE\s+({_NUMBER})\s+BY\s+({_NUMBER})", body)
    if size is None:
        raise ValueError("a MACRO without SIZE")
    origin = re.search(rf"ORIGIN\s+({_NUMBER})\s+({_NUMBER})", body)
    dx, dy = (float(origin[1]), float(origin[2])) if origin else (0.0, 0.0)
    pins = {}
    for match in re.finditer(r"\bPIN\s+(\S+)(.*?)\bEND\s+(?=\1(?:\s|$))", body, re.DOTALL):
        pin = _lef_pin(match[2])
        boxes = tuple((layer, (b[0] + dx, b[1] + dy, b[2] + dx, b[3] + dy)) for layer, b in pin.boxes)
        pins[match[1]] = pin._replace(boxes=boxes)
    return Macro(kind[1] if kind else "CORE", float(size[1]), float(size[2]), pins)


def read_lef(paths: Sequence[str | Path]) -> Library:
    """Layers, vias and cells of one or more LEF files (a technology's and a library's).

    Raises:
        ValueError: a damaged file, or no routing layer in any of them.
    """
    library = Library()
    for path in paths:
        text = re.sub(r"#.*", "", read(path))
        if not re.search(r"\bEND\s+LIBRARY\b", text):
            raise ValueError(f"{path} does not end with END LIBRARY: it is cut off, or no LEF file")
        for match in re.finditer(r"^\s*LAYER\s+(\S+)\s*$(.*?)^\s*END\s+\1\s*$", text, re.DOTALL | re.MULTILINE):
            direction, pitch = re.search(r"DIRECTION\s+(\S+)", match[2]), re.search(rf"PITCH\s+({_NUMBER})", match[2])
            if direction and pitch and re.search(r"TYPE\s+ROUTING", match[2]):
                library.layers[match[1]] = direction[1], float(pitch[1])
        for match in re.finditer(r"^\s*VIA\s+(\S+)[^\n]*$(.*?)^\s*END\s+\1\s*$", text, re.DOTALL | re.MULTILINE):
            names = re.findall(r"LAYER\s+(\S+)", match[2])
            library.vias[match[1]] = tuple(n for n in dict.fromkeys(names) if n in library.layers)
        for match in re.finditer(r"^\s*MACRO\s+(\S+)\s*$(.*?)^\s*END\s+\1\s*$", text, re.DOTALL | re.MULTILINE):
            library.macros[match[1]] = _lef_macro(match[2])
    if not library.layers:
        raise ValueError(f"no routing layer with a direction and a pitch in {[str(p) for p in paths]}")
    return library


def turned(box: Box, orient: str, width: float, height: float) -> Box:
    """A box in a cell's own coordinates after the cell was placed in an orientation (N, S, E, W, FN, FS, FE, FW)."""
    x0, y0, x1, y1 = box
    if orient.startswith("F"):
        x0, x1 = width - x1, width - x0
    side = orient[-1]
    if side == "S":
        return width - x1, height - y1, width - x0, height - y0
    if side == "W":
        return height - y1, x0, height - y0, x1
    if side == "E":
        return y0, width - x1, y1, width - x0
    return x0, y0, x1, y1


def statements(text: str) -> Iterator[Tokens]:
    """The statements of a DEF file, without the ENDs of sections."""
    for statement in re.split(r"\s;(?=\s|$)", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)):
        tokens = statement.split()
        while tokens[:1] == ["END"]:
            tokens = tokens[2:]
        if tokens:
            yield tokens


def parts(tokens: Tokens) -> list[Tokens]:
    """A statement cut at its plus signs."""
    cut: list[Tokens] = [[]]
    for token in tokens:
        if token == "+":
            cut.append([])
        else:
            cut[-1].append(token)
    return cut


def sections(text: str, source: str) -> dict[str, list[Tokens]]:
    """Statements by section; those outside of any under "".

    Raises:
        ValueError: the file is cut off, or a section holds another number of entries than it says.
    """
    if not re.search(r"\bEND\s+DESIGN\b", text):
        raise ValueError(f"{source} does not end with END DESIGN: it is cut off, or no DEF file")
    found: dict[str, list[Tokens]] = {"": []}
    announced: dict[str, int] = {}
    section = ""
    for tokens in statements(text):
        if tokens[0] == "-":
            found[section].append(tokens[1:])
        elif len(tokens) == 2 and tokens[1].isdigit() and tokens[0] != "UNITS":
            section = tokens[0]
            announced[section], found[section] = int(tokens[1]), []
        else:
            found[""].append(tokens)
    for section in SIZED:
        if section in announced and announced[section] != len(found[section]):
            raise ValueError(f"{source}: {section} says {announced[section]} entries, found {len(found[section])}")
    return found
