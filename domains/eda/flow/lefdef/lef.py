"""LEF files: routing layers, vias, and every cell's class, size, pins and obstructions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from appnas.domains.eda.flow.lefdef.placed import Box, Library, Macro, Pin
from appnas.domains.eda.flow.lefdef.shapes import Points, box_of, moved, path, rectangles
from appnas.domains.eda.flow.lefdef.text import Tokens, count, read, words

SECTIONS = {"UNITS", "SPACING", "PROPERTYDEFINITIONS", "NOISETABLE", "CORRECTIONTABLE", "IRDROP", "DIELECTRIC",
            "EXTENSIONS", "MINFEATURE"}  # fmt: skip
"""Blocks that end with their own word, and are skipped."""
NAMED = {"LAYER", "VIA", "VIARULE", "NONDEFAULTRULE", "SITE", "ARRAY"}
"""Blocks that end with their name."""
Shapes = tuple[tuple[str, Box], ...]


class Reader:
    """One LEF file on its way into a library.

    Args:
        tokens: its words.
        library: where to.
        source: the file, for messages.
    """

    def __init__(self, tokens: Tokens, library: Library, source: str):
        self.tokens, self.library, self.source, self.at = tokens, library, source, 0

    def word(self, further: int = 0) -> str:
        """A word in capitals, from the present place on.

        Raises:
            ValueError: the file is over.
        """
        if self.at + further >= len(self.tokens):
            raise ValueError(f"{self.source} does not end with END LIBRARY: it is cut off, or no LEF file")
        return self.tokens[self.at + further].upper()

    def statement(self) -> Tokens:
        """The words up to the next semicolon, which is passed."""
        start = self.at
        while self.word() != ";":
            self.at += 1
        self.at += 1
        return self.tokens[start : self.at - 1]

    def block(self, last: str = "END", name: str = "") -> Tokens:
        """The words up to `last`, and a name behind it if one is given; these are left to the caller."""
        start = self.at
        for at in range(start, len(self.tokens)):
            if self.tokens[at].upper() == last and (not name or self.tokens[at + 1 : at + 2] == [name]):
                self.at = at
                return self.tokens[start:at]
        self.at = len(self.tokens)
        return [self.word()]  # which says that the file is cut off

    def ends(self, name: str) -> bool:
        """Whether `END name` is next."""
        return self.word() == "END" and self.tokens[self.at + 1 : self.at + 2] == [name]

    def file(self) -> None:
        """Read it to END LIBRARY."""
        while True:
            word = self.word()
            if word == "END" and self.word(1) == "LIBRARY":
                return
            if word == "MACRO":
                self.macro()
            elif word in NAMED and self.word(2) != ";":
                name = self.tokens[self.at + 1]
                self.at += 2
                self.named(word, name, self.block(name=name))
                self.at += 2
            elif word in SECTIONS and self.word(1) != ";":
                count(self.library.skipped, f"LEF {word}")
                self.at += 1
                self.block()
                self.at += 2
            elif word == "BEGINEXT":
                count(self.library.skipped, "LEF BEGINEXT")
                self.block("ENDEXT")
                self.at += 1
            else:
                self.statement()

    def named(self, word: str, name: str, body: Tokens) -> None:
        """A layer, via, or rule."""
        if word == "LAYER":
            self.layer(name, body)
        elif word == "VIA":
            self.library.vias[name] = via_layers(body)
        else:
            count(self.library.skipped, f"LEF {word}")
            if word == "NONDEFAULTRULE":  # whose vias nets may use
                inner = Reader([*body, "END", "LIBRARY"], Library(), f"{self.source}: NONDEFAULTRULE {name}")
                inner.file()
                self.library.vias |= inner.library.vias

    def layer(self, name: str, body: Tokens) -> None:
        """A layer; of those not for routing, or slanted, the width alone."""
        said = {s[0].upper(): s for s in reversed(split(body)) if s}
        if "WIDTH" in said:
            self.library.widths[name] = float(said["WIDTH"][1])
        if said.get("TYPE", ["", ""])[1].upper() != "ROUTING":
            return
        if any(s[0].upper() == "PROPERTY" and "MIMCAP" in " ".join(s).upper() for s in split(body) if s):
            count(self.library.skipped, "LEF LAYER of LEF58_TYPE MIMCAP")  # a capacitor's plate, no layer of wires
            return
        direction = said.get("DIRECTION", ["", ""])[1].upper()
        if direction not in ("HORIZONTAL", "VERTICAL") or "PITCH" not in said:
            count(self.library.skipped, "LEF LAYER of TYPE ROUTING without HORIZONTAL or VERTICAL, or without PITCH")
            return
        # Of two pitches the first is that of vertical tracks, along x.
        both = said["PITCH"]
        self.library.layers[name] = direction, float(both[2 if direction == "HORIZONTAL" and len(both) > 2 else 1])

    def macro(self) -> None:
        """A cell.

        Raises:
            ValueError: it has no SIZE.
        """
        name = self.tokens[self.at + 1]
        self.at += 2
        kind, size, origin = "CORE", None, (0.0, 0.0)
        pins: dict[str, Pin] = {}
        obstructions: Shapes = ()
        while not self.ends(name):
            word = self.word()
            if word == "PIN":
                port = self.tokens[self.at + 1]
                self.at += 2
                pins[port] = self.pin(port)
            elif word == "OBS":
                self.at += 1
                obstructions += self.shapes(self.block())
                self.at += 1
            elif word in ("DENSITY", "TIMING"):
                count(self.library.skipped, f"LEF MACRO {word}")
                self.block()
                self.at += 2 if word == "TIMING" and self.word(1) == "TIMING" else 1
            else:
                said = self.statement()
                if word == "CLASS":
                    kind = " ".join(said[1:]).upper()
                elif word == "SIZE":
                    size = float(said[1]), float(said[3])
                elif word == "ORIGIN":
                    x, y = numbers(said[1:])
                    origin = x, y
        self.at += 2
        if size is None:
            raise ValueError(f"{self.source}: MACRO {name} without SIZE")
        pins = {n: p._replace(boxes=tuple((m, moved(b, *origin)) for m, b in p.boxes)) for n, p in pins.items()}
        obstructions = tuple((m, moved(b, *origin)) for m, b in obstructions)
        self.library.macros[name] = Macro(kind, *size, pins, obstructions)

    def pin(self, name: str) -> Pin:
        """A pin of a cell, all its ports as one."""
        direction, use, boxes = "INPUT", "SIGNAL", ()
        while not self.ends(name):
            if self.word() == "PORT":
                self.at += 1
                boxes += self.shapes(self.block())  # type: ignore[assignment]
                self.at += 1
            else:
                said = [t.upper() for t in self.statement()]
                if said[0] == "DIRECTION":
                    direction = said[1]
                elif said[0] == "USE":
                    use = said[1]
        self.at += 2
        return Pin(direction, use, boxes)

    def shapes(self, body: Tokens) -> Shapes:
        """The geometry of a port or of obstructions."""
        found: list[tuple[str, Box]] = []
        layer, width = "", 0.0
        for said in split(body):
            word = said[0].upper() if said else ""
            if word == "LAYER":
                layer, width = said[1], self.library.widths.get(said[1], 0.0)
            elif word == "WIDTH":
                width = float(said[1])
            elif word in ("RECT", "POLYGON", "PATH"):
                found += [(layer, box) for box in shape(word, said[1:], width)]
            elif word == "VIA":
                count(self.library.skipped, "LEF VIA in a PORT or OBS")
        return tuple(found)


def split(body: Tokens) -> list[Tokens]:
    """Statements of a block."""
    cut: list[Tokens] = [[]]
    for token in body:
        if token == ";":
            cut.append([])
        else:
            cut[-1].append(token)
    return [s for s in cut if s]


def numbers(said: Sequence[str]) -> list[float]:
    """The numbers of a statement; parentheses may stand around points."""
    return [float(t) for t in said if t not in "()"]


def shape(word: str, said: Tokens, width: float) -> list[Box]:
    """The boxes of one RECT, POLYGON or PATH, repeated if it says ITERATE."""
    upper = [t.upper() for t in said]
    start = 2 if upper[:1] == ["MASK"] else 0
    start += upper[start : start + 1] == ["ITERATE"]
    end = upper.index("DO") if "DO" in upper else len(said)
    flat = numbers(said[start:end])
    points: Points = list(zip(flat[::2], flat[1::2], strict=True))
    if word == "RECT":
        found = [box_of(points)]
    else:
        found = rectangles(points) if word == "POLYGON" else path(points, width)
    if end == len(said):
        return found
    columns, rows, dx, dy = int(said[end + 1]), int(said[end + 3]), float(said[end + 5]), float(said[end + 6])
    return [moved(b, i * dx, j * dy) for b in found for j in range(rows) for i in range(columns)]


def via_layers(body: Tokens) -> tuple[str, ...]:
    """The layers of a via in LEF: those of its shapes, or of its rule."""
    layers: list[str] = []
    for said in split(body):
        for k, token in enumerate(said[:-1]):
            if token.upper() == "LAYER":
                layers.append(said[k + 1])
            elif token.upper() == "LAYERS":
                layers += said[k + 1 : k + 4]
    return tuple(dict.fromkeys(layers))


def read_lef(paths: Sequence[str | Path]) -> Library:
    """Layers, vias and cells of one or more LEF files (a technology's and a library's, in any order).

    Raises:
        ValueError: a damaged file, or neither a routing layer nor a macro in any of them. Libraries of macros alone
            suffice for feature maps (see `maps.pitch`), not for what counts tracks.
    """
    library = Library()
    for source in paths:
        reader = Reader(words(read(source)), library, str(source))
        try:
            reader.file()
        except (IndexError, ValueError) as error:
            if str(source) in str(error):
                raise
            near = " ".join(reader.tokens[max(reader.at - 6, 0) : reader.at + 4])
            raise ValueError(f"{source}: not as LEF 5.8 has it, near {near!r}: {error}") from error
    if not library.layers and not library.macros:
        raise ValueError(f"no routing layer with a direction and a pitch, and no macro, in {[str(p) for p in paths]}")
    library.vias = {n: tuple(v for v in found if v in library.layers) for n, found in library.vias.items()}
    return library
