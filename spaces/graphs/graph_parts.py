"""What is around the operations in the networks of the space `graphnet`: norms, residuals, linear layers, heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import PairNorm

from appnas.spaces.graphs.edges import Edges
from appnas.spaces.graphs.inputs import Features, Readout, SparseLinear, pooled
from appnas.spaces.graphs.operations import Glorot, Inputs, Place
from appnas.spaces.parts import dropout

States = tuple[Tensor, ...]


class UnitLength(nn.Module):
    """Every node's features divided by their Euclidean length."""

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [N, D] -> [N, D]."""
        return functional.normalize(x, dim=-1)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "off": lambda width: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "pair": lambda width: PairNorm(),
    "l2": lambda width: UnitLength(),
}


class Ego(nn.Module):
    """A linear map of the layer's own input."""

    def __init__(self, place: Place):
        super().__init__()
        self.linear = Glorot(place.inputs, place.outputs, bias=False)

    def forward(self, given: Inputs) -> Tensor:
        """Shapes: [N, I] -> [N, O]."""
        return self.linear(given[0])  # type: ignore[no-any-return]


class Initial(nn.Module):
    """A linear map of the first state of the network's width; the layer that makes it has none."""

    def __init__(self, place: Place, width: int):
        super().__init__()
        self.linear = Glorot(width, place.outputs, bias=False)

    def forward(self, given: Inputs) -> Tensor:
        """Shapes: [N, W] -> [N, O]."""
        return self.linear(given[2])  # type: ignore[no-any-return]


class Both(nn.Module):
    """An operation along the edges and one against them, averaged (Dir-GNN, arXiv 2305.10498, alpha 1/2)."""

    def __init__(self, along: nn.Module, against: nn.Module):
        super().__init__()
        self.along, self.against = along, against

    def forward(self, given: tuple[Tensor | Features, Sequence[Edges], Tensor | None]) -> Tensor:
        """Shapes: [N, I] -> [N, O]."""
        x, (edges, turned), initial = given
        y: Tensor = self.along((x, edges, initial)) + self.against((x, turned, initial))
        return y / 2


class Perceptron(nn.Sequential):
    """So many linear maps, each but the last with a ReLU and dropout after it; the last too with `after`."""

    def __init__(self, inputs: int, width: int, outputs: int, layers: int, dropout: float, after: bool = False):
        sizes, maps = [inputs, *[width] * (layers - 1), outputs], list[nn.Module]()
        for i, (a, b) in enumerate(pairwise(sizes), 1):
            more = [nn.ReLU(), nn.Dropout(dropout)] if i < layers else [nn.ReLU()] if after else []
            maps += [SparseLinear(a, b), *more]
        super().__init__(*maps)


class Head(nn.Module):
    """What makes outputs of the states after every block: of the last, or of all of them joined (jumping knowledge)."""

    def __init__(self, kind: str, blocks: int, width: int, outputs: int, dropout: float):
        super().__init__()
        self.kind, self.dropout = kind, dropout
        inputs = width * blocks if kind == "concat" else width
        self.map = Perceptron(inputs, width, outputs, 2 if kind == "mlp" else 1, dropout)

    def forward(self, states: States) -> Tensor:
        """Shapes: [N, W] each -> [N, O]."""
        if self.kind in ("linear", "mlp"):
            x = states[-1]
        elif self.kind == "concat":
            x = torch.cat(states, -1)
        else:
            every = torch.stack(states)
            x = every.amax(0) if self.kind == "max" else every.mean(0)
        return self.map(dropout(x, self.dropout, self.training))  # type: ignore[no-any-return]


class Pool(nn.Module):
    """One vector a graph of the states of its nodes."""

    def __init__(self, readout: Readout):
        super().__init__()
        self.readout = readout

    def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
        """Shapes: [N, W] -> [graphs, W]."""
        return pooled(*given, self.readout)


class After(nn.Module):
    """The state after so many layers of a block."""

    def __init__(self, repeats: int):
        super().__init__()
        self.place = repeats - 1

    def forward(self, states: States) -> Tensor:
        """Shapes: [N, W] each -> [N, W]."""
        return states[self.place]
