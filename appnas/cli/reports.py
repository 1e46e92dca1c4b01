"""The commands that show runs: one page of one run or of several, and one that grows with its run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from appnas.cli import show
from appnas.run import KEYS, load_config


@dataclass(frozen=True)
class Report:
    """Write the report of a run, one HTML page; of several runs, also a page that leads to theirs."""

    paths: Positional[tuple[Path, ...]]
    """Directories of the runs."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to, without a report in it yet; by default into the run's directory, over an earlier report."""

    def run(self) -> None:
        """Write it."""
        from appnas.report import gallery, write

        if not self.paths:
            raise ValueError("report takes the directories of runs, got none: appnas report RUN")
        for path in self.paths:
            load_config(path, KEYS)
        if self.out and any((self.out / name).exists() for name in ("report.html", "reports.html")):
            raise ValueError(f"{self.out} holds a report already: give another directory")
        single = len(self.paths) == 1
        show.line(str(write(self.paths[0], self.out) if single else gallery(self.paths, self.out)))


@dataclass(frozen=True)
class Watch:
    """Serve the report of a run while it grows, to this machine alone; Ctrl-C ends it, the search goes on."""

    path: Positional[Path]
    """Directory of the run; the page waits for one that has not begun."""
    port: int = 0
    """To listen at; 0 for any that is free."""

    def run(self) -> None:
        """Serve it."""
        from appnas.report.shown.watch import watch

        if not 0 <= self.port < 2**16:
            raise ValueError(f"a port is from 1 to 65535, or 0 for any that is free, got {self.port}")
        watch(self.path, self.port, show.line)
