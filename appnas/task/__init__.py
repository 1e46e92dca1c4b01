"""What a task offers (data, loss, metric), and the only training loop.

Here belong the protocols; the tasks themselves are in `appnas.domains`.
"""

from appnas.task.domain import DifferentiableDomain, Domain, Host, HostDomain, Locked, LockedError, on, placed, reusing
from appnas.task.metric import Metric, metric_of
from appnas.task.finite import DivergedError, Watch, check_weights, finite
from appnas.task.norms import joint, synchronised
from appnas.task.recipe import BUDGET, Recipe, as_chosen, cosine, optimiser_of, retuned, tunable
from appnas.task.scaling import Scaling
from appnas.task.shares import rows_of
from appnas.task.supervised import Supervised
from appnas.task.training import Batch, OnEpoch, Stream, fit

__all__ = [
    "BUDGET", "Batch", "DifferentiableDomain", "DivergedError", "Domain", "Host", "HostDomain", "Locked",
    "LockedError", "Metric", "OnEpoch", "Recipe", "Scaling", "Stream", "Supervised", "Watch", "as_chosen",
    "check_weights", "cosine", "finite", "fit", "joint", "metric_of", "on", "optimiser_of", "placed", "retuned",
    "reusing", "rows_of", "synchronised", "tunable",
]  # fmt: skip
