"""`appnas eda generate`: labelled placements by real tools."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from appnas.cli import show
from appnas.support import check


@dataclass(frozen=True)
class Generate:
    """Synthesise, place and route designs, and keep maps and labels. Stopped, it goes on when repeated."""

    out: Positional[Path]
    """Folder; dataset.npz is the result, failed.json lists what failed and why."""
    designs: tuple[str, ...] = ()
    """Designs of our own by name; by default all, unless Verilog is given."""
    rtl: tuple[Path, ...] = ()
    """Verilog files of one design of yours."""
    top: str = "top"
    """Its top module."""
    each: int = 15
    """Placements a design: with seeds, densities, aspect ratios, layers and blockages of their own."""
    seed: int = 0
    """Of all that is drawn: the same seed gives the same files."""
    grid: int = 32
    """Gcells along either side."""
    jobs: int = os.cpu_count() or 1
    """Placements at a time."""
    keep: bool = False
    """Keep the routed DEF files too: they are then not made again for other maps."""

    def run(self) -> None:
        """Make them.

        Raises:
            ValueError: a file or design that is not there, or nothing could be made.
        """
        from appnas.domains.eda.flow import DESIGNS, Source, generate, own

        check(self, each=1, grid=1, jobs=1)
        names = self.designs or (() if self.rtl else tuple(DESIGNS))
        sources = own(names)
        if self.rtl:
            sources.append(Source(self.top, {path.name: path.read_text() for path in self.rtl}, self.top))
        done = 0

        def on_done(name: str, problem: str) -> None:
            nonlocal done
            done += 1
            show.line(f"{done}/{len(sources) * self.each} {name}" + (f": {problem}" if problem else ""))

        failed = generate(
            sources, self.out, each=self.each, seed=self.seed, grid=self.grid, jobs=self.jobs, keep=self.keep,
            on_done=on_done,
        )  # fmt: skip
        show.line(f"{self.out / 'dataset.npz'}; {len(failed)} failed" + (": see failed.json" if failed else ""))
