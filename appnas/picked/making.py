"""`space_of`: a space made of a model that picks."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from appnas.compute import moved
from appnas.picked.asking import Refused
from appnas.picked.learning import choices_of, record
from appnas.picked.mixing import Blended
from appnas.picked.picked_space import Picked, Rule
from appnas.picked.recording import META, Recorder
from appnas.picked.sources import Source, told
from appnas.space import full_mask
from appnas.support import listed

TRIED = 8
"""Architectures that obey a rule which are built before the space is given away."""


def space_of(
    model: Callable[..., nn.Module], *args: Any, rule: Rule | None = None, inputs: Any = None, **kwargs: Any
) -> Picked:
    """The search space of a model with choices inside, see `appnas.pick`.

        space = appnas.space_of(Net, domain.io)
        result = appnas.search(space, domain, "evolution")

    The model is built a number of times without memory, with other answers each time, and its `forward` is run: so it
    is known what it picks, and what it picks only under other choices. What is picked may depend on the arguments and
    on other choices, on nothing else.

    Options made by factories are mixed in a supernet, for methods with gates. A model that picks a value (a width, a
    depth) has a supernet of single paths, whose weights are parts of common ones: see `Picked.paths_only`.

    Args:
        model: a class, or a function that returns a module. Workers of a search import it.
        *args: of the model, at every build, as are kwargs. An `IO` among them, usually `domain.io`, is the sizes that a
            network is built for.
        rule: values by choice (None where a decision does not exist, a tuple with each=True) -> whether they go
            together. What it forbids need not be buildable.
        inputs: examples that `forward` takes, `domain.example(2)` say; by default one tensor of the sizes `io.inputs`.
        **kwargs: see args.

    Raises:
        TypeError: a module that is built already, or none.
        Refused: a `ValueError`, for models that pick nothing; one name with two sets of options; a factory that
            raises, or gives the same module twice; networks that share trainable weights; a choice in `forward` that
            depends on data or on the size of the batch; a loop over choices without an end; no architecture that
            obeys the rule.
    """
    if isinstance(model, nn.Module):
        name = type(model).__name__
        raise TypeError(f"space_of takes the class, not a module that is built: space_of({name}, ...)")
    if not callable(model):
        raise TypeError(f"space_of takes a class, or a function that returns a module, got {model!r}")
    if rule is not None and not callable(rule):
        raise TypeError(f"rule is a function of the values by choice, lambda v: v['depth'] < 3, got {rule!r}")
    source = Source(model, args, kwargs)
    if inputs is None and source.io is not None:
        inputs = torch.zeros(2, *source.io.inputs)
    if inputs is not None and not isinstance(inputs, tuple):
        inputs = tuple(inputs) if isinstance(inputs, list) else (inputs,)
    recorder = Recorder(source, inputs, lenient=rule is not None)
    with told(source):
        conditions = record(recorder)
    if not recorder.order:
        failed = str(recorder.failed).split("\n")[0]
        why = f"; its `forward` could not be run: {failed}; give inputs=... that it takes" if recorder.failed else ""
        why = "; for picks in `forward` give inputs=..., examples that it takes" if inputs is None else why
        raise Refused(f"{source.name} picks nothing: mark its choices by appnas.pick(name, options){why}")
    choices, keys = choices_of(recorder)
    made = Picked(
        source, choices, keys, recorder.known, tuple(map(keys.index, recorder.order)), conditions,
        frozenset(recorder.running), rule, inputs, paths_only=_alone(recorder),
    )  # fmt: skip
    object.__setattr__(made, "paths_only", made.paths_only or _unmixed(made, recorder))
    rng = random.Random(0)
    for _ in range(TRIED if rule else 0):  # says if none obeys the rule, or one that does cannot be built
        recorder.lenient = False
        recorder.trace(made.answers(made.sample(rng)))
    return made


def _alone(recorder: Recorder) -> str:
    """That some choices are of values, if they are."""
    names = [repr(name) for name, asked in recorder.known.items() if asked.values is not None]
    what = "chooses values" if len(names) == 1 else "choose values"
    return f"{listed(names)} {what}, which cannot be mixed" if names else ""


def _unmixed(space: Picked, recorder: Recorder) -> str:
    """Why the supernet of mixtures cannot be built or run, if it cannot: tried without memory, as far as that goes."""
    device = recorder.device
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            with torch.device(device) if device == META else nullcontext():
                net = space.supernet(None)
        except Exception as error:  # of the model, that stumbles over a mixture
            return f"the model cannot be built around a mixture of options ({_said(error)})"
        assert isinstance(net, Blended)
        if lost := [key.name for key in space.keys if key not in net.met and key not in space.running]:
            return (
                f"whether there is a choice {lost[0]!r} is decided by what another one gave, outside of its factories"
            )
        if recorder.inputs is None or recorder.failed is not None:
            return ""
        gates = tuple(mask.float().to(device) / mask.shape[-1] for mask in full_mask(space.choices))
        try:
            net(*moved(recorder.inputs, device), gates=gates)
        except Exception as error:  # likewise
            return f"a mixture of options cannot be run ({_said(error)})"
    return ""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
