"""The space of NAS-Bench-Graph: four graph operations, each with one predecessor (Qin et al., arXiv 2206.09166).

`load` reads the authors' results from the package nas-bench-graph.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import ClassVar, Literal

import networkx as nx
from torch import Tensor, nn
from torch.nn import functional

from appnas.space import IO, Arch, Choice, Gates, Mask, argmax, only
from appnas.spaces.graphs.gnn import layer_type
from appnas.spaces.graphs.graphmix import OnEdges
from appnas.spaces.graphs.inputs import OnGraphs, SparseLinear, features, on_edges, pooled, with_embedding
from appnas.spaces.parts import dropout, wired
from appnas.supernet import Mixed, live_options, weighed
from appnas.support import checked

LINKS = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
"""The state that each of the four operations reads: 0 is the input, n the n-th operation."""
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
PROTEINS = ("gcn", "sage", "arma", "fc", "skip")
"""What the authors offered on the data set proteins."""
NODES = 4


@dataclass(frozen=True)
@checked(hidden=2, dropout=0)
class NASBenchGraph:
    """The NAS-Bench-Graph space: 9 link lists and 4 operations; 26,206 of them differ as graphs.

    Networks are forward(x, edge_index), or forward(x, edge_index, graph): a linear layer, the operations, and a linear
    classifier on every operation that no other reads, added up. The table's own networks were trained with
    hyper-parameters chosen for every data set, which its package does not hold.
    """

    hidden: int = 64
    """Width of every operation."""
    dropout: float = 0.5
    """Of the input of every operation of a stand-alone network; supernets have none."""
    operations: tuple[str, ...] = OPERATIONS
    """Operations that are offered."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a width that two heads do not divide, or unknown operations.
        """
        if self.hidden % 2:
            raise ValueError(f"the two heads of gat must divide the width, got hidden={self.hidden}")
        if set(self.operations) - set(OPERATIONS) or len(self.operations) < 2:
            raise ValueError(f"operations are at least two of {OPERATIONS}, got {self.operations}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """The links, then the four operations: each a class of its own, so that a conservative step is small."""
        operations = (Choice(f"op{i}", self.operations, 1, f"op{i}") for i in range(1, NODES + 1))
        return (Choice("links", LINKS, 1, "links"), *operations)

    def valid(self, arch: Arch) -> bool:
        """At least one operation is not `skip`."""
        return any(self.operations[index] != "skip" for index in arch[1:])

    def discretise(self, gates: Gates) -> Arch:
        """The strongest option of every decision; of operations that would all be `skip`, the least sure gives way."""
        arch = argmax(gates)
        if self.valid(arch):
            return arch
        rows = [(matrix.mean(0) if matrix.dim() == 3 else matrix)[0] for matrix in gates[1:]]
        skip = self.operations.index("skip")
        others = [row.clone().index_fill_(0, row.new_tensor([skip]).long(), float("-inf")) for row in rows]
        least = max(range(NODES), key=lambda i: float(others[i].max() - rows[i][skip]))
        return (*arch[: least + 1], int(others[least].argmax()), *arch[least + 2 :])

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The cell as a graph: operations on the nodes (attribute `op`), those that no other reads added up."""
        link = LINKS[arch[0]]
        ops = {str(node): self.operations[k] for node, k in enumerate(arch[1:], 1)}
        joined = [(node, "out") for node in ops if node not in link]
        return {"cell": wired({"0": None, **ops, "out": "sum"}, [*zip(link, ops, strict=True), *joined])}

    def supernet(self, io: IO, mask: Mask | None = None) -> BenchNetwork:
        """All candidates: forward(*inputs, gates)."""
        return BenchNetwork(self, io, mask, 0.0)

    def build(self, arch: Arch, io: IO) -> BenchNetwork:
        """The stand-alone network: forward(*inputs)."""
        return BenchNetwork(self, io, only(self.choices, arch), self.dropout)


@dataclass(frozen=True)
class NASBenchGraphProteins(NASBenchGraph):
    """The same with the five operations of the data set proteins; 2,021 of the networks differ."""

    operations: tuple[str, ...] = PROTEINS
    """Operations that are offered."""


def _operation(option: str, d: int) -> nn.Module:
    from torch_geometric import nn as pyg

    from appnas.spaces.graphs.message import TracedGAT

    if option == "skip":
        return First()
    if option == "fc":
        return nn.Sequential(First(), nn.Linear(d, d), nn.ELU())
    make: dict[str, Callable[[], nn.Module]] = {
        "gat": lambda: TracedGAT(d, d // 2, heads=2),
        "gcn": lambda: pyg.GCNConv(d, d),
        "gin": lambda: pyg.GINConv(nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d))),
        "cheb": lambda: pyg.ChebConv(d, d, K=2),
        "sage": lambda: pyg.SAGEConv(d, d),
        "arma": lambda: pyg.ARMAConv(d, d),
        "graph": lambda: pyg.GraphConv(d, d),
    }
    return OnEdges(make[option]())


