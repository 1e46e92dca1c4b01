"""Any supervised task: arrays or data sets with classes, sets of labels, numbers, or one of these for every place.

Here belongs what any such task needs and no field alone: what targets are, losses, metrics, how examples are split.
"""

from appnas.domains.labelled.domain import Labelled
from appnas.domains.labelled.goal import Goal, Wishes
from appnas.domains.labelled.losses import LOSSES
from appnas.domains.labelled.metrics import OWN
from appnas.domains.labelled.options import RECIPE, Options

__all__ = ["LOSSES", "OWN", "RECIPE", "Goal", "Labelled", "Options", "Wishes"]
