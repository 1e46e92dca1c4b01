"""Finding out what a model picks: it is built again and again without memory, with other answers each time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from appnas.compute import CPU, moved
from appnas.picked.answering import Answered, Key, Known
from appnas.picked.asking import Asked, Broken, Refused, answering
from appnas.space import IO

META = torch.device("meta")


@dataclass(frozen=True)
class Source:
    """What makes the model.

    Attributes:
        model: a class, or a function that returns a module.
        args, kwargs: of it; an `IO` among them stands for the sizes that a network is built for.
    """

    model: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the model."""
        return str(getattr(self.model, "__qualname__", type(self.model).__name__))

    @property
    def io(self) -> IO | None:
        """The sizes that the model was given."""
        return next((x for x in (*self.args, *self.kwargs.values()) if isinstance(x, IO)), None)

    def __call__(self, io: IO | None) -> nn.Module:
        """The model for these sizes.

        Raises:
            TypeError: it is no module.
        """
        args = [io if isinstance(x, IO) and io else x for x in self.args]
        kwargs = {name: io if isinstance(x, IO) and io else x for name, x in self.kwargs.items()}
        made = self.model(*args, **kwargs)
        if not isinstance(made, nn.Module):
            raise TypeError(f"space_of takes what makes a torch module, {self.name} made {made!r:.80}")
        return made


class Trace:
    """What one architecture was asked: decisions that it has, those beside them, and all in the order met."""

    def __init__(self) -> None:
        self.met: dict[Key, int] = {}
        self.virtual: dict[Key, int] = {}
        self.sequence: dict[Key, None] = {}
        self.nests: dict[Key, set[int]] = {}
        self.running: set[Key] = set()
        self.failed: Exception | None = None

    def add(self, answers: Answered, runs: bool) -> None:
        """Add what was asked by a build, or by a pass."""
        self.met.update(answers.met)
        self.virtual.update({key: k for key, k in answers.virtual.items() if key not in self.met})
        self.sequence.update(answers.sequence)
        for key, options in answers.nests.items():
            self.nests.setdefault(key, set()).update(options)
        if runs:
            self.running.update(answers.sequence)


