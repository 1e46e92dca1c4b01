"""Cells of states joined by edges: rules, paths and the picture that such spaces share."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence

import networkx as nx
from torch import Tensor

from appnas.space import ZERO, Arch, Mask, Space

Edges = tuple[tuple[int, int], ...]
"""(source, target) states of a cell."""
Op = str | tuple[str, ...]
"""An operation by its name, or a layer by its words."""
KEPT = 2
"""Edges kept into a node (Liu et al., arXiv 1806.09055, section 2.4) unless told; one with fewer keeps all."""


def dense(inputs: int, nodes: int) -> Edges:
    """Every node joined to every state before it."""
    return tuple((source, node) for node in range(inputs, inputs + nodes) for source in range(node))


def entering(edges: Edges) -> list[list[int]]:
    """The edges into every node, in the order of the nodes."""
    nodes = sorted({target for _, target in edges})
    return [[e for e, (_, target) in enumerate(edges) if target == node] for node in nodes]


def obeys(edges: Edges, ops: Sequence[str], cell: Sequence[int], kept: int = KEPT) -> bool:
    """Whether every node keeps as many edges as it must; all others are `none`."""
    into = entering(edges)
    return all(sum(ops[cell[e]] not in ZERO for e in node) == min(kept, len(node)) for node in into)


def path(edges: Edges, price: Sequence[float]) -> tuple[int, ...]:
    """The cheapest way from an input, a state that no edge enters, to the last state: its edges, none if there is none.

    Args:
        edges: from lower states to higher ones.
        price: of every edge, at least 0; infinity for one that is closed.
    """
    nodes = {target for _, target in edges}
    best: dict[int, tuple[float, tuple[int, ...]]] = {source: (0.0, ()) for source, _ in edges if source not in nodes}
    for e, (source, target) in sorted(enumerate(edges), key=lambda edge: edge[1][1]):
        cost, way = best.get(source, (math.inf, ()))
        if cost + price[e] < best.get(target, (math.inf,))[0]:
            best[target] = cost + price[e], (*way, e)
    return best.get(max(nodes), (math.inf, ()))[1]


def number(edges: Edges, ops: Sequence[str], kept: int = KEPT) -> int:
    """Number of cells: for every node the edges that it keeps, and an operation for each."""
    live = sum(name not in ZERO for name in ops)
    sizes = [len(node) for node in entering(edges)]
    return math.prod(math.comb(n, min(kept, n)) * live ** min(kept, n) for n in sizes)


def strongest(edges: Edges, ops: Sequence[str], matrix: Tensor, kept: int = KEPT) -> list[int]:
    """The strongest edges into every node, each with its strongest operation, `none` excluded; ties to the first.

    Shapes:
        matrix: scores, [E, K] or [B, E, K]; rows need not be normalised.
    """
    none = next(k for k, name in enumerate(ops) if name in ZERO)
    live = [k for k, name in enumerate(ops) if name not in ZERO]
    scores = (matrix.mean(0) if matrix.dim() == 3 else matrix)[:, live]
    strength, best = scores.max(-1)
    cell = [none] * len(edges)
    for node in entering(edges):
        for e in sorted(node, key=lambda e: (-float(strength[e]), e))[:kept]:
            cell[e] = live[int(best[e])]
    return cell


def drawn(
    space: Space, edges: Edges, ops: Sequence[str], rng: random.Random, mask: Mask | None = None, kept: int = KEPT
) -> Arch:
    """Cells drawn uniformly from the valid ones, one for each choice of a space: its `sample`.

    Where the edges into a node have equally many operations, the strongest of uniform noise are uniform by symmetry.
    Otherwise the edges that a node keeps are drawn by how many ways there are to fill them.

    Args:
        space: whose `valid` is the rule of `obeys`.
        edges: of every cell.
        ops: options of every edge, one of them `none`.
        rng: source of randomness.
        mask: what may be held; None for all.
        kept: edges that a node keeps.
    """
    count, cells = len(edges), len(space.choices)
    rows = _rows(mask) or [list(range(len(ops)))] * count * cells
    arch = tuple(rng.randrange(len(ops)) for _ in range(count * cells))
    if space.valid(arch) and all(k in row for k, row in zip(arch, rows, strict=True)):
        return arch
    none = next(k for k, name in enumerate(ops) if name in ZERO)
    live = [[k for k in row if ops[k] not in ZERO] for row in rows]
    nodes = [[count * c + e for e in node] for c in range(cells) for node in entering(edges)]
    found = [none] * len(arch)
    if all(len(node) <= kept or _alike(node, rows, live, none) for node in nodes):
        scores = [[rng.random() for _ in ops] for _ in arch]
        best = [max(row, key=score.__getitem__) if row else none for row, score in zip(live, scores, strict=True)]
        for node in nodes:
            for e in sorted(node, key=lambda e: -scores[e][best[e]])[:kept]:
                found[e] = best[e]
        return tuple(found)
    for node in nodes:
        pairs = list(itertools.combinations(node, min(kept, len(node))))
        ways = [math.prod(len(live[e]) for e in pair) * _drops(node, pair, rows, none) for pair in pairs]
        for e in rng.choices(pairs, ways)[0]:
            found[e] = rng.choice(live[e])
    return tuple(found)


def _rows(mask: Mask | None) -> list[list[int]]:
    rows = (row for matrix in mask or () for row in matrix.tolist())
    return [[k for k, on in enumerate(row) if on] for row in rows]


def _alike(node: Sequence[int], rows: Sequence[list[int]], live: Sequence[list[int]], none: int) -> bool:
    return len({len(live[e]) for e in node}) == 1 and all(none in rows[e] for e in node)


def _drops(node: Sequence[int], pair: Sequence[int], rows: Sequence[list[int]], none: int) -> bool:
    """Whether all edges into a node but a pair may be `none`."""
    return all(e in pair or none in rows[e] for e in node)


def picture(
    edges: Edges, ops: Sequence[str], cell: Sequence[int], inputs: Sequence[str], output: str, join: str = "concat"
) -> nx.MultiDiGraph:
    """The cell as a graph: states as nodes, operations on the edges (attribute `op`), the nodes joined."""
    nodes = [str(i) for i in range(len(entering(edges)))]
    names = [*inputs, *nodes]
    graph = nx.MultiDiGraph(inputs=list(inputs), outputs=[output])
    graph.add_nodes_from([*names, output])
    for (source, target), index in zip(edges, cell, strict=True):
        if ops[index] not in ZERO:
            graph.add_edge(names[source], names[target], op=ops[index])
    graph.add_edges_from([(name, output, {"op": join}) for name in nodes])
    return graph


def wired(ops: Mapping[str, Op | None], links: Iterable[tuple[str, str]]) -> nx.DiGraph:
    """A network as a graph: operations on the nodes (attribute `op`), from the first of them to the last.

    Args:
        ops: what every node computes of the sum, or the concatenation, of what it reads: a word, several words for a
            layer, None for a state.
        links: (source, target).
    """
    nodes = list(ops)
    graph = nx.DiGraph(inputs=nodes[:1], outputs=nodes[-1:])
    graph.add_nodes_from((node, {} if op is None else {"op": op}) for node, op in ops.items())
    graph.add_edges_from(links)
    return graph


def sequence(layers: Iterable[Op]) -> nx.DiGraph:
    """Layers one after the other as such a graph, numbered from 1 behind the state "in"."""
    ops = {"in": None, **{str(i): op for i, op in enumerate(layers, 1)}}
    return wired(ops, itertools.pairwise(ops))


def swapped(edges: Edges, ops: Sequence[str], cell: Sequence[int], state: int) -> tuple[int, ...] | None:
    """The same cell with a state and the next one exchanged; None if an operation joins the two."""
    if ops[cell[edges.index((state, state + 1))]] not in ZERO:
        return None
    other = {state: state + 1, state + 1: state}
    moved = {(other.get(source, source), other.get(target, target)): e for e, (source, target) in enumerate(edges)}
    moved[state, state + 1] = moved.pop((state + 1, state))
    return tuple(cell[moved[edge]] for edge in edges)
