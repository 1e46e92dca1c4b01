"""What a device asks of its operations: which tensors of the CPU they take, and which of them the host waits for.

The rules are those of accelerators in torch. They are the same for every such device; `appnas.testing.other_device` is
one for which they are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

NAME = "other"
COPIES = {"copy_", "_to_copy", "_copy_from", "_copy_from_and_resize"}
"""Operations between devices."""
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}
"""Operations whose indices may be on the CPU; those that are masks make the host count."""
NUMBERS = {"where", "fill_", "fill", "masked_fill", "masked_fill_", "lerp", "lerp_"} | INDEXING
"""Operations that take numbers of the CPU, besides those that torch tags as element-wise and its lists of tensors."""
WAITS = {
    "_local_scalar_dense", "equal", "nonzero", "masked_select", "_unique", "_unique2", "unique_dim",
    "unique_consecutive", "bincount", "is_nonzero", "_is_all_true", "_is_any_true",
}  # fmt: skip
"""Operations whose result, or its size, the host waits for; so do copies to it, masks as indices, and repetitions."""


class Rules(NamedTuple):
    """What is to be known of an operation, looked up once.

    Attributes:
        name: without overload.
        written: positions in its arguments, or names, of what each result is, where it is an argument written to.
        changed: whether it changes an argument's shape in place.
        drawn: whether it draws random numbers.
        numbers: whether numbers of the CPU may be among its arguments.
    """

    name: str
    written: tuple[tuple[int, str], ...]
    changed: bool
    drawn: bool
    numbers: bool


@cache
def rules_of(func: Any) -> Rules:
    """What is to be known of one of torch's operations."""
    schema, name = func._schema, func._schema.name.split("::")[1]
    written = []
    for result in schema.returns:
        for place, argument in enumerate(schema.arguments):
            if result.alias_info and result.alias_info.is_write and argument.alias_info:
                if argument.alias_info.before_set == result.alias_info.before_set:
                    written.append((place, argument.name))
    tags = func.tags
    numbers = torch.Tag.pointwise in tags or name in NUMBERS or name.startswith("_foreach_")
    seeded = torch.Tag.nondeterministic_seeded in tags
    return Rules(name, tuple(written), torch.Tag.inplace_view in tags, seeded, numbers)


def tensors_in(values: Any) -> Iterator[Tensor]:
    """The tensors among arguments, and within lists of them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)


def refuse_mixtures(rules: Rules, args: Sequence[Any], tensors: list[Tensor]) -> None:
    """Raise for tensors of the CPU among those of a device.

    Args:
        rules: of the operation.
        args: its positional arguments.
        tensors: all that are among its arguments, one of the device's among them.

    Raises:
        RuntimeError: there is one that may not be.
    """
    if rules.name in COPIES:
        return
    first = args[0] if args and isinstance(args[0], Tensor) else None
    alien = first is not None and first.is_cpu and (rules.written or rules.name in INDEXING)
    if rules.name in INDEXING and not alien:
        tensors = [tensor for tensor in args[2:] if isinstance(tensor, Tensor)]
    for tensor in tensors:
        if tensor.is_cpu and (alien or tensor.dim() or not rules.numbers):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and cpu"
                f" ({rules.name}, shapes {[tuple(t.shape) for t in tensors]})"
            )


def waits(rules: Rules, args: Sequence[Any], kwargs: dict[str, Any], onto: bool) -> bool:
    """Whether an operation on tensors of a device, with a result there (`onto`) or not, makes the host wait."""
    if rules.name in INDEXING:
        return any(not i.is_cpu and i.dtype in (torch.bool, torch.uint8) for i in args[1] if i is not None)
    if rules.name == "repeat_interleave":
        return kwargs.get("output_size") is None
    away = rules.name == "copy_" and args[0].is_cpu
    return rules.name in WAITS or away or (rules.name == "_to_copy" and not onto)


def lstm_cell(
    x: Tensor, h: Tensor, state: Tensor, x_bias: Tensor | None = None, h_bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """A step of an LSTM, which torch asks of devices in one piece.

    Shapes:
        x, h: [B, 4 D], what comes in, and what was put out before, times their weights. state: [B, D].
        returns: [B, D], what is put out, and the state; [B, 4 D], what torch keeps for itself.
    """
    gates = h + x
    for bias in (x_bias, h_bias):
        gates = gates if bias is None else gates + bias
    enter, keep, new, leave = gates.chunk(4, 1)
    state = keep.sigmoid() * state + enter.sigmoid() * new.tanh()
    return leave.sigmoid() * state.tanh(), state, gates
