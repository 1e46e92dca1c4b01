"""A DEF file as a `Design`: everything placed at its coordinates, pins on their nets, wires of what is routed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from appnas.domains.eda.flow.lefdef import routes
from appnas.domains.eda.flow.lefdef.placed import (
    ANYWHERE, FILLER, SUPPLY, Access, Box, Design, Library, Macro, Patch, Wire,
)  # fmt: skip
from appnas.domains.eda.flow.lefdef.shapes import ORIENTS, box_of, moved, outside, turned
from appnas.domains.eda.flow.lefdef.text import PLAIN, Tokens, count, parts, read, sections

PLACED = ("PLACED", "FIXED", "COVER")
FILLERS = ("FILL", "TAP", "DECAP", "ANTENNA")
"""Of types that the LEF files lack, those that begin like this are fillers."""
UNREAD = {"HALO", "ROUTEHALO", "VPIN", "SUBNET"}
"""Parts of entries that are counted. A SUBNET's wires are read."""
HEAD = PLAIN - {"ROW"}
"""Statements outside of sections that are read, or say nothing of a placement."""
SECTIONS = ("COMPONENTS", "PINS", "NETS", "SPECIALNETS", "VIAS", "BLOCKAGES")
Shapes = tuple[tuple[str, Box], ...]


class Place(NamedTuple):
    """Where a component is."""

    index: int
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


@dataclass
class Reading:
    """A DEF file on its way into a design."""

    source: str
    library: Library
    unit: float
    """Micrometres a database unit."""
    skipped: dict[str, int] = field(default_factory=dict)
    cells: list[str] = field(default_factory=list)
    kinds: list[Macro] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    obstacles: list[tuple[str, Box]] = field(default_factory=list)
    spots: dict[tuple[str, str, str], Spot] = field(default_factory=dict)
    """By cell type, orientation and pin."""


def read_def(path: str | Path, library: Library, *, wires: bool = True) -> Design:
    """A placed, perhaps routed, design. `domains/eda/files/LEFDEF.md` lists what is read, counted and refused.

    Args:
        path: the DEF file, gzipped or not.
        library: of the LEF files.
        wires: read the wires of regular nets, too; maps of a placement need none.

    Raises:
        ValueError: the file is cut off, says other numbers than it holds, has a cell that is not placed or whose type no
            LEF file has (but for fillers), or a signal net ends at what is not there.
    """
    source = str(path)
    found = sections(read(path), source)
    head = {tokens[0]: tokens for tokens in found[""]}
    for key in ("UNITS", "DIEAREA", "DESIGN"):
        if key not in head:
            raise ValueError(f"{source} has no {key}")
    reading = Reading(source, library, 1 / float(head["UNITS"][3]))
    unit, skipped = reading.unit, reading.skipped
    for tokens in found[""]:
        if tokens[0] not in HEAD:
            count(skipped, tokens[0])
    for name, entries in found.items():
        if name and name not in SECTIONS and entries:
            count(skipped, name, len(entries))
    corners = np.array([float(v) for v in head["DIEAREA"][1:] if v not in "()"]).reshape(-1, 2) * unit
    outline = [(float(x), float(y)) for x, y in corners]
    _components(reading, found.pop("COMPONENTS", []))
    vias = dict(library.vias)
    for tokens in found.get("VIAS", []):
        vias[tokens[0]] = tuple(n for n in routes.via_layers(tokens) if n in library.layers)
    upper = list(library.layers)[1:]
    for tokens in found.get("SPECIALNETS", []):
        metal = routes.special(tokens, vias, unit, skipped)
        reading.obstacles += [(layer, box) for layer, box in metal if layer in upper]
    blockages, partial = _blockages(reading, found.get("BLOCKAGES", []))
    if len(outline) > 2:
        blockages += [(ANYWHERE, box) for box in outside(outline)]
    nets = _nets(reading, found.pop("NETS", []), _ports(reading, found.pop("PINS", [])), vias if wires else None)
    return Design(
        name=head["DESIGN"][1],
        die=box_of(outline),
        layers=library.layers,
        tracks=_tracks(found[""], unit),
        cells=reading.cells,
        kinds=reading.kinds,
        boxes=np.array(reading.boxes, float).reshape(-1, 4),
        nets=nets.names,
        pins=np.array(nets.centres).reshape(-1, 2),
        pin_net=np.array(nets.of_net, int),
        pin_cell=np.array(nets.of_cell, int),
        driver=np.array([spot.drives for spot in nets.spots], bool),
        access=Access([spot.boxes for spot in nets.spots], np.array(nets.corners).reshape(-1, 2)),
        blockages=blockages,
        wires=nets.wires,
        signals=np.array([use not in SUPPLY for use in nets.uses], bool),
        uses=nets.uses,
        patches=nets.patches,
        partial=partial,
        obstacles=reading.obstacles,
        gcells=_gcells(found[""], unit),
        skipped=skipped,
    )


