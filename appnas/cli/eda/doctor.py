"""`appnas eda doctor`: which tools of the flow are there."""

from __future__ import annotations

from dataclasses import dataclass

from appnas.cli import show
from appnas.space import table


@dataclass(frozen=True)
class Doctor:
    """Say which tools of the flow are there, in which version, and what to install."""

    def run(self) -> None:
        """Print them.

        Raises:
            ValueError: some are missing.
        """
        from appnas.domains.eda.flow import tools

        found = tools.doctor()
        rows = [[tool.name, tool.found or "missing", tool.version, tool.package] for tool in found]
        show.console.print(table("the tools of the flow", ["tool", "where", "version", "package"], rows))
        if not all(tool.found for tool in found):
            raise ValueError(f"some tools are missing; install with: {tools.INSTALL}")
