"""Nets as straight lines between their pins: all pairs, stars, sources, trees; of any width in time linear in the pins.

Of nets with up to `EVERY` pins all pairs are drawn. Of wider ones `STRIDES` pairs a pin stand for all, each weighing as
much more: the pins are put in an order drawn once for a number of pins, and each is joined with those so many places
further on; each pair of pins is as likely as any other. Trees of up to `PRIM` different points are Prim's, wider ones
Kruskal's on the neighbours that can be in a tree (Zhou, Shenoy and Nicholls, Information Processing Letters 2002).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from appnas.domains.eda.flow.grids import AT_ONCE, Grid
from appnas.domains.eda.flow.lefdef.placed import Design

EVERY = 64
STRIDES = 32
PRIM = 4096


def groups(design: Design) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Signal nets by number of pins, from two: nets [n], and their pins' indices [n, k], the driver first."""
    order = np.lexsort((~design.driver, design.pin_cell == -1, design.pin_net))
    order = order[np.argsort(~design.driver[order], kind="stable")]
    order = order[np.argsort(design.pin_net[order], kind="stable")]
    counts = np.bincount(design.pin_net, minlength=len(design.nets))
    starts = np.cumsum(counts) - counts
    for k in np.unique(counts[counts > 1]):
        nets = np.flatnonzero((counts == k) & design.signals)
        if len(nets):
            yield nets, order[starts[nets][:, None] + np.arange(k)]


def ideal(design: Design, said: Sequence[str]) -> np.ndarray:
    """Which signal nets are ideal, [N]: of a USE that is named ("CLOCK"), or of more pins than a number ("100").

    Placers leave such nets out, since a tree of buffers will take their place (DREAMPlace: `ignore_net_degree`, 100).

    Raises:
        ValueError: something else than a USE of DEF or a number.
    """
    uses = ("ANALOG", "CLOCK", "RESET", "SCAN", "SIGNAL", "TIEOFF")
    found = np.zeros(len(design.nets), bool)
    pins = np.bincount(design.pin_net, minlength=len(design.nets))
    for word in said:
        if word.isdigit() and int(word) > 1:
            found |= pins > int(word)
        elif word.upper() in uses:
            found |= np.array([use == word.upper() for use in design.uses] or [False] * len(found), bool)
        else:
            raise ValueError(
                f"ideal nets are those of a USE ({', '.join(uses)}) or of more pins than 2 up; got {word!r}"
            )
    return np.asarray(found & design.signals)


def without(design: Design, said: Sequence[str]) -> Design:
    """The same design, its ideal nets no signals any more: maps and router pass them by. See `ideal`."""
    return replace(design, signals=design.signals & ~ideal(design, said)) if said else design


def spanning_tree(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges of minimum spanning trees in Manhattan distance. Shapes: [n, k, 2] -> two of [n, k - 1] indices."""
    n, k, _ = points.shape
    if k > PRIM:
        found = [_wide(net) for net in points]
        return np.stack([a for a, _ in found]), np.stack([b for _, b in found])
    rows = np.arange(n)
    distance = np.abs(points - points[:, :1]).sum(-1)
    parent, joined = np.zeros((n, k), int), np.zeros((n, k), bool)
    joined[:, 0] = True
    starts, ends = np.empty((n, k - 1), int), np.empty((n, k - 1), int)
    for step in range(k - 1):
        new = np.where(joined, np.inf, distance).argmin(1)
        starts[:, step], ends[:, step] = parent[rows, new], new
        joined[rows, new] = True
        further = np.abs(points - points[rows, new][:, None]).sum(-1)
        closer = (further < distance) & ~joined
        distance, parent = np.where(closer, further, distance), np.where(closer, new[:, None], parent)
    return starts, ends


def _wide(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One tree [k, 2]: pins at one point hang on the first of them."""
    different, first, which = np.unique(points, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    if len(different) <= PRIM:
        a, b = (edges[0] for edges in spanning_tree(different[None]))
    else:
        a, b = _kruskal(different)
    rest = np.setdiff1d(np.arange(len(points)), first)
    return np.concatenate([first[a], first[which[rest]]]), np.concatenate([first[b], rest])


def _neighbours(x: np.ndarray, y: np.ndarray) -> list[tuple[int, int]]:
    """Every point and its nearest one in the eighth of the plane to its lower left that lies nearer to the x axis."""
    xs, ys = x.tolist(), y.tolist()
    keys: list[float] = []  # -y of those that have met no point of theirs yet, and who they are
    waiting: list[int] = []
    found = []
    for i in np.argsort(x + y, kind="stable").tolist():
        key = -ys[i]
        k = first = bisect_left(keys, key)
        while k < len(keys) and ys[i] - ys[waiting[k]] <= xs[i] - xs[waiting[k]]:
            found.append((i, waiting[k]))
            k += 1
        if k < len(keys) and keys[k] == key:
            k += 1
        keys[first:k], waiting[first:k] = [key], [i]
    return found


def _kruskal(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = points[:, 0], points[:, 1]
    sides = [_neighbours(*axes) for axes in ((x, y), (y, x), (-y, x), (x, -y))]
    edges = np.array([edge for side in sides for edge in side])
    order = np.argsort(np.abs(points[edges[:, 0]] - points[edges[:, 1]]).sum(1), kind="stable")
    above = list(range(len(points)))

    def root(i: int) -> int:
        while above[i] != i:
            above[i] = i = above[above[i]]
        return i

    kept = []
    for a, b in edges[order].tolist():
        i, j = root(a), root(b)
        if i != j:
            above[i] = j
            kept.append((a, b))
    tree = np.array(kept)
    return tree[:, 0], tree[:, 1]


def pairs(k: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Pairs of k pins, two of [M] indices, and what each weighs: all k / 2 together."""
    if k <= EVERY:
        first, second = np.triu_indices(k, 1)
        return first, second, 1 / (k - 1)
    rng = np.random.default_rng(k)
    order, strides = rng.permutation(k), 1 + rng.choice((k - 1) // 2, STRIDES, replace=False)
    return np.tile(order, STRIDES), np.concatenate([np.roll(order, -s) for s in strides]), 1 / (2 * STRIDES)


def fly_lines(grid: Grid, points: np.ndarray) -> dict[str, np.ndarray]:
    """Maps of nets with one number of pins [n, k, 2], the driver first: pair, star, source and tree."""
    n, k, _ = points.shape
    first, second, weight = pairs(k)
    centre = np.broadcast_to(points.mean(1, keepdims=True), points.shape)
    source = np.broadcast_to(points[:, :1], points[:, 1:].shape)
    starts, ends = spanning_tree(points)
    rows = np.arange(n)[:, None]
    few = max(AT_ONCE // len(first), 1)
    found = {name: np.zeros(grid.shape) for name in ("pair", "star", "source", "tree")}

    def draw(name: str, a: np.ndarray, b: np.ndarray, weight: float = 1.0) -> None:
        found[name] += grid.lines(a.reshape(-1, 2), b.reshape(-1, 2), np.full(a.shape[0] * a.shape[1], weight))

    for part in (points[start : start + few] for start in range(0, n, few)):
        draw("pair", part[:, first], part[:, second], weight)
    draw("star", points, centre)
    draw("source", source, points[:, 1:])
    draw("tree", points[rows, starts], points[rows, ends])
    return found
