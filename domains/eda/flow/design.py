"""A DEF file as a `Design`: everything placed at its coordinates, pins on their nets, wires of what is routed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from appnas.domains.eda.flow.lefdef import Box, Design, Library, Macro, Tokens, Wire, parts, read, sections, turned

PLACED = ("PLACED", "FIXED", "COVER")
FILLERS = ("FILL", "TAP", "DECAP", "ANTENNA")
"""Cells that only fill: by these beginnings of their names, or a LEF class of spacers."""
Located = tuple[np.ndarray, list[tuple[str, Box]], bool]
"""A pin: centre, boxes on their layers, whether it drives its net."""


def read_def(path: str | Path, library: Library) -> Design:
    """A placed, perhaps routed, design.

    Cells that are not placed, fillers, and pins of cells that the library lacks are errors or left out as follows: a
    cell of an unknown type is an error; one that is not placed is an error; fillers are left out.

    Raises:
        ValueError: the file is cut off, says other numbers than it holds, or one of the above.
    """
    source = str(path)
    found = sections(read(path), source)
    head = {tokens[0]: tokens for tokens in found[""]}
    for key in ("UNITS", "DIEAREA", "DESIGN"):
        if key not in head:
            raise ValueError(f"{source} has no {key}")
    unit = 1 / float(head["UNITS"][3])
    corners = np.array([float(v) for v in head["DIEAREA"][1:] if v not in "()"]).reshape(-1, 2) * unit
    die = (*corners.min(0).tolist(), *corners.max(0).tolist())
    names, kinds, boxes, places = _components(found.get("COMPONENTS", []), library, unit, source)
    located: dict[tuple[str, str], Located] = {}
    ports = _ports(found.get("PINS", []), unit)
    nets: list[str] = []
    pin_net: list[int] = []
    pin_cell: list[int] = []
    use: list[str] = []
    pins: list[Located] = []
    wires: list[Wire] = []
    for tokens in found.get("NETS", []):
        cut = parts(tokens)
        for cell, pin in _pairs(cut[0][1:]):
            if cell == "PIN":
                if pin not in ports:
                    raise ValueError(f"{source}: net {tokens[0]} ends at the port {pin}, which PINS does not place")
                pins.append(ports[pin])
                pin_cell.append(-1)
            elif cell in places:
                index, orient = places[cell]
                place = (cell, pin)
                located[place] = located.get(place) or _cell_pin(kinds[index], pin, boxes[index], orient, source, cell)
                pins.append(located[place])
                pin_cell.append(index)
            else:
                raise ValueError(f"{source}: net {tokens[0]} ends at {cell}, which is no component")
            pin_net.append(len(nets))
        use.append(next((p[1] for p in cut[1:] if p[:1] == ["USE"]), "SIGNAL"))
        wires += [w for p in cut[1:] if p[:1] in (["ROUTED"], ["FIXED"]) for w in _wires(p, len(nets), library, unit)]
        nets.append(tokens[0])
    return Design(
        name=head["DESIGN"][1],
        die=die,
        layers=library.layers,
        tracks=_tracks(found[""], unit),
        cells=names,
        kinds=kinds,
        boxes=boxes,
        nets=nets,
        pins=np.array([p[0] for p in pins]).reshape(-1, 2),
        pin_net=np.array(pin_net, int),
        pin_cell=np.array(pin_cell, int),
        driver=np.array([p[2] for p in pins], bool),
        access=[p[1] for p in pins],
        blockages=_blockages(found.get("BLOCKAGES", []), unit),
        wires=wires,
        signals=np.array([u not in ("POWER", "GROUND") for u in use], bool),
    )


def _components(
    entries: list[Tokens], library: Library, unit: float, source: str
) -> tuple[list[str], list[Macro], np.ndarray, dict[str, tuple[int, str]]]:
    names: list[str] = []
    kinds: list[Macro] = []
    boxes: list[Box] = []
    places: dict[str, tuple[int, str]] = {}
    for tokens in entries:
        name, kind = tokens[0], tokens[1]
        macro = library.macros.get(kind)
        if kind.upper().startswith(FILLERS) or (macro and ("SPACER" in macro.kind or macro.kind == "WELLTAP")):
            continue
        if macro is None:
            raise ValueError(f"{source}: {name} is a {kind}, which the LEF files do not have")
        place = next((p for p in parts(tokens)[1:] if p[0] in PLACED), None)
        if place is None:
            raise ValueError(f"{source}: {name} is not placed")
        x, y, orient = float(place[2]) * unit, float(place[3]) * unit, place[5]
        w, h = (macro.height, macro.width) if orient[-1] in "EW" else (macro.width, macro.height)
        places[name] = len(names), orient
        names.append(name)
        kinds.append(macro)
        boxes.append((x, y, x + w, y + h))
    return names, kinds, np.array(boxes, float).reshape(-1, 4), places


def _cell_pin(macro: Macro, pin: str, box: np.ndarray, orient: str, source: str, cell: str) -> Located:
    if pin not in macro.pins:
        raise ValueError(f"{source}: {cell} has no pin {pin} in the LEF files, only {sorted(macro.pins)}")
    found = macro.pins[pin]
    placed = []
    for layer, own in found.boxes:
        x0, y0, x1, y1 = turned(own, orient, macro.width, macro.height)
        placed.append((layer, (x0 + box[0], y0 + box[1], x1 + box[0], y1 + box[1])))
    edges = np.array([b for _, b in placed]) if placed else np.array([box])
    centre = np.array(
        [edges[:, [0, 2]].min() + edges[:, [0, 2]].max(), edges[:, [1, 3]].min() + edges[:, [1, 3]].max()]
    )
    return centre / 2, placed, found.direction == "OUTPUT"


def _ports(entries: list[Tokens], unit: float) -> Mapping[str, Located]:
    ports = {}
    for tokens in entries:
        place, layer, direction = None, "", "INPUT"
        for part in parts(tokens)[1:]:
            if part[0] in PLACED and place is None:
                place = np.array([float(part[2]), float(part[3])]) * unit
            elif part[0] == "LAYER" and not layer:
                layer = part[1]
            elif part[0] == "DIRECTION":
                direction = part[1]
        if place is not None:
            x, y = place.tolist()
            ports[tokens[0]] = place, [(layer, (x, y, x, y))] if layer else [], direction == "INPUT"
    return ports


def _pairs(tokens: Tokens) -> Iterator[tuple[str, str]]:
    for k in range(len(tokens) - 3):
        if tokens[k] == "(" and tokens[k + 3] == ")":
            yield tokens[k + 1], tokens[k + 2]


def _tracks(head: list[Tokens], unit: float) -> dict[str, list[tuple[str, float, float, int]]]:
    tracks: dict[str, list[tuple[str, float, float, int]]] = {}
    for tokens in head:
        if tokens[0] == "TRACKS" and "LAYER" in tokens:
            row = tokens[1], float(tokens[2]) * unit, float(tokens[6]) * unit, int(tokens[4])
            for layer in tokens[tokens.index("LAYER") + 1 :]:
                tracks.setdefault(layer, []).append(row)
    return tracks


def _blockages(entries: list[Tokens], unit: float) -> list[tuple[str, Box]]:
    found = []
    for tokens in entries:
        layer = tokens[1] if tokens[0] == "LAYER" else "PLACEMENT"
        for k, token in enumerate(tokens):
            if token == "RECT":
                n = [float(v) * unit for v in tokens[k + 1 : k + 9] if v not in "()"]
                found.append((layer, (n[0], n[1], n[2], n[3])))
    return found


def _wires(tokens: Tokens, net: int, library: Library, unit: float) -> Iterator[Wire]:
    """The wires and vias of one routing: `ROUTED layer ( x y ) ( x * ) via NEW layer ...`."""
    layer, at, k = tokens[1], None, 2
    while k < len(tokens):
        token = tokens[k]
        if token == "NEW":
            layer, at, k = tokens[k + 1], None, k + 2
        elif token == "(":
            end = tokens.index(")", k)
            x, y = tokens[k + 1 : k + 3]
            here = (
                float(x) * unit if x != "*" else (at or (0.0, 0.0))[0],
                float(y) * unit if y != "*" else (at or (0.0, 0.0))[1],
            )
            if at is not None:
                yield Wire(net, (layer,), *at, *here)
            at, k = here, end + 1
        else:
            if at is not None and token in library.vias:
                yield Wire(net, library.vias[token], *at, *at)
                layer = next((n for n in library.vias[token] if n != layer), layer)
            k += 1
