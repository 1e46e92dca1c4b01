"""The recurrent cell with one candidate a node, all moments in one function with gradients of its own, for CPUs.

The mathematics is that of `appnas.spaces.text.highway`; `appnas.spaces.text.plan.one_by_one` spells it out. What is
saved: nodes that read one state share a matrix product, activations are computed in place, and all that follows a
product is without gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from appnas.spaces.text.plan import IN_PLACE, Group, Plan, one_by_one
from appnas.supernet import twice

aten = torch.ops.aten
BACK: dict[str, Callable[[Tensor, Tensor, Tensor], Any]] = {
    "tanh": lambda grad, f, out: aten.tanh_backward.grad_input(grad, f, grad_input=out),
    "relu": lambda grad, f, out: aten.threshold_backward.grad_input(grad, f, 0, grad_input=out),
    "sigmoid": lambda grad, f, out: aten.sigmoid_backward.grad_input(grad, f, grad_input=out),
    "linear": lambda grad, f, out: out.copy_(grad),
}  # fmt: skip
"""The gradient through every activation, from its value."""


def _normed(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Batch norm in place; the mean, and one by the deviation. Shapes: x [k, D, B], without gaps."""
    flat = x.view(1, -1, x.shape[-1])
    y, mean, rstd = torch.native_batch_norm(flat, None, None, None, None, True, 0.0, eps)
    flat.copy_(y)
    return mean, rstd


def _norm_gradient(grad: Tensor, x: Tensor, statistics: tuple[Tensor, Tensor], eps: float) -> Tensor:
    """The gradient of a batch norm's input. Shapes: grad, x [k, D, B]; returns the same."""
    flat = grad.view(1, -1, grad.shape[-1]), x.view(1, -1, x.shape[-1])
    given = (*flat, None, None, None, *statistics, True, eps, [True, False, False])
    return aten.native_batch_norm_backward(*given)[0].view(x.shape)  # type: ignore[no-any-return]


def _columns(gates: Sequence[Tensor], group: Group) -> Tensor | None:
    """The gates of a group's nodes. Shapes: [k, 1, 1 or B]."""
    return torch.stack([gates[k] for k in group.members])[:, None] if gates and group.members else None


def _joined(first: Tensor, weights: Sequence[Tensor], group: Group) -> Tensor:
    """The matrices of a group side by side, all c before all h. Shapes: [D, 2 k D]."""
    if not group.members:
        return first
    width = len(first)
    return torch.stack([weights[k].view(width, 2, width) for k in group.members], 2).flatten(1)


def _parts(pre: Tensor, group: Group) -> list[tuple[str, slice, tuple[Tensor, ...]]]:
    """The runs of a group, by their name, their part of it, and the values in every moment."""
    start = group.start
    return [(f, slice(a - start, b - start), pre[:, 1, a - start : b - start].unbind()) for f, a, b in group.runs]


def _through(
    plan: Plan, step: Any, t: int, statistics: Any, of_column: Tensor | None, masked: Tensor | None, learns: bool
) -> Tensor:
    """The gradients through a group's nodes in one moment, added up in place; the one of the state that they read."""
    source, target, d, c, f, inner, flat, backs, matrix, of_matrix, column, passed, led = step
    state = source[t]
    if plan.eps is not None or column is not None:
        y = torch.lerp(state, f[t], c[t])  # before gate and norm
    if plan.eps is not None:
        d = _norm_gradient(d, y if column is None else y * column, statistics[t], plan.eps)
    if column is not None and of_column is not None:
        of_column += torch.sum(y.mul_(d), [1, 2] if column.shape[-1] == 1 else [1], True)
        d = d * column
    torch.addcmul(d, d, c[t], value=-1, out=passed)
    torch.sub(d, passed, out=led)
    for back, out, values, part in backs:
        back(led[part], values[t], out)
    torch.sub(f[t], state, out=inner[0]).mul_(c[t]).mul_(passed)
    if target is None:
        target = passed[0]
    else:
        target.add_(passed[0] if len(passed) == 1 else passed.sum(0))
    if masked is None:
        target.addmm_(matrix, flat)
    else:
        target.addcmul_(matrix @ flat, masked)
    if learns:
        of_matrix.addmm_(state if masked is None else state * masked, flat.t())
    return target  # type: ignore[no-any-return]


