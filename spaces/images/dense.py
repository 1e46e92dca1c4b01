"""Over-parameterised networks to prune: an MLP with masks over units or weights, a CNN with masks over channels.

A decision has the options `none` and `keep`. `build` makes a network without the parts that are off: they are
removed, not multiplied by 0. After Colombo and Gao (arXiv 2107.03375); the networks are ours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, max_pool2d

from appnas.space import IO, Arch, Choice, Gates, Mask, only
from appnas.spaces.parts import BINARY, allocated, enough, keep, rows_of, sequence
from appnas.support import checked


def weighted_norm(x: Tensor, v: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Layer norm without scale and shift over the units that are on, so that removing the others changes nothing.

    Shapes:
        x, returns: [B, units]. v: [units] or [B, units]; None for ordinary layer norm.
    """
    if v is None:
        return layer_norm(x, x.shape[-1:], eps=eps)
    share = v / v.sum(-1, keepdim=True).clamp_min(eps)
    centred = x - (share * x).sum(-1, keepdim=True)
    return centred * torch.rsqrt((share * centred**2).sum(-1, keepdim=True) + eps)


class MaskedLinear(nn.Module):
    """A linear layer without bias that holds only the weights at given places of its matrix."""

    def __init__(self, c_in: int, c_out: int, places: Tensor):
        super().__init__()
        bound = 1 / math.sqrt(c_in)  # as nn.Linear
        self.values = nn.Parameter(torch.empty(len(places)).uniform_(-bound, bound))
        self.shape = c_out, c_in
        self.places: Tensor
        self.register_buffer("places", places, persistent=False)

    def forward(self, x: Tensor, v: Tensor | None = None) -> Tensor:
        """Shapes: x [B, in], v [weights] or [B, weights], returns [B, out]."""
        values = self.values if v is None else self.values * v
        flat = values.new_zeros(*values.shape[:-1], math.prod(self.shape))
        matrix = flat.index_copy(-1, self.places, values).reshape(*values.shape[:-1], *self.shape)
        return torch.einsum("bi,boi->bo", x, matrix) if matrix.dim() == 3 else x @ matrix.T


