"""Whether a search can start, asked before anything is written: what its method needs of a space and of a domain."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from appnas.compute import CPU, compute_of, moved
from appnas.cost import counts
from appnas.estimate import Table
from appnas.retrain import check_batches, controls, testable
from appnas.run import catalogue
from appnas.space import Arch, Gates, Space, WithTraining, decisions, full_mask, one_hot, random_arch, split
from appnas.supernet import FIXED, fitted, plain, recomputing
from appnas.support import memory, offers, out_of_memory, ruled, seeded, shaped
from appnas.task import BUDGET, DifferentiableDomain, Domain, HostDomain, retuned

DOUBLE = 3.0
"""Steps of a supernet that only double backward takes the memory of, which runs the plain form."""


def instances(**given: Any) -> None:
    """Check that no class was given where an instance of it is meant, and no torch module as a space.

    Raises:
        TypeError: it was.
    """
    for what, value in given.items():
        kind = value if isinstance(value, type) else type(value)
        if what == "space" and issubclass(kind, nn.Module):
            raise TypeError(
                f"the space is the torch module {kind.__name__}: mark its choices by appnas.pick, and give"
                f" appnas.space_of({kind.__name__}, domain.io)"
            )
        if isinstance(value, type):
            raise TypeError(f"the {what} is the class {value.__name__}: give an instance, {value.__name__}(...)")


def pathlike(**given: Any) -> None:
    """Check paths.

    Raises:
        TypeError: something else.
    """
    for what, value in given.items():
        if not isinstance(value, str | os.PathLike):
            raise TypeError(f"{what} must be a path, got {value!r}")


def check(space: Space, domain: Any, method: str, config: Any) -> counts.SupernetMemory | None:
    """Whether the method has what it needs, a network takes and gives what the data ask for, a supernet fits in memory.

    Returns:
        The estimated memory of a step; None for a method without a supernet.

    Raises:
        TypeError: the space or the domain lacks something, or a network gives no tensor.
        ValueError: the space cannot take the domain's inputs, gives outputs of another shape, or breaks its own rules.
        MemoryError: the supernet, or a network, does not fit in what is free.
    """
    entry = catalogue.method(method)
    fits = {"scores"}
    fits |= {"gates"} if isinstance(domain, DifferentiableDomain) else set()
    fits |= {"agent"} if isinstance(domain, HostDomain) else set()
    fits |= {"data"} if isinstance(domain, Domain) else set()
    alone = entry.needs in ("data", "scores")
    if entry.needs not in fits:
        lacks = {"agent": "training loop of its own (`host`)", "data": "data"}.get(entry.needs, "`batches` and `loss`")
        raise catalogue.unfit(method, f"{type(domain).__name__} has no {lacks}", fits)
    _nets_are_read(space, domain)
    build = ["build"] if isinstance(domain, Domain) else []
    offers(space, [*entry.members, *build, *([] if alone else ["supernet"])], method)
    if "discretise" in entry.members:
        rows = [[random.Random(f"{i} {len(o)}").random() for _ in o] for i, o in enumerate(decisions(space.choices))]
        ruled(space, space.discretise(split(space.choices, [torch.tensor(row) for row in rows])))
    _differing(domain)
    if isinstance(space, WithTraining):
        _tuned(space, domain)
    if alone:
        _try(space, domain, "train")
        return None
    apart = getattr(space, "paths_only", "")
    if apart:
        _single(entry, method, config, apart, fits)
    device = compute_of(domain).device
    free = memory.free_bytes(device)
    with torch.device("meta"):  # count the weights first, without allocating them
        weights = counts.SupernetMemory(0, counts.weight_bytes(space.supernet(domain.io)))
        counts.check_memory(weights, free, device=device)
    supernet = space.supernet(domain.io)
    gates = tuple(mask.float() for mask in full_mask(space.choices))
    if apart:
        gates = one_hot(space.choices, getattr(supernet, "largest", None) or random_arch(space, random.Random(0)))
    for part in ("train", "valid"):
        one = partial(partial, supernet, gates=gates)
        check_batches(one, domain, part, f"the supernet of {type(space).__name__}")
    gates = tuple(matrix.requires_grad_() for matrix in gates)
    seen = supernet.register_forward_hook(partial(_shaped, space, domain))
    try:
        need = _estimated(supernet, gates, domain, entry.memory(space, config))
    except (RuntimeError, TypeError) as error:
        if out_of_memory(error):
            raise
        raise ValueError(f"the space cannot take inputs of the shape {_inputs(domain)}: {error}") from error
    finally:
        seen.remove()
    need = _spared(space, gates, domain, entry.memory(space, config), need, free)
    counts.check_memory(need, free, device=device)
    return need


def _estimated(
    supernet: nn.Module, gates: Gates, domain: Any, times: tuple[float, int] | None
) -> counts.SupernetMemory:
    """What a method's step takes, as many times a step of the supernet as its catalogue line says."""
    passes, supernets = times or (0.0, 1)
    batch = getattr(getattr(domain, "options", None), "batch", 1)
    with plain(compute_of(domain).device != CPU):  # only on the CPU does the fast form run, which keeps less
        one = counts.supernet_memory(supernet, gates, domain, batch)
    return counts.SupernetMemory(int(passes * one.activations), supernets * one.weights)


