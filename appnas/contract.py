"""What spaces and domains of one's own must offer, said in one line where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from torch import Tensor


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
