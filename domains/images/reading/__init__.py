"""Images that are read when they are asked for: data sets, data loaders and folders that do not fit in memory.

Here belongs what turns an item, a file or somebody's batch into a tensor of one size with its label, and who reads it:
this process, or workers. Splits, augmentation, loss and metrics are the domain's.
"""

from appnas.domains.images.reading.decoding import decode
from appnas.domains.images.reading.flow import Flow
from appnas.domains.images.reading.gathering import HELD_OUT, gathered, splits_of, surveyed
from appnas.domains.images.reading.items import columns
from appnas.domains.images.reading.loading import Epoch, everything, loaded
from appnas.domains.images.reading.rows import Rows, joined
from appnas.domains.images.reading.sources import Files

__all__ = [
    "HELD_OUT", "Epoch", "Files", "Flow", "Rows", "columns", "decode", "everything", "gathered", "joined", "loaded",
    "splits_of", "surveyed",
]  # fmt: skip
