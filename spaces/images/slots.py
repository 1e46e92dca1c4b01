"""The factorised DARTS space of UNAS: every node has two slots, each an input and an operation.

Vahdat et al., arXiv 1912.07651, section 4.1. The gate of (edge, operation) is the sum over the slots of input gate
times operation gate, so its supernet is that of the DARTS cells under gates of rank two, without `none`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from functools import cached_property

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.compute import derived
from appnas.space import IO, Arch, Choice, Gates, Mask, decisions, full_mask, only
from appnas.spaces.images.cells import CellNetwork, Cells
from appnas.spaces.parts import Style, picture

SLOTS = 2
KINDS = ("normal", "reduce")
UNAS_OPS = (
    "none", "skip_connect", "sep_conv_3x3", "max_pool_3x3", "dil_conv_3x3", "sep_conv_5x5", "avg_pool_3x3",
    "sep_conv_7x7",
)  # fmt: skip


@dataclass(frozen=True)
class Slots(Cells):
    """The DARTS cells with a selector for each input and each operation. The paper's ImageNet runs lack the last two.

    A node may take one input twice, with different operations. `none` is no option: it only fills edges.
    """

    ops: tuple[str, ...] = UNAS_OPS
    """Operations of a slot, and `none` for edges that no slot takes."""

    @cached_property
    def plain(self) -> Cells:
        """The same cells with a decision for every edge."""
        return Cells(**{field.name: getattr(self, field.name) for field in fields(Cells)})

    @cached_property
    def live(self) -> list[int]:
        """Indices of the operations in `ops`, without `none`."""
        return [k for k, name in enumerate(self.ops) if name != "none"]

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """For each cell type the inputs of every node's slots, then the operations of all slots."""
        ops, found = tuple(self.ops[k] for k in self.live), []
        for kind in KINDS:
            states = ["c_{k-2}", "c_{k-1}", *(str(i) for i in range(self.nodes))]
            found += [Choice(f"{kind} input {i}", tuple(states[: i + 2]), SLOTS, kind) for i in range(self.nodes)]
            found.append(Choice(f"{kind} op", ops, SLOTS * self.nodes, kind))
        return tuple(found)

    def _taken(self, arch: Arch) -> list[list[tuple[int, int, int]]]:
        """(node, input, operation) of every slot of both cells."""
        size = SLOTS * self.nodes
        cells = [arch[: 2 * size], arch[2 * size :]]
        return [[(s // SLOTS, cell[s], self.live[cell[size + s]]) for s in range(size)] for cell in cells]

    def valid(self, arch: Arch) -> bool:
        """No node takes the same operation of the same input twice."""
        return all(len(set(cell)) == len(cell) for cell in self._taken(arch))

    def count(self) -> int:
        """Number of architectures, the order of slots counted."""
        total = 1
        for i in range(self.nodes):
            pairs = (i + 2) * len(self.live)
            total *= pairs * (pairs - 1)
        return total**2

    def discretise(self, gates: Gates) -> Arch:
        """The strongest input and operation of every slot.

        Where both slots of a node want the same, the selector that loses least takes its second choice.

        Shapes:
            gates: in the order of the choices, each [count, K] or [B, count, K].
        """
        rows = [row for matrix in gates for row in (matrix.mean(0) if matrix.dim() == 3 else matrix)]
        arch = [int(row.argmax()) for row in rows]
        size = SLOTS * self.nodes
        for start in (0, 2 * size):
            for node in range(self.nodes):
                first = [start + SLOTS * node, start + size + SLOTS * node]
                if all(arch[d] == arch[d + 1] for d in first):
                    losses = [_second(rows[d + slot]) for slot in range(SLOTS) for d in first]
                    places = [d + slot for slot in range(SLOTS) for d in first]
                    least = min(range(len(losses)), key=lambda i: losses[i][0])
                    arch[places[least]] = losses[least][1]
        return tuple(arch)

    def sample(self, rng: random.Random, mask: Mask | None = None) -> Arch:
        """One of all architectures, or of those that a mask allows, all alike: nodes against a rule are drawn again."""
        names, size = decisions(self.choices), SLOTS * self.nodes
        rows = [range(len(options)) for options in names] if mask is None else [
            row.nonzero().flatten().tolist() for matrix in mask for row in matrix
        ]  # fmt: skip
        arch = [rng.randrange(len(options)) for options in names]
        for start in (0, 2 * size):
            for first in range(start, start + size, SLOTS):
                places = [first, first + size, first + 1, first + size + 1]
                while (arch[first] == arch[first + 1] and arch[first + size] == arch[first + size + 1]) or any(
                    arch[d] not in rows[d] for d in places
                ):
                    for d in places:
                        arch[d] = rng.choice(rows[d])
        return tuple(arch)

    def edge_gates(self, gates: Gates) -> Gates:
        """Gates of the plain cells: sum over the slots of input gate times operation gate.

        Shapes:
            gates: in the order of the choices, each [..., count, K]. returns: normal and reduction, [..., E, ops].
        """
        found = []
        for c in range(len(KINDS)):
            *inputs, ops = gates[c * (self.nodes + 1) : (c + 1) * (self.nodes + 1)]
            parts = [
                torch.einsum("...sj,...sk->...jk", rows, ops[..., SLOTS * i : SLOTS * (i + 1), :])
                for i, rows in enumerate(inputs)
            ]
            edges = torch.cat(parts, -2)
            whole = edges.new_zeros(*edges.shape[:-1], len(self.ops))
            found.append(whole.index_copy(-1, torch.tensor(self.live, device=edges.device), edges))
        return tuple(found)

    def duplicates(self, gates: Gates) -> Tensor:
        """Sum over the nodes of <G_0, G_1>, G_s = input gates of slot s times its operation gates.

        Under one-hot gates the number of nodes whose slots are the same. Shapes: [n, count, K] -> [n].
        """
        total = gates[0].new_zeros(gates[0].shape[:-2])
        for c in range(len(KINDS)):
            *inputs, ops = gates[c * (self.nodes + 1) : (c + 1) * (self.nodes + 1)]
            for i, rows in enumerate(inputs):
                same_input = (rows[..., 0, :] * rows[..., 1, :]).sum(-1)
                total = total + same_input * (ops[..., SLOTS * i, :] * ops[..., SLOTS * i + 1, :]).sum(-1)
        return total

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """Both cells as graphs: states as nodes, operations on the edges (attribute `op`)."""
        graphs = {}
        for kind, cell in zip(KINDS, self._taken(arch), strict=True):
            edges = tuple((source, node + 2) for node, source, _ in cell)
            graphs[kind] = picture(edges, self.ops, [op for *_, op in cell], ["c_{k-2}", "c_{k-1}"], "c_{k}")
        return graphs

    def equivalents(self, arch: Arch) -> list[Arch]:
        """The same cells with the slots of one node exchanged."""
        size, found = SLOTS * self.nodes, []
        for start in (0, 2 * size):
            for first in range(start, start + size, SLOTS):
                other = list(arch)
                for d in (first, first + size):
                    other[d], other[d + 1] = other[d + 1], other[d]
                found.append(tuple(other))
        return found

    def canonical(self, arch: Arch) -> Arch:
        """The same cells with the slots of every node in order: the name of all that `equivalents` lead to."""
        size, found = SLOTS * self.nodes, list(arch)
        for start in (0, 2 * size):
            for first in range(start, start + size, SLOTS):
                pairs = sorted((arch[d], arch[d + size]) for d in range(first, first + SLOTS))
                for d, (source, op) in enumerate(pairs, first):
                    found[d], found[d + size] = source, op
        return tuple(found)

    def _edges(self, mask: Mask) -> Mask:
        return tuple(matrix > 0 for matrix in self.edge_gates(tuple(matrix.float() for matrix in mask)))

    def supernet(self, io: IO, mask: Mask | None = None) -> nn.Module:  # type: ignore[override]
        """All candidates of every edge: forward(x, gates). No batch norm after pooling (code)."""
        style = Style(affine=False, track=False)
        with torch.device("cpu"):  # a mask is data, whatever the weights are
            mask = full_mask(self.choices) if mask is None else mask
            edges = self._edges(mask)
        network = CellNetwork(self.plain, io, self.channels, self.cells, style, edges)
        return SlotNetwork(self, network, mask)

    def build(self, arch: Arch, io: IO) -> CellNetwork:
        """The derived network: forward(x)."""
        style = Style(drop_path=self.drop_path)
        edges = self._edges(only(self.choices, arch))
        return CellNetwork(self.plain, io, self.width, self.depth, style, edges, self.auxiliary)


class SlotNetwork(nn.Module):
    """A stack of cells under gates of slots."""

    def __init__(self, space: Slots, network: CellNetwork, mask: Mask):
        super().__init__()
        self.space, self.network, self.mask = space, network, mask

    def forward(self, x: Tensor, gates: Gates) -> Tensor:
        """Class scores. Shapes: x [B, C, H, W]; gates each [count, K] or [B, count, K]; returns [B, classes]."""
        return self.network(x, derived(self._edges, gates))  # type: ignore[no-any-return]

    def _edges(self, gates: Gates) -> Gates:
        return self.space.edge_gates(tuple(g * m.to(g) for g, m in zip(gates, self.mask, strict=True)))


def _second(row: Tensor) -> tuple[float, int]:
    """What is lost by the second choice, and which it is; infinite if there is none."""
    if len(row) < 2:
        return float("inf"), 0
    values, indices = row.topk(2)
    return float(values[0] - values[1]), int(indices[1])
