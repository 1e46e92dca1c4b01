"""Routability and congestion of placed designs: data, metrics, scaling; `flow` makes such data with real tools.

Here belongs what knows chips as data; spaces for their maps are in `appnas.spaces.eda`.
"""

from appnas.domains.eda.data import ISPD, SHIPPED, SMALL, shipped
from appnas.domains.eda.domain import Options, Routability
from appnas.domains.eda.nets import net_folder, shipped_nets
from appnas.domains.eda.placements import Placements, load
from appnas.domains.eda.routings import Routings, reliability
from appnas.domains.eda.scaling import Scaling

__all__ = [
    "ISPD", "SHIPPED", "SMALL", "Options", "Placements", "Routability", "Routings", "Scaling", "load", "net_folder",
    "reliability", "shipped", "shipped_nets",
]  # fmt: skip
