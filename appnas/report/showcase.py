"""Examples as maps side by side: what went in, what was true, what a network made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appnas.report.plots import drawn
from appnas.run import Maps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 1.75
"""Inches of a map."""


@drawn
def picture(shown: Maps) -> Figure:
    """A row for each example, a column for each map; all have the maps of the first."""
    from matplotlib.figure import Figure

    names = list(next(iter(shown.values())))
    figure = Figure((SIDE * len(names) + 0.3, SIDE * len(shown) + 0.3), layout="constrained")
    grid = figure.subplots(len(shown), len(names), squeeze=False)
    for k, (row, (example, maps)) in enumerate(zip(grid, shown.items(), strict=True)):
        for axes, name in zip(row, names, strict=True):
            axes.imshow(maps[name], cmap="magma")
            axes.set(xticks=[], yticks=[], title="" if k else name.replace("_", " "))
        row[0].set_ylabel(example)
    return figure
