"""How far training has turned the weights of every architecture of a supernet: the angle metric, by a table.

    angle(a) = arccos( <V(a, W_0), V(a, W_t)> / (|V(a, W_0)| |V(a, W_t)|) )

(Hu et al., ECCV 2020, arXiv 2004.13431, as RLNAS uses it, arXiv 2101.11834.) V joins the weights path by path: for each
way from a cell's inputs to its outputs the weights of its operations, so an operation counts once a path; what belongs
to no option (stem, classifier) counts once. All three products are sums over (decision, option), weighted by numbers of
paths: one pass over the supernet makes a table, and every angle is a sum of its entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from appnas.compute import CPU, fetched, gates_on, home, moved
from appnas.space import SKIP, ZERO, Arch, Space, active, decisions
from appnas.supernet import Mixed, plain

Skip = Literal["empty", "identity"]


class Operation(NamedTuple):
    """One candidate operation of a supernet: its name there, and the channels that it gives out."""

    name: str
    channels: int


def operations(space: Space, supernet: nn.Module, inputs: tuple[Tensor, ...]) -> dict[tuple[int, int], list[Operation]]:
    """All operations of every (decision, option), found by a pass under gates that say which decision they are of.

    Raises:
        TypeError: a supernet without mixed operations, or whose mixed operations are not the space's decisions: their
            weights belong to several options.
    """
    found: dict[tuple[int, int], list[Operation]] = {}
    names = decisions(space.choices)
    marks: dict[nn.Module, Tensor] = {}
    mixed = {name: module for name, module in supernet.named_modules() if isinstance(module, Mixed)}
    made: dict[nn.Module, int] = {}

    def see(module: nn.Module, args: tuple[object, ...]) -> None:
        row = getattr(module, "row", args[1] if len(args) > 1 else None)
        if isinstance(row, Tensor):
            marks[module] = row.flatten()[0]

    def count(module: nn.Module, args: object, output: Tensor) -> None:
        made[module] = output.shape[1] if output.dim() > 1 else 1

    hooks = [module.register_forward_pre_hook(see) for module in mixed.values()]
    hooks += [op.register_forward_hook(count) for module in mixed.values() for op in module.values()]
    counts = iter(range(1, len(names) + 1))
    gates = tuple(
        torch.tensor([[float(next(counts))] * len(choice.options) for _ in range(choice.count)])
        for choice in space.choices
    )
    try:
        with plain(), torch.no_grad():
            supernet(*moved(inputs, home(supernet)), gates=gates_on(gates, home(supernet)))
    finally:
        for hook in hooks:
            hook.remove()
    place = {module: int(mark) - 1 for module, mark in zip(marks, fetched(list(marks.values())), strict=True)}
    for name, module in mixed.items():
        d = place.get(module, -1)
        for option, k in module.index.items():
            if not (0 <= d < len(names) and k < len(names[d]) and names[d][k] == option):
                raise _slices(space)
            found.setdefault((d, k), []).append(Operation(f"{name}.{option}", made[module[option]]))
    if not found:
        raise _slices(space)
    return found


def _slices(space: Space) -> TypeError:
    return TypeError(
        f"the angle of weights needs options that are operations with weights of their own, which those of"
        f" {type(space).__name__} are not; a method for it: darts, random"
    )


class CellPaths(NamedTuple):
    """Cells as graphs whose edges are decisions: who counts paths.

    Attributes:
        joints: decision -> (source, target); decisions that are no edge of a graph are missing.
        fixed: edges that are always there.
        order: all states, sources before targets.
        inputs, outputs: states where paths begin and end.
    """

    joints: dict[int, tuple[str, str]]
    fixed: list[tuple[str, str]]
    order: list[str]
    inputs: list[str]
    outputs: list[str]

    def through(self, live: Tensor) -> tuple[Tensor, Tensor]:
        """Number of paths through every decision's edge, and whether every cell has one.

        Shapes:
            live: [n, D], 1 where the decision's option lets something through. returns: [n, D] and [n].
        """
        live = live.clone().requires_grad_()
        total = live.new_zeros(len(live))
        connected = torch.ones(len(live), dtype=torch.bool)
        into: dict[str, list[tuple[str, int | None]]] = {state: [] for state in self.order}
        for d, (source, target) in self.joints.items():
            into[target].append((source, d))
        for source, target in self.fixed:
            into[target].append((source, None))
        ways: dict[str, Tensor] = {}
        for state in self.order:
            ways[state] = live.new_full((len(live),), float(state in self.inputs))
            for source, edge in into[state]:
                ways[state] = ways[state] + (ways[source] if edge is None else ways[source] * live[:, edge])
        for output in self.outputs:
            total = total + ways[output]
            connected &= ways[output] > 0
        if not total.requires_grad:
            return live.detach(), connected
        (slope,) = torch.autograd.grad(total.sum(), live)
        edges = torch.zeros(live.shape[1], dtype=torch.bool)
        edges[list(self.joints)] = True
        return torch.where(edges, live * slope, live).detach(), connected


def paths(space: Space) -> CellPaths:
    """The cells of a space that draws its architectures (`graph`), or none: then every option counts once.

    In a space with decisions that exist only under others (`active`) every option that does counts once.
    """
    import networkx as nx  # a fifth of a second, which `import appnas` does without

    names = decisions(space.choices)
    zero = [next((k for k, name in enumerate(options) if name in ZERO), -1) for options in names]
    draw = getattr(space, "graph", None)
    found = CellPaths({}, [], [], [], [])
    if draw is None or min(zero) < 0 or getattr(space, "active", None) is not None:
        return found
    empty = {cell: nx.MultiDiGraph(graph) for cell, graph in draw(tuple(zero)).items()}
    whole = {cell: graph.copy() for cell, graph in empty.items()}
    for d, options in enumerate(names):
        k = next(k for k, name in enumerate(options) if name not in ZERO)
        for cell, graph in draw((*zero[:d], k, *zero[d + 1 :])).items():
            for edge in (nx.MultiDiGraph(graph).edges - empty[cell].edges) if graph.size() > empty[cell].size() else ():
                found.joints[d] = (f"{cell} {edge[0]}", f"{cell} {edge[1]}")
                whole[cell].add_edge(*edge[:2])
    for cell, graph in whole.items():
        found.fixed.extend((f"{cell} {s}", f"{cell} {t}") for s, t, _ in empty[cell].edges)
        found.order.extend(f"{cell} {state}" for state in nx.topological_sort(graph))
        found.inputs.extend(f"{cell} {state}" for state in empty[cell].graph["inputs"])
        found.outputs.extend(f"{cell} {state}" for state in empty[cell].graph["outputs"])
    return found


class Angles:
    """The angles of all architectures between two states of a supernet's weights.

    Args:
        space: whose architectures.
        supernet: as it was built, with its weights of now, W_t.
        start: W_0, by name.
        inputs: of an example, to find out which operation belongs to which decision.
        skip: what a skip connection adds to V: nothing (the authors' code for NAS-Bench-201), or an identity matrix
            (their code for the DARTS space). A pooling adds 1 / k^2 for every channel and place of its window.
        shared: count what belongs to no operation once; otherwise not at all.
    """

    def __init__(
        self,
        space: Space,
        supernet: nn.Module,
        start: Mapping[str, Tensor],
        inputs: tuple[Tensor, ...],
        skip: Skip = "empty",
        shared: bool = True,
    ):
        self.space, names = space, decisions(space.choices)
        self.paths = paths(space)
        self.live = _padded([[float(name not in ZERO) for name in options] for options in names])
        now = dict(supernet.named_parameters())
        each = [_products(moved(start[name], w.device), w) for name, w in now.items()]
        products = dict(zip(now, moved(torch.stack(each), CPU) if each else (), strict=True))
        modules = dict(supernet.named_modules())
        self.table = torch.zeros(*self.live.shape, 3, dtype=torch.float64)
        self.shared = sum(products.values(), torch.zeros(3, dtype=torch.float64))
        ops = operations(space, supernet, inputs)
        within = [operation.name for candidates in ops.values() for operation in candidates]
        for (d, k), candidates in ops.items():
            for operation in candidates:
                inside = tuple(f"{name}." for name in within if name.startswith(operation.name + "."))
                own = [
                    p for name, p in products.items()
                    if name.startswith(operation.name + ".") and not name.startswith(inside)
                ]  # fmt: skip
                total = sum(own, torch.zeros(3, dtype=torch.float64))
                self.shared = self.shared - total
                constant = _constant(names[d][k], modules[operation.name], operation.channels, skip)
                self.table[d, k] += total + constant
        self.shared = self.shared * float(shared)

    def __call__(self, archs: Sequence[Arch]) -> Tensor:
        """Angles in radians; 0 for an architecture in which nothing leads to an output.

        Shapes:
            returns: [n], float64.
        """
        index = torch.tensor(archs)
        rows = torch.arange(index.shape[1])
        there = torch.tensor([active(self.space, arch) for arch in archs])  # options inside others
        counts, connected = self.paths.through(self.live[rows, index] * there)
        dot, before, after = (self.shared + (counts[..., None] * self.table[rows, index]).sum(1)).unbind(-1)
        cosine = torch.where(before * after > 0, dot / (before * after).sqrt(), 1.0)  # without weights nothing turns
        return torch.arccos(cosine.clamp(-1, 1)) * connected


def _padded(rows: list[list[float]]) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [0.0] * (width - len(row)) for row in rows], dtype=torch.float64)


def _products(before: Tensor, after: Tensor) -> Tensor:
    """<v, w>, |v|^2 and |w|^2, in float64: near 0 the angle is lost in float32. Shapes: returns [3]."""
    v, w = before.detach().double(), after.detach().double()
    return torch.stack([(v * w).sum(), v.square().sum(), w.square().sum()])


def _constant(option: str, module: nn.Module, channels: int, skip: Skip) -> float:
    """|v|^2 of the fixed weights that stand for an operation without any."""
    if option in SKIP:
        return float(channels) if skip == "identity" else 0.0
    kernels = [m.kernel_size for m in module.modules() if isinstance(m, nn.AvgPool2d | nn.MaxPool2d)]
    side = kernels[0] if kernels else 0
    return channels / (side if isinstance(side, int) else side[0]) ** 2 if side else 0.0
