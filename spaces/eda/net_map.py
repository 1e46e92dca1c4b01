"""Graph and map: message passing over cells and nets, joined to the map network of `guide_dag`.

What Lay-Net, LHNN (arXiv 2203.12831), Circuit GNN and RoutePlacer's RouteGNN (arXiv 2406.02651) choose by hand is
decided here by a search: whether nets join gcells or cells, the number of rounds, how pins are gathered on nets and
spread on nodes, the hidden width of a node's update, before which stage of the map network the result enters, how it is
joined there, and every edge of the map network's guide-DAGs.

The result is a map of its own. It is averaged to the size of the stage that it enters, and adds to what that stage
reads: a 1x1 convolution of it ("add"), a 3x3 convolution of both ("concat"), or what is there times a sigmoid of a 1x1
convolution of it ("gate"). Without a round nothing is joined, and this is a network on maps alone.

Deviates: the papers' networks are not in the space exactly, see `passing`; joins add to what they join, so that they
can be mixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional

from appnas.space import IO, Arch, Choice, Gates, Mask, only
from appnas.spaces.eda.guide_dag import GuideDag, GuideNetwork
from appnas.spaces.eda.passing import HOW, Masks, Passing, Pins, mixed
from appnas.spaces.parts import Free, Style, sequence
from appnas.supernet import Mixed, live_options, scale
from appnas.support import checked

NODES = ("gcells", "cells")
JOINS = ("add", "concat", "gate")
OWN = ("nodes", "rounds", "gather", "spread", "hidden", "place", "join")
"""The choices of one decision each that come before those of the guide-DAGs."""
ROUNDS = OWN.index("rounds")
FRAME = ("width", "strides", "branches", "vertices", "kernels", "dense")


@dataclass(frozen=True)
@checked(width=1, branches=1, dense=1, rounds=1)
class NetMap(Free):
    """The space of networks on maps and nets; its map network is that of `GuideDag`, whose settings it has."""

    width: int = 16
    """Channels of an operation of the map network, and of messages."""
    strides: tuple[int, ...] = (1, 2)
    """Of the downsampling convolution that begins each stage, 1 or 2."""
    branches: int = 2
    """Parallel guide-DAGs in a stage."""
    vertices: tuple[str, ...] = ("conv", "wide", "atrous", "mix", "conv", "atrous", "mix")
    """The operation of every vertex of a guide-DAG."""
    kernels: tuple[int, ...] = (3, 5, 7, 9)
    """Of MixConv's groups of channels."""
    dense: int = 32
    """Hidden width of the head for numbers."""
    rounds: int = 3
    """Rounds of messages, at most."""
    hidden: tuple[int, ...] = (8, 16, 32)
    """Hidden widths of a node's update to choose from."""
    mask: ClassVar[Mask | None] = None
    reads_nets: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: no hidden width, one below 1, the same twice, or what `GuideDag` refuses.
        """
        if not self.hidden or min(self.hidden) < 1 or len(set(self.hidden)) < len(self.hidden):
            raise ValueError(f"hidden widths are one or more different numbers from 1, got {self.hidden}")
        _ = self.frame

    @cached_property
    def frame(self) -> GuideDag:
        """The space of its map network."""
        return GuideDag(**{field: getattr(self, field) for field in FRAME})

    @cached_property
    def options(self) -> dict[str, tuple[str, ...]]:
        """Of its own choices."""
        return {
            "nodes": NODES,
            "rounds": ("none", *(str(k) for k in range(1, self.rounds + 1))),
            "gather": HOW,
            "spread": HOW,
            "hidden": tuple(map(str, self.hidden)),
            "place": (*(f"stage{k}" for k in range(len(self.strides))), "end"),
            "join": JOINS,
        }

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Seven decisions on nets, then whether to take each edge of each guide-DAG."""
        ordered = ("rounds", "hidden", "place")
        own = (Choice(name, self.options[name], 1, "nets", name in ordered) for name in OWN)
        return (*own, *self.frame.choices)

    def canonical(self, arch: Arch) -> Arch:
        """Of architectures of one network one: without a round, and with no edge that leads nowhere."""
        own = arch[: len(OWN)] if arch[ROUNDS] else (0,) * len(OWN)
        return (*own, *self.frame.reached(arch[len(OWN) :]))

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """The steps of the messages, and every guide-DAG."""
        arch = self.canonical(arch)
        said = {name: self.options[name][k] for name, k in zip(OWN, arch, strict=False)}
        steps = [f"gather {said['gather']}", f"spread {said['spread']}", f"update {said['hidden']}"] * arch[ROUNDS]
        ends = [f"join {said['join']} {said['place']}"] if steps else []
        chain = sequence([f"on {said['nodes']}", *steps, *ends] if steps else ["on maps"])
        return {"nets": chain, **self.frame.graph(arch[len(OWN) :])}

    def supernet(self, io: IO, mask: Mask | None = None) -> NetMapNetwork:
        """All options, on batch statistics: forward(x, pins, gates).

        Raises:
            ValueError: the domain gives no nets.
        """
        return NetMapNetwork(self, io, Style(affine=False, track=False), mask)

    def build(self, arch: Arch, io: IO) -> NetMapNetwork:
        """The stand-alone network: forward(x, pins).

        Raises:
            ValueError: the domain gives no nets.
        """
        return NetMapNetwork(self, io, Style(), only(self.choices, self.canonical(arch)))


