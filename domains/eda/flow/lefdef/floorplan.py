"""What a DEF file says of a die before anything is routed: tracks, gcells, blockages."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from appnas.domains.eda.flow.lefdef.placed import PLACEMENT, Box
from appnas.domains.eda.flow.lefdef.routes import shapes
from appnas.domains.eda.flow.lefdef.text import Tokens, count, keywords


def tracks(head: list[Tokens], unit: float) -> dict[str, list[tuple[str, float, float, int]]]:
    """TRACKS by layer: axis, first position, step, count."""
    found: dict[str, list[tuple[str, float, float, int]]] = {}
    for tokens in head:
        upper = [t.upper() for t in tokens]
        if upper[0] == "TRACKS" and "LAYER" in upper:
            row = upper[1], float(tokens[2]) * unit, float(tokens[6]) * unit, int(tokens[4])
            for layer in tokens[upper.index("LAYER") + 1 :]:
                found.setdefault(layer, []).append(row)
    return found


def gcells(head: list[Tokens], unit: float) -> dict[str, list[tuple[float, float, int]]]:
    """GCELLGRID by axis: first line, step, lines."""
    found: dict[str, list[tuple[float, float, int]]] = {}
    for tokens in head:
        if tokens[0] == "GCELLGRID":
            row = float(tokens[2]) * unit, float(tokens[6]) * unit, int(tokens[4])
            found.setdefault(tokens[1].upper(), []).append(row)
    return found


def note_off(source: str, cells: Sequence[str], boxes: np.ndarray, die: Box, outside: Sequence[Box]) -> None:
    """Warn of cells whose centres lie off the die. Shapes: boxes [C, 4].

    Args:
        source: the file.
        cells: names.
        boxes: of the cells.
        die: the box around it.
        outside: what of that box a polygon leaves out.
    """
    at = (boxes[:, :2] + boxes[:, 2:]) / 2
    off = ((at < die[:2]) | (at > die[2:])).any(1)
    for box in outside:
        off |= ((at > box[:2]) & (at < box[2:])).all(1)
    if count := int(off.sum()):
        named = ", ".join([*(cells[k] for k in np.flatnonzero(off)[:5]), *(["..."] if count > 5 else [])])
        warnings.warn(
            f"{source}: {count} of {len(cells)} cells are placed off the die, {named}: maps leave them out, and count"
            " their pins at its edge; see whether DIEAREA and UNITS are those of the placement",
            stacklevel=4,
        )


def blockages(
    entries: list[Tokens], unit: float, skipped: dict[str, int]
) -> tuple[list[tuple[str, Box]], list[tuple[float, Box]]]:
    """Blockages that bar all of their box, and placement blockages that bar a share of it."""
    hard, partial = [], []
    for tokens in entries:
        upper = [t.upper() for t in tokens]
        layer = tokens[1] if upper[0] == "LAYER" else PLACEMENT
        share = 1.0
        for word, k in keywords(tokens, 1):
            if word == "PARTIAL":
                # Percent, says the manual; but nobody asks for less than one, and some write shares.
                allowed = float(tokens[k + 1])
                share = 1 - (allowed if allowed <= 1 else allowed / 100)
            elif word == "SOFT":
                share = 0.0
            elif word in ("SLOTS", "FILLS"):
                share = -1.0
                count(skipped, f"BLOCKAGES {word}")
        boxes = [
            box
            for k, word in enumerate(upper)
            if word in ("RECT", "POLYGON") and share >= 0
            for _, box in shapes(word, [layer, *tokens[k + 1 :]], 0, unit)
        ]
        if share == 1:
            hard += [(layer, box) for box in boxes]
        else:
            partial += [(share, box) for box in boxes]
    return hard, partial
