"""Message passing over nets: nodes, which are gcells or cells, tell nets, and nets tell nodes, so many rounds.

A netlist is a hypergraph whose edges are nets. What is on a node is summed, averaged or its maximum is taken over the
pins of a net, goes through a layer together with what the net itself is like, and comes back to the nodes likewise;
a node is then updated. On gcells this is LHNN's pass between gcells and nets (Wang et al., DAC 2022, arXiv 2203.12831);
on cells that of Circuit GNN (Yang et al., NeurIPS 2022) and of RoutePlacer's RouteGNN (arXiv 2406.02651), after which
cells tell the gcells that their pins are in.

Deviates: of every one only this exchange was taken, in one form: a net counts a gcell as often as it has pins there, no
messages go between neighbouring gcells (the map network has convolutions), and a net's own features are made from its
pins' gcells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from appnas.supernet import Mixed, live_options

HOW = ("mean", "sum", "max")
Options = dict[str, tuple[str, ...]]
"""Of the choices rounds, gather, spread and hidden."""
Masks = dict[str, list[bool] | None]
"""Which of them are allowed; None for all."""
NET_FEATURES = 5
"""log(1 + n) of the pins, of the width, of the height and of their sum, in gcells; and whether a net is long."""


@dataclass(frozen=True)
class Side:
    """Where every pin belongs on one side of the pass: to which node, or to which net.

    Shapes:
        index: [B, P], 0 for absent pins. there: [B, P, 1], 1.0 where a pin is.
    """

    index: Tensor
    there: Tensor
    count: int
    """Of nodes, or of nets: rows of the result."""

    def spread(self, rows: Tensor) -> Tensor:
        """What every pin's node or net has. Shapes: [B, count, D] -> [B, P, D]."""
        return rows.gather(1, self._wide(rows))

    def gathered(self, pins: Tensor, how: str) -> Tensor:
        """Mean, sum or maximum of what the pins have; 0 where there is none. Shapes: [B, P, D] -> [B, count, D]."""
        shape = pins.shape[0], self.count, pins.shape[2]
        if how == "max":
            least = pins.new_full(shape, -torch.inf)
            pins = pins.masked_fill(self.there == 0, -torch.inf)
            most = least.scatter_reduce(1, self._wide(pins), pins, "amax")
            return most.masked_fill(most == -torch.inf, 0.0)
        total = pins.new_zeros(shape).scatter_add(1, self._wide(pins), pins * self.there.to(pins.dtype))
        return total / self.pins().clamp_min(1.0).to(pins.dtype) if how == "mean" else total

    def pins(self) -> Tensor:
        """How many pins each has. Shapes: returns [B, count, 1]."""
        none = self.there.new_zeros(self.there.shape[0], self.count, 1)
        return none.scatter_add(1, self.index[..., None], self.there)

    def _wide(self, rows: Tensor) -> Tensor:
        return self.index[..., None].expand(-1, -1, rows.shape[2])