class Join(nn.Module):
    """What a map of messages adds to the map that a stage reads. Shapes: two [B, width, H, W] -> the same."""

    def __init__(self, how: str, width: int):
        super().__init__()
        self.how = how
        both = how == "concat"
        self.conv = nn.Conv2d((1 + both) * width, width, 3 if both else 1, padding=int(both))

    def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
        """Of what is there, and the messages."""
        x, y = given
        if self.how == "concat":
            return self.conv(torch.cat([x, y], 1))  # type: ignore[no-any-return]
        return self.conv(y) if self.how == "add" else torch.sigmoid(self.conv(y)) * x


class Entry(nn.Module):
    """A place where messages may enter: a decision on how they are joined."""

    def __init__(self, width: int, allowed: list[bool] | None):
        super().__init__()
        self.join = Mixed(JOINS, lambda how: Join(how, width), allowed)

    def forward(self, given: tuple[Tensor, Tensor, dict[str, Tensor] | None]) -> Tensor:
        """Shapes: x [B, width, H, W], y [B, width, H', W'], larger -> [B, width, H, W]."""
        x, y, gates = given
        while y.shape[2] > x.shape[2] or y.shape[3] > x.shape[3]:  # as a convolution with a stride of 2 does
            y = functional.avg_pool2d(y, 2, ceil_mode=True)
        return mixed(self.join, (x, y), gates, "join")


class NetMapNetwork(nn.Module):
    """Messages over nets, then the map network that they enter."""

    def __init__(self, space: NetMap, io: IO, style: Style, mask: Mask | None):
        super().__init__()
        if not io.nets:
            raise ValueError(
                "the space net_map passes messages over nets, and this domain gives maps alone: use placements with"
                " netlist=True (--domain.netlist), or the space guide_dag"
            )
        own = [None] * len(OWN) if mask is None else [matrix[0].tolist() for matrix in mask[: len(OWN)]]
        rows: Masks = dict(zip(OWN, own, strict=True))
        self.places, rounds = space.options["place"], rows["rounds"]
        self.maps = GuideNetwork(space.frame, io, style, mask and mask[len(OWN) :])
        self.joined = rounds is None or any(rounds[1:])
        if self.joined:
            self.first = nn.Conv2d(io.inputs[0], space.width, 1)
            make = partial(Passing, width=space.width, options=space.options, masks=rows)
            self.nodes = Mixed(NODES, make, rows["nodes"])
            self.place = Mixed(self.places, lambda place: Entry(space.width, rows["join"]), rows["place"])
            self.said = [k for k, option in enumerate(space.options["rounds"]) if k and (not rounds or rounds[k])]

    def axes(self, *inputs: Tensor) -> dict[str, dict[int, str]]:
        """Names of the inputs, and of the axes that are free, for `appnas.cost.to_onnx`."""
        return {"x": {0: "batch"}, "pins": {0: "batch", 1: "pins"}}

    def smaller(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One placement with the first half of its pins, of those of nets and cells numbered below their count."""
        x, pins = inputs
        half = (pins.shape[1] + 1) // 2
        some = pins[:1, :half]
        there = (some[..., 1:] < half).all(-1, keepdim=True)
        return x[:1], torch.where(there, some, -torch.ones_like(some))

    def forward(self, x: Tensor, pins: Tensor, gates: Gates | None = None) -> Tensor:
        """Numbers, or a map.

        Shapes:
            x: [B, C, H, W]. pins: [B, P, 3], see `IO.nets`. gates: [1, K] or [B, 1, K] a decision on nets, and one
            [E, 2] or [B, E, 2] a guide-DAG. returns: [B, n] or [B, H, W].
        """
        own = None if gates is None else dict(zip(OWN, gates, strict=False))
        rest = None if gates is None else gates[len(OWN) :]
        if not self.joined or (own is not None and not any(live_options(own["rounds"])[0][k] for k in self.said)):
            return self.maps(x, rest)  # type: ignore[no-any-return]
        y = mixed(self.nodes, (self.first(x), Pins.of(pins, x), own), own, "nodes")
        return self.maps(x, rest, partial(self._enter, y, own))  # type: ignore[no-any-return]

    def _enter(self, y: Tensor, gates: dict[str, Tensor] | None, stage: int, x: Tensor) -> Tensor:
        """What a stage reads: with what is joined there, if anything is."""
        place = self.places[stage]
        if place not in self.place or (gates is not None and not live_options(gates["place"])[0][stage]):
            return x
        entered: Tensor = self.place[place]((x, y, gates))
        if gates is None:
            return x + entered
        some = sum(gates["rounds"][..., 0, k] for k in self.said)  # the less, the nearer to maps alone
        return x + scale(entered, gates["place"][..., 0, stage] * some)
