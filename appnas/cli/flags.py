"""The flags of `appnas search METHOD`: read twice, first the names, then all fields of the dataclasses they stand for.

A method's settings are flat (`--epochs 3`), those of the space and the domain carry a prefix (`--space.channels 4`,
`--domain.recipe.lr 0.1`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from appnas.api import SearchOptions
from appnas.cli.quick.brief import brief
from appnas.run import catalogue
from appnas.support.dotted import Maker, lacks, required

MARKERS = (tyro.conf.AvoidSubcommands, tyro.conf.SuppressFixed, tyro.conf.PositionalMetavarFromFieldName)
"""No subcommand for a field of several types, no help for a field that has no flag (a space's mask)."""


OWN = "Your own: MODULE:NAME of its class, an instance or a function; its fields or parameters are flags, too."
"""What a flag takes besides names of the catalogue."""


@dataclass(frozen=True)
class Options(SearchOptions):
    """What a search has on the command line."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Directory of the run, new or empty; by default the next free runs/METHOD-SPACE-DOMAIN-N."""
    tune: tuple[str, ...] = ()
    """Choices of the training beside those of the network: lr=0.01,0.1 weight_decay=0,0.0003, say."""
    threads: int = 1
    """Torch threads; 0: one, or one a processor if a network of the space is trained sooner by them, as is measured."""
    watch: bool = False
    """Serve the report while the search runs, at the address that is printed, to this machine alone."""


@dataclass(frozen=True)
class Parsed:
    """A search as it was asked for: names, general options, and the three dataclasses of settings."""

    method: str
    space_name: str
    domain_name: str
    options: Options
    config: Any
    space: Any
    domain: Any


def parse(method: str, args: Sequence[str]) -> Parsed:
    """Read the flags of a search.

    Args:
        method: its name.
        args: what follows on the command line.

    Raises:
        ValueError: an unknown name, a table that does not fit the method or the space, or a flag that needs another.
        TypeError: the method needs more than a table.
        SystemExit: help was asked for, or a flag is wrong; tyro has said so.
    """
    chosen = catalogue.method(method)
    domain = named(args, "--domain", "digits")
    data = catalogue.domain_entry(domain)
    held = catalogue.table_space(domain)
    if held and chosen.needs != "scores":
        raise catalogue.unfit(method, f"{domain!r} is a table of results", {"scores"})
    space = named(args, "--space", held or "cells")
    shape = catalogue.space_entry(space)
    _given(args, space=(space, shape), domain=(domain, data))
    if {"-h", "--help"} & {*args}:
        brief(method, Options, (space, shape.kind, shape.options), (domain, data.kind, data.options))
        raise SystemExit(0)
    filled = tyro.cli(
        _settings(chosen.config, space, shape, domain, data),
        prog=f"appnas search {method}",
        description=f"{chosen.paper}. Strategy: {chosen.strategy}. Estimation: {chosen.estimation}.",
        args=["--help" if arg == "--help-all" else arg for arg in args],
        config=MARKERS,
    )
    _check(chosen.needs != "scores", filled.options, domain if held else None)
    if held and space != held:
        raise ValueError(f"the table {domain!r} holds architectures of the space {held!r}, got {space!r}")
    if held and filled.space != shape.options:
        raise ValueError(f"the table {domain!r} holds for the default sizes of {held!r}: leave out --space.*")
    return Parsed(method, space, domain, filled.options, filled.config, filled.space, filled.domain)


def _check(shares: bool, options: Options, table: str | None) -> None:
    """What a search refuses too, in the words of the command line."""
    for flag, asked in (("--retrain-epochs", options.retrain_epochs), ("--rank-epochs", options.rank_epochs)):
        if asked and table:
            raise ValueError(f"{table} is a table of trained networks: {flag} needs a domain with data")
    if options.beside and not options.retrain_epochs:
        raise ValueError("--beside names controls of a training: give --retrain-epochs too")
    if options.control and shares and not options.rank_epochs:
        raise ValueError(
            "--control compares trainings from scratch, and this method shares weights, or looks at untrained networks:"
            " give --rank-epochs too"
        )


def tuned(pairs: Sequence[str]) -> dict[str, list[Any]]:
    """NAME=VALUE,VALUE as names with their values: numbers, True and False, else texts.

    Raises:
        ValueError: something else, or a name twice.
    """
    found: dict[str, list[Any]] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        if not (name and equals and values) or name in found:
            raise ValueError(f"--tune takes different names with their values, lr=0.01,0.1, got {pair!r}")
        found[name] = [_value(text) for text in values.split(",")]
    return found


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def named(args: Sequence[str], flag: str, default: str) -> str:
    """The value of a flag, before the other flags are known."""
    found = default
    for word, following in zip(args, [*args[1:], default], strict=False):
        if word == flag:
            found = following
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def _given(args: Sequence[str], **entries: tuple[str, Maker]) -> None:
    """Check that whatever has no default has a flag, in one line; tyro looks at everything else."""
    given = {arg.partition("=")[0].replace("_", "-") for arg in args}
    if given & {"-h", "--help", "--help-all"}:
        return
    for what, (name, entry) in entries.items():
        for field in required(entry.kind):
            flag = f"--{what}.{field}".replace("_", "-")
            if not any(arg == flag or arg.startswith((f"{flag}.", f"--{what}.no-")) for arg in given):
                raise ValueError(lacks(entry, what, name))


def _settings(config: type, space: str, shape: Maker, domain: str, data: Maker) -> Any:
    flat = tyro.conf.arg(name="")
    return dataclasses.make_dataclass(
        "Settings",
        [
            ("config", Annotated[config, flat], dataclasses.field(default=config())),
            _choice("space", catalogue.spaces(), f"Search space. {OWN}", space),
            _choice("domain", catalogue.domains(), f"Data, or a table of results. {OWN}", domain),
            ("options", Annotated[Options, flat], dataclasses.field(default=Options())),
            ("space", shape.kind, _field(shape)),
            ("domain", data.kind, _field(data)),
        ],
        frozen=True,
        kw_only=True,
    )


def _field(entry: Maker) -> Any:
    return dataclasses.field() if entry.options is None else dataclasses.field(default_factory=lambda: entry.options)


def _choice(flag: str, names: Iterable[str], about: str, default: str) -> tuple[str, Any, Any]:
    kind = Annotated[Literal[tuple({**dict.fromkeys(names), default: None})], tyro.conf.arg(name=flag, help=about)]  # type: ignore[valid-type]
    return (f"{flag}_name", kind, dataclasses.field(default=default))
