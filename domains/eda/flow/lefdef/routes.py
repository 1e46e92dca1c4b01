"""Wiring of DEF nets: regular (wires on their tracks) and special (straps, rings, shields, of any width)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from appnas.domains.eda.flow.lefdef.placed import Box, Patch, Wire
from appnas.domains.eda.flow.lefdef.shapes import ORIENTS, box_of, path, rectangles
from appnas.domains.eda.flow.lefdef.text import Tokens, count

STATES = {"ROUTED", "FIXED", "COVER", "NOSHIELD", "SHIELD"}
"""What wiring begins with."""
WITHIN = {"SHAPE", "STYLE", "MASK"}
"""What may follow a plus sign within wiring."""
PASSED = {"TAPERRULE": 2, "STYLE": 2, "MASK": 2, "TAPER": 1, "VIRTUAL": 1} | dict.fromkeys(ORIENTS, 1)
"""Words within wiring that are passed by, with what belongs to them."""
Point = tuple[float, float]
Vias = Mapping[str, tuple[str, ...]]


class Piece(NamedTuple):
    """A part of a wiring, in database units."""

    kind: str
    """wire, via or patch."""
    layers: tuple[str, ...]
    width: float
    start: Point
    end: Point
    """Of a patch: with `start`, two corners."""
    extension: tuple[float | None, float | None] = (None, None)
    """By how much the ends are longer, where the file says."""


class Walk:
    """One wiring, from its first layer on: `layer ( x y ) ( x * ) via NEW layer ...`.

    Args:
        tokens: of the net.
        vias: their routing layers.
        special: whether layers have widths.
        skipped: what is not understood is counted there.
    """

    def __init__(self, tokens: Tokens, vias: Vias, special: bool, skipped: dict[str, int]):
        self.tokens, self.vias, self.special, self.skipped = tokens, vias, special, skipped
        self.layer, self.width, self.virtual = "", 0.0, False
        self.at: Point | None = None
        self.longer: float | None = None
        self.via = ""
        self.k = 0

    def begin(self, k: int) -> None:
        """At a layer's name."""
        self.layer, self.at, self.via, self.k = self.tokens[k], None, "", k + 1
        if self.special:
            self.width, self.k = float(self.tokens[k + 1]), k + 2

    def pieces(self, k: int) -> Iterator[Piece]:
        """All pieces; then `k` is behind the wiring."""
        self.begin(k)
        while self.k < len(self.tokens):
            token = self.tokens[self.k]
            word = token.upper()
            if token == "(":
                yield from self.point()
            elif token == "+":
                if self.tokens[self.k + 1].upper() not in WITHIN:
                    return
                self.k += 3
            elif word == "NEW":
                self.begin(self.k + 1)
            elif word == "RECT":
                yield from self.patch()
            elif word in PASSED:
                self.k += PASSED[word]
            elif word == "DO":
                yield from self.array()
            elif word in STATES and not self.special:  # a SUBNET's next wiring
                return
            else:
                yield from self.named(token)

    def named(self, token: str) -> Iterator[Piece]:
        """A via: the wire goes on in its other layer."""
        self.k += 1
        if token not in self.vias:
            count(self.skipped, "vias that neither LEF nor VIAS define; wires after them stay in their layer")
        elif self.at is not None:
            self.via = token
            yield Piece("via", self.vias[token], self.width, self.at, self.at)
            self.layer = next((n for n in self.vias[token] if n != self.layer), self.layer)

    def point(self) -> Iterator[Piece]:
        """A point, and the wire to it unless it is the first or the way there is no metal."""
        end = self.tokens.index(")", self.k)
        self.virtual = self.tokens[self.k - 1].upper() == "VIRTUAL"
        x, y, *more = self.tokens[self.k + 1 : end]
        before = self.at or (0.0, 0.0)
        here = before[0] if x == "*" else float(x), before[1] if y == "*" else float(y)
        longer = float(more[0]) if more else None
        if self.at is not None and not self.virtual:
            yield Piece("wire", (self.layer,), self.width, self.at, here, (self.longer, longer))
        self.at, self.longer, self.k = here, longer, end + 1

    def patch(self) -> Iterator[Piece]:
        """RECT ( dx dy dx dy ): metal around the last point, in the present layer."""
        end = self.tokens.index(")", self.k)
        a, b, c, d = (float(v) for v in self.tokens[self.k + 2 : end])
        x, y = self.at or (0.0, 0.0)
        yield Piece("patch", (self.layer,), 0.0, (x + a, y + b), (x + c, y + d))
        self.k = end + 1

    def array(self) -> Iterator[Piece]:
        """DO n BY m STEP dx dy: the last via again and again."""
        columns, rows = int(self.tokens[self.k + 1]), int(self.tokens[self.k + 3])
        dx, dy = float(self.tokens[self.k + 5]), float(self.tokens[self.k + 6])
        self.k += 7
        if self.at is not None and self.via:
            for i in range(columns):
                for j in range(rows):
                    if i or j:
                        at = self.at[0] + i * dx, self.at[1] + j * dy
                        yield Piece("via", self.vias[self.via], self.width, at, at)