@dataclass(frozen=True)
class Pins:
    """A batch of netlists on maps of one size, as `IO.nets` describes them. Shapes: pins [B, P, 3]."""

    gcell: Side
    net: Side
    cell: Side
    width: int
    """Gcells in a row."""

    @classmethod
    def of(cls, pins: Tensor, x: Tensor) -> Pins:
        """Read a second input. Shapes: pins [B, P, 3], x [B, C, H, W]."""
        there = (pins[..., :1] >= 0).to(torch.promote_types(x.dtype, torch.float32))
        gcell, net, cell = pins.clamp_min(0).unbind(-1)
        height, width = x.shape[2:]
        rows = pins.shape[1]  # as many as there can be nets or cells
        return cls(Side(gcell, there, height * width), Side(net, there, rows), Side(cell, there, rows), width)

    def nets(self) -> Tensor:
        """What a net is like, `NET_FEATURES`. Shapes: returns [B, P, F]; 0 for those that are not there."""
        at = torch.stack([self.gcell.index % self.width, self.gcell.index // self.width], -1).to(self.net.there.dtype)
        box = self.net.gathered(at, "max") + self.net.gathered(-at, "max")
        half = box.sum(-1, keepdim=True)
        return torch.cat([torch.cat([self.net.pins(), box, half], -1).log1p(), (half > 0).to(half.dtype)], -1)


class Gathered(nn.Module):
    """One way from pins to nets or nodes."""

    def __init__(self, how: str):
        super().__init__()
        self.how = how

    def forward(self, x: tuple[Side, Tensor]) -> Tensor:
        """Shapes: [B, P, D] on a side -> [B, count, D]."""
        return x[0].gathered(x[1], self.how)


class Update(nn.Sequential):
    """A node's update from what it has and what it is told: two layers. Shapes: [B, N, 2 D] -> [B, N, D]."""

    def __init__(self, width: int, hidden: str):
        super().__init__(nn.Linear(2 * width, int(hidden)), nn.ReLU(), nn.Linear(int(hidden), width))


class Read(nn.Module):
    """What is read from the nodes after a round. Shapes: of all rounds, each [B, N, D] -> [B, N, D]."""

    def __init__(self, width: int, rounds: str):
        super().__init__()
        self.at, self.linear = int(rounds), nn.Linear(width, width)

    def forward(self, states: list[Tensor]) -> Tensor:
        """Of the round that it is for."""
        return self.linear(states[self.at])  # type: ignore[no-any-return]


class Round(nn.Module):
    """Nodes to nets and back. Rows of the three choices say how: `gather`, `spread`, and the width of the update."""

    def __init__(self, width: int, options: Options, masks: Masks):
        super().__init__()
        self.gather = Mixed(options["gather"], Gathered, masks["gather"])
        self.net = nn.Sequential(nn.Linear(width + NET_FEATURES, width), nn.LayerNorm(width), nn.ReLU())
        self.spread = Mixed(options["spread"], Gathered, masks["spread"])
        self.update = Mixed(options["hidden"], lambda hidden: Update(width, hidden), masks["hidden"])
        self.norm = nn.LayerNorm(width)

    def forward(self, h: Tensor, node: Side, net: Side, features: Tensor, gates: dict[str, Tensor] | None) -> Tensor:
        """Shapes: h [B, N, D], features [B, P, F] -> [B, N, D]."""
        told = mixed(self.gather, (net, node.spread(h)), gates, "gather")
        nets = self.net(torch.cat([told, features], -1))
        back = mixed(self.spread, (node, net.spread(nets)), gates, "spread")
        return self.norm(h + mixed(self.update, torch.cat([h, back], -1), gates, "hidden"))  # type: ignore[no-any-return]


def mixed(of: Mixed, x: Any, gates: dict[str, Tensor] | None, name: str) -> Tensor:
    """A decision, under the gates [1, K] or [B, 1, K] of its choice."""
    y: Tensor | None = of(x) if gates is None else of(x, gates[name][..., 0, :], live_options(gates[name])[0])
    assert y is not None, f"nothing of {name} is allowed"
    return y


class Passing(nn.Module):
    """Rounds of messages over gcells or cells, as a map.

    Args:
        over: "gcells" or "cells".
        width: of the messages.
        options, masks: of the choices.
    """

    def __init__(self, over: str, width: int, options: Options, masks: Masks):
        super().__init__()
        self.over = over
        self.read = Mixed(options["rounds"], lambda rounds: Read(width, rounds), masks["rounds"])
        most = max([int(rounds) for rounds in self.read], default=0)
        self.rounds = nn.ModuleList(Round(width, options, masks) for _ in range(most))

    def forward(self, given: tuple[Tensor, Pins, dict[str, Tensor] | None]) -> Tensor:
        """Shapes: [B, D, H, W] -> the same."""
        x, pins, gates = given
        node, h = (pins.gcell, x.flatten(2).transpose(1, 2))
        if self.over == "cells":
            node, h = pins.cell, pins.cell.gathered(pins.gcell.spread(h), "mean")
        live = None if gates is None else live_options(gates["rounds"])[0]
        last = max(int(option) for option in self.read if live is None or live[self.read.index[option]])
        states, features = [h], pins.nets().to(h.dtype)
        for one in self.rounds[:last]:
            states.append(one(states[-1], node, pins.net, features, gates))
        y = mixed(self.read, states, gates, "rounds")
        if self.over == "cells":
            y = pins.gcell.gathered(pins.cell.spread(y), "mean")
        return y.transpose(1, 2).reshape(x.shape)