def _parts(tokens: Tokens, k: int) -> Iterator[tuple[str, int]]:
    """The keywords behind plus signs, and their places."""
    while True:
        try:
            k = tokens.index("+", k) + 1
        except ValueError:
            return
        yield tokens[k].upper(), k


def _components(reading: Reading, entries: list[Tokens]) -> None:
    macros, unit, upper = reading.library.macros, reading.unit, list(reading.library.layers)[1:]
    roles = {name: macro.role for name, macro in macros.items()}
    above: dict[tuple[str, str], Shapes] = {}
    for tokens in entries:
        name, kind = tokens[0], tokens[1]
        macro = macros.get(kind)
        if macro is None:
            if not kind.upper().startswith(FILLERS):
                raise ValueError(f"{reading.source}: {name} is a {kind}, which the LEF files do not have")
            count(reading.skipped, "fillers")
            continue
        role, at = roles[kind], -1
        for word, k in _parts(tokens, 2):
            if word in PLACED and at < 0:
                at = k
            elif word in UNREAD:
                count(reading.skipped, f"COMPONENTS {word}")
        if role != "cell" and role != "hard":
            count(reading.skipped, f"{role}s")
            if at < 0:
                continue
        elif at < 0:
            raise ValueError(f"{reading.source}: {name} is not placed")
        x, y, orient = float(tokens[at + 2]) * unit, float(tokens[at + 3]) * unit, tokens[at + 5].upper()
        if orient not in ORIENTS:
            raise ValueError(f"{reading.source}: {name} has the orientation {orient!r}; there are {', '.join(ORIENTS)}")
        if role in ("hard", "cover"):
            if (kind, orient) not in above:
                own = [(m, turned(b, orient, macro.width, macro.height)) for m, b in macro.obstructions if m in upper]
                above[kind, orient] = tuple(own)
            reading.obstacles += [(m, moved(b, x, y)) for m, b in above[kind, orient]]
        if role in ("cell", "hard"):
            w, h = (macro.height, macro.width) if orient[-1] in "EW" else (macro.width, macro.height)
            reading.places[name] = Place(len(reading.cells), macro, kind, x, y, orient)
            reading.cells.append(name)
            reading.kinds.append(macro)
            reading.boxes.append((x, y, x + w, y + h))
        else:
            reading.places[name] = Place(FILLER, macro, kind, x, y, orient)


def plain(pin: str) -> str:
    """A pin's name without escapes, its index in square brackets: DEF and LEF may write Q[1] in different ways."""
    return re.sub(r"[<{(\[](\d+)[>})\]]$", r"[\1]", pin.replace("\\", ""))


def _spot(reading: Reading, place: Place, pin: str, cell: str) -> Spot:
    macro = place.macro
    found = macro.pins.get(pin) or next((p for n, p in macro.pins.items() if plain(n) == plain(pin)), None)
    if found is None:
        known = sorted(macro.pins)
        raise ValueError(f"{reading.source}: {cell} has no pin {pin} in the LEF files, only {known}")
    boxes = tuple((m, turned(b, place.orient, macro.width, macro.height)) for m, b in found.boxes)
    whole = (0.0, 0.0, macro.width, macro.height)
    edges = [b for _, b in boxes] or [turned(whole, place.orient, macro.width, macro.height)]
    return Spot(box_of([(b[k], b[k + 1]) for b in edges for k in (0, 2)]), boxes, found.direction.startswith("OUTPUT"))


def _ports(reading: Reading, entries: list[Tokens]) -> dict[str, tuple[float, float, Spot]]:
    ports = {}
    for tokens in entries:
        place, layer, direction = None, "", "INPUT"
        for part in parts(tokens)[1:]:
            word = part[0].upper() if part else ""
            if word in PLACED and place is None:
                place = float(part[2]) * reading.unit, float(part[3]) * reading.unit
            elif word in ("LAYER", "POLYGON") and not layer:
                layer = part[1]
            elif word == "DIRECTION":
                direction = part[1].upper()
        if place is not None:
            own: Shapes = ((layer, (0.0, 0.0, 0.0, 0.0)),) if layer else ()
            ports[tokens[0]] = *place, Spot((0.0, 0.0, 0.0, 0.0), own, direction == "INPUT")
    return ports


@dataclass
class Nets:
    """Nets and their pins, in the order of the file."""

    names: list[str] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    of_net: list[int] = field(default_factory=list)
    of_cell: list[int] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    centres: list[tuple[float, float]] = field(default_factory=list)
    corners: list[tuple[float, float]] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)


