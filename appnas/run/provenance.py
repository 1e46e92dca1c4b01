"""What a run remembers of its space and its domain, and how they are made again."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from appnas.picked import Picked
from appnas.run import catalogue
from appnas.run.journal import read_json
from appnas.space import IO, Space, WithTraining, check
from appnas.support import AbsentError, RunError, digest
from appnas.support.dotted import dotted_name, home_of
from appnas.support.plain import from_plain, plain


def describe_space(space: Space) -> dict[str, Any]:
    """Name and fields, or what else can be said of a space of one's own.

    Raises:
        TypeError: see `_kept`.
    """
    if isinstance(space, WithTraining):
        return {**describe_space(space.space), "tune": {name: list(values) for name, values in space.tune}}
    from appnas.spaces import SPACES

    for name, kind in SPACES.items():
        if type(space) is kind:
            return {"name": name, "fields": plain(space)}
    own = _own(space, "fields") or _of_model(space)
    return own | {"fingerprint": _choices(space)} if own else {"name": None, "repr": repr(space)}


def describe_domain(domain: Any) -> dict[str, Any]:
    """Name and options, or what else can be said of a domain of one's own.

    Raises:
        TypeError: see `_kept`.
    """
    known = {"fingerprint": domain.fingerprint} if hasattr(domain, "fingerprint") else {}
    if dataclasses.is_dataclass(metric := getattr(domain, "metric", None)) and not isinstance(metric, type):
        known["metric"] = dataclasses.asdict(metric)
    if math.isfinite(chance := float(getattr(domain, "chance", math.nan))):
        known["chance"] = chance
    if own := _own(domain, "options"):
        return {**own, **known}
    name = getattr(domain, "catalogue_name", None)
    if name is None:
        return {"name": None, "repr": type(domain).__name__, **known}
    return {"name": name, "options": plain(domain.options), **known}


def _own(thing: Any, fields: str) -> dict[str, Any]:
    """How something of the user's own is made again by a dotted name; nothing if that is not known.

    It was made so, or it is a dataclass that can be imported and equals what its fields make.
    """
    marks = getattr(thing, "__dict__", {})
    name, options = marks.get("catalogue_name"), marks.get("catalogue_options")
    if not (name and options is not None):
        name, options = dotted_name(type(thing)), thing
        if name is None or not dataclasses.is_dataclass(thing) or not _same(type(thing), thing):
            return {}
    told = {"name": name, "repr": type(thing).__name__, fields: _kept(name, options), "folder": home_of(name)}
    return told | _sized(marks.get("catalogue_sizes"))


def _sized(sizes: catalogue.Sizes | None) -> dict[str, Any]:
    """The sizes of a domain that a space was made with: of its examples the form, not the values."""
    if sizes is None:
        return {}
    forms = [[list(x.shape), str(x.dtype).removeprefix("torch.")] for x in sizes.inputs]
    return {"io": plain(sizes.io), "inputs": forms}


def _of_model(space: Space) -> dict[str, Any]:
    """How the space of a model is made again, if that is a class that can be imported and was given plain arguments."""
    if not isinstance(space, Picked) or space.rule or not isinstance(space.source.model, type):
        return {}
    source, name = space.source, dotted_name(space.source.model)
    if name is None:
        return {}
    try:
        entry = catalogue.space_entry(name)
        given = inspect.signature(source.model).bind(*source.args, **source.kwargs).arguments
        io = given.pop(entry.sized, None)
        told = {"name": name, "repr": repr(space), "fields": _kept(name, entry.kind(**given)), "folder": home_of(name)}
        again = from_plain(entry.kind, told["fields"])
    except (TypeError, ValueError):
        return {}
    if again != entry.kind(**given) or io is not source.io:
        return {}
    return told | (_sized(catalogue.Sizes(io, space.inputs or ())) if io else {})


def _same(kind: type, thing: Any) -> bool:
    """Whether a dataclass is made again by its fields as JSON has them."""
    try:
        return bool(from_plain(kind, json.loads(json.dumps(plain(thing)))) == thing)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return False


def _kept(name: str, options: Any) -> dict[str, Any]:
    """Options as a run keeps them; those that JSON cannot hold are left out where they are the default.

    Raises:
        TypeError: a run cannot keep one.
    """
    kept = {}
    for field in dataclasses.fields(options):
        value, default = getattr(options, field.name), field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        try:
            kept[field.name] = json.loads(json.dumps(plain(value)))
        except (TypeError, ValueError) as error:
            if value is not default:
                raise TypeError(
                    f"{field.name!r} of {name} is a {type(value).__name__}, which a run cannot keep: numbers, texts,"
                    " paths, tuples and dataclasses of such are right"
                ) from error
    return kept


def _choices(space: Space) -> str:
    return digest(json.dumps([[c.name, list(c.options), c.count] for c in space.choices]))


def remembered(saved: dict[str, Any]) -> Any:
    """The method's configuration that a run keeps; its space and the options of its domain can be read as well.

    What is under a dotted name is not imported for it.

    Raises:
        TypeError: a field does not hold what its type says, the message names it.
        ValueError: a field or a name that there is not.
    """
    config = from_plain(catalogue.method(saved["method"]).config, saved["config"])
    if (name := saved["space"]["name"]) is not None and not catalogue.is_own(name):
        load_space(saved)
    if (name := saved["domain"]["name"]) is not None and not catalogue.is_own(name):
        from_plain(type(catalogue.source(name).options), saved["domain"]["options"])
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


def load_space(saved: dict[str, Any], given: Space | None = None) -> Space:
    """The space of a run's config, with the choices of the training that it had.

    Args:
        saved: the config.
        given: the space itself, of the user's own, with those choices or without.

    Raises:
        AbsentError: it is the user's own and not known by name, or cannot be imported.
        RunError: what it is made of has other choices by now.
    """
    told = saved["space"]
    made = _made(told) if given is None else given
    if "tune" not in told or isinstance(made, WithTraining):
        return made
    return WithTraining(made, told["tune"])


def _made(told: dict[str, Any]) -> Space:
    if told["name"] is None:
        raise AbsentError(f"this run used a space of your own, {told['repr']}: call appnas.resume(path, space=...)")
    made: Space = _again(told, "space", "fields")
    if "fingerprint" in told and told["fingerprint"] != _choices(made):
        raise RunError(f"the space {told['name']} has other choices by now than when the run began: restore its code")
    return made


def load_domain(saved: dict[str, Any]) -> Any:
    """The domain of a run's config.

    Raises:
        AbsentError: it is the user's own and not known by name, or cannot be imported.
    """
    told = saved["domain"]
    if told["name"] is None:
        raise AbsentError(
            f"this run used a domain of your own, {told['repr']}: from Python, give it as domain=..., for"
            " example appnas.resume(path, domain=...)"
        )
    return _again(told, "domain", "options")


def _again(told: Mapping[str, Any], what: str, fields: str) -> Any:
    """A space or a domain by its name and its options."""
    name, folder = told["name"], told.get("folder", "")
    more = {"sizes": _sizes(told)} if "io" in told else {}
    entry, make = getattr(catalogue, f"{what}_entry"), getattr(catalogue, what)
    if not catalogue.is_own(name):
        return make(name, from_plain(entry(name).kind, told[fields]))
    try:
        return make(name, from_plain(entry(name, folder).kind, told[fields]), folder, **more)
    except (ValueError, TypeError) as error:
        raise AbsentError(
            f"the {what} {name} of this run cannot be made again: {error}; put that right, or from Python give"
            f" {what}=..."
        ) from error


def _sizes(told: Mapping[str, Any]) -> catalogue.Sizes:
    """The sizes that `_sized` wrote down."""
    inputs = (torch.zeros(shape, dtype=getattr(torch, kind)) for shape, kind in told["inputs"])
    return catalogue.Sizes(from_plain(IO, told["io"]), tuple(inputs))
