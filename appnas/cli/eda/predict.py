"""`appnas eda predict`: what an exported network says of a placed design, and whether it knows such designs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from tyro.conf import Positional

from appnas.cli import show
from appnas.cli.eda.features import beside, features_of, packed

if TYPE_CHECKING:
    from appnas.domains.eda import Scaling

MOST = 5
"""Channels that are named at most."""
WHAT = {"hotspots": "probability of a hotspot", "congestion": "congestion", "violated_nets": "nets left open a gcell"}
"""Of a map."""


@dataclass(frozen=True)
class Predict:
    """What an exported network says of a placed design: its LEF files, then its DEF file."""

    net: Positional[str]
    """Folder that `appnas export` wrote, or appnas:NAME, a network that comes with the package."""
    lef: Positional[tuple[Path, ...]]
    """The technology's and the library's LEF files, and last the DEF file."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to write the predicted map, .npz, with a picture of the same name; by default beside the DEF file."""
    grid: str = ""
    """Gcells, as for features; more than the network's are predicted in tiles that overlap. By default the network's,
    over the whole die. Gcells of as many tracks as the training had are what it knows best."""
    ideal: str = ""
    """Nets to leave out, as for features."""
    routing_layers: int = 0
    """Layers that wires may use, as for features."""
    strict: bool = False
    """Fail, and write nothing, if a channel's mean is not where those of the training's placements were."""
    router: bool = True
    """Draw the pattern router's overflow beside the prediction; it may take minutes on large designs."""

    def run(self) -> None:
        """Predict and write.

        Raises:
            ValueError: fewer than two files, one that cannot be read, a network on something else than such maps, or,
                with `strict`, a design unlike those of the training.
        """
        from appnas.domains.eda import Scaling, net_folder
        from appnas.domains.eda.flow import OVERFLOW
        from appnas.domains.eda.flow.netlists import netlist
        from appnas.report import picture
        from appnas.retrain import load
        from appnas.run import read_json

        folder = net_folder(self.net)
        model, content = load(folder), read_json(folder / "arch.json")
        scaling, (_, height, width) = Scaling.of_plain(content["preprocessing"]), content["io"]["inputs"]
        whole = self.grid or f"{height}x{width}"
        more = (*scaling.channels, *(OVERFLOW if self.router else ()))
        design, grid, maps = features_of(self.lef, whole, self.ideal, more, layers=self.routing_layers)
        missing = [name for name in scaling.channels if name not in maps]
        if missing:
            why = "are not made from a DEF file" if design.layers else "need the technology's LEF file: give it, too"
            raise ValueError(f"the network reads {missing}, which {why}; made are {[*maps]}")
        x = np.stack([maps[name] for name in scaling.channels])
        compare(scaling, x, self.strict)
        if grid.shape[0] < height or grid.shape[1] < width:
            has, least = "x".join(map(str, grid.shape)), f"{height}x{width}"
            raise ValueError(f"--grid {self.grid} is {has} gcells, the network needs {least}: give smaller ones")
        tiles = () if grid.shape == (height, width) else list(grid.tiles(height, width, min(height, width) // 8))
        pins = [netlist(design, grid)] if content["io"].get("nets") else []
        given = scaling.raw(model, x[None], tiles, pins)
        if scaling.task == "violated_nets":
            show.line(f"{design.name}: {max(scaling.outputs(given)[0], 0):.1f} of {len(design.nets)} nets")
        there = self.router and set(OVERFLOW) <= set(maps)  # LEF files without layers leave nothing to route on
        beside_it = {"router": np.sum([maps[name] for name in OVERFLOW], 0)} if there else {}
        if not scaling.maps:
            for over in beside_it.values():
                show.line(f"pattern router's overflow, to compare: {over.mean():.3g} a gcell")
            return
        found, out = scaling.drawn(given)[0], packed(self.out or beside(self.lef[-1], f"-{scaling.task}.npz"))
        np.savez_compressed(out, prediction=found, die=np.array(design.die), **beside_it)
        shown = {name: maps[name] for name in scaling.shown if maps[name].any()} | {**beside_it, "prediction": found}
        out.with_suffix(".png").write_bytes(picture({design.name: shown}).png)
        spread = f"from {found.min():.3g} to {found.max():.3g}, mean {found.mean():.3g}"
        show.line(f"{out}, and a picture: {WHAT[scaling.task]} {spread}{agreement(found, beside_it)}")


def compare(scaling: Scaling, x: np.ndarray, strict: bool) -> None:
    """Say in which channels a design is unlike the training's, worst first.

    Args:
        scaling: of the export.
        x: the design's maps, [C, H, W].
        strict: whether that is an error.

    Raises:
        ValueError: it is, or with `strict`, the export is too old to tell.
    """
    if not scaling.levels and not strict:
        show.line("this export is of an earlier version: its channels cannot be compared with the training's")
        return
    found = scaling.strange(x)
    if not found:
        show.line(f"all {len(x)} channels have means as in the training designs")
        return
    lines = ["this design is unlike the training's: do not trust the prediction", *map(str, found[:MOST])]
    lines += [f"and {len(found) - MOST} more of {len(x)} channels"] if len(found) > MOST else []
    if strict:
        raise ValueError("; ".join(lines))
    for line in lines:
        show.line(line)


def agreement(found: np.ndarray, beside_it: dict[str, np.ndarray]) -> str:
    """How alike gcells are ordered by the prediction and by the router, if both differ over the map."""
    from appnas.domains.eda.metrics import spearman

    rank = spearman(found, beside_it["router"]) if beside_it else float("nan")
    return f"; Spearman's correlation with the pattern router's overflow {rank:.2f}" if rank == rank else ""
