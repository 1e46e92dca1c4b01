"""`appnas eda generate`: labelled placements by real tools."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from appnas.cli import show
from appnas.support import check


@dataclass(frozen=True)
class Generate:
    """Synthesise, place and route designs, and keep maps and labels. Stopped, it goes on when repeated."""

    out: Positional[Path]
    """Folder; dataset.npz is the result, dataset.md its statistics, failed.json lists what failed and why."""
    designs: tuple[str, ...] = ()
    """Designs of our own by name; by default all, unless Verilog is given."""
    rtl: tuple[Path, ...] = ()
    """Verilog files of one design of yours."""
    top: str = "top"
    """Its top module."""
    technology: Literal["osu035", "osu018"] = "osu035"
    """Whose cells it is made of; designs of our own have theirs."""
    each: int = 8
    """Placements a design: with seeds, densities, aspect ratios, layers and blockages of their own."""
    orders: int = 4
    """How often a placement is routed, each time with its nets in another order. Labels are means: how often a gcell
    has a violation, how many nets stay open. One routing says as much about the order as about the placement."""
    seed: int = 0
    """Of all that is drawn: the same seed gives the same files."""
    grid: int = 32
    """Gcells along either side."""
    jobs: int = os.cpu_count() or 1
    """Placements at a time."""
    keep: bool = False
    """Keep the routed DEF files too: they are then not made again for other maps or another grid."""

    graphs: bool = False
    """Keep the pins of every placement too, for --domain.netlist and the space net_map: about 1.5 bytes a pin."""
    channels: tuple[str, ...] = ()
    """Channels of dataset.npz, for a smaller file; by default all."""

    def run(self) -> None:
        """Make them.

        Raises:
            ValueError: a file or design that is not there, or nothing could be made.
        """
        from appnas.domains.eda import load
        from appnas.domains.eda.flow import DESIGNS, Source, generate, own
        from appnas.domains.eda.routings import tables

        check(self, each=1, orders=1, grid=1, jobs=1)
        names = self.designs or (() if self.rtl else tuple(DESIGNS))
        sources = own(names)
        if self.rtl:
            files = {path.name: path.read_text("utf-8") for path in self.rtl}
            sources.append(Source(self.top, files, self.top, self.technology))
        done = 0

        def on_done(name: str, problem: str) -> None:
            nonlocal done
            done += 1
            show.line(f"{done}/{len(sources) * self.each} {name}" + (f": {problem}" if problem else ""))

        failed = generate(
            sources, self.out, each=self.each, orders=self.orders, seed=self.seed, grid=self.grid, jobs=self.jobs,
            keep=self.keep, kept=self.channels, graphs=self.graphs, on_done=on_done,
        )  # fmt: skip
        data = load(self.out / "dataset.npz")
        assert data.routings is not None
        (self.out / "dataset.md").write_text(tables(data.names, data.designs, data.routings), "utf-8")
        show.line(
            f"{self.out / 'dataset.npz'}, statistics in dataset.md; {len(failed)} failed"
            + (": see failed.json" if failed else "")
        )
