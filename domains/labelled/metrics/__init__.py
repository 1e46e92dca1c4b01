"""Metrics over a whole split: our own, torchmetrics' by name, one's own function.

Here belongs what counts outputs; losses are beside.
"""

from appnas.domains.labelled.metrics.measuring import Measure, Meter
from appnas.domains.labelled.metrics.own import OWN

__all__ = ["OWN", "Measure", "Meter"]
