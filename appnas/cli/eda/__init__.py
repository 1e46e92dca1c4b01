"""`appnas eda COMMAND`: labelled placements by real tools or from their reports, maps and predictions.

Here belongs what the command line says of chips: a file a command, and its line in `COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tyro

from appnas.cli import flags
from appnas.cli.eda.doctor import Doctor
from appnas.cli.eda.features import Features
from appnas.cli.eda.generate import Generate
from appnas.cli.eda.graph import Graph
from appnas.cli.eda.label import Label
from appnas.cli.eda.pack import Pack
from appnas.cli.eda.predict import Predict
from appnas.support.dotted import close

__all__ = ["COMMANDS", "run"]

COMMANDS: dict[str, Callable[..., Any]] = {
    "doctor": Doctor, "generate": Generate, "features": Features, "label": Label, "pack": Pack, "graph": Graph,
    "predict": Predict,
}  # fmt: skip


def run(args: Sequence[str]) -> None:
    """`appnas eda COMMAND FLAGS`.

    Raises:
        ValueError: no such command.
    """
    if args and not args[0].startswith("-") and args[0] not in COMMANDS:
        names = ", ".join(COMMANDS)
        hint = close(args[0].lower(), COMMANDS)
        raise ValueError(f"there is no eda command {args[0]!r}, there are: {names}; see appnas eda --help{hint}")
    about = (
        "Chip design: placements by yosys, graywolf and qrouter, their maps and labels. Begin with: appnas eda doctor."
    )
    tyro.extras.subcommand_cli_from_dict(
        COMMANDS, prog="appnas eda", description=about, args=list(args) or ["--help"], config=flags.MARKERS
    ).run()