class Recorder:
    """Records a model.

    Args:
        source: makes it.
        inputs: example inputs of its `forward`; None where there are none to be had.
        lenient: leave out networks that cannot be built or run, as a rule may forbid them.

    Attributes:
        known: choices by name.
        order: all decisions, those that others hang on first.
        traces: what was asked.
        running: decisions that are (also) made in `forward`.
        failed: why `forward` could not be run, if it could not.
    """

    def __init__(self, source: Source, inputs: tuple[Any, ...] | None, lenient: bool = False):
        self.source, self.inputs, self.lenient = source, inputs, lenient
        self.known, self.order = Known(), list[Key]()
        self.traces: list[Trace] = []
        self.running: set[Key] = set()
        self.failed: Exception | None = None
        self.device = META

    def trace(self, index: Callable[[Key, Asked], int], every: bool = False, runs: bool = True) -> Trace:
        """Build the network that these answers give, and run it.

        Args:
            index: the answers.
            every: call the factories of all options.
            runs: run it, if there are inputs.

        Raises:
            Refused, or whatever the model raises.
        """
        if self.device != META:
            return self._trace(index, every, runs, self.device)
        known = dict(self.known)
        try:
            return self._trace(index, every, runs, META)
        except Exception:  # of the model, or of a device that holds no numbers: the CPU tells
            self.known.clear()
            self.known.update(known)
            trace = self._trace(index, every, runs, CPU)
        if trace.failed is None:
            self.device = CPU
        elif not self.traces:  # not run on the CPU either: inputs of another kind
            self.inputs, self.failed = None, trace.failed
        return trace

    def tried(self, index: Callable[[Key, Asked], int], every: bool = False, runs: bool = True) -> Trace | None:
        """The same; None for a network that is left out.

        Raises:
            Refused, or whatever the model raises.
        """
        try:
            return self.trace(index, every, runs)
        except Exception as error:  # of a combination that the rule perhaps forbids
            if not self.lenient or (isinstance(error, Refused) and not isinstance(error, Broken)):
                raise
            return None

    def _trace(self, index: Callable[[Key, Asked], int], every: bool, runs: bool, device: torch.device) -> Trace:
        trace = Trace()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            answers = Answered(index, self.known, every=every)
            try:
                with answering(answers), torch.device(device) if device == META else nullcontext():
                    network = self.source(None)
            except Exception as error:
                given = {key.name: self.known[key.name].options[k] for key, k in answers.met.items()}
                error.add_note(f"while {self.source.name} was built with {given}")
                raise
            trace.add(answers, False)
            if runs and self.inputs is not None:
                self._run(network, index, every, trace, device)
        return trace

    def _run(
        self, network: nn.Module, index: Callable[[Key, Asked], int], every: bool, trace: Trace, device: torch.device
    ) -> None:
        """Forward passes: in training and in evaluation, on the CPU with several inputs."""
        assert self.inputs is not None
        seen: set[Key] | None = None
        for number, inputs in enumerate(variants(self.inputs) if every and device != META else [self.inputs]):
            asked: set[Key] = set()
            for training in (True, False):
                answers = Answered(index, self.known, every=every, root=network.train(training))
                try:
                    with answering(answers):
                        network(*moved(inputs, device))
                except Refused:
                    raise
                except Exception as error:
                    if number:  # inputs of ours that the model does not take say nothing
                        asked = seen or set()
                        break
                    if device == META or answers.sequence or trace.running:
                        raise
                    trace.failed = error
                    return
                trace.add(answers, True)
                asked |= set(answers.sequence)
            if seen is not None and asked != seen:
                name = next(iter(asked ^ seen)).name
                raise Refused(
                    f"whether the choice {name!r} is met in `forward` depends on the data: it must be the same for all"
                    " inputs, as an architecture is chosen before they are seen"
                )
            seen = asked

    def explore(self, start: Trace) -> None:
        """Answer one question otherwise, from each place where a new decision was met, until none is new."""
        queue = deque([(start, self.note(start))])
        while queue:
            where, new = queue.popleft()
            for key in new:
                if key not in where.met:  # inside an option that was not chosen: met when that one is
                    continue
                asked = self.known[key.name]
                options = range(len(asked.options)) if asked.values is not None else sorted(where.nests.get(key, ()))
                for k in options:
                    if k != where.met[key]:
                        if (there := self.tried(_otherwise(where.met, key, k), every=True)) is not None:
                            queue.append((there, self.note(there)))

    def note(self, trace: Trace) -> list[Key]:
        """Keep a trace.

        Returns:
            The decisions that it has and none before it had.
        """
        had = {key for other in self.traces for key in other.met}
        self.traces.append(trace)
        self.running |= trace.running
        place = 0
        for key in trace.sequence:
            if key in self.order:
                place = max(place, self.order.index(key) + 1)
            else:
                self.order.insert(place, key)
                place += 1
        return [key for key in trace.met if key not in had]

    def covered(self) -> Iterator[Trace]:
        """Architectures in which every option is taken once: some stumble only where they are put."""
        for number in range(max(len(asked.options) for asked in self.known.values())):
            index = partial(_turn, {key: place for place, key in enumerate(self.order)}, number)
            if (trace := self.tried(index, runs=number < 2 or bool(self.running))) is not None:
                yield trace

    def drawn(self, rng: random.Random, every: bool = False) -> Trace | None:
        """An architecture drawn along the way: every question answered at random."""
        answers: dict[Key, int] = {}

        def index(key: Key, asked: Asked) -> int:
            return answers.setdefault(key, rng.randrange(len(asked.options)))

        return self.tried(index, every, runs=every or bool(self.running))


def _turn(places: Mapping[Key, int], number: int, key: Key, asked: Asked) -> int:
    """The options of a decision in turn, those of other decisions shifted."""
    return (number + places.get(key, 0)) % len(asked.options)


def _otherwise(answers: dict[Key, int], key: Key, k: int) -> Callable[[Key, Asked], int]:
    """The same answers but for one; new questions get their first option."""
    given = {**answers, key: k}
    return lambda key, asked: given.get(key, 0)


def firsts(key: Key, asked: Asked) -> int:
    """The first option of everything."""
    return 0


def variants(inputs: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The inputs; then with zeros, and with small and large random numbers of either sign where there are floats."""
    yield inputs
    yield _numbers(torch.zeros_like, inputs)
    for scale in (1.0, 100.0, -100.0):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            drawn = _numbers(lambda x: scale * torch.randn_like(x) if x.is_floating_point() else x, inputs)  # noqa: B023
        yield drawn


def _numbers(change: Callable[[Tensor], Tensor], inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    def part(x: Any) -> Any:
        if isinstance(x, Tensor):
            return change(x)
        return x.clone().apply(change) if hasattr(x, "apply") and hasattr(x, "clone") else x

    changed: tuple[Any, ...] = tree_map(part, inputs)
    return changed


@contextmanager
def told(source: Source) -> Iterator[None]:
    """Exceptions of a model that was not given what it needs say so.

    Raises:
        TypeError: that.
    """
    try:
        yield
    except TypeError as error:
        if "required positional argument" in str(error) or "required keyword-only" in str(error):
            raise TypeError(
                f"{error}: give its arguments to space_of too, space_of({source.name}, domain.io, ...); an IO stands"
                " for the sizes that a network is built for"
            ) from error
        raise
