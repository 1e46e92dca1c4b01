"""Names of methods, spaces and domains: the one module of the core that sees all three packages."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn
from torch.utils.data import DataLoader, Dataset

from appnas.estimate import Table
from appnas.methods import METHODS, NEEDS, Method
from appnas.picked import space_of
from appnas.space import IO
from appnas.support import Catalogue
from appnas.support.dotted import MEMBERS, Maker, close, made_by, maker_of, marked
from appnas.support.plain import itself


def nearest(kind: str, name: str, valid: Iterable[str]) -> str:
    """The name itself.

    Raises:
        ValueError: unknown; the message lists the valid names and the nearest one.
    """
    names = sorted(valid)
    if name in names:
        return name
    shown = [n for n in names if n.partition(":")[0] not in names or ":" not in n]  # a family for all its games
    own = "; one of your own is given as MODULE:NAME" if kind in MEMBERS else ""
    raise ValueError(f"there is no {kind} {name!r}, there are: {', '.join(shown)}{own}{close(name.lower(), names)}")


def method(name: str) -> Method:
    """A method by name.

    Raises:
        ValueError: unknown.
    """
    return METHODS[nearest("method", name, METHODS)]


def unfit(name: str, what: str, fits: Collection[str]) -> TypeError:
    """The error of a method that needs more than there is; `fits` has those needs that are met, of `Method.needs`."""
    others = ", ".join(sorted(other for other, entry in METHODS.items() if entry.needs in fits))
    return TypeError(f"method {name!r} {NEEDS[METHODS[name].needs]}, and {what}; methods for it: {others}")


def unmixed(fits: Collection[str]) -> list[str]:
    """Methods that train every architecture by itself or ask single paths of a supernet, with the settings for that."""
    found = []
    for name, entry in sorted(METHODS.items()):
        if entry.needs in fits and (entry.needs in ("data", "scores") or entry.paths is not None):
            settings = ", ".join(f"{key}={value!r}" for key, value in (entry.paths or {}).items())
            found.append(f"{name} with {settings}" if settings else name)
    return found


def spaces() -> Mapping[str, type]:
    """All named spaces."""
    from appnas.spaces import SPACES

    return SPACES


def is_own(name: str) -> bool:
    """Whether a name is MODULE:NAME, of something of the user's own: not a table or a game of the catalogue."""
    from appnas.domains import FAMILIES

    module, colon, _ = name.partition(":")
    return bool(module and colon) and module not in spaces() and module not in FAMILIES


def space_entry(name: str, folder: str = "") -> Maker:
    """How a space is made, by a name of the catalogue or a dotted one; what is under that may be a model that picks.

    Args:
        name: of the space.
        folder: see `appnas.support.dotted.imported`.

    Raises:
        ValueError: unknown, or it cannot be imported.
        TypeError: what the name stands for is no way to a space.
    """
    if is_own(name):
        entry = maker_of("space", name, folder)
        models = isinstance(entry.target, type) and issubclass(entry.target, nn.Module)
        return entry._replace(target=partial(space_of, entry.target)) if models else entry
    known = spaces()
    kind = known[nearest("space", name, known)]
    return Maker(itself, kind, kind(), (inspect.getdoc(kind) or "").partition("\n")[0])


class Sizes(NamedTuple):
    """What a space may know of a domain: the sizes of inputs and outputs, and inputs of two examples."""

    io: IO
    inputs: tuple[Any, ...]


def sizes_of(domain: Any) -> Sizes | None:
    """The sizes of a domain with data; None of a table."""
    return Sizes(domain.io, tuple(domain.example(2))) if hasattr(domain, "io") else None


def space(name: str, options: Any = None, folder: str = "", sizes: Sizes | None = None) -> Any:
    """A space by name.

    Args:
        name: of the catalogue, or a dotted one.
        options: its settings, of the catalogue the space itself; None for the defaults.
        folder: see `appnas.support.dotted.imported`.
        sizes: of the domain, for what asks for `io`, and for models.

    Raises:
        ValueError, TypeError: see `space_entry`; or settings without a default.
    """
    entry = space_entry(name, folder)
    model = isinstance(entry.target, partial) and entry.target.func is space_of
    if model and sizes:
        entry = entry._replace(target=partial(entry.target, inputs=sizes.inputs))
    made = made_by(entry, options, "space", name, sizes and sizes.io)
    own_options = entry.options if options is None else options
    return marked(made, own_options, "space", name, sizes if model or entry.sized else None) if is_own(name) else made


