"""Any supervised task: arrays or data sets with classes, sets of labels, numbers, or one of these for every place.

Here belongs what any such task needs and no field alone: what targets are, losses, metrics, splits and batches.
"""

from appnas.domains.labelled.domain import Labelled
from appnas.domains.labelled.examples import Examples
from appnas.domains.labelled.goal import Goal, Wishes
from appnas.domains.labelled.losses import LOSSES
from appnas.domains.labelled.metrics import OWN
from appnas.domains.labelled.options import RECIPE, Options

__all__ = ["LOSSES", "OWN", "RECIPE", "Examples", "Goal", "Labelled", "Options", "Wishes"]
