"""From register-transfer designs to labelled placements by real tools; features and labels of any routed design.

Here belongs what reads or makes the files of such tools. What learns from them is in `appnas.domains.eda`.
"""

from appnas.domains.eda.flow.design import read_def
from appnas.domains.eda.flow.fly_lines import ideal, without
from appnas.domains.eda.flow.generation import Source, generate, own
from appnas.domains.eda.flow.grids import Grid, grid_of
from appnas.domains.eda.flow.lefdef import Design, read_lef
from appnas.domains.eda.flow.maps import CIRCUITNET, PAPER, features, maps_on
from appnas.domains.eda.flow.router import CAPACITY, DEFAULT, OVERFLOW, TRACKS, capacity, channels, in_tracks
from appnas.domains.eda.flow.rtl import DESIGNS

__all__ = [
    "CAPACITY", "CIRCUITNET", "DEFAULT", "DESIGNS", "OVERFLOW", "PAPER", "TRACKS", "Design", "Grid", "Source",
    "capacity", "channels", "features", "generate", "grid_of", "ideal", "in_tracks", "maps_on", "own", "read_def",
    "read_lef", "without",
]  # fmt: skip
