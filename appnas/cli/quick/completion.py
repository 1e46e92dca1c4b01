"""`appnas completion bash|zsh|fish`: a script by which a shell completes commands, names and flags.

The words are written into the script, so that a completion needs no Python.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional

from appnas.cli.quick import output
from appnas.cli.quick.fields import settings
from appnas.cli.quick.listing import KINDS, entries
from appnas.cli.quick.output import COMMANDS
from appnas.methods import METHODS

BASH = """_appnas() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words
  case "$before" in
    --space) words="{space}" ;;
    --domain) words="{domain}" ;;
    *) case "$((COMP_CWORD > 3 ? 3 : COMP_CWORD)) ${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{cases}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _appnas appnas
"""
"""By the two words after `appnas`, as far as they are written."""


@dataclass(frozen=True)
class Completion:
    """What lets a shell complete commands, names and flags: source <(appnas completion bash); fish: ... | source."""

    shell: Positional[Literal["bash", "zsh", "fish"]]
    """Which shell."""

    def run(self) -> None:
        """Print the script."""
        output.console.file.write(script(self.shell))


def words() -> dict[tuple[str, ...], list[str]]:
    """What may follow `appnas` and these words: in place of the next word, and of all further ones after two."""
    from appnas.cli import app, eda, flags

    known = entries()
    names = {kind: [*things] for kind, things in known.items()}
    found: dict[tuple[str, ...], list[str]] = {(): [*COMMANDS, "--help", "--version"]}
    for name, command in app.COMMANDS.items():
        found[name,] = _flags(command)
    found["list",] = [*KINDS, "--json"]
    found["show",] = [kind[:-1] for kind in KINDS]
    for kind in KINDS:
        found["show", kind[:-1]] = names[kind]
    found["completion",] = ["bash", "zsh", "fish"]
    found["eda",] = [*eda.COMMANDS]
    for name, command in eda.COMMANDS.items():
        found["eda", name] = _flags(command)
    found["search",] = names["methods"]
    general = ["--space", "--domain", *_flags(flags.Options), "--help-all"]
    for name, method in METHODS.items():
        found["search", name] = [*_flags(method.config), *general]
    return found


def _flags(kind: object) -> list[str]:
    """The flags of a dataclass, those that take something away, too."""
    assert isinstance(kind, type) and dataclasses.is_dataclass(kind)
    made = list(settings(kind))
    off = [each.value.partition("(")[2].rstrip(")") for each in made if each.value.startswith("on (")]
    positional = {f"--{field.name}" for field in dataclasses.fields(kind) if "Positional" in str(field.type)}
    return [*(each.flag for each in made if each.flag not in positional), *off, "--help"]


def script(shell: str) -> str:
    """The script for a shell."""
    known = words()
    if shell == "fish":
        return _fish(known)
    known = dict(sorted(known.items(), key=lambda item: len(item[0])))
    cases = [f'      {_pattern(after)}) words="{" ".join(several)}" ;;' for after, several in known.items()]
    names = {kind[:-1]: " ".join(entries()[kind]) for kind in KINDS}
    text = BASH.format(space=names["space"], domain=names["domain"], cases="\n".join(reversed(cases)))
    colons = "COMP_WORDBREAKS=${COMP_WORDBREAKS//:}  # names of tables have colons\n"
    return colons + text if shell == "bash" else "autoload -U +X bashcompinit && bashcompinit\n" + text


def _pattern(after: tuple[str, ...]) -> str:
    return (r"1\ *", r"[23]\ {0}\ *", r"3\ {0}\ {1}")[len(after)].format(*after)


def _fish(known: dict[tuple[str, ...], list[str]]) -> str:
    lines = ["complete -c appnas -f"]
    for after, several in known.items():
        condition = "__fish_use_subcommand" if not after else f"__fish_seen_subcommand_from {after[-1]}"
        lines.append(f"complete -c appnas -n {shlex.quote(condition)} -a {shlex.quote(' '.join(several))}")
    return "\n".join([*lines, *_values("space"), *_values("domain")]) + "\n"


def _values(what: str) -> Iterable[str]:
    yield f"complete -c appnas -l {what} -x -a {shlex.quote(' '.join(entries()[what + 's']))}"
