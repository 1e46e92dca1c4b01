"""`appnas eda doctor | generate | features`: labelled placements by real tools, and maps of any placed design."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from tyro.conf import Positional

from appnas.cli import flags, show
from appnas.text import table


@dataclass(frozen=True)
class Doctor:
    """Say which tools of the flow are there, in which version, and what to install."""

    def run(self) -> None:
        """Print them.

        Raises:
            ValueError: some are missing.
        """
        from appnas.domains.eda_flow import tools

        found = tools.doctor()
        rows = [[tool.name, tool.found or "missing", tool.version, tool.package] for tool in found]
        show.console.print(table("the tools of the flow", ["tool", "where", "version", "package"], rows))
        if not all(tool.found for tool in found):
            raise ValueError(f"some tools are missing; install with: {tools.INSTALL}")


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
        from appnas.domains.eda_flow.generate import Source, generate, own
        from appnas.domains.eda_flow.rtl import DESIGNS

        if min(self.each, self.grid, self.jobs) < 1:
            raise ValueError(f"each, grid and jobs are at least 1, got {self.each}, {self.grid} and {self.jobs}")
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


@dataclass(frozen=True)
class Features:
    """Maps of any placed design: LEF files, then its DEF file (either may be gzipped)."""

    lef: Positional[tuple[Path, ...]]
    """The technology's and the library's LEF files, and last the DEF file."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to, .npz; by default beside the DEF file."""
    grid: int = 32
    """Gcells along either side."""

    def run(self) -> None:
        """Write them.

        Raises:
            ValueError: fewer than two files, or one that cannot be read.
        """
        from appnas.domains.eda_flow.design import read_def
        from appnas.domains.eda_flow.lefdef import read_lef
        from appnas.domains.eda_flow.maps import features

        if len(self.lef) < 2:
            raise ValueError("give one or more LEF files, then a DEF file")
        *libraries, placed = self.lef
        design = read_def(placed, read_lef(libraries))
        maps = features(design, self.grid, self.grid)
        out = self.out or placed.with_name(re.sub(r"\.def(\.gz)?$", "", placed.name) + ".npz")
        np.savez_compressed(
            out, channels=np.array(list(maps)), x=np.stack(list(maps.values())), die=np.array(design.die)
        )
        show.line(f"{out}: {len(maps)} maps of {design.name}, {len(design.cells)} cells, {len(design.nets)} nets")


COMMANDS: dict[str, Callable[..., Any]] = {"doctor": Doctor, "generate": Generate, "features": Features}


def run(args: Sequence[str]) -> None:
    """`appnas eda COMMAND FLAGS`."""
    about = (
        "Chip design: placements by yosys, graywolf and qrouter, their maps and labels. Begin with: appnas eda doctor."
    )
    tyro.extras.subcommand_cli_from_dict(
        COMMANDS, prog="appnas eda", description=about, args=list(args) or ["--help"], config=flags.MARKERS
    ).run()
