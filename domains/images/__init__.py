"""Image classification: arrays, named data sets, folders; augmentation; few shots.

Here belongs what knows pictures; spaces for them are in `appnas.spaces.images`.
"""

from appnas.domains.images.data import DIGITS, MNIST5K, cifar10, digits, mnist
from appnas.domains.images.domain import Images, Options
from appnas.domains.images.few_shot import classes, few, grey

__all__ = ["DIGITS", "MNIST5K", "Images", "Options", "cifar10", "classes", "digits", "few", "grey", "mnist"]
