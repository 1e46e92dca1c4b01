"""An agent's encoder as a file that needs nothing else: its space with all settings, its genotype, how it was found.

    {"format": 1, "space": {"name": "encoder", "fields": {"width": [16, 32, 32], "norm": "group", ...}},
     "genotype": {"normal": ["conv_3x3", "relu", ...]}, "found": {"by": ..., "steps": ...}, "versions": {...}}

`ArchCallback(out="encoder.json")` and the runs of agents write it. It is read under its path, or under PACKAGE:NAME if
a package ships it as `encoders/NAME.json`. A space is named as in the catalogue of spaces, one of somebody's own by its
dotted name, which is imported: read what you trust.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appnas.space import Arch, Space, WithTraining, check, decisions, describe, parse
from appnas.space.restricted import Restricted
from appnas.support import AbsentError, RunError, reading, whole
from appnas.support.dotted import close, dotted_name, imported
from appnas.support.kinds import OBJECT, TEXT, integer, mapping, maybe, record, several
from appnas.support.plain import from_plain, plain

FORMAT = 1
NAME = "encoder.json"
"""What it is called in a run's directory."""
FOLDER = "encoders"
"""Where a package keeps what it ships."""
GENOTYPE = mapping(several(TEXT))
CONTENT = record(
    {
        "format": integer(1, FORMAT), "genotype": GENOTYPE,
        "space": record({"name": maybe(TEXT)}, {"fields": OBJECT, "repr": TEXT}),
    },
    {"found": OBJECT, "versions": OBJECT, "features_dim": integer(1)},
)  # fmt: skip
Genotype = Sequence[int] | Mapping[str, Any] | str | Path
"""An architecture: indices, the names of its options, the content of an encoder's file, or where such a file is."""


def save_encoder(
    file: str | Path,
    space: Space,
    arch: Sequence[int],
    found: Mapping[str, Any] | None = None,
    features_dim: int | None = None,
) -> Path:
    """Write an encoder's file, whole or not at all.

    Args:
        file: where to.
        space: what is derived has its sizes. What restricts it, or trains it, is left out.
        arch: of that space.
        found: how it was found: what JSON can hold.
        features_dim: number of features, of a space that does not say.

    Raises:
        ValueError: an architecture of another space.
    """
    file, arch = Path(file), check(space, arch)
    while isinstance(space, Restricted | WithTraining):
        space = space.space
        arch = arch[: len(decisions(space.choices))]
    content = {
        "format": FORMAT,
        "space": _told(space),
        "genotype": describe(space.choices, arch),
        **({} if features_dim is None or hasattr(space, "hidden") else {"features_dim": features_dim}),
        "found": plain(found or {}),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("appnas", "torch")},
    }
    with whole(file) as partial:
        text = json.dumps(content, indent=1)
        partial.write_text(re.sub(r"\[\n[^\[\]{}]*\]", _in_a_line, text) + "\n", "utf-8")
    return file


def _in_a_line(row: re.Match[str]) -> str:
    """A list of numbers or texts, which JSON would write one below another."""
    return "[" + " ".join(row[0][1:-1].split()) + "]"


def _told(space: Space) -> dict[str, Any]:
    """A space by name and settings; one that cannot be made again in words alone."""
    from appnas.spaces import SPACES

    name = next((name for name, kind in SPACES.items() if type(space) is kind), None) or dotted_name(type(space))
    if name is None or not dataclasses.is_dataclass(space):
        return {"name": None, "repr": repr(space)}
    try:
        fields = json.loads(json.dumps(plain(space)))
        same = from_plain(type(space), fields) == space
    except (TypeError, ValueError, RuntimeError, AttributeError):
        same = False
    return {"name": name, "fields": fields} if same else {"name": None, "repr": repr(space)}


def read_encoder(name: str | Path) -> dict[str, Any]:
    """The content of an encoder's file.

    Args:
        name: its path; a directory's `encoder.json`; or PACKAGE:NAME, of one that a package ships.

    Raises:
        AbsentError: there is none.
        RunError: damaged, or of a later format.
    """
    file = _file(name)
    with reading(file, "ArchCallback(out=...) and the run of an agent write such files"):
        content: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if isinstance(content, dict) and "space" not in content and "genotype" not in content:
            GENOTYPE(content, "")
            raise ValueError("it holds a genotype and no space: give the space too, (space, genotype)")
        later = content.get("format") if isinstance(content, dict) else None
        if isinstance(later, int) and later > FORMAT:
            raise RunError(f"{file} has format {later}, and this appnas reads {FORMAT}: it takes a later appnas")
        CONTENT(content, "")
    return content


def load_encoder(name: str | Path) -> tuple[Space, Arch]:
    """The space of an encoder's file, with its settings, and the architecture.

    Args:
        name: see `read_encoder`.

    Raises:
        AbsentError: there is none, or its space cannot be made again.
        RunError: damaged, or made with a space that has other fields or options by now.
    """
    from appnas.spaces import SPACES

    content = read_encoder(name)
    told = content["space"]
    if told["name"] is None:
        raise AbsentError(
            f"{name} is of a space that no file can tell, {told.get('repr')}: give the space too, (space, file)"
        )
    kind = SPACES.get(told["name"]) or imported(told["name"])
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind) and hasattr(kind, "build")):
        raise AbsentError(f"the space of {name}, {told['name']}, is no dataclass of spaces: give the space too")
    with reading(_file(name), f"the space {told['name']} may have changed since"):
        space: Space = from_plain(kind, told.get("fields", {}))
        return space, parse(space, content["genotype"])


def arch_of(space: Space, genotype: Genotype) -> Arch:
    """The architecture of a space that a genotype says.

    Raises:
        ValueError: one of another space.
    """
    if isinstance(genotype, str | Path):
        file = _file(genotype)
        with reading(file):
            genotype = json.loads(file.read_text("utf-8"))
    if isinstance(genotype, Mapping):
        named = genotype.get("genotype", genotype) if "space" in genotype else genotype
        return parse(space, dict(named))
    return check(space, genotype)  # type: ignore[arg-type]


def shipped(package: str) -> dict[str, Path]:
    """The encoders that come with an installed package, by name.

    Raises:
        AbsentError: no such package.
    """
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError) as error:
        raise AbsentError(f"there is no package {package!r}: {error}") from error
    if spec is None:
        raise AbsentError(f"there is no package {package!r} where Python looks; appnas ships {_own()}")
    found = [path for folder in spec.submodule_search_locations or () for path in Path(folder, FOLDER).glob("*.json")]
    return {path.stem: path for path in sorted(found)}


def _own() -> str:
    return ", ".join(f"appnas:{name}" for name in shipped("appnas"))


def _file(name: str | Path) -> Path:
    package, colon, inside = str(name).partition(":")
    if colon and isinstance(name, str) and not name.endswith(".json"):
        there = shipped(package)
        if inside not in there:
            has = ", ".join(there) or f"no folder {FOLDER} with any"
            raise AbsentError(f"{package} ships no encoder {inside!r}{close(inside, there)}; it has {has}")
        return there[inside]
    path = Path(name)
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        hint = close(f"appnas:{path.stem}", [f"appnas:{own}" for own in shipped("appnas")])
        raise AbsentError(
            f"there is no encoder's file {path}{hint}: give the path of an encoder.json, which ArchCallback(out=...)"
            f" and the run of an agent write, or PACKAGE:NAME ({_own()})"
        )
    return path
