"""What spaces, domains and strategies must offer, said in one line where they do not or cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


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


def ruled(space: Any, arch: tuple[int, ...]) -> tuple[int, ...]:
    """The architecture that a space's `discretise` gave.

    Raises:
        ValueError: the space's own `valid` refuses it.
    """
    if not space.valid(arch):
        raise ValueError(
            f"discretise of a space gives architectures that its rules allow; that of {type(space).__name__} gave"
            f" {arch}, which its `valid` refuses; appnas.testing's SpaceSuite checks it"
        )
    return arch


def validated(metrics: Any) -> dict[str, float]:
    """What `score` of a domain returned, as plain numbers.

    Raises:
        TypeError: no dictionary, or one without "value".
    """
    if not isinstance(metrics, Mapping) or "value" not in metrics:
        raise TypeError(
            f"score of a domain returns a dictionary with 'value', which is maximised, got {metrics!r};"
            " appnas.testing's DomainSuite checks it"
        )
    return {name: float(value) for name, value in metrics.items()}


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
