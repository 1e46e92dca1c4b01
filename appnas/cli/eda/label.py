"""`appnas eda label`: a placement of yours with labels from the reports of your tools."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from appnas.cli import show
from appnas.cli.eda.features import beside, capacity, features_of


@dataclass(frozen=True)
class Label:
    """Maps and labels of your own placement: LEF files, then its DEF file, and reports of a router or a DRC tool.

    Reports of OpenROAD, klayout, Innovus and ICC2 are told by what is in them, and may be gzipped.
    """

    lef: Positional[tuple[Path, ...]]
    """The technology's and the library's LEF files, and last the DEF file: the placement, before routing."""
    drc: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE [FILE ...]")] = ()
    """DRC reports, which are added: the labels drc, violations a gcell, and how many nets have some."""
    congestion: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE [FILE ...]")] = ()
    """Congestion reports, which are added: the labels congestion_h and _v, overflow as a share of the capacity, and
    congestion, their sum; of heat maps and hot spots congestion alone."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to, .npz; by default beside the DEF file, NAME-labels.npz."""
    grid: str = "32"
    """Gcells, as for features: 32 or 24x32 (rows x columns), 4.2um, 15tracks, gcellgrid. One for all that is packed."""
    by: Literal["touch", "area"] = "touch"
    """A violation counts in every gcell that its box touches, or once in all, shared by area."""
    layers: str = ""
    """Layers whose violations count: metal2,metal3. By default all."""
    kinds: str = ""
    """Words of the kinds of violations that count: short,spacing. By default all."""
    unit: Literal["auto", "um", "dbu"] = "auto"
    """Of the reports' coordinates: micrometres or database units. By default what the tool is known to write."""
    name: str = ""
    """Of the placement, unlike any other's that is packed; by default the DEF file's name."""
    design: str = ""
    """Data are split by it: give the variants of one design the same. By default what the DEF file says."""
    ideal: str = ""
    """Nets to leave out, as for features; their violations do not count as nets."""
    router: bool = True
    """The channels overflow_h and _v by the pattern router, as for features: --no-router leaves them out."""
    routing_layers: int = 0
    """Layers that wires may use, as for features."""
    pitch: float = 0.0
    """Micrometres between two tracks, where the LEF files have macros alone; by default as the DEF file's TRACKS."""

    def run(self) -> None:
        """Write them.

        Raises:
            ValueError: no report, one that cannot be read or does not fit, or as for features.
        """
        from appnas.domains.eda.flow.netlists import netlist
        from appnas.domains.eda.reports import labelled, placement, read
        from appnas.domains.eda.reports.formats import given_as
        from appnas.domains.eda.reports.gcells import database_unit
        from appnas.domains.eda.reports.packing import write

        if not self.drc and not self.congestion:
            raise ValueError("labels need a report: give --drc FILE, --congestion FILE, or both")
        drc = [given_as(read(path), "DRC") for path in self.drc]
        congestion = [given_as(read(path), "congestion") for path in self.congestion]
        if self.unit != "auto":
            drc, congestion = (
                [r if r.unit == "die" else replace(r, unit=self.unit) for r in f] for f in (drc, congestion)
            )
        dbu = database_unit(self.lef[-1]) if any(r.unit == "dbu" for r in (*drc, *congestion)) and self.lef else 1.0
        more = capacity(self.router)
        design, grid, maps = features_of(self.lef, self.grid, self.ideal, more, self.pitch, self.routing_layers)
        labels = labelled(
            design, grid, drc, congestion, by=self.by, layers=self.layers.split(","), kinds=self.kinds.split(","),
            dbu=dbu,
        )  # fmt: skip
        for line in labels.said:
            show.line(line)
        name = self.name or beside(self.lef[-1], "").name
        data = replace(placement(design, maps, labels, name, self.design), netlists=[netlist(design, grid)])
        out = self.out or beside(self.lef[-1], "-labels.npz")
        write(data, labels.counted, out)
        shares = ", ".join(f"{label} in {(m > 0).mean():.1%} of the gcells" for label, m in labels.maps.items())
        what = {"nets": "nets with violations", "markers": "violations (the reports name no nets)"}
        count = "" if labels.count is None else f"; {labels.count} {what.get(labels.counted, 'violations')}"
        (height, width), (x, y) = grid.shape, grid.size
        show.line(
            f"{out}: {name} of {data.designs[0]}, {height} x {width} gcells of {y:.3g} x {x:.3g} um; {shares}{count}"
        )
