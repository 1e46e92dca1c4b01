"""The AGNN space: six classes of actions for every graph layer (Zhou, Song, Huang and Hu, arXiv 1909.03184, section 3).

14,112 combinations a layer; layers differ in width, so architectures are sampled, and `appnas.spaces.GraphMix` is the
space whose candidates can be mixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional

from appnas.space import IO, Arch, Choice, Gates, Mask, argmax, describe
from appnas.spaces.graphs.inputs import OnGraphs, Readout, features, on_edges, pooled, with_embedding
from appnas.spaces.parts import Unmixed, sequence
from appnas.support import checked

if TYPE_CHECKING:
    from appnas.spaces.graphs.message import AutoGNNLayer

HIDDEN = ("4", "8", "16", "32", "64", "128", "256")
ATTENTION = ("const", "gcn", "gat", "sym-gat", "cos", "linear", "gene-linear")
HEADS = ("1", "2", "4", "6", "8", "16")
AGGREGATION = ("sum", "mean", "max")
COMBINE = ("identity", "mlp")
ACTIVATION: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "identity": nn.Identity(),
    "softplus": functional.softplus,
    "leaky_relu": functional.leaky_relu,
    "relu6": functional.relu6,
    "elu": functional.elu,
}


@dataclass(frozen=True)
@checked(layers=2, dropout=0, widest=0)
class GNN(Unmixed):
    """The AGNN space. Networks are forward(x, edge_index), or forward(x, edge_index, graph) for one output a graph.

    Weights of edges come last, or by their name edge_weight.

    Deviates: the hidden size of the last layer, which the number of classes overwrites, is no decision (the paper
    counts one, so equal networks would have several names). The lists of aggregations and of ways to combine are from
    recollection of the paper; GraphNAS's code (arXiv 1904.09981) confirms the other four.
    """

    layers: int = 2
    """Graph layers; the paper has 2 for one graph, 3 with skip connections for several."""
    skip: bool = False
    """Add a linear map of its input to every layer."""
    dropout: float = 0.6
    """Of the input of every layer, and of learnt attention."""
    widest: int = 256
    """Largest hidden size times heads of a layer that is valid (memory and time grow with it); 0 for no limit, as in
    the paper."""
    last_activation: bool = True
    """Search an activation of the last layer too, as in the paper. It is applied to the scores: those of sigmoid and
    softplus are above 0, so every label of a set is predicted, and those of relu never below. False for none."""
    readout: Readout = "mean"
    """What makes one vector of a graph of those of its nodes, where whole graphs are the examples."""
    mask: ClassVar[Mask | None] = None
    mixed: ClassVar[str] = "graphmix"

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: fewer than two layers, dropout outside 0 to 1, or a limit below the smallest layer.
        """
        if not self.dropout < 1:
            raise ValueError(f"dropout is below 1, got {self.dropout}")
        if 0 < self.widest < int(HIDDEN[0]):
            raise ValueError(f"the smallest layer is {HIDDEN[0]} wide, got widest={self.widest}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """One choice for each class of actions, with a decision a layer."""
        classes = {
            "attention": ATTENTION,
            "heads": HEADS,
            "aggregation": AGGREGATION,
            "combine": COMBINE,
            "activation": tuple(ACTIVATION),
        }
        counts = {"activation": self.layers if self.last_activation else self.layers - 1}
        layered = (Choice(name, options, counts.get(name, self.layers), name) for name, options in classes.items())
        return (Choice("hidden", HIDDEN, self.layers - 1, "hidden"), *layered)

    def _activations(self, arch: Arch) -> list[str]:
        named = describe(self.choices, arch)["activation"]
        return named if self.last_activation else [*named, "identity"]

    def _too_wide(self, hidden: int, heads: int) -> bool:
        return 0 < self.widest < int(HIDDEN[hidden]) * int(HEADS[heads])

    def valid(self, arch: Arch) -> bool:
        """No layer but the last, which is as wide as there are classes, is wider than `widest`."""
        heads = 2 * self.layers - 1
        return not any(self._too_wide(arch[i], arch[heads + i]) for i in range(self.layers - 1))

    def discretise(self, gates: Gates) -> Arch:
        """The strongest option of every decision; hidden size and heads of a layer by their sum, as far as valid."""
        rows = [matrix.mean(0) if matrix.dim() == 3 else matrix for matrix in gates]
        arch = list(argmax(gates))
        allowed = [row.masked_fill(row < 0, float("-inf")) for row in (rows[0], rows[2])]
        heads = 2 * self.layers - 1
        for i in range(self.layers - 1):
            both = allowed[0][i][:, None] + allowed[1][i]
            wide = [[self._too_wide(h, m) for m in range(len(HEADS))] for h in range(len(HIDDEN))]
            best = int(both.masked_fill(torch.tensor(wide), float("-inf")).argmax())
            arch[i], arch[heads + i] = divmod(best, len(HEADS))
        return tuple(arch)

    def signature(self, arch: Arch, name: str) -> tuple[str, ...] | None:
        """What two architectures must have in common for a weight to be inherited (section 4.3 of the paper).

        Attention and activation of the layer; weights of skip connections are never inherited (None).
        """
        if name.startswith("embedding."):
            return ()
        _, layer, role = name.split(".")[:3]
        attention = describe(self.choices, arch)["attention"]
        return None if role == "skip" else (attention[int(layer)], self._activations(arch)[int(layer)])

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The layers in a row (attribute `op` of nodes), each with a word of every class of actions."""
        named = describe(self.choices, arch) | {"activation": self._activations(arch)}
        named["hidden"] = [*named["hidden"], "classes"]
        layers = (tuple(f"{name} {each[i]}" for name, each in named.items()) for i in range(self.layers))
        return {"network": sequence(layers)}

    def build(self, arch: Arch, io: IO) -> GNNetwork:
        """The stand-alone network.

        Raises:
            ValueError: the inputs are no feature vectors of nodes.
            ImportError: the extra `graphs` is missing.
        """
        layer = layer_type(io)
        named = describe(self.choices, arch)
        width, layers = io.inputs[0], []
        for i in range(self.layers):
            last = i == self.layers - 1
            outputs = io.outputs[0] if last else int(named["hidden"][i])
            heads = int(named["heads"][i])
            layers.append(
                layer(
                    width, outputs, heads, named["attention"][i], named["aggregation"][i], named["combine"][i],
                    concat=not last, dropout=self.dropout, skip=self.skip,
                )
            )  # fmt: skip
            width = outputs * heads
        network = GNNetwork(layers, self._activations(arch), self.readout)
        with_embedding(network, io)
        return network


def layer_type(io: IO, edges: bool = False) -> type[AutoGNNLayer]:
    """The layer that all graph spaces are made of, after a look at the sizes.

    Args:
        io: of a domain.
        edges: whether the space takes features of edges.

    Raises:
        ValueError: the inputs are no feature vectors of nodes, or there are features of edges and they are not taken.
        ImportError: the extra `graphs` is missing.
    """
    if io.edges and not edges:
        right = "" if io.relations else ", or leave them out by Options(edge_attr=False) of appnas.domains.graphs"
        what = f"{io.relations} types of edges" if io.relations else f"{io.edges} features of an edge, edge_attr"
        raise ValueError(f"this space has no place for {what}: take GraphNet, the space graphnet, which has{right}")
    if len(io.inputs) != 1:
        raise ValueError(f"a graph space takes nodes with a vector of features, the domain gives inputs of {io.inputs}")
    try:
        from appnas.spaces.graphs.message import AutoGNNLayer
    except ImportError as error:
        raise ImportError(f"graph layers need the package {error.name!r}: pip install 'appnas[graphs]'") from error
    return AutoGNNLayer


class GNNetwork(OnGraphs):
    """Graph layers, each followed by its activation."""

    def __init__(self, layers: list[AutoGNNLayer], activations: list[str], readout: Readout):
        super().__init__()
        self.readout = readout
        self.layers = nn.ModuleList(layers)
        self.activations = activations

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        graph: Tensor | None = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        """Class scores of every node, or of every graph. The arguments are those of `on_edges`.

        Shapes:
            x: [N, F]. edge_index: [2, E]. graph: [N]. edge_weight: [E]. returns: [N, classes] or [graphs, classes].
        """
        edges, graph = on_edges(edge_index, graph, edge_weight, batch)
        x = features(x, next(self.parameters()))
        for layer, activation in zip(self.layers, self.activations, strict=True):
            x = ACTIVATION[activation](layer(x, *edges))
        return pooled(x, graph, self.readout)
