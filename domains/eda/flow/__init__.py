"""From register-transfer designs to labelled placements by real tools; features and labels of any routed design.

Here belongs what reads or makes the files of such tools. What learns from them is in `appnas.domains.eda`.
"""

from appnas.domains.eda.flow.design import read_def
from appnas.domains.eda.flow.generation import Source, generate, own
from appnas.domains.eda.flow.lefdef import Design, read_lef
from appnas.domains.eda.flow.maps import CIRCUITNET, PAPER, features
from appnas.domains.eda.flow.rtl import DESIGNS

__all__ = ["CIRCUITNET", "DESIGNS", "PAPER", "Design", "Source", "features", "generate", "own", "read_def", "read_lef"]
