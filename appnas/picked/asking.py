"""`pick`: a question inside a model, which whoever builds or runs the model answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import nn

TAKEN = (nn.ModuleDict(), frozenset({"asked", "board", "index", "place", "row"}))
"""Names that an option may not have: those of what holds the options of a supernet."""
MOST = 1000
"""Options of a choice, as every one is built once or more to learn what is picked under it."""


class Asked(NamedTuple):
    """What one `pick` asks.

    Attributes:
        name: of the choice.
        options: their names.
        values: what the options stand for, if they are plain values.
        makers: their factories, if they are modules or functions.
        each: every call is a decision of its own.
        ordered: the options lie in an order.
    """

    name: str
    options: tuple[str, ...]
    values: tuple[Any, ...] | None
    makers: Mapping[str, Callable[[], Any]] | None
    each: bool
    ordered: bool


class Answers(Protocol):
    """Who answers."""

    def answer(self, asked: Asked) -> Any:
        """What the `pick` gives."""


_answers: ContextVar[Answers | None] = ContextVar("answers", default=None)


_traced: list[Answers] = []
"""The same while torch compiles, which knows no context variables."""


@contextmanager
def answering(answers: Answers) -> Iterator[None]:
    """Every `pick` inside is answered so."""
    token = begin(answers)
    try:
        yield
    finally:
        end(token)


def begin(answers: Answers) -> Any:
    """The same without an end: what `end` takes."""
    if torch.compiler.is_compiling():
        _traced.append(answers)
        return None
    return _answers.set(answers)


def end(token: Any) -> None:
    """Who answered before answers again."""
    if token is None:
        _traced.pop()
    else:
        _answers.reset(token)


def pick(
    name: str, options: Mapping[str, Callable[[], Any]] | Sequence[Any], *, each: bool = False,
    ordered: bool | None = None,
) -> Any:  # fmt: skip
    """One decision of a search, inside the `__init__` or `forward` of an ordinary module.

        self.block = pick("block", {"conv": lambda: nn.Conv2d(8, 8, 3, padding=1), "skip": nn.Identity})
        width = pick("width", [16, 32, 64])
        y = pick("activation", {"relu": lambda: torch.relu, "tanh": lambda: torch.tanh})(x)  # in forward

    `appnas.space_of` makes a space of the model. The same name is the same decision wherever it is met.

    Args:
        name: of the choice.
        options: factories by name, of which the chosen one is called, or plain values.
        each: every call, in a loop or in a class that is used several times, is a decision of its own.
        ordered: whether the options lie in an order, so that neighbours are alike; by default, whether they are
            numbers that rise or fall.

    Returns:
        What the chosen factory makes (a module; in `forward` anything that can be called), or the chosen value.

    Raises:
        RuntimeError: nobody answers: the model is built or run by itself.
        Mistyped, Refused: a `TypeError` or a `ValueError`, for options that cannot be chosen from.
    """
    asked = _asked(name, options, each, ordered)
    answers = _traced[-1] if torch.compiler.is_compiling() and _traced else _answers.get()
    if answers is None:
        raise RuntimeError(
            f"pick({name!r}, ...) is a decision of a search, and nobody makes it here: make a space of the model,"
            " space = appnas.space_of(Model, ...), and networks with space.build(arch, io)"
        )
    return answers.answer(asked)


def _asked(name: str, options: Any, each: bool, ordered: bool | None) -> Asked:
    if not isinstance(name, str) or not name:
        raise Mistyped(f"the name of a choice is a text, got {name!r}")
    if not isinstance(options, Mapping | list | tuple | range):
        raise Mistyped(
            f"the options of the choice {name!r} are factories by name, {{'conv': lambda: nn.Conv2d(8, 8, 3)}}, or a"
            f" list of values, [16, 32]; got {options!r}"
        )
    if not options:
        raise Refused(f"the choice {name!r} has no options: give one at least")
    if len(options) > MOST:
        raise Refused(
            f"the choice {name!r} has {len(options):,} options, {MOST:,} are the most: take fewer, in wider steps, or"
            " make two choices of it"
        )
    if isinstance(options, Mapping):
        for option, maker in options.items():
            _check_maker(name, option, maker)
        return Asked(name, tuple(options), None, options, each, bool(ordered))
    values = tuple(map(_plain, options))
    if (wrong := [value for value in values if not isinstance(value, int | float | str)]) or _nan(values):
        value = (wrong or _nan(values))[0]
        makes = isinstance(value, nn.Module) or callable(value)
        raise Mistyped(
            f"options in a list are numbers, texts or truth values, the choice {name!r} has {value!r}: "
            + (
                "give modules and functions as factories by name, {'conv': lambda: nn.Conv2d(8, 8, 3)}"
                if makes
                else f"write others as texts and look them up, {{'none': None, 'wide': (3, 3)}}[pick({name!r}, ['none',"
                " 'wide'])]"
            )
        )
    names = tuple(map(str, values))
    if twice := [n for found in (Counter(names), Counter(values)) for n, times in found.items() if times > 1]:
        raise Refused(f"the options of the choice {name!r} must differ, {twice[0]} comes twice: {list(values)}")
    rising = len(values) > 1 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    rising = rising and (all(a < b for a, b in pairwise(values)) or all(a > b for a, b in pairwise(values)))
    return Asked(name, names, values, None, each, rising if ordered is None else ordered)


def _plain(value: Any) -> Any:
    """Numbers of numpy as those of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _nan(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value != value]