def regular(
    tokens: Tokens, net: int, vias: Vias, unit: float, skipped: dict[str, int]
) -> tuple[list[Wire], list[Patch]]:
    """Wires, vias and patches of an entry of NETS and its subnets; `unit` is micrometres a database unit."""
    wires: list[Wire] = []
    patches: list[Patch] = []
    walk, k = Walk(tokens, vias, False, skipped), 1
    while k < len(tokens):
        if tokens[k] == "(":  # a pin, whatever it is called
            k = tokens.index(")", k + 3) + 1
            continue
        if tokens[k] == "+" and tokens[k + 1].upper() == "VPIN":  # its place begins like a wire: FIXED ( x y )
            k = tokens.index("+", k + 1) if "+" in tokens[k + 1 :] else len(tokens)
            continue
        if tokens[k].upper() not in STATES or tokens[k + 1 : k + 2] in ([], ["+"]):
            k += 2 if tokens[k] == "+" and tokens[k + 1].upper() not in STATES else 1
            continue
        for p in walk.pieces(k + 1):
            ends = [v * unit for v in (*p.start, *p.end)]
            if p.kind == "patch":
                patches.append(Patch(net, p.layers[0], box_of([(ends[0], ends[1]), (ends[2], ends[3])])))
            else:
                wires.append(Wire(net, p.layers, ends[0], ends[1], ends[2], ends[3]))
        k = walk.k
    return wires, patches


def special(tokens: Tokens, vias: Vias, unit: float, skipped: dict[str, int]) -> list[tuple[str, Box]]:
    """The metal of an entry of SPECIALNETS on its layers: wires, RECTs and POLYGONs, without that of vias."""
    found: list[tuple[str, Box]] = []
    walk, k = Walk(tokens, vias, True, skipped), 1
    while k < len(tokens) - 1:
        if tokens[k] != "+":
            k += 1
            continue
        word = tokens[k + 1].upper()
        if word in ("RECT", "POLYGON"):
            found += shapes(word, tokens, k + 2, unit)
        elif word in STATES and (first := k + 2 + (word == "SHIELD")) < len(tokens) and tokens[first] != "+":
            for p in walk.pieces(first):
                if p.kind == "wire":
                    found += [(p.layers[0], _scaled(box, unit)) for box in _metal(p, skipped)]
            k = walk.k
            continue
        k += 2
    return found


def _metal(p: Piece, skipped: dict[str, int]) -> list[Box]:
    (x0, y0), (x1, y1) = p.start, p.end
    if x0 != x1 and y0 != y1:
        count(skipped, "slanted wires of SPECIALNETS")
        return []
    start, end = (e or 0.0 for e in p.extension)
    wide = path([p.start, p.end], p.width, 0.0)
    box = list(wide[0])
    axis = 0 if abs(x1 - x0) >= abs(y1 - y0) else 1
    forward = (p.end[axis] - p.start[axis]) >= 0
    box[axis] -= start if forward else end
    box[axis + 2] += end if forward else start
    return [(box[0], box[1], box[2], box[3])]


def _scaled(box: Box, unit: float) -> Box:
    return box[0] * unit, box[1] * unit, box[2] * unit, box[3] * unit


def points(tokens: Tokens, k: int) -> tuple[list[Point], int]:
    """Points in parentheses from a place on, `*` for the last value, and the place behind them."""
    found: list[Point] = []
    while k < len(tokens) and tokens[k] == "(":
        x, y = tokens[k + 1 : k + 3]
        found.append((found[-1][0] if x == "*" else float(x), found[-1][1] if y == "*" else float(y)))
        k = tokens.index(")", k) + 1
    return found, k


def shapes(word: str, tokens: Tokens, k: int, unit: float) -> list[tuple[str, Box]]:
    """`layer [+ MASK n] ( x y ) ( x y ) ...` of a RECT or POLYGON."""
    layer, k = tokens[k], k + 1
    if tokens[k : k + 1] == ["+"]:
        k += 3
    corners, _ = points(tokens, k)
    boxes = [box_of(corners)] if word == "RECT" else rectangles(corners)
    return [(layer, _scaled(box, unit)) for box in boxes]


def via_layers(tokens: Tokens) -> tuple[str, ...]:
    """The layers of an entry of VIAS: those of its rule, or of its RECTs and POLYGONs."""
    layers: list[str] = []
    for k in range(1, len(tokens) - 2):
        if tokens[k] == "+" and (word := tokens[k + 1].upper()) in ("LAYERS", "RECT", "POLYGON"):
            layers += tokens[k + 2 : k + 5 if word == "LAYERS" else k + 3]
    return tuple(dict.fromkeys(layers))