def _spared(
    space: Space,
    gates: Gates,
    domain: Any,
    times: tuple[float, int] | None,
    kept: counts.SupernetMemory,
    free: int | None,
) -> counts.SupernetMemory:
    """The need where as little is computed again as fits in what is free, if the space leaves it open.

    Where nothing fits, the least need of all kinds, which the user is then told.
    """
    room = counts.MARGIN * (math.inf if free is None else free)
    if kept.total <= room or getattr(space, "recompute", "") != "auto":
        return kept
    found = [kept]
    for kind in ("convolutions", "cells"):
        with recomputing(FIXED[kind]):
            supernet = space.supernet(domain.io)
        found.append(_estimated(supernet, gates, domain, times))
    if times and times[0] > DOUBLE:  # the plain form, in which convolutions keep what they keep
        found[1] = kept
    most, less, least = float(kept.total), float(min(found[1].total, kept.total)), float(found[2].total)
    plan = fitted(most, less, least, room)
    if plan is None:
        return min(found, key=lambda need: need.total)
    saved = plan.convolutions * (most - less) + plan.cells * (less - least)
    return kept._replace(activations=int(kept.activations - saved), again=(plan.convolutions, plan.cells))


def _nets_are_read(space: Space, domain: Any) -> None:
    """Whether the space has a place for the domain's second input, which others would take for gates.

    Raises:
        ValueError: it has none.
    """
    if isinstance(domain, Domain) and domain.io.nets and not getattr(space, "reads_nets", False):
        raise ValueError(
            f"{type(space).__name__} reads maps alone, and this domain gives nets too: leave out netlist=True, or use"
            " the space net_map"
        )


def _single(entry: Any, method: str, config: Any, apart: str, fits: set[str]) -> None:
    """Whether a method takes a supernet of single paths.

    Raises:
        TypeError: it mixes options.
    """
    if entry.paths is not None and all(getattr(config, name) == value for name, value in entry.paths.items()):
        return
    raise TypeError(
        f"method {method!r} mixes options, and {apart}; methods for it: {', '.join(catalogue.unmixed(fits))}"
    )


def check_retraining(space: Space, domain: Any, epochs: int, beside: Sequence[str], seed: int) -> None:
    """Whether what is found can be trained and tested beside its controls, as it is asked for with the search.

    Raises:
        TypeError, ValueError: why not, see `appnas.retrain` and `check`.
    """
    if beside and not epochs:
        raise ValueError(f"beside names controls of a training: give retrain_epochs too, got beside={list(beside)}")
    if epochs:
        testable(space, domain)
        controls(space, beside, seed)
        _try(space, domain, "all")


