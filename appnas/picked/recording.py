"""Finding out what a model picks: it is built again and again without memory, with other answers each time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules.batchnorm import _NormBase

from appnas.compute import CPU, moved
from appnas.picked.answering import Answered, Key, Known
from appnas.picked.asking import Asked, Broken, Refused, answering
from appnas.picked.sources import Source, resized, variants

META = torch.device("meta")
MOST = 1000
"""Decisions of a model."""


def learnt(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What a training changes: weights that are not frozen, and running statistics."""
    yield from ((name, value) for name, value in network.named_parameters() if value.requires_grad and value.numel())
    for prefix, module in network.named_modules():
        if isinstance(module, _NormBase) and module.running_mean is not None:
            yield f"{prefix}.running_mean", module.running_mean


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
        self.had = set[Key]()
        self.weights: dict[int, StorageWeakRef] = {}
        """Where weights and running statistics of earlier networks lie, as long as they live."""
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
                error.add_note(
                    f"while {self.source.name} was built with {given}; if these do not go together, say what does:"
                    " space_of(..., rule=lambda v: ...), of the values by choice"
                )
                raise
            self._check_own(network)
            trace.add(answers, False)
            if runs and self.inputs is not None:
                self._run(network, index, every, trace, device)
        return trace

    def _check_own(self, network: nn.Module) -> None:
        """Whether a network has weights of its own.

        Raises:
            Refused: an earlier one has them too: networks would go on with what others have learnt.
        """
        own = {}
        for name, value in learnt(network):
            at = value.untyped_storage()
            place = at.data_ptr() or id(value)  # tensors without numbers lie nowhere
            if place in self.weights and not self.weights[place].expired():  # type: ignore[no-untyped-call]
                cure = "" if not value.requires_grad else ", or freeze it by requires_grad_(False)"
                raise Refused(
                    f"two networks of {self.source.name} have the same tensor as their weight {name!r}, so that one"
                    f" would go on with what the other has learnt: make it anew, or copy.deepcopy it, in every"
                    f" network{cure}"
                )
            own[place] = StorageWeakRef(at)  # type: ignore[no-untyped-call]
        self.weights |= own

    def _run(
        self, network: nn.Module, index: Callable[[Key, Asked], int], every: bool, trace: Trace, device: torch.device
    ) -> None:
        """Forward passes: in training; in evaluation and with other inputs where it picks, or the first time."""
        assert self.inputs is not None
        first = not self.traces
        seen = self._asked(network, self.inputs, index, every, trace, device, first)
        if seen is None:
            return
        others = [("the size of the batch", x) for x in resized(self.inputs)] if every and (first or seen) else []
        if every and device != META:
            others += [("the data", x) for x in variants(self.inputs)]
        for what, inputs in others:
            try:
                asked = self._asked(network, inputs, index, every, trace, device, first)
            except Refused:
                raise
            except Exception:  # inputs of ours that the model does not take say nothing
                continue
            if asked is not None and asked != seen:
                name = next(iter(asked ^ seen)).name
                raise Refused(
                    f"whether the choice {name!r} is met in `forward` depends on {what}: it must be the same for all"
                    " inputs, as an architecture is chosen before they are seen"
                )

    def _asked(
        self, network: nn.Module, inputs: tuple[Any, ...], index: Callable[[Key, Asked], int], every: bool,
        trace: Trace, device: torch.device, first: bool,
    ) -> set[Key] | None:  # fmt: skip
        """What is asked in forward passes; None if they cannot be made."""
        asked: set[Key] = set()
        for training in (True, False) if first or trace.running else (True,):
            answers = Answered(index, self.known, every=every, root=network.train(training))
            try:
                with answering(answers), torch.set_grad_enabled(training):
                    network(*moved(inputs, device))
            except Exception as error:
                if isinstance(error, Refused) or device == META or answers.sequence or trace.running:
                    given = {key.name: self.known[key.name].options[k] for key, k in answers.met.items()}
                    error.add_note(f"while the `forward` of {self.source.name} picked {given}")
                    raise
                trace.failed = trace.failed or error
                return None
            trace.add(answers, True)
            asked |= set(answers.sequence)
        return asked

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

        Raises:
            Refused: there are more than can be searched.
        """
        new = [key for key in trace.met if key not in self.had]
        self.had.update(new)
        self.traces.append(trace)
        self.running |= trace.running
        place, places = 0, {key: i for i, key in enumerate(self.order)}
        for key in trace.sequence:
            if key in places:
                place = max(place, places[key] + 1)
            else:
                self.order.insert(place, key)
                places = {key: i for i, key in enumerate(self.order)}
                place += 1
        if len(self.order) > MOST:
            raise Refused(
                f"{self.source.name} picks {self.order[-1].name!r} and others more than {MOST:,} times: does a loop"
                " that goes on by what is picked ever end?"
            )
        return new

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
