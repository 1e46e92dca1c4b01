"""Spaces on maps of a chip, and the hand-made networks that they are compared with.

Here belongs what predicts maps or counts from a placement.
"""

from appnas.spaces.eda.guide_dag import GuideDag
from appnas.spaces.eda.map_nets import NETS
from appnas.spaces.eda.net_map import NetMap

__all__ = ["NETS", "GuideDag", "NetMap"]