class First(nn.Module):
    """The nodes of (nodes, edges)."""

    def forward(self, graph: tuple[Tensor, Tensor]) -> Tensor:
        """Shapes: ([N, D], [2, E]) -> [N, D]."""
        return graph[0]


class BenchNetwork(OnGraphs):
    """Operations between states; the links are mixed by what every operation reads, and by who feeds the output."""

    def __init__(self, space: NASBenchGraph, io: IO, mask: Mask | None, dropout: float):
        super().__init__()
        layer_type(io)  # says what is wrong with the sizes, or missing
        d, self.dropout = space.hidden, dropout
        allowed = [True] * len(LINKS) if mask is None else mask[0][0].tolist()
        self.links = {i: [int(state) for state in link] for i, link in enumerate(LINKS) if allowed[i]}
        rows = [None] * NODES if mask is None else [matrix[0].tolist() for matrix in mask[1:]]
        self.first = SparseLinear(io.inputs[0], d)
        self.operations = nn.ModuleList(Mixed(space.operations, lambda o: _operation(o, d), row) for row in rows)
        leaves = {node for link in self.links.values() for node in range(1, NODES + 1) if node not in link}
        self.last = nn.ModuleDict({str(node): nn.Linear(d, io.outputs[0]) for node in sorted(leaves)})
        with_embedding(self, io)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        graph: Tensor | None = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        gates: Gates | None = None,
    ) -> Tensor:
        """Class scores of every node, or of every graph. Weights of edges are not used, and a warning says so.

        Shapes:
            x: [N, F]. edge_index: [2, E]. graph: [N]. gates: ([1, 9], four of [1, K]), or with a first axis N.
            returns: [N, classes] or [graphs, classes].
        """
        (_, *weights), graph = on_edges(edge_index, graph, edge_weight, batch)
        if weights:
            warnings.warn("NAS-Bench-Graph's networks do not use edge_weight; GNN and GraphMix do", stacklevel=2)
        live = None if gates is None else [live_options(matrix) for matrix in gates]
        links = {i: link for i, link in self.links.items() if live is None or live[0][0][i]}

        def mixture(states: list[tuple[list[int], Tensor]]) -> Tensor:
            """Every state times the gates of the links that use it."""
            parts = [
                y if gates is None else weighed(y, gates[0][..., 0, using].sum(-1)) for using, y in states if using
            ]
            return sum(parts[1:], parts[0])

        x = features(x, self.first.weight)
        states = [functional.elu(self.first(dropout(x, self.dropout, self.training)))]
        for node, op in enumerate(self.operations):
            read = [([i for i, link in links.items() if link[node] == s], state) for s, state in enumerate(states)]
            inputs = dropout(mixture(read), self.dropout, self.training), edge_index
            row = () if gates is None or live is None else (gates[node + 1][..., 0, :], live[node + 1][0])
            states.append(op(inputs, *row))
        ends = [
            ([i for i, link in links.items() if int(node) not in link], state)
            for node, state in ((n, states[int(n)]) for n in self.last)
        ]
        outs = [(using, self.last[node](state)) for node, (using, state) in zip(self.last, ends, strict=True) if using]
        return pooled(mixture(outs), graph)


Dataset = Literal["cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins"]


def load(dataset: Dataset = "arxiv") -> tuple[list[Arch], dict[str, list[float]]]:
    """The benchmark's results, for `appnas.estimate.Table`.

    Args:
        dataset: which of the nine. proteins is of the space `NASBenchGraphProteins`.

    Returns:
        The valid architectures, equal networks under all their names, and columns: valid and test (%, means of the
        authors' trainings), milliseconds (of inference), params, and row (the same for equal networks).

    Raises:
        ImportError: the extra `graphs` is missing.
    """
    try:
        from nas_bench_graph import Arch as Described
        from nas_bench_graph import light_read
    except ImportError as error:
        raise ImportError("this table is in the package nas-bench-graph: pip install 'appnas[graphs]'") from error
    bench = light_read(dataset)
    space = NASBenchGraphProteins() if dataset == "proteins" else NASBenchGraph()
    archs, keys = [], []
    for arch in product(range(len(LINKS)), *[range(len(space.operations))] * NODES):
        if space.valid(arch):
            described = Described([int(state) for state in LINKS[arch[0]]], [space.operations[k] for k in arch[1:]])
            archs.append(arch)
            keys.append(described.valid_hash())
    rows = [bench[key] for key in keys]
    columns = {"valid": "valid_perf", "test": "perf"}
    named = {name: [100 * float(row[theirs]) for row in rows] for name, theirs in columns.items()}
    named["milliseconds"] = [1e3 * float(row["latency"]) for row in rows]
    named["params"] = [1e6 * float(row["para"]) for row in rows]
    return archs, named | {"row": [float(key) for key in keys]}
