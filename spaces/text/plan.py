"""Plans of recurrent cells with one candidate a node: which nodes read one state, and what such a cell computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import batch_norm

IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh_, "relu": torch.relu_, "sigmoid": torch.sigmoid_, "linear": lambda x: x,
}  # fmt: skip


class Group(NamedTuple):
    """The nodes that read one state.

    Attributes:
        source: place of that state; None for the hidden state, which only the first state is made of.
        start, end: first place of the nodes, and the one after their last.
        members: their numbers among the nodes in use.
        runs: an activation and the places that it is on.
    """

    source: int | None
    start: int
    end: int
    members: list[int]
    runs: list[tuple[str, int, int]]


class Plan(NamedTuple):
    """Which state every node reads. State 0 is the first one; nodes without a candidate are zeros.

    Attributes:
        nodes: for every node from 1, the state that it reads and its activation; None without a candidate.
        eps: of the batch norm after every state that is computed; None without norms.
    """

    nodes: tuple[tuple[int, str] | None, ...]
    eps: float | None

    @property
    def used(self) -> list[int]:
        """The nodes that are computed, from 1."""
        return [i for i, node in enumerate(self.nodes, 1) if node]

    def groups(self) -> list[Group]:
        """In the order in which they can be computed, the first state before all."""
        found, place, places, used = [Group(None, 0, 1, [], [("tanh", 0, 1)])], 1, {0: 0}, self.used
        reads = {i: node for i, node in enumerate(self.nodes, 1) if node}
        wanted = {source for source, _ in reads.values()}
        idle = [i for i in range(1, len(self.nodes) + 1) if i not in reads]
        places |= {i: 1 + len(used) + k for k, i in enumerate(idle)}
        for source in sorted(wanted):
            members = sorted((i for i in used if reads[i][0] == source), key=lambda i: reads[i][1])
            places |= {i: place + k for k, i in enumerate(members)}
            names = [reads[i][1] for i in members]
            runs = [
                (name, place + names.index(name), place + names.index(name) + names.count(name))
                for name in dict.fromkeys(names)
            ]
            found.append(Group(places[source], place, place + len(members), [used.index(i) for i in members], runs))
            place += len(members)
        return found


def one_by_one(
    plan: Plan, entering: Tensor, hidden: Tensor, mask: Tensor | None, first: Tensor, *given: Tensor
) -> Tensor:
    """What `one_path` computes, as torch differentiates it. Arguments and shapes are those of `_OnePath.apply`."""
    weights, gates = given[: len(plan.used)], given[len(plan.used) :]

    def _step(state: Tensor, pre: Tensor, name: str, gate: Tensor | None) -> Tensor:
        c, h = pre.chunk(2, -1)
        y = torch.lerp(state, IN_PLACE[name](h.clone()), c.sigmoid())
        y = y if gate is None else y * gate[:, None]
        return y if plan.eps is None else batch_norm(y, None, None, None, None, True, 0.0, plan.eps)

    outputs = []
    for moment in entering:
        states = [_step(hidden, moment + (hidden if mask is None else hidden * mask) @ first, "tanh", None)]
        for i, node in enumerate(plan.nodes, 1):
            if node is None:
                states.append(torch.zeros_like(hidden))
                continue
            source, k = states[node[0]], plan.used.index(i)
            pre = (source if mask is None else source * mask) @ weights[k]
            states.append(_step(source, pre, node[1], gates[k] if gates else None))
        hidden = torch.stack(states[1:]).mean(0)
        outputs.append(hidden)
    return torch.stack(outputs)
