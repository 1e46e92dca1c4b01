"""`appnas list`: the methods, spaces and domains that there are, or those with a word in them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tyro.conf import Positional

from appnas.cli.quick import output
from appnas.domains import DOMAINS, GAMES
from appnas.methods import METHODS, NEEDS
from appnas.spaces import SPACES, TABLES
from appnas.support.dotted import close

KINDS = ("methods", "spaces", "domains")


def entries() -> dict[str, dict[str, dict[str, Any]]]:
    """Methods, spaces and domains with what describes them."""
    said = ("paper", "strategy", "estimation", "when", "needs")
    return {
        "methods": {name: {field: getattr(method, field) for field in said} for name, method in METHODS.items()},
        "spaces": {
            name: {"about": space.about, "log10_size": math.log10(space.size)} for name, space in SPACES.said.items()
        },
        "domains": {name: {"about": domain.about} for name, domain in DOMAINS.said.items()}
        | {name: {"about": about} for name, about in {**TABLES, **GAMES.said}.items()},
    }


def plural(kind: str) -> str:
    """The kind as lists call it, of a word as one may write it."""
    return kind if kind.endswith("s") else f"{kind}s"


@dataclass(frozen=True)
class List:
    """Show the methods, spaces and domains that there are."""

    words: Positional[tuple[str, ...]] = ()
    """Methods, spaces or domains, for these alone; a word, for what has it in its name or description."""
    json: bool = False
    """As JSON, for machines."""

    def run(self) -> None:
        """Print them.

        Raises:
            ValueError: nothing has such words.
        """
        known = entries()
        kinds = [word for word in map(plural, self.words[:1]) if word in KINDS]
        words = self.words[len(kinds) :]
        found = {kind: _with(known[kind], words) for kind in kinds or KINDS}
        if not any(found.values()):
            names = [*KINDS * (not kinds), *(name for kind in kinds or KINDS for name in known[kind])]
            where = " or ".join(kinds or KINDS)
            raise ValueError(f"no {where} with {' and '.join(map(repr, words))}{close(words[0].lower(), names)}")
        if self.json:
            print(json.dumps(found, indent=1))
            return
        for kind, things in found.items():
            if things:
                output.columns(f"{kind} (appnas show {kind[:-1]} NAME)", map(_row, things.items()))
        if "methods" in found:
            output.line("needs: " + "; ".join(f"{need}, it {what}" for need, what in NEEDS.items()))
        output.line("Spaces and domains of your own are given as MODULE:NAME: --space my_module:MySpace")


def _with(things: Mapping[str, dict[str, Any]], words: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    text = {name: " ".join([name, *map(str, said.values())]).lower() for name, said in things.items()}
    return {name: said for name, said in things.items() if all(word.lower() in text[name] for word in words)}


class Row(NamedTuple):
    """What a list says of a thing."""

    name: str
    about: str
    more: str


def _row(named: tuple[str, dict[str, Any]]) -> Row:
    name, said = named
    if "paper" in said:
        arxiv = re.search(r"arXiv [\d.]+", said["paper"])
        return Row(name, f"{said['when']} ({arxiv[0] if arxiv else said['paper']})", said["needs"])
    return Row(name, said["about"], f"10^{said['log10_size']:.1f}" if "log10_size" in said else "")
