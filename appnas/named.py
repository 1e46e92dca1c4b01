"""What a run remembers of its space and its domain, and how they are made again."""

from __future__ import annotations

from typing import Any

from appnas import catalogue
from appnas.space import Space


def describe_space(space: Space) -> dict[str, Any]:
    """Name and fields, or what else can be said of a space of one's own."""
    from appnas.spaces import SPACES

    for name, kind in SPACES.items():
        if type(space) is kind:
            return {"name": name, "fields": catalogue.plain(space)}
    return {"name": None, "repr": repr(space)}


def describe_domain(domain: Any) -> dict[str, Any]:
    """Name and options, or what else can be said of a domain of one's own."""
    name = getattr(domain, "catalogue_name", None)
    if name is None:
        return {"name": None, "repr": type(domain).__name__}
    return {"name": name, "options": catalogue.plain(domain.options)}


def load_space(saved: dict[str, Any]) -> Space:
    """The space of a run's config.

    Raises:
        ValueError: it is not in the catalogue.
    """
    if saved["space"]["name"] is None:
        raise ValueError(
            f"this run used a space of your own, {saved['space']['repr']}: call appnas.resume(path, space=...)"
        )
    made: Space = catalogue.from_plain(catalogue.space_type(saved["space"]["name"]), saved["space"]["fields"])
    return made


def load_domain(saved: dict[str, Any]) -> Any:
    """The domain of a run's config.

    Raises:
        ValueError: it is not in the catalogue.
    """
    if saved["domain"]["name"] is None:
        raise ValueError(
            f"this run used a domain of your own, {saved['domain']['repr']}: call appnas.resume(path, domain=...)"
        )
    options = type(catalogue.source(saved["domain"]["name"]).options)
    return catalogue.domain(saved["domain"]["name"], catalogue.from_plain(options, saved["domain"]["options"]))
