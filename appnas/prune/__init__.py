"""Masks over the parts of a supernet: what they cost, how they are searched, and moved to another task.

Here belongs what switches parts on and off. Spaces of masks are in `appnas.spaces`.
"""

from appnas.prune.indicators import Indicators, SelfMasked, Source, Sourced
from appnas.prune.masks import costs, dense, density, kept, magnitudes, parts, random_like, shrink, strongest
from appnas.prune.transfer import Outcome, Point, compare, curves, train_source

__all__ = [
    "Indicators", "Outcome", "Point", "SelfMasked", "Source", "Sourced", "compare", "costs", "curves", "dense",
    "density", "kept", "magnitudes", "parts", "random_like", "shrink", "strongest", "train_source",
]  # fmt: skip