def _check_maker(name: str, option: Any, maker: Any) -> None:
    if not isinstance(option, str):
        raise Mistyped(f"options are named by texts, the choice {name!r} has {option!r}: values stand in a list")
    if not option or "." in option or hasattr(TAKEN[0], option) or option in TAKEN[1]:
        raise Refused(
            f"the option {option!r} of the choice {name!r} has a name that no part of a torch module can have (empty,"
            " with a dot, or of one of its attributes): rename it"
        )
    if isinstance(maker, nn.Module):
        raise Mistyped(
            f"the option {option!r} of the choice {name!r} is a module that is made already: give what makes it,"
            f" {{{option!r}: lambda: {type(maker).__name__}(...)}}"
        )
    if not callable(maker):
        raise Mistyped(
            f"the option {option!r} of the choice {name!r} must be a factory, such as nn.ReLU or lambda: nn.ReLU(), got"
            f" {maker!r}; a choice of plain values is a list, pick({name!r}, [16, 32])"
        )


def made(asked: Asked, option: str) -> Any:
    """What the factory of an option makes.

    Raises:
        Refused: neither a module nor anything that can be called.
    """
    assert asked.makers is not None
    result = asked.makers[option]()
    if not callable(result):
        raise Refused(
            f"the factory of option {option!r} of the choice {asked.name!r} makes a module or a function, it gave"
            f" {result!r}; a choice of plain values is a list, pick({asked.name!r}, [16, 32])"
        )
    return result


def explained(asked: Asked, option: str) -> Any:
    """The same, where an exception of the factory is told with its choice and option.

    Raises:
        Broken: the factory raised.
        Refused: see `made`.
    """
    try:
        return made(asked, option)
    except Refused:
        raise
    except Exception as error:
        hint = ""
        trace = error.__traceback__ and error.__traceback__.tb_next  # of `made`, whose next is in the factory
        if isinstance(error, TypeError) and trace is not None and trace.tb_next is None:
            hint = (
                "; a factory is called without arguments: for a function say lambda: torch.relu, for a layer with"
                " arguments lambda: nn.Linear(8, 8)"
            )
        raise Broken(
            f"the factory of option {option!r} of the choice {asked.name!r} raised {type(error).__name__}: {error}"
            f"{hint}"
        ) from error


class Refused(ValueError):
    """What a model does with its choices cannot be searched."""


class Mistyped(Refused, TypeError):
    """Something else is asked than `pick` takes."""


class Broken(Refused):
    """A factory raised."""
