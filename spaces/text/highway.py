"""The recurrent cell of language models: every node passes a part of an earlier state on and changes the rest.

A node has one matrix W for all its predecessors, [c, h] = (s * m) W, and its candidates are s + sigmoid(c) * (f(h) - s)
for the predecessors s and activations f (Zilly et al., arXiv 1607.03474; Liu et al., arXiv 1806.09055, section A.1.2).
m is one dropout mask for all nodes and all moments of a sequence (Gal and Ghahramani, arXiv 1512.05287).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from appnas.spaces.text.one_path import one_path
from appnas.spaces.text.plan import Plan
from appnas.supernet import fast, live_options

SCALE = 0.04
"""Weights begin uniformly within this distance of 0, unless told."""
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,  # `identity` in the papers: f(h) = h, not a skip connection
}


def weight(rows: int, columns: int, scale: float = SCALE) -> nn.Parameter:
    """A matrix of uniform numbers within `scale` of 0."""
    return nn.Parameter(torch.empty(rows, columns).uniform_(-scale, scale))


class Mix(NamedTuple):
    """What a node computes under some gates: the same at every moment of a sequence.

    Attributes:
        sources: the k predecessors in use.
        options: the activations in use.
        gates: for each activation in use, the gates of the predecessors: [k, 1, 1] or [k, B, 1].
        passed: the sum of a predecessor's gates, likewise; None if there is one candidate, at 1.
    """

    sources: list[int]
    options: list[str]
    gates: list[Tensor]
    passed: Tensor | None


class Node(nn.ModuleDict):
    """One node: its matrix, and the activations that any of its edges may take.

    Args:
        width: D, units of a state.
        allowed: for each predecessor, the activations on its edge.
        scale: largest weight at the start.
    """

    def __init__(self, width: int, allowed: Sequence[Sequence[str]], scale: float = SCALE):
        super().__init__({name: make() for name, make in ACTIVATIONS.items() if any(name in row for row in allowed)})
        self.allowed = [list(row) for row in allowed]
        self.weight = weight(width, 2 * width, scale)

    def mix(self, gates: Tensor | None) -> Mix | None:
        """What to compute at every moment; None if no candidate is in use.

        Shapes:
            gates: [k, 4] or [B, k, 4] for all predecessors, in the order of `ACTIVATIONS`; None for 1 everywhere.
        """
        live = None if gates is None else live_options(gates)
        used = [
            [name for f, name in enumerate(ACTIVATIONS) if name in row and (live is None or live[j][f])]
            for j, row in enumerate(self.allowed)
        ]
        sources = [j for j, row in enumerate(used) if row]
        options = [name for name in self if any(name in row for row in used)]
        if not sources:
            return None
        if gates is None and len(sources) == len(options) == 1:
            return Mix(sources, options, [], None)
        keep = self.weight.new_tensor([[name in used[j] for name in ACTIVATIONS] for j in sources])
        rows = keep if gates is None else gates[..., sources, :] * keep
        columns = rows.movedim(-2, 0)[..., None, :] if rows.dim() == 2 else rows.movedim(-2, 0)  # [k, 1 or B, 4]
        order = list(ACTIVATIONS)
        each = [columns[..., order.index(name)].unsqueeze(-1) for name in options]
        return Mix(sources, options, each, columns.sum(-1, keepdim=True))

    def forward(self, states: Sequence[Tensor], masked: Sequence[Tensor], mix: Mix) -> Tensor:
        """The weighted sum of the node's candidates.

        Shapes:
            states, masked: earlier states, and the same under the dropout mask, each [B, D]. returns: [B, D].
        """
        if mix.passed is None:
            c, h = (masked[mix.sources[0]] @ self.weight).chunk(2, -1)
            return towards(states[mix.sources[0]], self[mix.options[0]](h), c.sigmoid())
        if not fast(states[0]):
            return self._one_by_one(states, masked, mix)
        s, m = (torch.stack([x[j] for j in mix.sources]) for x in (states, masked))
        c, h = (m @ self.weight).chunk(2, -1)
        changed = torch.zeros((), dtype=s.dtype)
        for name, gate in zip(mix.options, mix.gates, strict=True):
            changed = torch.addcmul(changed, self[name](h), gate)
        return torch.lerp(s * mix.passed, changed, c.sigmoid()).sum(0)

    def _one_by_one(self, states: Sequence[Tensor], masked: Sequence[Tensor], mix: Mix) -> Tensor:
        """The plain form: every candidate by itself."""
        total = torch.zeros_like(states[0])
        for row, j in enumerate(mix.sources):
            for name, gate in zip(mix.options, mix.gates, strict=True):
                if name in self.allowed[j]:
                    c, h = (masked[j] @ self.weight).chunk(2, -1)
                    total = total + gate[row] * (states[j] + c.sigmoid() * (self[name](h) - states[j]))
        return total


def towards(state: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """State + share * (end - state), in the state's type: under autocast the products alone are in fewer bits."""
    return torch.lerp(state, end.to(state.dtype), share.to(state.dtype))


