"""Cells drawn as diagrams: states and operations in levels from left to right, so that nothing overlaps.

The layout is after Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system
structures", IEEE Transactions on Systems, Man, and Cybernetics 11, 1981): levels by longest path, long edges bent
through every level that they cross, the order in a level by sweeps of barycentres, places by least squares.
Operations lie on the edges of a cell; here each is a box of its own, on the level before the state that it enters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx
import torch

from appnas.report.plots import BLUE, FAINT, GREEN, INK, ORANGE, PINK, RED, RULE, SKY, YELLOW, drawn, formula
from appnas.space import SKIP, ZERO, Space, decisions, split, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[Hashable, ...]
"""("state", name), ("op", source, target, key), or ("bend", from box, to box, level)."""
SWEEPS = 24
JOIN = "concat"
"""The operation of edges that are drawn as plain lines."""


class Layout(NamedTuple):
    """A placed graph.

    Attributes:
        levels: the boxes of every level, from left to right, each from top to bottom.
        y: place of every box in its level, growing downwards.
        routes: for every line the boxes it goes through, the ends included.
    """

    levels: list[list[Box]]
    y: dict[Box, float]
    routes: list[list[Box]]


def layered(cell: nx.MultiDiGraph) -> Layout:
    """Place the states and operations of a cell.

    Args:
        cell: acyclic, with the attribute `op` on every edge, or on nodes.

    Raises:
        networkx.NetworkXUnfeasible: the graph has a cycle.
    """
    graph = boxes(cell)
    levels, routes = bend(graph, levels_of(graph))
    pairs = [pair for route in routes for pair in pairwise(route)]
    levels = order(levels, pairs)
    return Layout(levels, place(levels, pairs), routes)


def boxes(cell: nx.MultiDiGraph) -> nx.DiGraph:
    """The graph in which every operation is a node between its states."""
    graph = nx.DiGraph()
    graph.add_nodes_from(("state", name) for name in cell)
    for source, target, key, op in nx.MultiDiGraph(cell).edges(keys=True, data="op"):
        middle = [] if op in (JOIN, None) else [("op", source, target, key)]
        nx.add_path(graph, [("state", source), *middle, ("state", target)])
    return graph


def levels_of(graph: nx.DiGraph) -> dict[Box, int]:
    """Longest path from a source; outputs last; operations right before the state that they enter."""
    generations = nx.topological_generations(graph)
    level: dict[Box, int] = {box: i for i, generation in enumerate(generations) for box in generation}
    for box in graph:
        if graph.in_degree(box) and not graph.out_degree(box):
            level[box] = max(level.values())
    for box in graph:
        if box[0] == "op":
            level[box] = level["state", box[2]] - 1
    return level


def bend(graph: nx.DiGraph, level: Mapping[Box, int]) -> tuple[list[list[Box]], list[list[Box]]]:
    """The boxes of every level, with a bend wherever an edge crosses a level; and the routes of the edges."""
    levels: list[list[Box]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for box in graph:
        levels[level[box]].append(box)
    routes = []
    for source, target in graph.edges:
        bends: list[Box] = [("bend", source, target, i) for i in range(level[source] + 1, level[target])]
        for i, box in enumerate(bends, start=level[source] + 1):
            levels[i].append(box)
        routes.append([source, *bends, target])
    return levels, routes


def crossings(levels: Sequence[Sequence[Box]], pairs: Sequence[tuple[Box, Box]]) -> int:
    """Number of crossing lines between neighbouring levels."""
    rank = {box: i for boxes in levels for i, box in enumerate(boxes)}
    level = {box: i for i, boxes in enumerate(levels) for box in boxes}
    total = 0
    for i, (a, b) in enumerate(pairs):
        for c, d in pairs[i + 1 :]:
            total += level[a] == level[c] and (rank[a] - rank[c]) * (rank[b] - rank[d]) < 0
    return total


def neighbours(pairs: Sequence[tuple[Box, Box]]) -> tuple[dict[Box, list[Box]], dict[Box, list[Box]]]:
    """The boxes before and after every box."""
    before: dict[Box, list[Box]] = {}
    after: dict[Box, list[Box]] = {}
    for source, target in pairs:
        after.setdefault(source, []).append(target)
        before.setdefault(target, []).append(source)
    return before, after


def order(levels: Sequence[Sequence[Box]], pairs: Sequence[tuple[Box, Box]]) -> list[list[Box]]:
    """The order of fewest crossings that sweeps of barycentres, forwards and backwards, come across."""
    now = [list(boxes) for boxes in levels]
    best, fewest = [list(boxes) for boxes in now], crossings(now, pairs)
    before, after = neighbours(pairs)
    for sweep in range(SWEEPS):
        side = before if sweep % 2 == 0 else after
        for boxes in now if sweep % 2 == 0 else reversed(now):
            rank = {box: i / max(len(other) - 1, 1) for other in now for i, box in enumerate(other)}
            means = {box: _mean([rank[other] for other in side.get(box, [box])]) for box in boxes}
            boxes.sort(key=means.__getitem__)
        count = crossings(now, pairs)
        if count < fewest:
            best, fewest = [list(boxes) for boxes in now], count
    return best


def place(levels: Sequence[Sequence[Box]], pairs: Sequence[tuple[Box, Box]]) -> dict[Box, float]:
    """Boxes near the mean of their neighbours, at least 1 apart (0.6 if one is a bend), in the given order."""
    y = {box: i - len(boxes) / 2 for boxes in levels for i, box in enumerate(boxes)}
    before, after = neighbours(pairs)
    for sweep in range(SWEEPS):
        for boxes in levels if sweep % 2 == 0 else reversed(levels):
            wish = [_mean([y[other] for other in (*before.get(b, ()), *after.get(b, ()))] or [y[b]]) for b in boxes]
            gaps = [0.6 if "bend" in (a[0], b[0]) else 1.0 for a, b in pairwise(boxes)]
            y.update(zip(boxes, spread(wish, gaps), strict=True))
    return y


def spread(wish: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places closest to the wished ones, in least squares, that keep order and gaps (pool adjacent violators).

    Args:
        wish: where each would like to be.
        gaps: smallest distance from each to the next; one less than wishes.
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[list[float]] = []  # wishes without the gaps, pooled until their means ascend
    for target, offset in zip(wish, offsets, strict=False):
        pools.append([target - offset])
        while len(pools) > 1 and _mean(pools[-2]) >= _mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    flat = [mean for pool in pools for mean in [_mean(pool)] * len(pool)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=False)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


Edge = tuple[str, Hashable, Hashable]
"""(cell, source, target)."""


def edges_of(space: Space) -> list[Edge | None]:
    """The edge that every decision of a space is about, None where that is not one edge of its `graph`.

    Found by changing the decision between two operations and looking which edge of the graph changes. Where operations
    lie on nodes, there is none.
    """
    live = [[k for k, name in enumerate(names) if name not in ZERO][:2] for names in decisions(space.choices)]
    if not _wires(space, {position: options[-1] for position, options in enumerate(live) if options}):
        return [None] * len(live)
    edges: list[Edge | None] = []
    for position, options in enumerate(live):
        seen = [_wires(space, {position: option}) for option in options]
        changed = {(name, source, target) for name, source, target, *_ in seen[0] ^ seen[-1]} if seen else set()
        edges.append(changed.pop() if len(changed) == 1 else None)
    return edges


def _wires(space: Space, wanted: Mapping[int, int]) -> set[tuple[Any, ...]]:
    """The operations on edges of the architecture nearest to some options."""
    scores = [torch.zeros(len(names)) for names in decisions(space.choices)]
    for position, option in wanted.items():
        scores[position][option] = 1.0
    graphs = space.graph(space.discretise(split(space.choices, scores)))  # type: ignore[attr-defined]
    wires = {name: nx.MultiDiGraph(graph).edges(keys=True, data="op") for name, graph in graphs.items()}
    return {(name, *edge) for name, each in wires.items() for edge in each if edge[-1]}


def idle(cell: nx.MultiDiGraph, edges: Collection[tuple[Hashable, Hashable]]) -> set[Hashable]:
    """States that are not on a path from an input to an output.

    Args:
        cell: one architecture's.
        edges: (source, target) that the cell could have: a state that one could enter is no input.
    """
    wired = nx.DiGraph(cell)
    wired.add_edges_from(edge for edge in edges if set(edge) <= set(cell))  # others end in states that it has not
    flow = nx.DiGraph(cell)
    fed = {s for s in wired if not wired.in_degree(s)}
    heard = {s for s in wired if not wired.out_degree(s)}
    forth = fed.union(*(nx.descendants(flow, s) for s in fed))
    back = heard.union(*(nx.ancestors(flow, s) for s in heard))
    return set(cell) - (forth & back)


def palette(ops: Sequence[str]) -> dict[str, str]:
    """A colour for every operation; grey for those that pass their input on."""
    colours = (BLUE, ORANGE, GREEN, PINK, RED, SKY, YELLOW)
    real = [op for op in ops if op not in SKIP | ZERO]
    return {op: FAINT for op in ops} | {op: colours[i % len(colours)] for i, op in enumerate(real)}


@drawn
def cell(graph: nx.MultiDiGraph, ops: Sequence[str], idle: Collection[Hashable] = ()) -> Figure:
    """A cell from left to right: states as circles, operations as boxes, also those that are nodes themselves.

    Args:
        graph: of the space's `graph`.
        ops: names in the order of their colours.
        idle: states that pass nothing on to the output: drawn faint, with what enters and leaves them.
    """
    from matplotlib.figure import Figure

    layout = layered(graph)
    wires, own = nx.MultiDiGraph(graph).edges(keys=True, data="op"), dict(graph.nodes(data="op"))
    taken: dict[Box, tuple[str, ...]] = {("op", u, v, k): words(op) for u, v, k, op in wires if op}
    taken |= {("state", name): words(op) for name, op in own.items() if op}
    names: dict[Box, str] = {("state", name): str(name) for name in own} | {b: " ".join(op) for b, op in taken.items()}
    colours = palette(list(dict.fromkeys([*ops, *(op[0] for op in taken.values())])))
    wide = {b: 0.25 + 0.063 * len(re.sub("$" if b[0] == "op" or own[b[1]] else "[_{}]", "", names[b])) for b in names}
    wide |= {box: 0.0 for box in layout.y if box[0] == "bend"}
    columns = [max(wide[box] for box in boxes) for boxes in layout.levels]
    x: dict[Box, float] = {}
    right = 0.15
    for boxes, column in zip(layout.levels, columns, strict=True):
        x |= {box: right + column / 2 for box in boxes}
        right += column + 0.34
    y = {box: 0.4 * place for box, place in layout.y.items()}
    low, high, right = min(y.values()) - 0.3, max(y.values()) + 0.3, right - 0.2
    figure = Figure((right, high - low))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, right), ylim=(high, low))
    axes.axis("off")
    half = {box: column / 2 for boxes, column in zip(layout.levels, columns, strict=True) for box in boxes}
    faint = {box: bool(set(box[1:3] if box[0] == "op" else box[1:2]) & set(idle)) for box in names}
    for route in layout.routes:
        dull = faint[route[0]] or faint[route[-1]]
        _line(axes, [(x[b], y[b], half[b] if b[0] == "bend" else wide[b] / 2) for b in route], dull)
    for box, name in names.items():
        if box in x:
            op = box[0] == "op" or bool(own[box[1]])
            boxed(axes, (x[box], y[box], wide[box]), name, op, colours.get(taken.get(box, ("",))[0], INK), faint[box])
    return figure


def _line(axes: Axes, points: Sequence[tuple[float, float, float]], dull: bool) -> None:
    """A smooth line through boxes (x, y, half width), level within each of them, with an arrow at its end."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x, y, half), *rest = points
    vertices, codes = [(x + half, y)], [Path.MOVETO]
    for x, y, half in rest:
        start, end = vertices[-1], (x - half, y)
        middle = (start[0] + end[0]) / 2
        vertices += [(middle, start[1]), (middle, y), end, (x + half, y)]
        codes += [Path.CURVE4] * 3 + [Path.LINETO]
    colour = RULE if dull else FAINT
    axes.add_patch(PathPatch(Path(vertices[:-1], codes[:-1]), facecolor="none", edgecolor=colour, linewidth=1.1))
    axes.plot(vertices[-2][0] - 0.03, vertices[-2][1], ">", color=colour, markersize=4, markeredgewidth=0)


def boxed(axes: Axes, place: tuple[float, float, float], name: str, op: bool, colour: str, dull: bool) -> None:
    """A box (x, y, width) with a name: rounded and white for a state, filled for an operation, grey if it is dull."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    (x, y, width), ink = place, FAINT if dull else INK
    edge = RULE if dull else colour if op else INK
    face = [1 - 0.28 * (1 - c) for c in to_rgb(edge)] if op else "white"
    shape = f"round,pad=0,rounding_size={0.06 if op else 0.13}"
    axes.add_patch(FancyBboxPatch((x - width / 2, y - 0.13), width, 0.26, shape, facecolor=face, edgecolor=edge,
                                  linewidth=1.1, zorder=3))  # fmt: skip
    axes.text(x, y, formula(name), ha="center", va="center_baseline", fontsize=8, color=ink, zorder=4)
