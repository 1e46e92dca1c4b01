"""Networks that are a row of layers, and masks, drawn from top to bottom: the order is what a list of counts loses.

A layer is a box with its operation, coloured by it, and beside it the values of its other words under their names;
sizes are bars. Layers that are alike and follow one another are one box with their number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from appnas.report.diagram import boxed, palette
from appnas.report.plots import BLUE, FAINT, INK, RULE, drawn
from appnas.space import words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = {"width", "hidden", "units", "growth", "weights"}
"""Words whose numbers are drawn as bars."""
OPERATIONS = {"attention", "operation"}
"""Words whose value is the operation, where a layer has none that stands alone."""
ROW, LETTER, GAP = 0.34, 0.068, 0.22
ACROSS = 32
"""Parts of a mask in one line."""


class Layer(NamedTuple):
    """One box.

    Attributes:
        op: the operation.
        more: its other words, name -> value; words without a value are joined under the name "".
        count: layers like it that follow one another.
    """

    op: str
    more: Mapping[str, str]
    count: int = 1  # type: ignore[assignment]

    def __str__(self) -> str:
        """In one line."""
        told = [self.op, *(f"{name} {value}".strip() for name, value in self.more.items())]
        return " ".join(told) + (f" ({self.count} times)" if self.count > 1 else "")


def layer(op: str | Sequence[str]) -> Layer:
    """A layer of its words, such as ("mbconv", "expand 6", "kernel 5", "pool")."""
    alone, named = [], {}
    for word in words(op if isinstance(op, str) else tuple(op)):
        name, space, value = word.rpartition(" ")
        if space:
            named[name] = value
        else:
            alone.append(word)
    if alone:
        kind = alone.pop(0)
    else:
        name = next((name for name in named if name in OPERATIONS), next(iter(named)))
        kind = named.pop(name) if name in OPERATIONS else name
        named = {name: named[name], **named} if name in named else named
    return Layer(kind, {name: value for name, value in {**named, "": " ".join(alone)}.items() if value})


def grouped(layers: Sequence[Layer]) -> list[Layer]:
    """The same with neighbours that are alike as one."""
    return [one._replace(count=len(list(alike))) for one, alike in itertools.groupby(layers)]


@drawn
def stack(layers: Sequence[Layer], ops: Sequence[str] = ()) -> Figure:
    """A row of layers, the input at the top.

    Args:
        layers: in order, at least one; neighbours that are alike are drawn once.
        ops: names in the order of their colours; by default as they come.
    """
    from matplotlib.figure import Figure

    rows, kinds = grouped(layers), list(dict.fromkeys([*ops, *(each.op for each in layers)]))
    known = {each.op for each in layers}
    colours = palette([kind for kind in kinds if kind in known])
    names = list(dict.fromkeys(name for each in rows for name in each.more))
    names.sort(key=lambda name: name == "")
    repeats = any(each.count > 1 for each in rows)
    box = max(0.7, 0.25 + LETTER * max(len(kind) for kind in known))
    left = 0.1 + box + (0.4 if repeats else 0.0)
    wide = {name: _wide(name, [each.more.get(name, "") for each in rows]) for name in names}
    across, down = left + sum(GAP + w for w in wide.values()) + 0.1, ROW * (len(rows) + 2) + 0.12
    figure = Figure((across, down))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, across), ylim=(down, 0))
    axes.axis("off")
    middle, last = 0.1 + box / 2, 0.06 + ROW * (len(rows) + 1.5)
    axes.plot([middle, middle], [0.06 + ROW / 2, last], color=FAINT, linewidth=1.1, zorder=1)
    for y, end in ((0.06 + ROW / 2, "in"), (last, "out")):
        boxed(axes, (middle, y, 0.5), end, False, INK, False)
    x = left
    for name in names:
        axes.text(x + GAP, 0.06 + ROW / 2, name, fontsize=7.5, color=FAINT, va="center_baseline")
        largest = max((float(each.more[name]) for each in rows if name in SIZES and _number(each, name)), default=0.0)
        for i, each in enumerate(rows):
            y, value = 0.06 + ROW * (i + 1.5), each.more.get(name, "\N{EN DASH}" if name else "")
            if largest and _number(each, name):
                length = max(0.5 * float(value) / largest, 0.02)
                axes.barh(y, length, 0.14, x + GAP, color=BLUE, alpha=0.55, linewidth=0)
                axes.text(x + GAP + 0.56, y, value, fontsize=8, color=INK, va="center_baseline")
            else:
                colour = FAINT if value in ("\N{EN DASH}", "off", "none", "no_shortcut") else INK
                text = value.replace("_", " ")
                axes.text(x + GAP, y, text, fontsize=8, color=colour, va="center_baseline")
        x += GAP + wide[name]
    for i, each in enumerate(rows):
        y = 0.06 + ROW * (i + 1.5)
        boxed(axes, (middle, y, box), each.op, True, colours[each.op], False)
        if each.count > 1:
            axes.text(0.16 + box, y, f"\N{MULTIPLICATION SIGN} {each.count}", fontsize=8, va="center_baseline")
    return figure


def _number(each: Layer, name: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", each.more.get(name, "")))


def _wide(name: str, values: Sequence[str]) -> float:
    longest = LETTER * max(len(name), *map(len, values))
    return max(longest, 0.56 + LETTER * max(map(len, values))) if name in SIZES else longest


@drawn
def mask(parts: Mapping[str, Sequence[bool]]) -> Figure:
    """A square for every part of a mask, filled where it is kept: one block a name, its squares in order.

    Args:
        parts: name -> whether each part is kept; at least one part.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    side = 0.125
    left = 0.2 + LETTER * max(len(name) + 9 for name in parts)
    lines = {name: -(-len(kept) // ACROSS) for name, kept in parts.items()}
    across = left + side * min(max(map(len, parts.values())), ACROSS) + 0.1
    down = sum(side * n + 0.12 for n in lines.values()) + 0.1
    figure = Figure((across, down))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, across), ylim=(down, 0))
    axes.axis("off")
    y = 0.1
    for name, kept in parts.items():
        text = f"{name}  {sum(kept)}/{len(kept)}"
        axes.text(0.1, y + side / 2, text, fontsize=8, color=INK, va="center_baseline")
        squares = [
            Rectangle((left + side * (i % ACROSS), y + side * (i // ACROSS)), 0.85 * side, 0.85 * side)
            for i in range(len(kept))
        ]
        axes.add_collection(PatchCollection(squares, facecolors=[BLUE if one else RULE for one in kept], linewidths=0))
        y += side * lines[name] + 0.12
    return figure