def _tuned(space: WithTraining, domain: Any) -> None:
    """Whether a domain can train by all values that a space has for its training.

    Raises:
        TypeError: a table, or a value of another type. Evaluators of one's own may read the choices.
        ValueError: a name that the training does not have, or a value out of range.
    """
    if isinstance(domain, Table) and len(next(iter(domain.index))) != len(decisions(space.choices)):
        names = ", ".join(name for name, _ in space.tune)
        raise TypeError(
            f"choosing {names} needs a domain with data: what a {type(domain).__name__} tells was trained before"
        )
    if not isinstance(domain, Domain):
        return
    for name, value in ((name, value) for name, values in space.tune for value in values):
        if name != BUDGET:
            retuned(domain, {name: value})
        elif type(value) is not int or value < 1:
            raise ValueError(f"a budget is a whole number of epochs (or environment steps), at least 1, got {value!r}")


TRIES = 10
"""Networks that are tried if the first ones fail: a search survives single candidates that do."""


def _differing(domain: Any) -> None:
    """Whether there is anything to tell images apart by.

    Raises:
        ValueError: the first ones are all of one colour, and that is the same.
    """
    if isinstance(domain, DifferentiableDomain) and len(domain.io.inputs) == 3:
        x = domain.example(8)[0]
        if x.dim() == 4 and len(x) > 1 and bool((x == x[:1, :, :1, :1]).all()):
            raise ValueError(
                f"the first {len(x)} training inputs are alike, each of one colour, so that nothing tells them apart:"
                " were they divided as integers, or read from empty files?"
            )


def _try(space: Space, domain: Any, split: str) -> None:
    """Whether a random network of the space takes the domain's inputs and its batches, and gives what it asks for."""
    if isinstance(domain, Table):
        wanted, there = len(decisions(space.choices)), len(next(iter(domain.index)))
        if there != wanted:
            raise ValueError(
                f"the table is of architectures with {there} decisions, those of {type(space).__name__} have {wanted}"
            )
    if not isinstance(domain, Domain):
        return
    inputs, failed = moved(domain.example(2), CPU), []
    for seed in range(TRIES):
        arch = random_arch(space, random.Random(seed))
        try:
            out = _output(space, domain, arch, inputs)
        except Exception as error:  # that of one candidate; raised if all have one
            failed.append(error)
        else:
            _shaped(space, domain, None, inputs, out)
            final = domain.trained_on(True) if split == "all" and hasattr(domain, "trained_on") else split
            build = partial(seeded, 0, partial(space.build, arch, domain.io))
            check_batches(build, domain, final, f"a network of {type(space).__name__}")
            return
    raise failed[0]


def _output(space: Space, domain: Domain, arch: Arch, inputs: tuple[Tensor, ...]) -> Any:
    building = True
    try:
        network = seeded(0, partial(space.build, arch, domain.io)).eval()
        building = False
        with torch.no_grad():
            return network(*inputs)
    except (RuntimeError, TypeError, IndexError) as error:
        if out_of_memory(error):
            free = (memory.free_bytes() or 0) / memory.MIB
            raise MemoryError(
                f"a network of {type(space).__name__} does not fit in memory, {free:,.0f} MiB are free: use fewer"
                " channels, cells or layers"
            ) from error
        if building:
            raise
        raise ValueError(f"the space cannot take inputs of the shape {_inputs(domain)}: {error}") from error


def _inputs(domain: Domain) -> str:
    """The shape of inputs, and of integers the line that makes floats of them."""
    first = domain.example(2)[0]
    tokens = isinstance(first, Tensor) and first.dtype == torch.int64
    return f"{domain.io.inputs}{' of integers (tokens; of numbers make floats, x.astype(float))' if tokens else ''}"


def _shaped(space: Space, domain: Domain, net: nn.Module | None, inputs: tuple[Any, ...], out: Any) -> None:
    """Check what a network (or, as its forward hook, the supernet `net`) gave; rows only where there is one input."""
    tensors = [x for x in inputs if isinstance(x, Tensor)]
    rows = len(tensors[0]) if len(tensors) == 1 else None
    shaped(out, domain.io.outputs, rows, f"a network of {type(space).__name__}" if net is None else
           f"the supernet of {type(space).__name__}")  # fmt: skip
