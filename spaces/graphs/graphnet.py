"""A modern space of graph networks: what a layer does, how often, with which residual and norm, and what is around it.

The choices are those by which hand-made networks of this field differ: an MLP, GCN, GraphSAGE, GIN, GAT, APPNP and
GCNII are points of it. The frame of a layer, operation + residual, norm, ReLU, dropout, is that of "Classic GNNs are
strong baselines" (arXiv 2406.08993).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import networkx as nx

from appnas.space import IO, Arch, Choice, Mask, describe, only
from appnas.spaces.graphs.gnn import layer_type
from appnas.spaces.graphs.inputs import Readout, with_embedding
from appnas.spaces.parts import Free, sequence
from appnas.support import checked
from appnas.support.dotted import imported

if TYPE_CHECKING:
    from appnas.spaces.graphs.graph_network import GraphNetwork

OPERATIONS = ("mlp", "gcn", "sage", "gin", "gat", "gatv2", "transformer", "appnp", "gcnii")
RESIDUALS = ("none", "ego", "initial")
NORMS = ("off", "batch", "layer", "pair", "l2")
HEADS = ("direct", "linear", "mlp", "mean", "max", "concat")
Direction = Literal["in", "out", "both"]


@dataclass(frozen=True)
@checked(layers=1, heads=1, steps=1, teleport=0, decay=0)
class GraphNet(Free):
    """Graph networks of blocks. Networks are forward(x, edge_index), or forward(x, edge_index, graph) for whole graphs.

    Weights of edges come next, then their features; or both by their names edge_weight and edge_attr. What operations
    make of features is said in `operations`, of several types of edges in `graph_parts.Relational`. What has one option
    only is no decision. Networks are sampled; options can be mixed where they have one shape: one of hidden, dropout
    and directions, pre without 0, output without direct.
    """

    layers: int = 2
    """Blocks: each is one kind of layer, so many times in a row."""
    operations: tuple[Any, ...] = OPERATIONS
    """What a layer does: names of `OPERATIONS`; convolutions of torch_geometric or of one's own, made by
    (inputs, outputs): the class, or its MODULE:NAME, such as "torch_geometric.nn:TAGConv"."""
    repeats: tuple[int, ...] = (1, 2, 4, 8)
    """How often a block has its layer, each time with weights of its own: the depth is at most the largest times
    `layers`."""
    residuals: tuple[str, ...] = RESIDUALS
    """What is added to an operation: nothing, a linear map of the layer's input, one of the network's first state."""
    norms: tuple[str, ...] = NORMS
    """Of a layer: none, batch, layer, PairNorm (arXiv 1909.12223; of every graph alone where whole graphs are the
    examples, of a batch where nodes are), unit length of every node."""
    pre: tuple[int, ...] = (0, 1, 2)
    """Linear layers with a ReLU before the first graph layer."""
    output: tuple[str, ...] = HEADS
    """What makes outputs: the last graph layer itself (direct), a linear map or a two-layer MLP of the last state, or a
    linear map of the states after all blocks: their mean, maximum, or all of them (jumping knowledge, arXiv
    1806.03536)."""
    hidden: tuple[int, ...] = (32, 64, 128, 256)
    """Widths of the network's states."""
    dropout: tuple[float, ...] = (0.0, 0.2, 0.5, 0.7)
    """Rates, of what every layer takes and of attention; supernets have none."""
    directions: tuple[Direction, ...] = ("in",)
    """For directed graphs: a node hears those whose edges point at it, those at which it points, or both, with weights
    of their own (Dir-GNN, arXiv 2305.10498)."""
    readouts: tuple[Readout, ...] = ("mean",)
    """What makes one vector of a graph of those of its nodes, where whole graphs are the examples."""
    heads: int = 8
    """Heads of attention, where they divide the width; else, and in a last layer, they are averaged."""
    steps: int = 10
    """Propagations of appnp (K)."""
    teleport: float = 0.1
    """What a node keeps of its own in a step of appnp, of the first state in gcnii (alpha)."""
    decay: float = 0.5
    """How fast the linear map of gcnii becomes the identity with depth (lambda)."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check what is offered.

        Raises:
            ValueError: nothing or something unknown is offered, or something twice.
        """
        known: dict[str, tuple[str, ...]] = {
            "residuals": RESIDUALS, "norms": NORMS, "output": HEADS, "directions": get_args(Direction),
            "readouts": get_args(Readout),
        }  # fmt: skip
        for name, options in known.items():
            if set(getattr(self, name)) - set(options):
                raise ValueError(f"{name} are some of {options}, got {getattr(self, name)}")
        for name, least in (("repeats", 1), ("pre", 0), ("hidden", 1)):
            if any(type(value) is not int or value < least for value in getattr(self, name)):
                raise ValueError(f"{name} are whole numbers of at least {least}, got {getattr(self, name)}")
        for name, rates in (("dropout", self.dropout), ("teleport", (self.teleport,))):
            if any(not isinstance(rate, int | float) or not 0 <= rate < 1 for rate in rates):
                raise ValueError(f"{name}: rates of at least 0, and below 1, got {rates}")
        for name, offered in self._offered.items():
            if not offered or len(set(offered)) < len(offered):
                raise ValueError(f"every option is offered once, and one at least, got {name}={offered}")

    @cached_property
    def _made(self) -> dict[str, Callable[..., Any] | None]:
        """Operations by name, with the class of those that are not this package's."""
        found: dict[str, Callable[..., Any] | None] = {}
        for given in self.operations:
            own = given not in OPERATIONS
            kind = imported(given) if own and isinstance(given, str) and ":" in given else given
            if own and not callable(kind):
                raise ValueError(f"operations are some of {OPERATIONS}, classes, or their MODULE:NAME, got {given!r}")
            name = getattr(kind, "__name__", None) if own else given
            if name is None:
                raise ValueError(f"an operation is a class or function with a name (def), got {given!r}")
            if name in found:
                raise ValueError(f"every option is offered once, got operations={self.operations}")
            found[name] = kind if own else None
        return found

    @cached_property
    def _offered(self) -> dict[str, tuple[str, ...]]:
        offered: dict[str, Any] = {
            "operation": self._made, "repeats": self.repeats, "norm": self.norms, "residual": self.residuals,
            "head": self.output, "pre": self.pre, "hidden": self.hidden, "dropout": self.dropout,
            "direction": self.directions, "readout": self.readouts,
        }  # fmt: skip
        return {name: tuple(map(str, options)) for name, options in offered.items()}

    def _count(self, name: str) -> int:
        return self.layers if name in ("operation", "repeats", "norm", "residual") else 1

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Operation, repetitions, norm and residual of every block; the head; and what holds for the network."""
        several = {n: o for n, o in self._offered.items() if len(o) > 1 or n == "operation"}
        return tuple(Choice(name, options, self._count(name), name) for name, options in several.items())

    def named(self, arch: Arch) -> dict[str, list[str]]:
        """The options of an architecture, those of which there is one included."""
        fixed = {name: list(options) * self._count(name) for name, options in self._offered.items()}
        return fixed | describe(self.choices, arch)

    @property
    def hand_made(self) -> dict[str, Arch]:
        """Hand-made networks of two layers with as much of their usual form as is offered, by the operation's name.

        GCNII has its linear layers before and after, and the largest number of repeats; for `beside` of a retraining.
        """
        found = {}
        for name in self._offered["operation"]:
            deep = name == "gcnii"
            usual = {"residual": "none", "norm": "off", "hidden": "64", "dropout": "0.5", "direction": "in",
                     "head": "linear" if deep else "direct", "pre": "1" if deep else "0",
                     "repeats": str(max(self.repeats)) if deep else "1", "readout": "mean"}  # fmt: skip
            row = []
            for choice in self.choices:
                wanted = [name] * choice.count if choice.name == "operation" else [usual[choice.name]] * choice.count
                if choice.name == "operation" and name == "appnp" and "mlp" in choice.options:
                    wanted[:-1] = ["mlp"] * (choice.count - 1)
                row += [choice.options.index(option) if option in choice.options else 0 for option in wanted]
            found[name] = self.canonical(tuple(row))
        return found

    def canonical(self, arch: Arch) -> Arch:
        """Without the norm of a last block whose only layer makes the outputs: there is none."""
        named, first = self.named(arch), 0
        for choice in self.choices:
            if choice.name == "norm" and named["head"] == ["direct"] and named["repeats"][-1] == "1":
                at = first + choice.count - 1
                return (*arch[:at], 0, *arch[at + 1 :])
            first += choice.count
        return arch

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The network's parts in a row (attribute `op` of nodes), each with its words."""
        named = self.named(arch)
        each = ("operation", "repeats", "norm", "residual")
        words = zip(*(named[name] for name in each), strict=True)
        blocks = [(op, f"repeats {n}", f"norm {norm}", f"residual {more}") for op, n, norm, more in words]
        ends = {n: [f"{n} {named[n][0]}"] for n in ("pre", "head", "hidden", "dropout", "direction", "readout")}
        start = (*ends["pre"], *ends["hidden"], *ends["dropout"], *ends["direction"])
        return {"network": sequence([start, *blocks, (*ends["head"], *ends["readout"])])}

    @property
    def mixed(self) -> str:
        """Which space can be mixed, where this one cannot.

        Raises:
            AttributeError: it can.
        """
        several = [name for name in ("hidden", "dropout", "directions") if len(getattr(self, name)) > 1]
        if several:
            return f"graphnet with one option of {' and of '.join(several)}"
        if 0 in self.pre and len(self.pre) > 1:
            return "graphnet with pre=0 alone, or without it"
        if "direct" in self.output and len(self.output) * len(self.repeats) > 1:
            return "graphnet without the output direct, or with it and one number of repeats alone"
        raise AttributeError("the options of this space can be mixed")

    def supernet(self, io: IO, mask: Mask | None = None) -> GraphNetwork:
        """All candidates: forward(*inputs, gates).

        Raises:
            TypeError: options differ in shape.
        """
        if hasattr(self, "mixed"):
            raise TypeError(
                f"the layers of this space differ in width and cannot be mixed: use the space {self.mixed} with methods"
                " that share weights, or a method that trains every architecture, such as random, evolution or agnn"
            )
        return self._network(io, mask, 0.0)

    def build(self, arch: Arch, io: IO) -> GraphNetwork:
        """The stand-alone network: forward(*inputs)."""
        return self._network(io, only(self.choices, arch), float(self.named(arch)["dropout"][0]))

    def _network(self, io: IO, mask: Mask | None, dropout: float) -> GraphNetwork:
        layer_type(io, edges=True)  # looks at the sizes, and for torch_geometric
        from appnas.spaces.graphs import graph_network, graph_parts, operations
        from appnas.spaces.graphs.place import Place

        rows = {name: (o, [[True] * len(o)] * self._count(name)) for name, o in self._offered.items()}
        if mask is not None:
            rows |= {c.name: (c.options, on.tolist()) for c, on in zip(self.choices, mask, strict=True)}
        kept = {n: [o for o, on in zip(options, those[0], strict=True) if on] for n, (options, those) in rows.items()}
        made = {
            n: partial(graph_parts.Library, kind=k) if k else operations.OPERATIONS[n] for n, k in self._made.items()
        }
        place = Place(
            0, 0, heads=self.heads, dropout=dropout, steps=self.steps, teleport=self.teleport, decay=self.decay,
            edges=io.edges - io.relations,
        )  # fmt: skip
        plan = graph_network.Plan(
            rows, tuple(choice.name for choice in self.choices), made, place, int(kept["hidden"][0]), dropout,
            kept["direction"][0], io.edges, io.relations,
        )  # fmt: skip
        network = graph_network.GraphNetwork(plan, io.inputs[0], io.outputs[0])
        with_embedding(network, io)
        return network