class Highway(nn.Module):
    """The cell: a first state from the input and the hidden state, then nodes; the output is the mean of the nodes.

    The first state is h + sigmoid(c) * (tanh(g) - h) with [c, g] = [x * m_x ; h * m] W_0.

    Args:
        width: D, units of the input and of every state.
        allowed: for each node and each of its predecessors, the activations on that edge.
        norm: one batch norm on batch statistics after every state, as in supernets.
        scale: largest weight at the start.
    """

    def __init__(
        self, width: int, allowed: Sequence[Sequence[Sequence[str]]], norm: bool = False, scale: float = SCALE
    ):
        super().__init__()
        self.first = weight(2 * width, 2 * width, scale)
        self.nodes = nn.ModuleList(Node(width, rows, scale) for rows in allowed)
        self.norm = nn.BatchNorm1d(width, affine=False, track_running_stats=False) if norm else nn.Identity()

    def forward(
        self, x: Tensor, hidden: Tensor, gates: Sequence[Tensor] | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """The outputs at all moments; the last one is the hidden state after them.

        Shapes:
            x: [T, B, D]. hidden: [B, D]. gates: for each node i from 1, [i, 4] or [B, i, 4]. mask: [B, D].
            returns: [T, B, D].
        """
        width = x.shape[-1]
        entering = x @ self.first[:width]
        mixes = [node.mix(None if gates is None else gates[i]) for i, node in enumerate(self.nodes)]  # type: ignore[operator]
        if fast(x) and all(mix is None or len(mix.sources) == len(mix.options) == 1 for mix in mixes):
            if not any(module._forward_hooks or module._forward_pre_hooks for module in self.modules()):
                return self._one_path(entering, hidden, mask, mixes)
        outputs = []
        for moment in entering.unbind():
            c, g = torch.addmm(moment, hidden if mask is None else hidden * mask, self.first[width:]).chunk(2, -1)
            states = [self.norm(towards(hidden, g.tanh(), c.sigmoid()))]
            masked = states if mask is None else [states[0] * mask]
            for node, mix in zip(self.nodes, mixes, strict=True):
                states.append(torch.zeros_like(hidden) if mix is None else self.norm(node(states, masked, mix)))
                if mask is not None:
                    masked.append(states[-1] * mask)
            hidden = torch.stack(states[1:]).mean(0)
            outputs.append(hidden)
        return torch.stack(outputs)

    def _one_path(self, entering: Tensor, hidden: Tensor, mask: Tensor | None, mixes: Sequence[Mix | None]) -> Tensor:
        """All moments at once, where every node has one candidate at most."""
        plan = Plan(
            tuple(None if mix is None else (mix.sources[0], mix.options[0]) for mix in mixes),
            self.norm.eps if isinstance(self.norm, nn.BatchNorm1d) else None,
        )
        used = [(node.weight, mix) for node, mix in zip(self.nodes, mixes, strict=True) if mix]
        gates = [mix.gates[0].flatten() for _, mix in used if mix.gates]
        if not any(gate.requires_grad for gate in gates) and all(bool((gate == 1).all()) for gate in gates):
            gates = []  # of an architecture under shared weights
        weights = [weight for weight, _ in used]
        return one_path(plan, entering, hidden, mask, self.first[entering.shape[-1] // 2 :], weights, gates)  # type: ignore[arg-type]
