"""Torsos of agents that observe numbers, not images: multilayer perceptrons whose every part is a decision.

The hand-made ones are points of it: two layers of 64 tanh units, as PPO has them (arXiv 1707.06347, section 6.1), and
two of 256 rectified ones, as SAC has them (arXiv 1801.01290, table 1). Layers of several widths share one matrix, of
which a narrower one takes the first rows, as in slimmable networks (arXiv 1812.08928) and FBNetV2 (arXiv 2004.05565).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from appnas.space import IO, Arch, Choice, Gates, Mask, argmax, only
from appnas.supernet import Mixed, live_options, weighed
from appnas.support import checked

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh, "relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU, "elu": nn.ELU, "leaky_relu": nn.LeakyReLU,
}  # fmt: skip


class Normed(nn.Module):
    """Zero mean and deviation 1 over the units of an example, without scale and shift (arXiv 1607.06450)."""

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, units] -> the same."""
        return F.layer_norm(x, x.shape[-1:])


NORMS: dict[str, Callable[[], nn.Module]] = {"off": nn.Identity, "layer": Normed}
SKIPS = ("none", "skip")


@dataclass(frozen=True)
@checked(layers=1)
class Torso:
    """Multilayer perceptrons: their depth, and of every layer width, activation, norm, and a skip connection."""

    layers: int = 3
    """Most layers; the decision `depth` says how many there are."""
    widths: tuple[int, ...] = (32, 64, 128)
    """Units of a layer; those of the last are the features."""
    activations: tuple[str, ...] = ("tanh", "relu", "silu")
    """Of every layer: tanh, relu, silu, gelu, elu or leaky_relu."""
    norms: tuple[str, ...] = ("off", "layer")
    """Before the activation: off, or layer."""
    mask: ClassVar[Mask | None] = None
    vectors: ClassVar[bool] = True
    """It takes vectors, not images: see `appnas.agent.features`."""

    def __post_init__(self) -> None:
        """Check the candidates.

        Raises:
            ValueError: none of a kind, one twice, an unknown one, or a width below 1.
        """
        for name, known in (("activations", ACTIVATIONS), ("norms", NORMS)):
            if wrong := [option for option in getattr(self, name) if option not in known]:
                raise ValueError(f"{name} are among {', '.join(known)}, got {wrong[0]!r}")
        for name in ("widths", "activations", "norms"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise ValueError(f"{name} are candidates, at least one and none twice, got {given}")
        if min(self.widths) < 1:
            raise ValueError(f"widths are numbers of units, each 1 or more, got {self.widths}")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """One depth; for every layer a width, an activation and a norm, and a skip for all but the first."""
        depths = tuple(str(n + 1) for n in range(self.layers))
        widths = tuple(map(str, self.widths))
        found = (
            Choice("depth", depths), Choice("width", widths, self.layers, "layer"),
            Choice("activation", self.activations, self.layers, "layer"),
            Choice("norm", self.norms, self.layers, "layer"),
        )  # fmt: skip
        return (*found, Choice("skip", SKIPS, self.layers - 1, "layer")) if self.layers > 1 else found

    def _places(self) -> list[int]:
        """The layer of every decision; -1 for the depth."""
        return [-1, *list(range(self.layers)) * 3, *range(1, self.layers)]

    def active(self, arch: Arch) -> tuple[bool, ...]:
        """Decisions of layers that there are."""
        return tuple(layer <= arch[0] for layer in self._places())

    def valid(self, arch: Arch) -> bool:
        """A layer that is not there holds 0."""
        return not any(k for k, there in zip(arch, self.active(arch), strict=True) if not there)

    def count(self) -> int:
        """Number of architectures."""
        each = len(self.widths) * len(self.activations) * len(self.norms)
        return sum(each**depth * 2 ** (depth - 1) for depth in range(1, self.layers + 1))

    def discretise(self, gates: Gates) -> Arch:
        """The strongest option of every decision; 0 for layers beyond the depth.

        Shapes:
            gates: one a choice, each [count, K] or [B, count, K].
        """
        arch = argmax(gates)
        return tuple(k if there else 0 for k, there in zip(arch, self.active(arch), strict=True))

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        """The layers in a row, each with its words."""
        rows, depth = self.described(arch), arch[0] + 1
        graph = nx.DiGraph(inputs=["in"], outputs=["out"])
        names = ["in", *(f"layer {i + 1}" for i in range(depth)), "out"]
        graph.add_nodes_from(names)
        for name, words in zip(names[1:], rows[:depth], strict=False):
            graph.nodes[name]["op"] = words
        graph.add_edges_from(pairwise(names))
        return {"torso": graph}

    def described(self, arch: Arch) -> list[str]:
        """Every layer in words, such as "64_tanh_layer_skip"."""
        n, tail = self.layers, arch[1:]
        skips = [0, *tail[3 * n :]]
        return [
            f"{self.widths[tail[i]]}_{self.activations[tail[n + i]]}_{self.norms[tail[2 * n + i]]}_{SKIPS[skips[i]]}"
            for i in range(n)
        ]

    def supernet(self, io: IO, mask: Mask | None = None) -> TorsoNetwork:
        """All candidates: forward(x, gates). Layers of every width at once, padded with zeros."""
        return TorsoNetwork(self, io, mask)

    def build(self, arch: Arch, io: IO) -> TorsoNetwork:
        """The network of one architecture, as wide and deep as that says: forward(x)."""
        return TorsoNetwork(self, io, only(self.choices, arch), narrow=True)


class Layer(nn.Module):
    """One layer: a matrix, and for every width norms, activations and a skip, mixed.

    Args:
        space: of the candidates.
        c_in: units of what comes in.
        masks: of width, activation, norm and skip, [K] each; no skip for the first layer.
        narrow: no more units than the widest allowed has, as in a stand-alone network.
    """

    def __init__(self, space: Torso, c_in: int, masks: Sequence[Tensor], narrow: bool):
        super().__init__()
        self.kept = [(k, width) for k, width in enumerate(space.widths) if masks[0][k]]
        self.units = max([width for _, width in self.kept] if narrow else space.widths)
        self.linear = nn.Linear(c_in, self.units)
        self.width = Mixed([f"{w}" for w in space.widths], lambda name: First(int(name)), masks[0].tolist())
        self.activation = Mixed(space.activations, lambda name: ACTIVATIONS[name](), masks[1].tolist())
        self.norm = Mixed(space.norms, lambda name: NORMS[name](), masks[2].tolist())
        self.skip = Mixed(SKIPS, lambda name: nn.Identity(), masks[3].tolist()) if len(masks) > 3 else None

    def forward(self, x: Tensor, gates: Sequence[Tensor] | None, lives: Sequence[Sequence[bool] | None]) -> Tensor:
        """As wide as the widest that is in use; what comes in may be narrower than the matrix, zeros follow.

        Shapes: x: [B, units]; gates: of width, activation, norm and skip, [K] or [B, K]; returns [B, units].
        """
        units = self.units if lives[0] is None else max([w for k, w in self.kept if lives[0][k]], default=self.units)
        z, total = _first_of(self.linear, x, units), None
        for (k, width), first in zip(self.kept, self.width.values(), strict=True):
            if lives[0] and not lives[0][k]:
                continue
            part = first(z)
            for i, mixed in ((2, self.norm), (1, self.activation)):
                part = mixed(part, gates and gates[i], lives[i])
            if self.skip is not None:
                passed = self.skip(fitted(x, width), gates and gates[3], lives[3])
                part = part if passed is None else part + passed
            part = fitted(part, units)
            if gates is not None:
                part = weighed(part, gates[0][..., k])
            total = part if total is None else total + part
        return z.new_zeros(z.shape) if total is None else total


def _first_of(linear: nn.Linear, x: Tensor, units: int) -> Tensor:
    """The first units of a layer; the first inputs, where fewer are given."""
    if (units, x.shape[1]) == linear.weight.shape:
        return linear(x)  # type: ignore[no-any-return]
    return F.linear(x, linear.weight[:units, : x.shape[1]], linear.bias[:units])


class First(nn.Module):
    """The first units."""

    def __init__(self, units: int):
        super().__init__()
        self.units = units

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, all units] -> [B, units]."""
        return x[:, : self.units]


def fitted(x: Tensor, units: int) -> Tensor:
    """The first units, or zeros after the last. Shapes: [B, n] -> [B, units]."""
    return x[:, :units] if x.shape[1] >= units else F.pad(x, (0, units - x.shape[1]))


class TorsoNetwork(nn.Module):
    """Layers, of which as many count as the depth says, and an output layer if there are outputs.

    With no outputs (`IO(inputs, ())`) it ends with the last layer: the features of an agent.
    """

    def __init__(self, space: Torso, io: IO, mask: Mask | None, narrow: bool = False):
        super().__init__()
        rows = mask or tuple(torch.ones(c.count, len(c.options), dtype=torch.bool, device="cpu") for c in space.choices)
        self.depths = [d for d, on in enumerate(rows[0][0].tolist()) if on]
        units, layers = math.prod(io.inputs), []
        for i in range(max(self.depths) + 1):
            masks = [matrix[i] for matrix in rows[1:4]] + ([rows[4][i - 1]] if i else [])
            layers.append(Layer(space, units, masks, narrow))
            units = layers[-1].units
        self.layers = nn.ModuleList(layers)
        self.features = max(layers[d].units for d in self.depths)
        self.output = nn.Linear(self.features, io.outputs[0]) if io.outputs else nn.Identity()

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """The outputs, or the features if there are none.

        Shapes:
            x: [B, ...], flattened. gates: one a choice, each [count, K] or [B, count, K]. returns: [B, outputs].
        """
        x, total = x.flatten(1), None
        depth = None if gates is None else gates[0][..., 0, :]
        lives = None if gates is None else [live_options(matrix) for matrix in gates]
        live = None if lives is None else lives[0][0]
        own = None if gates is None else [matrix.unbind(-2) for matrix in gates[1:]]
        last = max((d for d in self.depths if live is None or live[d]), default=-1)
        for i, layer in enumerate(self.layers[: last + 1]):
            rows = [i, i, i, i - 1] if i else [i, i, i]
            weights = None if own is None else [m[r] for m, r in zip(own, rows, strict=False)]
            on = [None] * 4 if lives is None else [m[r] for m, r in zip(lives[1:], rows, strict=False)]
            x = layer(x, weights, on)
            if i in self.depths and (live is None or live[i]):
                part = x if last == i and total is None else fitted(x, self.features)
                part = part if depth is None else weighed(part, depth[..., i])
                total = part if total is None else total + part
        y = x.new_zeros(len(x), self.features) if total is None else total
        if isinstance(self.output, nn.Linear):
            return _first_of(self.output, y, self.output.out_features)
        return fitted(y, self.features)
