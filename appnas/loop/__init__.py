"""The only search loop, what it returns, and who watches it: progress, monitors, workers, the Pareto front.

Here belong callbacks that need no directory; those that keep one are in `appnas.run`.
"""

from appnas.loop.duration import Estimate
from appnas.loop.loop import (
    Budget, Callback, Callbacks, Loop, Observer, SearchResult, search_loop, versions,
)  # fmt: skip
from appnas.loop.monitors import (
    Collapse, CollapseWarning, Done, Failures, Repeats, offers_skips, relative_entropy, skip_share,
)  # fmt: skip
from appnas.loop.notebook import in_notebook
from appnas.loop.pareto import ParetoFront, front, hypervolume, worth
from appnas.loop.profile import Count, advice, begin, listed_parts, spent
from appnas.loop.progress import Progress, training
from appnas.loop.records import Record, furthest, value_name
from appnas.loop.stopping import MedianStop
from appnas.loop.workers import WorkerError, Workers

__all__ = [
    "Budget", "Callback", "Callbacks", "Collapse", "CollapseWarning", "Count", "Done", "Estimate", "Failures", "Loop",
    "MedianStop", "Observer", "ParetoFront", "Progress", "Record", "Repeats", "SearchResult", "WorkerError",
    "Workers", "advice", "begin", "front", "furthest", "hypervolume", "in_notebook", "listed_parts", "offers_skips",
    "relative_entropy", "search_loop", "skip_share", "spent", "training", "value_name", "versions", "worth",
]  # fmt: skip
