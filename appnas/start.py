"""Whether a search can start, asked before anything is written: what its method needs of a space and of a domain."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from appnas import catalogue, cost
from appnas.contract import offers
from appnas.domain import DifferentiableDomain, Domain, HostDomain
from appnas.evaluate import seeded
from appnas.memory import out_of_memory
from appnas.retrain import controls, testable
from appnas.space import Space, full_mask, random_arch


def check(space: Space, domain: Any, method: str, config: Any) -> cost.SupernetMemory | None:
    """Whether the method has what it needs, a network takes the data, and a supernet fits in memory.

    Returns:
        The estimated memory of a step; None for a method without a supernet.

    Raises:
        TypeError: the space or the domain lacks something.
        ValueError: the space cannot take the domain's inputs.
        MemoryError: the supernet does not fit in what is free.
    """
    entry = catalogue.method(method)
    fits = {"scores"}
    fits |= {"gates"} if isinstance(domain, DifferentiableDomain) else set()
    fits |= {"host"} if isinstance(domain, HostDomain) else set()
    if entry.needs not in fits:
        lacks = "training loop of its own (`host`)" if entry.needs == "host" else "`batches` and `loss`"
        raise catalogue.unfit(method, f"{type(domain).__name__} has no {lacks}", fits)
    build = ["build"] if isinstance(domain, Domain) else []
    offers(space, [*entry.members, *build, *(["supernet"] if entry.needs != "scores" else [])], method)
    if entry.needs == "scores":
        _try(space, domain)
        return None
    free, factor = cost.free_bytes(), entry.memory(config)
    with torch.device("meta"):  # count the weights first, without allocating them
        cost.check_memory(cost.SupernetMemory(0, cost.weight_bytes(space.supernet(domain.io))), free)
    supernet = space.supernet(domain.io)
    gates = tuple(mask.float().requires_grad_() for mask in full_mask(space.choices))
    try:
        need = cost.supernet_memory(supernet, gates, domain, getattr(getattr(domain, "options", None), "batch", 1))
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        raise ValueError(f"the space cannot take inputs of the shape {domain.io.inputs}: {error}") from error
    need = need._replace(activations=int(factor * need.activations))
    cost.check_memory(need, free)
    return need


def check_retraining(space: Space, domain: Any, epochs: int, beside: Sequence[str], seed: int) -> None:
    """Whether what is found can be trained and tested beside its controls, as it is asked for with the search.

    Raises:
        TypeError, ValueError: why not, see `appnas.retrain`.
    """
    if beside and not epochs:
        raise ValueError(f"beside names controls of a training: give retrain_epochs too, got beside={list(beside)}")
    if epochs:
        testable(space, domain)
        controls(space, beside, seed)


def _try(space: Space, domain: Any) -> None:
    """Whether a network of the space can take the domain's inputs."""
    if not isinstance(domain, Domain):
        return
    network = seeded(0, partial(space.build, random_arch(space, random.Random(0)), domain.io)).eval()
    try:
        with torch.no_grad():
            network(*domain.example(2))
    except (RuntimeError, TypeError, IndexError) as error:
        if out_of_memory(error):
            raise
        raise ValueError(f"the space cannot take inputs of the shape {domain.io.inputs}: {error}") from error
