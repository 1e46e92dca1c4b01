"""A space whose architectures also hold choices of the training: a learning rate, a batch, beside the operations."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from appnas.space.listed import Combinations
from appnas.space.moves import mutate, neighbours
from appnas.space.sampling import random_arch
from appnas.space.space import IO, Arch, Choice, Gates, Mask, Space, active, argmax, canonical, size

if TYPE_CHECKING:
    import networkx as nx

GROUP = "training"
"""Group of the choices, part of the graph, and what their names begin with."""
HOOKS = ("active", "canonical", "count", "equivalents", "graph", "mutate", "neighbours", "reached", "signature")
"""Optional members that are handed on, where the space has them, for the decisions of the network."""
SAME = ("mixed", "paths_only", "reads_nets")
"""Optional members that are handed on as they are."""


@dataclass(frozen=True)
class WithTraining:
    """A space times choices of the training; a network is built without them, and trained by them.

    Numbers are put in their order, and are an ordered choice: a mutation takes the one before or after.

    Args:
        space: of the networks.
        tune: name -> values: a field of the domain's recipe (lr, weight_decay, ...), one of its options that can be
            changed, or "budget", the epochs (or environment steps) of a training (`appnas.task.tunable`).

    Raises:
        ValueError: no values, one twice, or a choice in training already.
        TypeError: values that are no numbers and no texts.
    """

    space: Any
    tune: Any

    def __post_init__(self) -> None:
        """Check the values and put them in order."""
        if isinstance(self.space, WithTraining):
            raise ValueError(
                f"the space holds choices of the training already, {dict(self.space.tune)}: give all at once"
            )
        given = dict(self.tune)
        if not given:
            raise ValueError("tune names what to choose of the training, {'lr': [0.01, 0.1]}, say; got nothing")
        pairs = tuple((str(name), _values(name, values)) for name, values in given.items())
        object.__setattr__(self, "tune", pairs)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Those of the network, then one a name of the training."""
        return (*self.space.choices, *(_choice(name, values) for name, values in self.tune))

    @cached_property
    def mask(self) -> Mask | None:
        """The network's; nothing of the training is excluded."""
        if self.space.mask is None:
            return None
        return (*self.space.mask, *(torch.ones(1, len(v), dtype=torch.bool, device="cpu") for _, v in self.tune))

    def training(self, arch: Arch) -> dict[str, Any]:
        """What an architecture says of its training."""
        return {name: values[k] for (name, values), k in zip(self.tune, self._cut(arch)[1], strict=True)}

    def trained_as(self, arch: Arch, like: Arch) -> Arch:
        """The network of one architecture, trained as another one: for controls."""
        return self._cut(arch)[0] + self._cut(like)[1]

    @property
    def hand_made(self) -> dict[str, Arch]:
        """The space's hand-made networks, with the middle value of everything in the training."""
        middle = tuple(len(values) // 2 for _, values in self.tune)
        return {name: (*arch, *middle) for name, arch in getattr(self.space, "hand_made", {}).items()}

    def _cut(self, arch: Arch) -> tuple[Arch, Arch]:
        """The network's decisions and those of its training."""
        return tuple(arch[: -len(self.tune)]), tuple(arch[-len(self.tune) :])

    def valid(self, arch: Arch) -> bool:
        """By the network's rules."""
        return bool(self.space.valid(self._cut(arch)[0]))

    def discretise(self, gates: Gates) -> Arch:
        """By the network's rules, and the strongest of every training's."""
        count = len(self.space.choices)
        return tuple(self.space.discretise(gates[:count])) + argmax(gates[count:])

    def build(self, arch: Arch, io: IO) -> nn.Module:
        """The network; its training is the domain's."""
        built: nn.Module = self.space.build(self._cut(arch)[0], io)
        return built

    def supernet(self, io: IO, mask: Mask | None = None) -> nn.Module:
        """None.

        Raises:
            TypeError: always.
        """
        names = ", ".join(name for name, _ in self.tune)
        raise TypeError(
            f"weights that are shared have one training for all, so that {names} cannot be chosen with the architecture"
            " there: take a method that trains every architecture, such as evolution, or leave out `tune`"
        )

    def sample(self, rng: random.Random) -> Arch:
        """A random network, and every training alike."""
        return random_arch(self.space, rng) + tuple(rng.randrange(len(values)) for _, values in self.tune)

    def __getattr__(self, name: str) -> Any:
        if name in SAME or name in HOOKS:
            found = getattr(self.space, name)  # an AttributeError where the space has none
            return found if name in SAME or found is None else getattr(self, f"_{name}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _active(self, arch: Arch) -> tuple[bool, ...]:
        return active(self.space, self._cut(arch)[0]) + (True,) * len(self.tune)

    def _canonical(self, arch: Arch) -> Arch:
        network, training = self._cut(arch)
        return canonical(self.space, network) + training

    def _count(self) -> int:
        return size(self.space) * size(self._trainings)

    def _equivalents(self, arch: Arch) -> list[Arch]:
        network, training = self._cut(arch)
        return [tuple(other) + training for other in self.space.equivalents(network)]

    def _graph(self, arch: Arch) -> Mapping[str, nx.DiGraph | nx.MultiDiGraph]:
        import networkx as nx  # which takes long

        words = [(name, str(value)) for name, value in self.training(arch).items()]
        row = nx.DiGraph(inputs=[words[0][0]], outputs=[words[-1][0]])
        row.add_nodes_from((name, {"op": (name, value)}) for name, value in words)
        nx.add_path(row, [name for name, _ in words])
        return {**self.space.graph(self._cut(arch)[0]), GROUP: row}

    def _mutate(self, arch: Arch, rng: random.Random) -> Arch:
        network, training = self._cut(arch)
        open_ones = sum(len(values) > 1 for _, values in self.tune)
        if rng.randrange(len(network) + open_ones) < open_ones:
            return network + mutate(self._trainings, training, rng)
        return mutate(self.space, network, rng) + training

    def _neighbours(self, arch: Arch) -> Iterable[Arch]:
        network, training = self._cut(arch)
        yield from (other + training for other in neighbours(self.space, network))
        yield from (network + other for other in neighbours(self._trainings, training))

    def _reached(self, arch: Arch) -> Arch:
        network, training = self._cut(arch)
        return tuple(self.space.reached(network)) + training

    def _signature(self, arch: Arch, name: str) -> Any:
        return self.space.signature(self._cut(arch)[0], name)

    @cached_property
    def _trainings(self) -> Space:
        return Combinations([_choice(name, values) for name, values in self.tune])


def _values(name: str, values: Any) -> tuple[Any, ...]:
    """The values of one name, numbers in order.

    Raises:
        ValueError: none, or one twice.
        TypeError: no list, or no numbers and no texts.
    """
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"tune has a list of values for each name, {name!r} has {values!r}: give [{values!r}]")
    if not values or len(set(values)) < len(values):
        raise ValueError(f"tune has one or more different values for each name, {name!r} has {list(values)}")
    if not all(isinstance(value, int | float | str) for value in values):
        raise TypeError(f"the values of a training are numbers, texts, True or False, {name!r} has {list(values)}")
    return tuple(sorted(values)) if _numbers(values) else tuple(values)


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _choice(name: str, values: tuple[Any, ...]) -> Choice:
    return Choice(f"{GROUP}.{name}", tuple(map(str, values)), 1, GROUP, _numbers(values))
