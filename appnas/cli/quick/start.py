"""Where the command begins: what needs no torch is answered here, everything else by `appnas.cli.app`."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence

from appnas.cli.quick import output
from appnas.cli.quick.output import COMMANDS
from appnas.support.dotted import close


def version() -> str:
    """What is installed."""
    appnas, torch = (importlib.metadata.version(name) for name in ("appnas", "torch"))
    return f"appnas {appnas}, torch {torch}, Python {sys.version.split()[0]}"


def usage() -> None:
    """The commands."""
    output.line("usage: appnas COMMAND ...    (appnas COMMAND --help says what it takes; appnas --version)\n")
    output.columns("Neural architecture search. Begin with: appnas list", COMMANDS.items())
    output.line("\nA mistake gives one line and exit code 2; with APPNAS_DEBUG=1 its traceback. Ctrl-C saves.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 after a mistake, 130 after Ctrl-C."""
    args = list(sys.argv[1:] if argv is None else argv)
    first = args[0] if args else "--help"
    if first in COMMANDS and first not in ("list", "show", "completion"):
        from appnas.cli import app

        return app.main(args)
    quick: dict[str, Callable[[], None]] = {
        "--help": usage, "-h": usage, "--version": lambda: output.line(version()), "-V": lambda: output.line(version()),
    }  # fmt: skip
    try:
        quick.get(first, lambda: _command(first, args[1:]))()
        sys.stdout.flush()
    except SystemExit as end:  # tyro: help was printed, or a flag is wrong
        return int(end.code or 0)
    except KeyboardInterrupt:
        output.note("stopped", "red")
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, TypeError, OSError, ImportError) as error:
        if os.environ.get("APPNAS_DEBUG"):
            raise
        output.note(f"error: {output.told(error)}", "red")
        return 2
    return 0


def _command(name: str, args: list[str]) -> None:
    """`list`, `show` or `completion`.

    Raises:
        ValueError: no such command, or what it says.
    """
    if name not in COMMANDS:
        what, names = ("flag", ("--help", "--version")) if name.startswith("-") else ("command", tuple(COMMANDS))
        hint = close(name.lower(), names).rstrip("?")
        raise ValueError(f"there is no {what} {name!r}, there are: {', '.join(names)}{hint}; see appnas --help")
    import tyro

    if name == "list":
        from appnas.cli.quick.listing import List as Command
    elif name == "show":
        from appnas.cli.quick.about import Show as Command  # type: ignore[assignment]
    else:
        from appnas.cli.quick.completion import Completion as Command  # type: ignore[assignment]
    tyro.cli(Command, prog=f"appnas {name}", args=args).run()
