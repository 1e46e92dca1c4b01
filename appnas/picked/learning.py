"""From what a model asks to choices and conditions, tried on architectures drawn at random until it holds."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from appnas.compute import CPU
from appnas.picked.answering import Key
from appnas.picked.asking import Refused
from appnas.picked.conditions import Answers, Conditions, learn
from appnas.picked.recording import Recorder, Trace, firsts
from appnas.space import Choice
from appnas.support import forked

SAMPLE = 24
"""Random architectures that conditions must foretell, all of them."""
STARTS = 100
"""Random architectures that are tried, where the first options do not go together, to begin with."""
AGAIN = 6
"""Builds with the same options, which must be alike."""
ROUNDS = 12
"""Such samples, after which decisions are found out by building."""


def record(recorder: Recorder) -> Conditions | None:
    """Meet all decisions of a model, and learn when they exist.

    Returns:
        Conditions in the recorder's order; None if none of this kind foretell what is asked.

    Raises:
        Refused, or what the model raises.
    """
    rng = random.Random(0)
    recorder.explore(_start(recorder, rng))
    if not recorder.order:
        return None
    _steady(recorder)
    for trace in recorder.covered():
        _taken(recorder, trace)
    for _ in range(ROUNDS):
        found, wrong = _learnt(recorder), False
        for _ in range(SAMPLE):
            if (drawn := recorder.drawn(rng)) is None:
                continue
            new = _taken(recorder, drawn)
            wrong |= new or (found is not None and not _foretold(recorder, found, drawn))
        if not wrong:
            return found
    return None


def _steady(recorder: Recorder) -> None:
    """Whether the same options give the same decisions, whatever random numbers there are.

    Raises:
        Refused: they do not.
    """
    found: list[set[Key]] = []
    for seed in range(AGAIN):
        with forked(CPU, seed):
            trace = recorder.tried(firsts, every=True, runs=False)
        found.append(set() if trace is None else set(trace.met))
    if odd := set[Key]().union(*found) - found[0].intersection(*found):
        name = min(key.name for key in odd)
        raise Refused(
            f"whether {recorder.source.name} has the choice {name!r} changes from one build to the next, with the same"
            " options: it may depend on arguments of the model and on other choices, not on random numbers"
        )


def _start(recorder: Recorder, rng: random.Random) -> Trace:
    """The network of the first options; where that cannot be built, one of random options that can."""
    tries = itertools.chain([recorder.tried(firsts, every=True)], (recorder.drawn(rng, True) for _ in range(STARTS)))
    return next((trace for trace in tries if trace is not None), None) or recorder.trace(firsts, every=True)


def _taken(recorder: Recorder, trace: Trace) -> bool:
    """Keep a trace, and go on from there if it has decisions that are new; whether it has."""
    if new := not set(trace.met) <= set(recorder.order):
        recorder.explore(trace)
    else:
        recorder.note(trace)
    return new


def _learnt(recorder: Recorder) -> Conditions | None:
    place = {key: i for i, key in enumerate(recorder.order)}
    traces: list[Answers] = [{place[key]: k for key, k in trace.met.items()} for trace in recorder.traces]
    when = learn(len(place), traces)
    options = tuple(tuple(range(len(recorder.known[key.name].options))) for key in recorder.order)
    return None if when is None else Conditions(tuple(when), options)


def _foretold(recorder: Recorder, found: Conditions, trace: Trace) -> bool:
    if len(recorder.order) != len(found.options):  # others have come in meanwhile
        return False
    active = found.active([trace.met.get(key, 0) for key in recorder.order])
    return all(on == (key in trace.met) for key, on in zip(recorder.order, active, strict=True))


def choices_of(recorder: Recorder) -> tuple[tuple[Choice, ...], tuple[Key, ...]]:
    """The choices in the order met, and the decision at every place of an architecture."""
    names = dict.fromkeys(key.name for key in recorder.order)
    keys: list[Key] = []
    choices = []
    for name in names:
        own = [key for key in recorder.order if key.name == name]
        asked = recorder.known[name]
        keys += own
        choices.append(_choice(name, asked.options, len(own), asked.ordered))
    return tuple(choices), tuple(keys)


def _choice(name: str, options: Sequence[str], count: int, ordered: bool) -> Choice:
    return Choice(name, tuple(options), count, name, ordered)
