"""`appnas eda predict`: what an exported network says of a placed design."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tyro.conf import Positional

from appnas.cli import show
from appnas.cli.eda.features import beside, features_of


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
    routing_layers: int = 0
    """Layers that wires may use, as for features."""

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
        design, grid, maps = features_of(self.lef, whole, self.ideal, scaling.channels, layers=self.routing_layers)
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
