"""`appnas eda graph`: a placed design as a graph of cells, nets and gcells, for torch_geometric."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from appnas.cli import show
from appnas.cli.eda.features import beside, features_of


@dataclass(frozen=True)
class Graph:
    """Cells, nets and gcells of a placed design as a HeteroData: LEF files, then its DEF file (gzipped or not)."""

    lef: Positional[tuple[Path, ...]]
    """The technology's and the library's LEF files, and last the DEF file."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to, .pt; by default beside the DEF file."""
    grid: str = "32"
    """Gcells, as for features."""
    ideal: str = ""
    """Nets to leave out, as for features."""
    covers: bool = False
    """Edges from every net to the gcells under its box, too."""

    def run(self) -> None:
        """Write it.

        Raises:
            ValueError: fewer than two files, one that cannot be read, or a design without cells or nets.
        """
        import torch

        from appnas.domains.eda.flow import TRACKS
        from appnas.domains.eda.flow.hetero import hetero
        from appnas.support import whole

        design, grid, maps = features_of(self.lef, self.grid, self.ideal, TRACKS)
        graph = hetero(design, grid, maps, self.covers)
        out = self.out or beside(self.lef[-1], "-graph.pt")
        with whole(out) as partial:
            torch.save(graph, partial)
        sizes = ", ".join(f"{len(graph[kind]['x']):,} {kind}s" for kind in ("cell", "net", "gcell"))
        show.line(f"{out}: {design.name}, {sizes}; load it by HeteroData.from_dict(torch.load({str(out)!r}))")
