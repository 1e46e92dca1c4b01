"""What a search is given, made into a space, a domain and a method; and why two of them do not go together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from appnas.api.preflight import instances
from appnas.run import catalogue
from appnas.space import WithTraining
from appnas.support import out_of_memory
from appnas.task import DifferentiableDomain, Domain, HostDomain

FIELDS = ("eda", "graphs", "images", "rl", "text")
"""Folders that both spaces and domains have."""


def resolved(space: Any, domain: Any, method: str, tune: Any = None) -> tuple[Any, Any, str]:
    """A space, a domain and a method out of names, data, and nothing.

    Choices of the training go into the space; then the usual method is one that trains every architecture.

    Raises:
        ValueError: an unknown name, or data that may be read in two ways.
        TypeError: a class instead of an instance, or nothing that a space or a domain is made of.
    """
    instances(space=space, domain=domain)
    own = isinstance(space, str) and catalogue.is_own(space)
    made = catalogue.space(space) if isinstance(space, str) and not own else space
    found = catalogue.domain(domain) if _named(domain) else catalogue.domain_of(domain, field(made))
    if own:
        made = catalogue.space(space, sizes=catalogue.sizes_of(found))
    if tune:
        made, method = WithTraining(made, tune), method or "evolution"
    return made, found, method or usual(made, found)


def _named(domain: Any) -> bool:
    """Whether a domain is given by its name: a path, or the id of an environment, is none."""
    if not isinstance(domain, str) or domain in catalogue.domains() or catalogue.is_own(domain):
        return isinstance(domain, str)
    return not (os.path.exists(domain) or re.search(r"-v\d+$", domain))


def usual(space: Any, domain: Any) -> str:
    """The method that is taken unless one is named.

    DARTS, where the space has a supernet that mixes and the domain a loss; else one that trains every architecture.
    """
    if isinstance(domain, HostDomain):
        return "rl_darts"
    alone = hasattr(space, "mixed") or bool(getattr(space, "paths_only", ""))  # `mixed` names a space that could be
    mixes = hasattr(space, "supernet") and not alone
    if mixes and (isinstance(domain, DifferentiableDomain) or not isinstance(domain, Domain)):
        return "darts" if isinstance(domain, Domain) else "evolution"
    return "agnn" if field(space) == "graphs" else "evolution"


def field(thing: Any) -> str:
    """The field of a space or a domain of this package, such as "images"; empty for one of the user's own."""
    for kind in type(thing).__mro__:
        top, room, *inside = [*kind.__module__.split("."), "", ""]
        if top == "appnas" and room in ("spaces", "domains") and inside[0] in FIELDS:
            return inside[0]
    return ""


@contextmanager
def fitting(space: Any, domain: Any) -> Iterator[None]:
    """Say of which fields both are, where a network cannot be tried and these differ.

    Raises:
        ValueError: a space of another field than the domain; the message has those that fit.
    """
    try:
        yield
    except (ValueError, RuntimeError, LookupError, AttributeError) as error:  # a TypeError is of the method's needs
        why = None if out_of_memory(error) else misfit(space, domain)
        if why is None:
            raise
        raise ValueError(f"{why} ({' '.join(str(error).split())[:300]})") from error


def misfit(space: Any, domain: Any) -> str | None:
    """Why a space is not for a domain, by their fields; None if these say nothing."""
    ours, theirs, name = field(space), field(domain), type(space).__name__
    if ours and theirs and ours != theirs:
        fits = [known for known, kind in catalogue.spaces().items() if field(kind()) == theirs]
        return (
            f"{name} is a space of the field {ours}, {type(domain).__name__} is of {theirs}: spaces that fit are"
            f" {', '.join(fits)}, or one of your own"
        )
    inputs = tuple(domain.io.inputs) if hasattr(domain, "io") else None
    if ours == "images" and inputs is not None and len(inputs) != 3:
        return (
            f"{name} is a space of images [channels, height, width], and inputs of this {type(domain).__name__} have"
            f" the shape {inputs}: write the model with appnas.pick, and give appnas.space_of(Model, domain.io)"
        )
    if ours == "graphs" and not theirs and isinstance(domain, Domain):
        return (
            f"{name} is a space of graphs, and this {type(domain).__name__} has none: give a torch_geometric.data.Data"
            " (x, edge_index, y), or write the model with appnas.pick, and give appnas.space_of(Model, domain.io)"
        )
    return None