class _OnePath(Function):
    """States are kept as [T, states, D, B]: all that follows a matrix product is without gaps there."""

    @staticmethod
    def forward(
        ctx: Any, plan: Plan, entering: Tensor, hidden: Tensor, mask: Tensor | None, first: Tensor, *given: Tensor
    ) -> Tensor:
        """The outputs. Given are the matrices of the nodes in use, then their gates or none.

        Shapes:
            entering: [T, B, 2 D]. hidden, mask: [B, D]. first: [D, 2 D]. given: [D, 2 D] each, then [1] or [B] each.
            returns: [T, B, D].
        """
        groups, used, (moments, (batch, width)) = plan.groups(), len(plan.used), (len(entering), hidden.shape)
        weights, gates = given[:used], given[used:]
        states = entering.new_empty(moments, 1 + len(plan.nodes), width, batch)
        states[:, 1 + used :] = 0
        outputs = entering.new_empty(moments, width, batch)
        pres = [entering.new_empty(moments, 2, group.end - group.start, width, batch) for group in groups]
        statistics: list[list[tuple[Tensor, Tensor]]] = [[] for _ in groups]
        steps = []
        for group, pre in zip(groups, pres, strict=True):
            steps.append((
                None if group.source is None else states[:, group.source].unbind(), pre.flatten(1, 3).unbind(),
                pre[:, 0].unbind(), pre[:, 1].unbind(), states[:, group.start : group.end].unbind(),
                [(IN_PLACE[f], part) for f, _, part in _parts(pre, group) if f != "linear"],
                _joined(first, weights, group).t().contiguous(), _columns(gates, group),
            ))  # fmt: skip
        ctx.save_for_backward(hidden, mask, first, entering, *given, states, outputs, *pres)
        nodes, masked = states[:, 1:].unbind(), None if mask is None else mask.t().contiguous()
        before = hidden.t().contiguous()
        for t, moment in enumerate(entering.transpose(1, 2).unbind()):
            for k, (sources, both, c, f, ends, runs, matrix, column) in enumerate(steps):
                source = before if sources is None else sources[t]
                entry = source if masked is None else source * masked
                if sources is None:
                    torch.addmm(moment, matrix, entry, out=both[t])
                else:
                    torch.mm(matrix, entry, out=both[t])
                c[t].sigmoid_()
                for activate, part in runs:
                    activate(part[t])
                torch.lerp(source, f[t], c[t], out=ends[t])
                if column is not None:
                    ends[t].mul_(column)
                if plan.eps is not None:
                    statistics[k].append(_normed(ends[t], plan.eps))
            before = torch.mean(nodes[t], 0, out=outputs[t])
        ctx.plan, ctx.statistics = plan, statistics
        return outputs.transpose(1, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients."""
        plan, groups, needs, used = ctx.plan, ctx.plan.groups(), ctx.needs_input_grad, len(ctx.plan.used)
        hidden, mask, first, entering, *rest = ctx.saved_tensors
        given, (states, outputs, *pres) = rest[: -2 - len(groups)], rest[-2 - len(groups) :]
        if torch.is_grad_enabled():
            form = partial(one_by_one, plan)
            return None, *twice(form, (entering, hidden, mask, first, *given), needs[1:], grad)
        weights, gates = given[:used], given[used:]
        learns = any(needs[4 : 5 + used])
        of_states, of_entering = torch.empty_like(states[0]), torch.empty_like(entering)
        befores = (hidden.t().contiguous(), *outputs[:-1].unbind())
        masked = None if mask is None else mask.t().contiguous()
        steps = []
        for group, pre in zip(groups, pres, strict=True):
            d, matrix = of_states[group.start : group.end], _joined(first, weights, group)
            inner = torch.empty_like(pre[0])
            backs = [(BACK[f], inner[1, part], values, part) for f, part, values in _parts(pre, group)]
            steps.append((
                befores if group.source is None else states[:, group.source].unbind(),
                None if group.source is None else of_states[group.source], d, pre[:, 0].unbind(), pre[:, 1].unbind(),
                inner, inner.flatten(0, 2), backs, matrix,
                torch.zeros_like(matrix), _columns(gates, group), torch.empty_like(d), torch.empty_like(d),
            ))  # fmt: skip
        of_columns = [None if step[10] is None else torch.zeros_like(step[10]) for step in steps]
        nodes, grads = of_states[1:], (grad / len(plan.nodes)).transpose(1, 2).unbind()
        carried = torch.zeros_like(befores[0])
        for t in reversed(range(len(entering))):
            of_states[0].zero_()
            nodes.copy_(torch.add(grads[t], carried, alpha=1 / len(plan.nodes)))
            for k in reversed(range(len(steps))):
                carried = _through(plan, steps[k], t, ctx.statistics[k], of_columns[k], masked, learns)
            of_entering[t] = steps[0][6].t()
        found: list[Tensor | None] = [None] * used
        of_gates = [torch.zeros(0)] * len(gates)
        for group, step, of_column in zip(groups, steps, of_columns, strict=True):
            width = len(step[9])
            for k, of_gate in zip(group.members, of_column.flatten(1) if of_column is not None else (), strict=False):
                of_gates[k] = of_gate
            for k, part in zip(group.members, step[9].view(width, 2, -1, width).unbind(2), strict=False):
                found[k] = part.flatten(1)
        return None, of_entering, carried.t(), None, steps[0][9], *found, *of_gates


def one_path(
    plan: Plan,
    entering: Tensor,
    hidden: Tensor,
    mask: Tensor | None,
    first: Tensor,
    weights: Sequence[Tensor],
    gates: Sequence[Tensor] = (),
) -> Tensor:
    """The outputs of a cell at all moments.

    Args:
        plan: what the nodes read, and the norm.
        entering: the inputs times their part of the first matrix.
        hidden: the state before.
        mask: dropout of what enters a matrix, without a gradient.
        first: the hidden state's part of the first matrix.
        weights: of every node in use.
        gates: of every node in use; none at all for 1.

    Shapes:
        entering: [T, B, 2 D]. hidden, mask: [B, D]. first, weights: [D, 2 D]. gates: [1] or [B]. returns: [T, B, D].
    """
    return _OnePath.apply(plan, entering, hidden, mask, first, *weights, *gates)  # type: ignore[no-any-return, no-untyped-call]
