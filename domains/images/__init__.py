"""Image classification: arrays, data sets, named data, folders; augmentation; few shots.

Here belongs what knows pictures; how they are read is in `reading`, spaces for them are in `appnas.spaces.images`.
"""

from appnas.domains.images.data import DIGITS, MNIST5K, HubOptions, cifar10, digits, mnist
from appnas.domains.images.domain import Images
from appnas.domains.images.few_shot import classes, few, grey
from appnas.domains.images.folders import FolderOptions, folder
from appnas.domains.images.options import Options

__all__ = [
    "DIGITS", "MNIST5K", "FolderOptions", "HubOptions", "Images", "Options", "cifar10", "classes", "digits", "few",
    "folder", "grey", "mnist",
]  # fmt: skip
