"""Supernets: candidate operations weighted by gates that come from outside.

`Mixed` is one decision, `Dag` a cell of states joined by decisions. Neither knows how gates are made. The
operations of the edges that leave one state are executed together (`Dag.leave`): that is the place for what
these edges share. Modules are named (edge, option), so weights move by name between a supernet and its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from appnas.compute import CPU, gates_on, home, moved, read
from appnas.space import ZERO, Arch, Gates, Mask, Space, filled
from appnas.supernet.fused import State, add_scaled, scale, weighed

Make = Callable[[int, str], nn.Module]
"""(edge, option) -> candidate operation."""


def live_options(gates: Tensor, threshold: float = 0.0) -> list[list[bool]]:
    """Which options of a gate matrix must be computed: all that carry a gradient, else those not exactly 0.

    Sampled gates (`appnas.supernet.marked`) give options at 0 no gradient: these are left out always. All are computed
    while a network is being compiled: what is compiled must not depend on the numbers.

    Args:
        gates: [count, K], or [B, count, K] where an option lives if any example uses it.
        threshold: gates that are nowhere larger are left out too, which is an approximation unless it is 0.
    """
    if torch.compiler.is_compiling():
        return [[True] * gates.shape[-1] for _ in range(gates.shape[-2])]
    if gates.requires_grad and torch.is_grad_enabled() and not getattr(gates, "sampled", False):
        return [[True] * gates.shape[-1] for _ in range(gates.shape[-2])]
    used = read(gates).abs() > threshold
    return (used.any(0) if used.dim() == 3 else used).tolist()


class Mixed(nn.ModuleDict):
    """One decision: sum_o w_o o(x) over its allocated options (arXiv 1806.09055, eq. 2)."""

    def __init__(self, options: Sequence[str], make: Callable[[str], nn.Module], mask: Sequence[bool] | None = None):
        kept = [o for k, o in enumerate(options) if o not in ZERO and (mask is None or mask[k])]
        taken = [option for option in kept if hasattr(nn.ModuleDict, option)]
        if taken:
            raise ValueError(f"the options {taken} have the names of attributes of torch modules: rename them")
        super().__init__({option: make(option) for option in kept})
        self.index = {option: list(options).index(option) for option in kept}

    def forward(
        self,
        x: Tensor | State,
        weights: Tensor | None = None,
        live: Sequence[bool] | None = None,
        total: Tensor | None = None,
        grows: bool = False,
    ) -> Tensor | None:
        """The weighted sum, added to `total` if there is one; None if there is none and no option is live.

        Where the sum `grows`, more will be added to it in place; if not, a single option at 1 is not copied.

        Shapes:
            x, total: [B, ...]; x may be a state that several decisions share, and total is written to then.
            weights: [K] or [B, K]; None adds the options up unweighted (stand-alone networks).
        """
        state = x if isinstance(x, State) else State(x)
        alone = not grows and total is None and live is not None and sum(live[k] for k in self.index.values()) == 1
        for option, op in self.items():
            k = self.index[option]
            if weights is None:
                total = _plus(total, op(state.x))
            elif live is not None and not live[k]:
                continue
            elif alone and not getattr(op, "fuses", False):
                total = weighed(op(state.x), weights[..., k])
            elif state.fast:
                gate = weights[..., k]
                fuses = getattr(op, "fuses", False)
                total = op(state, gate, total) if fuses else add_scaled(total, op(state.x), gate)
            else:
                total = _plus(total, scale(op(state.x), weights[..., k]))
        return total


def _plus(total: Tensor | None, y: Tensor) -> Tensor:
    return y if total is None else total + y


class Dag(nn.Module):
    """A cell: every node is the sum of mixed operations on earlier states.

    Args:
        edges: (source, target) states; states below `inputs` are the cell's inputs, the others its nodes.
        inputs: number of input states.
        options: names of the K options of an edge.
        make: builds the operation of an (edge, option).
        mask: [E, K], True for what is allocated; None for all.
        stride: of the edges that leave an input, to shape a node that nothing reaches.
        join: applied to the sum of a node, for example a batch norm; None for none.
        threshold: options whose gates are at most this for the whole batch are not run, see `live_options`.
    """

    def __init__(
        self,
        edges: Iterable[tuple[int, int]],
        inputs: int,
        options: Sequence[str],
        make: Make,
        mask: Tensor | None = None,
        stride: int = 1,
        join: Callable[[int], nn.Module] | None = None,
        threshold: float = 0.0,
    ):
        super().__init__()
        self.joints = tuple(edges)
        self.inputs, self.stride, self.threshold = inputs, stride, threshold
        rows = [None] * len(self.joints) if mask is None else mask.tolist()
        self.edges = nn.ModuleList(Mixed(options, partial(make, e), row) for e, row in enumerate(rows))
        nodes = sorted({target for _, target in self.joints})
        self.join = nn.ModuleDict({str(node): join(node) for node in nodes} if join else {})
        self.leaving = [[e for e, (source, _) in enumerate(self.joints) if source == s] for s in range(nodes[-1] + 1)]

    def forward(self, states: Sequence[Tensor], gates: Tensor | None = None) -> list[Tensor]:
        """All states of the cell, inputs first.

        Shapes:
            states: the inputs, each [B, ...]. gates: [E, K] or [B, E, K]; None adds all allocated options up.
        """
        live = None if gates is None else live_options(gates, self.threshold)
        done = list(states)
        sums: dict[int, Tensor] = {}
        for source, leaving in enumerate(self.leaving):
            if source >= self.inputs:
                done.append(self._node(source, sums, states[0]))
            self.leave(State(done[source]), leaving, gates, live, sums)
        return done

    def leave(
        self,
        state: State,
        edges: list[int],
        gates: Tensor | None,
        live: list[list[bool]] | None,
        sums: dict[int, Tensor],
    ) -> None:
        """Add what the edges that leave one state contribute to the sums of their targets."""
        for e in edges:
            target = self.joints[e][1]
            row = None if gates is None else gates[..., e, :]
            total = self.edges[e](state, row, live and live[e], sums.get(target), True)
            if total is not None:
                sums[target] = total

    def _node(self, node: int, sums: Mapping[int, Tensor], like: Tensor) -> Tensor:
        if node in sums:
            x = sums[node]
        else:  # nothing reaches this node
            x = torch.zeros_like(like if self.stride == 1 else like[..., :: self.stride, :: self.stride])
        return self.join[str(node)](x) if self.join else x


class SelfGated(nn.Module):
    """A supernet that owns its logits: what goes into a host that owns its own loop, such as an RL agent.

    The logits are parameters marked `is_arch`, saved in `state_dict` and copied with the module.

    Args:
        space: source of choices, mask and discretisation.
        supernet: forward(*inputs, gates).
        relax: logits -> gates; an attribute, so that a callback can replace it between rollouts.
    """

    def __init__(self, space: Space, supernet: nn.Module, relax: Callable[[Tensor], Tensor]):
        super().__init__()
        self.space, self.supernet, self.relax = space, supernet, relax
        self.alpha = nn.ParameterList(nn.Parameter(torch.zeros(c.count, len(c.options))) for c in space.choices)
        self._mark()

    def _mark(self) -> None:
        for logits in self.alpha:
            logits.is_arch, logits.owner = True, id(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._mark()  # a deep copy of a parameter loses its attributes

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> SelfGated:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._mark()  # some devices make new parameters of those that are moved
        return self

    def gates(self) -> Gates:
        """The gates of the current logits; excluded options are exactly 0."""
        return relaxed(tuple(self.alpha), self.relax, self.space.mask)

    def arch(self) -> Arch:
        """The architecture that the current logits point to."""
        return self.space.discretise(self.distribution())

    def distribution(self) -> Gates:
        """The same on the CPU, without a gradient."""
        return tuple(moved(gates.detach(), CPU) for gates in self.gates())

    def forward(self, *inputs: Tensor) -> Any:
        """The supernet's output under the current gates."""
        return self.supernet(*inputs, gates=self.gates())


def relaxed(alpha: Sequence[Tensor], relax: Callable[[Tensor], Tensor], mask: Mask | None) -> Gates:
    """Apply a relaxation to the logits of every choice, with -inf where the mask excludes an option."""
    if mask is None:
        return tuple(relax(logits) for logits in alpha)
    there = tuple(moved(on, logits.device) for on, logits in zip(mask, alpha, strict=True))
    return tuple(map(relax, filled(alpha, there, float("-inf"))))


def split_parameters(parameters: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """(weights, architecture parameters) of what may hold the logits of a `SelfGated` supernet."""
    weights: list[nn.Parameter] = []
    arch: list[nn.Parameter] = []
    for parameter in parameters:
        (arch if getattr(parameter, "is_arch", False) else weights).append(parameter)
    return weights, arch


class Gated(nn.Module):
    """A supernet under gates that stay as they are: a plain module, forward(*inputs)."""

    def __init__(self, supernet: nn.Module, gates: Gates):
        super().__init__()
        self.supernet, self.gates = supernet, gates

    def forward(self, *inputs: Any) -> Any:
        """The supernet's output."""
        return self.supernet(*inputs, gates=gates_on(self.gates, home(self.supernet)))
