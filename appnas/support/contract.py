"""What spaces, domains and strategies must offer, said in one line where they do not or cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from torch import Tensor


class ExhaustedError(ValueError):
    """There is nothing left to propose. Raised by `ask` of a strategy, it ends a search as its last step would."""


def lacking(thing: Any, members: Sequence[str]) -> list[str]:
    """The members that are not there."""
    return [name for name in members if not hasattr(thing, name)]


def offers(space: Any, members: Sequence[str], who: str) -> None:
    """Check that a space has what somebody asks of it.

    Raises:
        TypeError: what it lacks.
    """
    if lost := lacking(space, members):
        raise TypeError(
            f"{who} needs {listed(members)} of a space; {type(space).__name__} lacks {listed(lost)};"
            " appnas.testing's SpaceSuite checks them"
        )


def ruled(space: Any, arch: tuple[int, ...], by: str = "discretise") -> tuple[int, ...]:
    """The architecture that a space's `discretise`, or another member of it, gave.

    Raises:
        ValueError: the space's own `valid` refuses it.
    """
    if not space.valid(arch):
        raise ValueError(
            f"{by} of a space gives architectures that its rules allow; that of {type(space).__name__} gave"
            f" {arch}, which its `valid` refuses; appnas.testing's SpaceSuite checks it"
        )
    return arch


def shaped(out: Any, outputs: Sequence[int], rows: int | None, who: str) -> None:
    """Check what a network gave against what a domain asks for: a tensor [rows, *outputs], or a tuple with it in front.

    Args:
        out: of a forward pass.
        outputs: `io.outputs` of the domain.
        rows: examples that went in; None where the outputs are of something else (of the nodes of a graph, say).
        who: the network, as a message names it.

    Raises:
        TypeError: no tensor.
        ValueError: another shape.
    """
    out = out[0] if isinstance(out, tuple) and out else out  # an auxiliary head's comes second
    wanted = tuple(outputs)
    rightly = f"[{', '.join(['examples', *map(str, wanted)])}]"
    if not hasattr(out, "shape"):
        raise TypeError(f"{who} gives a {type(out).__name__}; what the domain asks for is a tensor {rightly}")
    if (got := tuple(out.shape[1:])) != wanted or not len(out.shape):
        plain = len(got) == len(wanted) == 1 and len(out.shape) == 2
        what = (
            f"{got[0]} output{'s' * (got[0] != 1)} an example" if plain else f"outputs of the shape {tuple(out.shape)}"
        )
        has = f"{wanted[0]}" if plain else rightly
        raise ValueError(
            f"{who} gives {what}, the domain has {has} (io.outputs = {wanted}): build the last layer from io.outputs,"
            " or, if the domain is of your own, mend its io"
        )
    if rows is not None and out.shape[0] != rows:
        raise ValueError(f"{who} gives {out.shape[0]} rows of outputs for {rows} examples: one each is right")


def validated(metrics: Any) -> dict[str, float]:
    """What `score` of a domain returned, as plain numbers.

    Raises:
        TypeError: no dictionary, one without "value", or with something else than numbers.
    """
    if not isinstance(metrics, Mapping) or "value" not in metrics:
        raise TypeError(
            f"score of a domain returns a dictionary with 'value', which is maximised, got {metrics!r};"
            " appnas.testing's DomainSuite checks it"
        )
    return {name: number(f"the metric {name!r}", value) for name, value in metrics.items()}


def number(what: str, value: Any) -> float:
    """A number, or a tensor of one, as a plain number; no text, even if it reads like one.

    Raises:
        TypeError: something else.
    """
    if isinstance(value, Tensor):
        if value.numel() == 1:
            return float(value.detach())
    elif isinstance(value, float | Real):  # float first, as asking an abstract class takes long
        return float(value)
    raise TypeError(f"{what} must be a number, got {value!r}")


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
