"""Spaces of image classifiers: cells, benchmarks' tables, mobile blocks, masks of plain networks.

Here belongs what convolves pictures of any kind, but encoders of agents (`appnas.spaces.rl`).
"""

from appnas.spaces.images.alexnet import AlexNet
from appnas.spaces.images.bench201 import OPS_201, Bench201
from appnas.spaces.images.cells import DARTS_OPS, Cells
from appnas.spaces.images.condensenet import CondenseNet
from appnas.spaces.images.dense import CNN, MLP
from appnas.spaces.images.mnas import Mnas
from appnas.spaces.images.mobile import Proxyless
from appnas.spaces.images.robust import Robust
from appnas.spaces.images.slots import Slots

__all__ = [
    "CNN", "DARTS_OPS", "MLP", "OPS_201", "AlexNet", "Bench201", "Cells", "CondenseNet", "Mnas", "Proxyless", "Robust",
    "Slots",
]  # fmt: skip