def _nets(
    reading: Reading, entries: list[Tokens], ports: dict[str, tuple[float, float, Spot]], vias: routes.Vias | None
) -> Nets:
    nets = Nets()
    for tokens in entries:
        number, use, k, routed = len(nets.names), "SIGNAL", 1, False
        pairs = []
        while k < len(tokens) and tokens[k] == "(":
            pairs.append((tokens[k + 1], tokens[k + 2]))
            k = tokens.index(")", k + 3) + 1
        for word, at in _parts(tokens, k):
            if word == "USE":
                use = tokens[at + 1].upper()
            elif word in UNREAD:
                count(reading.skipped, f"NETS {word}")
            routed = routed or word in routes.STATES or word == "SUBNET"
        for cell, pin in pairs:
            _pin(reading, nets, ports, (tokens[0], use), cell, pin)
        nets.names.append(tokens[0])
        nets.uses.append(use)
        if routed and vias is not None:
            wires, patches = routes.regular(tokens, number, vias, reading.unit, reading.skipped)
            nets.wires += wires
            nets.patches += patches
    return nets


def _pin(
    reading: Reading, nets: Nets, ports: dict[str, tuple[float, float, Spot]], net: tuple[str, str], cell: str, pin: str
) -> None:
    """Add one pin. Those of power nets that are nowhere are counted; those of signals are refused."""
    place = reading.places.get(cell)
    if place is not None:
        key = place.type, place.orient, pin
        if key not in reading.spots:
            reading.spots[key] = _spot(reading, place, pin, cell)
        index, x, y, spot = place.index, place.x, place.y, reading.spots[key]
    elif cell.upper() == "PIN" and pin in ports:
        index, (x, y, spot) = -1, ports[pin]
    elif net[1] in SUPPLY:
        count(reading.skipped, "pins of power nets without a place")
        return
    else:
        port = f"the port {pin}, which PINS does not place"
        what = port if cell.upper() == "PIN" else f"{cell}, which is no component"
        raise ValueError(f"{reading.source}: net {net[0]} ends at {what}")
    nets.of_net.append(len(nets.names))
    nets.of_cell.append(index)
    nets.spots.append(spot)
    nets.corners.append((x, y))
    x0, y0, x1, y1 = spot.around
    nets.centres.append(((x0 + x + (x1 + x)) / 2, (y0 + y + (y1 + y)) / 2))


def _tracks(head: list[Tokens], unit: float) -> dict[str, list[tuple[str, float, float, int]]]:
    tracks: dict[str, list[tuple[str, float, float, int]]] = {}
    for tokens in head:
        upper = [t.upper() for t in tokens]
        if upper[0] == "TRACKS" and "LAYER" in upper:
            row = upper[1], float(tokens[2]) * unit, float(tokens[6]) * unit, int(tokens[4])
            for layer in tokens[upper.index("LAYER") + 1 :]:
                tracks.setdefault(layer, []).append(row)
    return tracks


def _gcells(head: list[Tokens], unit: float) -> dict[str, list[tuple[float, float, int]]]:
    found: dict[str, list[tuple[float, float, int]]] = {}
    for tokens in head:
        if tokens[0] == "GCELLGRID":
            row = float(tokens[2]) * unit, float(tokens[6]) * unit, int(tokens[4])
            found.setdefault(tokens[1].upper(), []).append(row)
    return found


def _blockages(reading: Reading, entries: list[Tokens]) -> tuple[list[tuple[str, Box]], list[tuple[float, Box]]]:
    """Blockages that bar all of their box, and placement blockages that bar a share of it."""
    hard, partial = [], []
    for tokens in entries:
        upper = [t.upper() for t in tokens]
        layer = tokens[1] if upper[0] == "LAYER" else "PLACEMENT"
        share = 1.0
        for word, k in _parts(tokens, 1):
            if word == "PARTIAL":
                # Percent, says the manual; but nobody asks for less than one, and some write shares.
                allowed = float(tokens[k + 1])
                share = 1 - (allowed if allowed <= 1 else allowed / 100)
            elif word == "SOFT":
                share = 0.0
            elif word in ("SLOTS", "FILLS"):
                share = -1.0
                count(reading.skipped, f"BLOCKAGES {word}")
        boxes = [
            box
            for k, word in enumerate(upper)
            if word in ("RECT", "POLYGON") and share >= 0
            for _, box in routes.shapes(word, [layer, *tokens[k + 1 :]], 0, reading.unit)
        ]
        if share == 1:
            hard += [(layer, box) for box in boxes]
        else:
            partial += [(share, box) for box in boxes]
    return hard, partial
