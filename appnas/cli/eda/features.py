"""`appnas eda features`: maps of any placed design."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from tyro.conf import Positional

from appnas.cli import show

if TYPE_CHECKING:
    from appnas.domains.eda.flow import Design, Grid

WIDE = 1000
"""Nets of more pins than this are spoken of: before routing, buffers will take their place."""


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
    router: bool = True
    """The channels overflow_h and _v by the pattern router, which may take minutes on large designs. --no-router leaves
    them out."""
    routing_layers: int = 0
    """Layers that wires may use, from the lowest: it decides the channels tracks, load, overflow and layers. By default
    all of the LEF files."""
    pitch: float = 0.0
    """Micrometres between two tracks, where the LEF files have macros alone; by default as the DEF file's TRACKS."""

    def run(self) -> None:
        """Write them.

        Raises:
            ValueError: fewer than two files, or one that cannot be read.
        """
        design, _, maps = features_of(
            self.lef, self.grid, self.ideal, capacity(self.router), self.pitch, self.routing_layers
        )
        out = packed(self.out or beside(self.lef[-1], ".npz"))
        np.savez_compressed(
            out, channels=np.array(list(maps)), x=np.stack(list(maps.values())), die=np.array(design.die)
        )
        show.line(f"{out}: {len(maps)} maps of {design.name}, {len(design.cells)} cells, {len(design.nets)} nets")


def capacity(router: bool) -> list[str]:
    """Channels of what room there is and what would take it, with or without those of the pattern router."""
    from appnas.domains.eda.flow import CAPACITY, OVERFLOW

    return [name for name in CAPACITY if router or name not in OVERFLOW]


def features_of(
    files: Sequence[Path], said: str, ideal: str = "", more: Sequence[str] = (), pitch: float = 0.0, layers: int = 0
) -> tuple[Design, Grid, dict[str, np.ndarray]]:
    """A placed design, from LEF files and last its DEF file, its grid, and its maps by name, with `more` if told.

    Says what of the files was not read, and which nets are so wide that no router will see them as they are. `pitch`,
    in micrometres, is for LEF files without layers: what counts tracks is then left out, and it is said. `layers` are
    those that wires may use, 0 for all.

    Raises:
        ValueError: fewer than two files, one that cannot be read, a grid or ideal nets that mean nothing, or a pitch
            or layers that the LEF files leave nothing to do.
    """
    from appnas.domains.eda.flow import CAPACITY, channels, grid_of, read_def, read_lef, without
    from appnas.domains.eda.flow.grids import asked
    from appnas.domains.eda.flow.maps import pitch as pitch_of

    asked(said)
    if not 0 <= pitch < float("inf"):
        raise ValueError(f"pitch is in micrometres above 0 (or 0: as the DEF file's TRACKS), got {pitch:g}")
    if len(files) < 2:
        raise ValueError("give one or more LEF files, then a DEF file")
    *libraries, placed = files
    library = read_lef(libraries)
    count = len(library.layers)
    if pitch and count:
        raise ValueError(
            f"pitch is for LEF files without routing layers; these have {count}, with pitches of their own, got"
            f" {pitch:g}: leave it out"
        )
    if layers and not count:
        raise ValueError(
            f"routing_layers are some of the LEF files', which have none, got {layers}: give the technology's LEF file,"
            " or leave it out"
        )
    whole = read_def(placed, library, wires=False)
    whole.pitch = pitch
    if not count:
        x, y = pitch_of(whole)
        show.line(f"the LEF files have no routing layers: a net's box is at least {x:g} x {y:g} um (--pitch)")
        lost = [name for name in dict.fromkeys(more) if name in CAPACITY]
        show.line(f"left out, since they need the technology's LEF file: {', '.join(lost)}")
        more = ()
    design = without(whole, [word.strip() for word in ideal.split(",") if word.strip()])
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
    return design, grid, channels(design, grid, more, layers)


def packed(out: Path) -> Path:
    """The name that numpy writes to: with .npz at its end."""
    return out if out.suffix == ".npz" else out.with_name(f"{out.name}.npz")


def beside(placed: Path, ending: str) -> Path:
    """Next to a DEF file, with another ending."""
    return placed.with_name(re.sub(r"\.def(\.gz)?$", "", placed.name) + ending)
