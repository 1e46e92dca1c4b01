"""What a task offers (data, loss, metric), and the only training loop.

Here belong the protocols; the tasks themselves are in `appnas.domains`.
"""

from appnas.task.domain import DifferentiableDomain, Domain, Host, HostDomain, Locked, LockedError
from appnas.task.supervised import Supervised
from appnas.task.training import Batch, DivergedError, OnEpoch, Recipe, Stream, cosine, finite, fit, optimiser_of

__all__ = [
    "Batch", "DifferentiableDomain", "DivergedError", "Domain", "Host", "HostDomain", "Locked", "LockedError",
    "OnEpoch", "Recipe", "Stream", "Supervised", "cosine", "finite", "fit", "optimiser_of",
]  # fmt: skip
