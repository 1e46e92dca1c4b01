"""Answers to `pick` for one architecture: while a network is built, and in its forward passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import nn

from appnas.picked.asking import Asked, Refused, begin, end, explained, made


class Key(NamedTuple):
    """A decision.

    Attributes:
        name: of the choice.
        number: of the call, of those alike; -1 where all calls are one decision.
        scope: options inside of whose factories the call is made, so that its number is the same in any network.
    """

    name: str
    number: int = -1
    scope: tuple[tuple[str, int, str], ...] = ()


ASKS = 100_000
"""Answers of one build, or of one pass."""


class Known(dict[str, Asked]):
    """The choices met so far, by name."""

    def note(self, asked: Asked) -> None:
        """Remember a choice.

        Raises:
            Refused: one of the same name was met, and was another.
        """
        plain = asked._replace(makers=None)
        first = self.setdefault(asked.name, plain)
        if first.options != plain.options or first.values != plain.values:
            raise Refused(
                f"the name {asked.name!r} stands for two choices, of {_said(first)} and of {_said(plain)}: the same"
                " name is the same decision, give one of them another name"
            )
        if first.each != plain.each:
            raise Refused(f"the choice {asked.name!r} is picked with each=True in one place and without in another")


def _said(asked: Asked) -> str:
    return str(list(asked.options if asked.values is None else asked.values))


class Answered:
    """Answers one build, or one forward pass, and remembers what was asked.

    Args:
        index: (decision, what it asks) -> the index of its option.
        known: choices met so far.
        closed: nothing else may be asked than what is known.
        every: call the factories of all options, not only of the chosen one.
        root: the network, in its forward pass; None while it is built.
    """

    def __init__(
        self,
        index: Callable[[Key, Asked], int],
        known: Known,
        closed: bool = False,
        every: bool = False,
        root: nn.Module | None = None,
    ):
        self.index, self.known, self.closed, self.every, self.root = index, known, closed, every, root
        self.met: dict[Key, int] = {}
        """Decisions and their answers, in the order met."""
        self.virtual: dict[Key, int] = {}
        """Decisions met inside factories of options that were not chosen."""
        self.sequence: dict[Key, None] = {}
        """All of them, in the order met."""
        self.nests: dict[Key, set[int]] = {}
        """Options inside of whose factories something was picked."""
        self.parts: list[tuple[Any, str]] = []
        """What the chosen factories made, and the option, inner ones first."""
        self.modules: list[nn.Module] = []
        self.calls: Counter[Any] = Counter()
        self.scope: list[tuple[str, int, str]] = []
        self.aside = self.asks = 0
        self.inner: Any = None

    def key(self, asked: Asked) -> Key:
        """The decision that a call is."""
        if not asked.each:
            return Key(asked.name)
        place = (asked.name, tuple(self.scope))
        self.calls[place] += 1
        return Key(asked.name, self.calls[place] - 1, place[1])

    def answer(self, asked: Asked) -> Any:
        """What the `pick` gives.

        Raises:
            Refused: what is asked cannot be searched, see `appnas.picked.space_of`.
        """
        if self.closed and asked.name not in self.known:
            raise unseen(asked.name, list(self.known))
        self.known.note(asked)
        self.asks += 1
        if self.asks > ASKS:
            raise Refused(
                f"{asked.name!r} and others are picked more than {ASKS:,} times in one build, or one pass: does a loop"
                " that goes on by what is picked ever end?"
            )
        key = self.key(asked)
        if key not in self.met and key not in self.virtual:
            index = self.index(key, asked)
            (self.virtual if self.aside else self.met)[key] = index
        elif not self.aside and key in self.virtual:
            self.met[key] = self.virtual.pop(key)
        self.sequence.setdefault(key)
        index = self.met[key] if key in self.met else self.virtual[key]
        if asked.values is not None:
            return asked.values[index]
        tried = range(len(asked.options)) if self.every else [index]
        results = {k: self._made(asked, key, k, k != index) for k in tried}
        self.inner = results[index]
        return results[index]

    def _made(self, asked: Asked, key: Key, k: int, aside: bool = False) -> Any:
        option, before = asked.options[k], self.asks
        self.scope.append((key.name, key.number, option))
        self.aside += aside
        self.inner = None
        try:
            result = explained(asked, option) if self.every else made(asked, option)
        finally:
            self.aside -= aside
            self.scope.pop()
        if self.asks > before:
            self.nests.setdefault(key, set()).add(k)
        if isinstance(result, nn.Module):
            self._check(asked, option, result)
        if not self.aside and not aside:
            self.parts.append((result, option))
        return result

    def _check(self, asked: Asked, option: str, result: nn.Module) -> None:
        who = f"the factory of option {option!r} of the choice {asked.name!r}"
        if self.root is None:
            if self.every and any(result is other for other in self.modules) and result is not self.inner:
                raise Refused(f"{who} gives a module that was given before: it makes a new one at every call")
            self.modules.append(result)
        elif next(result.parameters(), None) is not None and not any(result is m for m in self.root.modules()):
            raise Refused(f"{who} makes a module with weights in `forward`, anew at every pass: make it in `__init__`")


def unseen(name: str, known: list[str]) -> Refused:
    """The error of a choice that was not there when the model was recorded."""
    return Refused(
        f"the choice {name!r} was not met when the choices of the model were recorded, those were {known}: what is"
        " picked may depend on arguments of the model and on other choices, not on data, inputs' sizes or random"
        " numbers; picks in `forward` need inputs=... that the model takes"
    )


class Answering:
    """Hooks of a network that picks in `forward`: they answer for its architecture. Can be copied and pickled.

    Args:
        indices: decision -> index.
        known: the choices of the space.
    """

    def __init__(self, indices: Mapping[Key, int], known: Known):
        self.indices, self.known = dict(indices), known
        self.tokens: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "tokens": []}

    def __deepcopy__(self, memo: Any) -> Answering:
        return Answering(self.indices, self.known)

    def index(self, key: Key, asked: Asked) -> int:
        """The index of a decision.

        Raises:
            Refused: it was not recorded.
        """
        if key not in self.indices:
            raise unseen(asked.name, list(self.known))
        return self.indices[key]

    def before(self, module: nn.Module, inputs: Any) -> None:
        """A pass begins."""
        self.tokens.append(begin(Answered(self.index, self.known, closed=True, root=module)))

    def after(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """A pass ends, perhaps by an exception."""
        if self.tokens:
            end(self.tokens.pop())

    def hang(self, module: nn.Module) -> None:
        """Hang the hooks on a network."""
        module.register_forward_pre_hook(self.before)
        module.register_forward_hook(self.after, always_call=True)
