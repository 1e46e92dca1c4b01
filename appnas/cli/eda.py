"""`appnas eda doctor | generate | features | predict`: labelled placements by real tools, maps and predictions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro
from tyro.conf import Positional

from appnas.cli import flags, show
from appnas.space import table
from appnas.support import check
from appnas.support.dotted import close

if TYPE_CHECKING:
    from appnas.domains.eda.flow import Design, Grid

WIDE = 1000
"""Nets of more pins than this are spoken of: before routing, buffers will take their place."""


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

    def run(self) -> None:
        """Make them.

        Raises:
            ValueError: a file or design that is not there, or nothing could be made.
        """
        from appnas.domains.eda.flow import DESIGNS, Source, generate, own

        check(self, each=1, orders=1, grid=1, jobs=1)
        names = self.designs or (() if self.rtl else tuple(DESIGNS))
        sources = own(names)
        if self.rtl:
            sources.append(
                Source(self.top, {path.name: path.read_text() for path in self.rtl}, self.top, self.technology)
            )
        done = 0

        def on_done(name: str, problem: str) -> None:
            nonlocal done
            done += 1
            show.line(f"{done}/{len(sources) * self.each} {name}" + (f": {problem}" if problem else ""))

        failed = generate(
            sources, self.out, each=self.each, orders=self.orders, seed=self.seed, grid=self.grid, jobs=self.jobs,
            keep=self.keep, on_done=on_done,
        )  # fmt: skip
        show.line(f"{self.out / 'dataset.npz'}; {len(failed)} failed" + (": see failed.json" if failed else ""))


@dataclass(frozen=True)
class Features:
    """Maps of any placed design: LEF files, then its DEF file (either may be gzipped)."""

    lef: Positional[tuple[Path, ...]]
    """The technology's and the library's LEF files, and last the DEF file."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to, .npz; by default beside the DEF file."""
    grid: str = "32"
    """Gcells: 32 or 24x32 (rows x columns); of a size: 4.2um, 4.2x5.6um, 15tracks (height x width); or gcellgrid, those
    of the DEF file."""
    ideal: str = ""
    """Nets to leave out, as placers do: of a USE, or of more pins than a number. CLOCK,RESET,SCAN,100 for example."""
    tracks: bool = False
    """Channels in tracks, too: tracks_h and _v (capacity of a gcell), load_h and _v (share of it that nets take),
    overflow_h and _v (of the pattern router, which may take minutes on large designs)."""

    def run(self) -> None:
        """Write them.

        Raises:
            ValueError: fewer than two files, or one that cannot be read.
        """
        from appnas.domains.eda.flow import OVERFLOW, TRACKS

        design, _, maps = features_of(self.lef, self.grid, self.ideal, (*TRACKS, *OVERFLOW) if self.tracks else ())
        out = self.out or beside(self.lef[-1], ".npz")
        np.savez_compressed(
            out, channels=np.array(list(maps)), x=np.stack(list(maps.values())), die=np.array(design.die)
        )
        show.line(f"{out}: {len(maps)} maps of {design.name}, {len(design.cells)} cells, {len(design.nets)} nets")


@dataclass(frozen=True)
class Predict:
    """What an exported network says of a placed design: its LEF files, then its DEF file."""

    net: Positional[Path]
    """Folder that `appnas export` wrote."""
    lef: Positional[tuple[Path, ...]]
    """The technology's and the library's LEF files, and last the DEF file."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to write the predicted map, .npz, with a picture of the same name; by default beside the DEF file."""
    grid: str = ""
    """Gcells, as for features; more than the network's are predicted in tiles that overlap. By default the network's,
    over the whole die. Gcells of as many tracks as the training had are what it knows best."""
    ideal: str = ""
    """Nets to leave out, as for features."""

    def run(self) -> None:
        """Predict and write.

        Raises:
            ValueError: fewer than two files, one that cannot be read, or a network on something else than such maps.
        """
        from appnas.domains.eda import Scaling
        from appnas.report import picture
        from appnas.retrain import load
        from appnas.run import read_json

        model, content = load(self.net), read_json(self.net / "arch.json")
        scaling, (_, height, width) = Scaling.of_plain(content["preprocessing"]), content["io"]["inputs"]
        whole = self.grid or f"{height}x{width}"
        design, grid, maps = features_of(self.lef, whole, self.ideal, scaling.channels)
        missing = [name for name in scaling.channels if name not in maps]
        if missing:
            raise ValueError(f"the network reads {missing} too, which are not made from a DEF file; made are {[*maps]}")
        x = np.stack([maps[name] for name in scaling.channels])[None]
        tiles = () if grid.shape == (height, width) else list(grid.tiles(height, width, min(height, width) // 8))
        found = scaling.predict(model, x, tiles)[0]
        if scaling.task == "violated_nets":
            show.line(f"{design.name}: {max(found, 0):.1f} of {len(design.nets)} nets")
            return
        out = self.out or beside(self.lef[-1], f"-{scaling.task}.npz")
        np.savez_compressed(out, prediction=found, die=np.array(design.die))
        shown = {name: maps[name] for name in scaling.shown}
        out.with_suffix(".png").write_bytes(picture({design.name: {**shown, "prediction": found}}).png)
        what = "congestion" if scaling.task == "congestion" else "probability of a hotspot"
        show.line(f"{out}, and a picture: {what} from {found.min():.3g} to {found.max():.3g}, mean {found.mean():.3g}")


def features_of(
    files: Sequence[Path], said: str, ideal: str = "", more: Sequence[str] = ()
) -> tuple[Design, Grid, dict[str, np.ndarray]]:
    """A placed design, from LEF files and last its DEF file, its grid, and its maps by name, with `more` if told.

    Says what of the files was not read, and which nets are so wide that no router will see them as they are.

    Raises:
        ValueError: fewer than two files, one that cannot be read, or a grid or ideal nets that mean nothing.
    """
    from appnas.domains.eda.flow import channels, grid_of, read_def, read_lef, without
    from appnas.domains.eda.flow.grids import asked

    asked(said)
    if len(files) < 2:
        raise ValueError("give one or more LEF files, then a DEF file")
    *libraries, placed = files
    library = read_lef(libraries)
    whole = read_def(placed, library, wires=False)
    design = without(whole, [word for word in ideal.split(",") if word])
    skipped = {**library.skipped, **whole.skipped}
    if skipped:
        show.line("not read: " + ", ".join(f"{count} {name}" for name, count in sorted(skipped.items())))
    pins = np.bincount(design.pin_net, minlength=len(design.nets)) * design.signals
    if left := int((whole.signals & ~design.signals).sum()):
        show.line(f"left out as ideal: {left} of {len(design.nets)} nets")
    if (wide := int((pins > WIDE).sum())) and not ideal:
        widest = design.nets[int(pins.argmax())]
        show.line(f"{wide} nets have more than {WIDE} pins ({widest}: {pins.max()}); --ideal {WIDE} leaves them out")
    grid = grid_of(design, said)
    return design, grid, channels(design, grid, more)


def beside(placed: Path, ending: str) -> Path:
    """Next to a DEF file, with another ending."""
    return placed.with_name(re.sub(r"\.def(\.gz)?$", "", placed.name) + ending)


COMMANDS: dict[str, Callable[..., Any]] = {
    "doctor": Doctor, "generate": Generate, "features": Features, "predict": Predict,
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