def space_type(name: str) -> Any:
    """What makes a space by name, called with its fields: a class of the catalogue, or what is under a dotted name.

    Raises:
        ValueError, TypeError: see `space_entry`.
    """
    entry = space_entry(name)
    return (lambda **fields: space(name, entry.kind(**fields))) if is_own(name) else entry.kind


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """Options of a table of results."""

    path: str = ""
    """Folder with the table's file; by default the table's own in the folder that APPNAS_DATA names."""


@dataclasses.dataclass(frozen=True)
class Bench201Options(TableOptions):
    """Options of the NAS-Bench-201 tables."""

    device: str = ""
    """Add the latencies of this device (pixel3, raspi4, fpga, 1080ti_1, ...) as latency_ms."""


@dataclasses.dataclass(frozen=True)
class PackagedTable:
    """A table that ships in a package has no options."""


def domains() -> Catalogue[Any]:
    """All named data, as `appnas.domains.Source`s: data sets, tables ("space:data set") and games ("family:game")."""
    from appnas.domains import DOMAINS, GAMES, Source
    from appnas.spaces import TABLES

    def source(name: str) -> Source:
        if name not in TABLES:
            return (DOMAINS if name in DOMAINS else GAMES)[name]
        space, _, data = name.partition(":")
        if space == "bench201":
            return Source(partial(_bench201, data), Bench201Options(), TABLES[name])
        return Source(partial(_nasbenchgraph, data), PackagedTable(), TABLES[name])

    return Catalogue({**DOMAINS.said, **TABLES, **GAMES.said}, source)


def _bench201(data: Any, options: Bench201Options) -> Any:
    from appnas.spaces.images import bench201

    path = Path(options.path).absolute() if options.path else None
    archs, columns = bench201.load(data, path)
    if options.device:
        devices = bench201.latencies(path)[1]
        columns["latency_ms"] = devices[nearest("device", options.device, devices)]
    plain_columns = {name: column.tolist() for name, column in columns.items()}
    options = dataclasses.replace(options, path=str(path) if path else "")
    return _table(options, archs, plain_columns, "valid12", ("valid200", "test200"))


def _nasbenchgraph(data: Any, options: PackagedTable) -> Any:
    from appnas.spaces.graphs import nasbenchgraph

    return _table(options, *nasbenchgraph.load(data), "valid", ("test",))


def _table(options: Any, *parts: Any) -> Any:
    table: Any = Table(*parts)
    table.options = options
    return table


def table_space(domain: str) -> str | None:
    """The name of the space whose architectures a table of the catalogue holds; None for anything else."""
    space, colon, _ = domain.partition(":")
    return space if colon and space in spaces() else None


def source(name: str, folder: str = "") -> Any:
    """Named data, or a table: an `appnas.domains.Source`, whose options are None where some have no default.

    Args:
        name: of the catalogue, or a dotted one.
        folder: see `appnas.support.dotted.imported`.

    Raises:
        ValueError: unknown, or it cannot be imported.
        TypeError: what the name stands for is no way to a domain.
    """
    from appnas.domains import Source

    entry = domain_entry(name, folder)
    return Source(entry.make, entry.options, entry.about)


def domain_entry(name: str, folder: str = "") -> Maker:
    """The same with the type of its options: see `source`."""
    if is_own(name):
        return maker_of("domain", name, folder)
    known, (family, _, game) = domains(), name.partition(":")
    if game and name not in known and hasattr(known[family].options if family in known else None, "game"):
        found = known[family]._replace(options=dataclasses.replace(known[family].options, game=game))
    else:
        found = known[nearest("domain", name, known)]
    return Maker(found.make, type(found.options), found.options, found.about)


def domain(name: str, options: Any = None, folder: str = "") -> Any:
    """A domain, or a table, by name.

    Args:
        name: of the catalogue, or a dotted one, which may also give data that `domain_of` makes a domain of.
        options: its options; None for the defaults.
        folder: see `appnas.support.dotted.imported`.

    Raises:
        ValueError, TypeError: see `source` and `domain_of`; or options without a default.
    """
    entry = domain_entry(name, folder)
    made = made_by(entry, options, "domain", name)
    if is_own(name):
        if isinstance(made, tuple | list | Mapping | Dataset | DataLoader) or hasattr(made, "edge_index"):
            made = domain_of(made)
        return marked(made, entry.options if options is None else options, "domain", name)
    made.catalogue_name = name
    return made


def domain_of(data: Any, field: str = "") -> Any:
    """A domain out of data: see `appnas.domains.domain_of`."""
    from appnas.domains import domain_of

    return domain_of(data, field)
