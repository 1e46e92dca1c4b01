"""Examples that are read when they are asked for, and splits of any: data sets, data loaders, files, arrays.

Here belongs what goes through somebody's data and cuts batches out of them; what an item is, a field says by its `Form`
and its `Reader`. Augmentation, loss and metrics are the domain's.
"""

from appnas.domains.reading.examples import Examples
from appnas.domains.reading.flow import Flow
from appnas.domains.reading.form import Form, Reader
from appnas.domains.reading.gathering import HELD_OUT, gathered, splits_of
from appnas.domains.reading.items import columns, label_of, listed, pair
from appnas.domains.reading.loading import SAMPLE, Epoch, everything, loaded, sampled, samples
from appnas.domains.reading.rows import Rows, joined
from appnas.domains.reading.several import Inputs, Several, chained, parts_of
from appnas.domains.reading.sources import Loading, Pairs
from appnas.domains.reading.splits import Source, Split, cut, first, halves, on_device, own

__all__ = [
    "HELD_OUT", "SAMPLE", "Epoch", "Examples", "Flow", "Form", "Inputs", "Loading", "Pairs", "Reader", "Rows",
    "Several", "Source", "Split", "chained", "columns", "cut", "everything", "first", "gathered", "halves", "joined",
    "label_of", "listed", "loaded", "on_device", "own", "pair", "parts_of", "sampled", "samples", "splits_of",
]  # fmt: skip