@dataclass(frozen=True)
@checked(width=1, depth=1, inputs=1, floor=1)
class MLP:
    """A multilayer perceptron with masks over hidden units, or over the weights of hidden layers; the head is whole.

    A hidden layer is linear without bias, layer norm over the units that are on, ReLU. Masks over weights make the
    network smaller in parameters only: its matrices stay as large.
    """

    width: int = 64
    """Units of a hidden layer."""
    depth: int = 2
    """Hidden layers."""
    parts: Literal["units", "weights"] = "units"
    """What is switched on or off."""
    inputs: int = 64
    """Numbers in one example: the columns of the first layer, for masks over weights."""
    floor: int = 2
    """Fewest parts of a layer: the layer norm of a single unit is a constant."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or a floor above the width.
        """
        if self.floor > self.width:
            raise ValueError(f"floor is at most the width, {self.width}, got {self.floor}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """A choice for each hidden layer, a decision for each unit or weight (row by row)."""
        columns = [1] * self.depth if self.parts == "units" else [self.inputs, *[self.width] * (self.depth - 1)]
        return tuple(Choice(f"layer{i}", BINARY, self.width * n, f"layer{i}") for i, n in enumerate(columns))

    def valid(self, arch: Arch) -> bool:
        """Every layer keeps `floor` parts."""
        return enough(self.choices, arch, self.floor)

    def discretise(self, gates: Gates) -> Arch:
        """Parts whose `keep` outweighs `none`; the strongest up to the floor."""
        return keep(gates, self.floor)

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The hidden layers in a row (attribute `op` of nodes), each with the number of its parts, not which ones."""
        rows = rows_of(self.choices, arch)
        return {"network": sequence(("linear", f"{self.parts} {len(on)}") for on in rows)}

    def supernet(self, io: IO, mask: Mask | None = None) -> MLPNetwork:
        """All parts that the mask allows: forward(x, gates)."""
        return MLPNetwork(self, io, mask)

    def build(self, arch: Arch, io: IO) -> MLPNetwork:
        """The network without the parts that are off: forward(x)."""
        return MLPNetwork(self, io, only(self.choices, arch))

    def costs(self, io: IO) -> Gates:
        """Parameters that go with a part, into it and out of it."""
        if self.parts == "weights":
            return tuple(torch.tensor([0.0, 1.0]).repeat(choice.count, 1) for choice in self.choices)
        sizes = [math.prod(io.inputs), *[self.width] * self.depth, io.outputs[0]]
        around = [a + b for a, b in zip(sizes[:-2], sizes[2:], strict=True)]
        return tuple(torch.tensor([0.0, float(n)]).repeat(self.width, 1) for n in around)

    def magnitudes(self, network: MLPNetwork) -> Gates:
        """Sum of the absolute values of a part's weights (arXiv 1506.02626, and 1608.08710 for whole units)."""
        return tuple(_column(_incoming(layer)) for layer in network.layers)

    def inherit(self, small: MLPNetwork, whole: MLPNetwork, arch: Arch) -> None:
        """Copy the weights of the parts that are on."""
        on = rows_of(self.choices, arch)
        last = on[-1]
        if self.parts == "weights":
            for mine, layer, rows in zip(small.layers, whole.layers, on, strict=True):
                mine.values.data.copy_(layer.values[rows])  # type: ignore[operator, index]
            last = torch.arange(self.width)
        else:
            _copy_rows(small.layers, whole.layers, on)
        small.classifier.weight.data.copy_(whole.classifier.weight[:, last])
        small.classifier.bias.data.copy_(whole.classifier.bias)


class MLPNetwork(nn.Module):
    """Hidden layers and a linear head."""

    def __init__(self, space: MLP, io: IO, mask: Mask | None):
        super().__init__()
        first, on = math.prod(io.inputs), allocated(space.choices, mask)
        self.weights = space.parts == "weights"
        if self.weights and first != space.inputs:
            raise ValueError(f"masks over weights are made for inputs={space.inputs} numbers an example, got {first}")
        sizes = [first, *[space.width if self.weights else len(rows) for rows in on]]
        self.layers = nn.ModuleList(
            MaskedLinear(a, b, rows) if self.weights else nn.Linear(a, b, bias=False)
            for a, b, rows in zip(sizes[:-1], sizes[1:], on, strict=True)
        )
        self.on = on
        self.classifier = nn.Linear(sizes[-1], io.outputs[0])

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Class scores.

        Shapes:
            x: [B, ...]. gates: one for each layer, each [count, 2] or [B, count, 2]. returns: [B, classes].
        """
        x = x.flatten(1)
        for i, layer in enumerate(self.layers):
            v = None if gates is None else gates[i][..., self.on[i], 1]
            if self.weights:
                x = torch.relu(weighted_norm(layer(x, v)))
            else:
                x = torch.relu(weighted_norm(layer(x), v))
                x = x if v is None else x * v
        return self.classifier(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
@checked(floor=1)
class CNN:
    """A convolutional network with masks over channels: 3x3 convolutions, batch norms, ReLU, pooling between layers."""

    channels: tuple[int, ...] = (32, 64, 64)
    """Channels of every convolution."""
    floor: int = 1
    """Fewest channels of a layer."""
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: no layer, or fewer channels than the floor.
        """
        if not self.channels or min(self.channels) < self.floor:
            raise ValueError(f"every layer has {self.floor} channels or more, got {self.channels}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """A choice for each convolution, a decision for each of its channels."""
        return tuple(Choice(f"layer{i}", BINARY, count, f"layer{i}") for i, count in enumerate(self.channels))

    def valid(self, arch: Arch) -> bool:
        """Every layer keeps `floor` channels."""
        return enough(self.choices, arch, self.floor)

    def discretise(self, gates: Gates) -> Arch:
        """Channels whose `keep` outweighs `none`; the strongest up to the floor."""
        return keep(gates, self.floor)

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The convolutions in a row (attribute `op` of nodes), each with the number of its channels."""
        return {"network": sequence(("conv", f"width {len(on)}") for on in rows_of(self.choices, arch))}

    def supernet(self, io: IO, mask: Mask | None = None) -> CNNNetwork:
        """All channels that the mask allows, with batch norms on batch statistics: forward(x, gates)."""
        return CNNNetwork(self, io, mask, track=False)

    def build(self, arch: Arch, io: IO) -> CNNNetwork:
        """The network without the channels that are off: forward(x)."""
        return CNNNetwork(self, io, only(self.choices, arch), track=True)

    def costs(self, io: IO) -> Gates:
        """Parameters that go with a channel, into it and out of it."""
        sizes = [io.inputs[0], *self.channels]
        after = [9 * n for n in self.channels[1:]] + [io.outputs[0]]
        around = [9 * a + b + 2 for a, b in zip(sizes, after, strict=False)]
        return tuple(
            torch.tensor([0.0, float(n)]).repeat(c.count, 1) for n, c in zip(around, self.choices, strict=True)
        )

    def magnitudes(self, network: CNNNetwork) -> Gates:
        """L1 norm of every filter (Li et al., arXiv 1608.08710)."""
        return tuple(_column(_incoming(layer)) for layer in network.layers)

    def inherit(self, small: CNNNetwork, whole: CNNNetwork, arch: Arch) -> None:
        """Copy the weights of the channels that are on."""
        on = rows_of(self.choices, arch)
        _copy_rows(small.layers, whole.layers, on)
        for mine, norm, rows in zip(small.norms, whole.norms, on, strict=True):
            mine.weight.data.copy_(norm.weight[rows])  # type: ignore[operator, index]
            mine.bias.data.copy_(norm.bias[rows])  # type: ignore[operator, index]
        small.classifier.weight.data.copy_(whole.classifier.weight[:, on[-1]])
        small.classifier.bias.data.copy_(whole.classifier.bias)


class CNNNetwork(nn.Module):
    """Convolutions, global average pooling, a linear head."""

    def __init__(self, space: CNN, io: IO, mask: Mask | None, track: bool):
        super().__init__()
        self.on = allocated(space.choices, mask)
        sizes = [io.inputs[0], *map(len, self.on)]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, 1, 1, bias=False) for a, b in itertools.pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b, track_running_stats=track) for b in sizes[1:])
        self.classifier = nn.Linear(sizes[-1], io.outputs[0])

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Class scores.

        Shapes:
            x: [B, C, H, W]. gates: one for each layer, each [count, 2] or [B, count, 2]. returns: [B, classes].
        """
        for i, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            if i and min(x.shape[2:]) >= 4:
                x = max_pool2d(x, 2)
            x = torch.relu(norm(layer(x)))
            if gates is not None:
                x = x * gates[i][..., self.on[i], 1, None, None]
        return self.classifier(x.mean((2, 3)))  # type: ignore[no-any-return]


def _incoming(layer: nn.Module) -> Tensor:
    """One number a part: the absolute values of its weights, summed."""
    weight = layer.values if isinstance(layer, MaskedLinear) else layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach().abs().reshape(len(weight), -1).sum(1)


def _column(keep: Tensor) -> Tensor:
    return torch.stack([torch.zeros_like(keep), keep], -1)


def _copy_rows(small: nn.ModuleList, whole: nn.ModuleList, on: Sequence[Tensor]) -> None:
    before: Tensor | slice = slice(None)
    for mine, layer, rows in zip(small, whole, on, strict=True):
        mine.weight.data.copy_(layer.weight[rows][:, before])  # type: ignore[operator, index]
        before = rows
