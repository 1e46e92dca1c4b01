"""A DEF file as a `Design`: everything placed at its coordinates, pins on their nets, wires of what is routed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from appnas.domains.eda.flow.lefdef import floorplan, routes
from appnas.domains.eda.flow.lefdef.placed import (
    ANYWHERE,
    FILLER,
    SUPPLY,
    Access,
    Box,
    Design,
    Library,
    Macro,
    Patch,
    Place,
    Shapes,
    Spot,
    Wire,
)
from appnas.domains.eda.flow.lefdef.shapes import ORIENTS, box_of, moved, outside, turned
from appnas.domains.eda.flow.lefdef.text import PLAIN, Tokens, count, keywords, parts, plain, read, sections

PLACED = ("PLACED", "FIXED", "COVER")
FILLERS = ("FILL", "TAP", "DECAP", "ANTENNA")
"""Of types that the LEF files lack, those that begin like this are fillers."""
UNREAD = {"HALO", "ROUTEHALO", "VPIN", "SUBNET"}
"""Parts of entries that are counted. A SUBNET's wires are read."""
HEAD = PLAIN - {"ROW"}
"""Statements outside of sections that are read, or say nothing of a placement."""
SECTIONS = ("COMPONENTS", "PINS", "NETS", "SPECIALNETS", "VIAS", "BLOCKAGES")


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
    unknown: set[str] = field(default_factory=set)
    """Components of types that the LEF files lack: fillers, diodes."""
    above: dict[tuple[str, str], Shapes] = field(default_factory=dict)
    """Obstructions above the lowest layer by cell type and orientation."""

    def place(self, name: str, place: Place, own: bool, obstructs: bool) -> None:
        """Put a component where it belongs: among the cells if it is one of their `own`."""
        _, macro, kind, x, y, orient = place
        if obstructs:
            if (kind, orient) not in self.above:
                upper = [(m, b) for m, b in macro.obstructions if m in list(self.library.layers)[1:]]
                self.above[kind, orient] = tuple((m, turned(b, orient, macro.width, macro.height)) for m, b in upper)
            self.obstacles += [(m, moved(b, x, y)) for m, b in self.above[kind, orient]]
        self.places[name] = place._replace(number=len(self.cells)) if own else place
        if own:
            w, h = (macro.height, macro.width) if orient[-1] in "EW" else (macro.width, macro.height)
            self.cells.append(name)
            self.kinds.append(macro)
            self.boxes.append((x, y, x + w, y + h))


def read_def(path: str | Path, library: Library, *, wires: bool = True) -> Design:
    """A placed, perhaps routed, design. `domains/eda/files/LEFDEF.md` lists what is read, counted and refused.

    Args:
        path: the DEF file, gzipped or not.
        library: of the LEF files.
        wires: read the wires of regular nets, too; maps of a placement need none.

    Raises:
        ValueError: the file is cut off, says other numbers than it holds, has a cell that is not placed or whose
            type no LEF file has (but for fillers), or a signal net ends at what is not there.
    """
    source = str(path)
    try:
        return _design(source, sections(read(path), source), library, wires)
    except (IndexError, ValueError) as error:
        if source in str(error):
            raise
        raise ValueError(f"{source}: a statement is not as DEF 5.8 has it: {error}") from error


def _design(source: str, found: dict[str, list[Tokens]], library: Library, wires: bool) -> Design:
    head = {tokens[0]: tokens for tokens in found[""]}
    for key in ("UNITS", "DIEAREA", "DESIGN"):
        if key not in head:
            raise ValueError(f"{source} has no {key}")
    if not float(head["UNITS"][3]) > 0:
        raise ValueError(f"{source}: UNITS DISTANCE MICRONS is above 0, got {head['UNITS'][3]}")
    reading = Reading(source, library, 1 / float(head["UNITS"][3]))
    unit, skipped = reading.unit, reading.skipped
    unread = [(tokens[0], 1) for tokens in found[""] if tokens[0] not in HEAD]
    unread += [(name, len(entries)) for name, entries in found.items() if name and name not in SECTIONS and entries]
    for name, by in unread:
        count(skipped, name, by)
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
    blockages, partial = floorplan.blockages(found.get("BLOCKAGES", []), unit, skipped)
    left_out = outside(outline) if len(outline) > 2 else []
    blockages += [(ANYWHERE, box) for box in left_out]
    boxes, die = np.array(reading.boxes, float).reshape(-1, 4), box_of(outline)
    floorplan.note_off(source, reading.cells, boxes, die, left_out)
    nets = _nets(reading, found.pop("NETS", []), _ports(reading, found.pop("PINS", [])), vias if wires else None)
    return Design(
        name=head["DESIGN"][1],
        die=die,
        layers=library.layers,
        tracks=floorplan.tracks(found[""], unit),
        cells=reading.cells,
        kinds=reading.kinds,
        boxes=boxes,
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
        gcells=floorplan.gcells(found[""], unit),
        skipped=skipped,
    )


def _placed(reading: Reading, tokens: Tokens) -> int:
    """Where a component's place begins, -1 if it has none."""
    at = -1
    for word, k in keywords(tokens, 2):
        if word in PLACED and at < 0:
            at = k
        elif word in UNREAD:
            count(reading.skipped, f"COMPONENTS {word}")
    if at >= 0 and tokens[at + 5].upper() not in ORIENTS:
        known = ", ".join(ORIENTS)
        raise ValueError(f"{reading.source}: {tokens[0]} is placed {tokens[at + 5]!r}, not one of {known}")
    return at


def _components(reading: Reading, entries: list[Tokens]) -> None:
    macros = reading.library.macros
    roles = {name: macro.role for name, macro in macros.items()}
    for tokens in entries:
        name, kind = tokens[0], tokens[1]
        if kind not in macros:
            if not kind.upper().startswith(FILLERS):
                raise ValueError(f"{reading.source}: {name} is a {kind}, which the LEF files do not have")
            count(reading.skipped, "fillers")
            reading.unknown.add(name)
            continue
        at = _placed(reading, tokens)
        own = roles[kind] in ("cell", "hard")
        if not own:
            count(reading.skipped, f"{roles[kind]}s")
        if at >= 0:
            x, y, orient = float(tokens[at + 2]), float(tokens[at + 3]), tokens[at + 5].upper()
            place = Place(FILLER, macros[kind], kind, x * reading.unit, y * reading.unit, orient)
            reading.place(name, place, own, roles[kind] in ("hard", "cover"))
        elif own:
            raise ValueError(f"{reading.source}: {name} is not placed")


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
        for word, at in keywords(tokens, k):
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
        index, x, y, spot = place.number, place.x, place.y, reading.spots[key]
    elif cell.upper() == "PIN" and pin in ports:
        index, (x, y, spot) = -1, ports[pin]
    elif cell in reading.unknown:
        count(reading.skipped, "pins of fillers that the LEF files lack")
        return
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
