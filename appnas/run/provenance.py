"""What a run remembers of its space and its domain, and how they are made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from appnas.run import catalogue
from appnas.run.journal import read_json
from appnas.space import Space, check
from appnas.support import RunError


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
    known = {"fingerprint": domain.fingerprint} if hasattr(domain, "fingerprint") else {}
    if name is None:
        return {"name": None, "repr": type(domain).__name__, **known}
    return {"name": name, "options": catalogue.plain(domain.options), **known}


def remembered(saved: dict[str, Any]) -> Any:
    """The method's configuration that a run keeps; its space and the options of its domain can be read as well.

    Raises:
        TypeError: a field does not hold what its type says, the message names it.
        ValueError: a field or a name that there is not.
    """
    config = catalogue.from_plain(catalogue.method(saved["method"]).config, saved["config"])
    if saved["space"]["name"] is not None:
        load_space(saved)
    if (name := saved["domain"]["name"]) is not None:
        catalogue.from_plain(type(catalogue.source(name).options), saved["domain"]["options"])
    return config


def check_domain(domain: Any, saved: dict[str, Any], path: Path) -> None:
    """Whether a domain is the one that a run began with, as far as it can be told.

    Raises:
        RunError: other data or options.
    """
    before, now = saved["domain"].get("fingerprint"), getattr(domain, "fingerprint", None)
    if before and now and before != now:
        raise RunError(
            f"{path} was run on another domain: the data or the options of this {type(domain).__name__} differ from"
            " those it began with; give the same, or start a new run"
        )


def found_in(path: Path, space: Space, seeds: range | None = None) -> dict[str, Any]:
    """What a run's result.json tells; nothing if there is none.

    Args:
        path: the run's directory.
        space: of what was found.
        seeds: of the run's searches; None for any.

    Raises:
        RunError: damaged, or of another run.
    """
    file = path / "result.json"
    if not file.exists():
        return {}
    found: dict[str, Any] = read_json(file)
    if seeds is not None and found.get("seed") not in seeds:
        told = f"tells the seed {found['seed']}" if "seed" in found else "does not tell its seed"
        raise RunError(f"{file} is of another run: it {told}, this one has {', '.join(map(str, seeds))}")
    for one in [found, *found.get("runs", ()), *([found["control"]] if "control" in found else [])]:
        try:
            check(space, one["best"])
        except ValueError as error:
            raise RunError(f"{file} is damaged, or of another run: {error}") from error
    return found


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
            f"this run used a domain of your own, {saved['domain']['repr']}: from Python, give it as domain=..., for"
            " example appnas.resume(path, domain=...)"
        )
    options = type(catalogue.source(saved["domain"]["name"]).options)
    return catalogue.domain(saved["domain"]["name"], catalogue.from_plain(options, saved["domain"]["options"]))
