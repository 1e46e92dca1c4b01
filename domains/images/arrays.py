"""Arrays of images and labels, checked, in one layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

Array = np.ndarray | Tensor


def as_images(x: Array, name: str, shrink: int = 1) -> Tensor:
    """Images as [N, C, H, W], average-pooled by the factor `shrink`.

    Raises:
        ValueError: another number of axes, no image, NaN, or fewer pixels than the factor.
    """
    if not isinstance(x, Tensor):
        x = np.asarray(x)
        if x.dtype.kind not in "iufb":
            raise ValueError(f"{name}: images are arrays of numbers, got {x.dtype}")
    x = torch.as_tensor(x)
    if x.dim() == 3:
        x = x[:, None]
    if x.dim() != 4:
        raise ValueError(f"{name}: images are [N, H, W], [N, C, H, W] or [N, H, W, C], got the shape {tuple(x.shape)}")
    if x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.permute(0, 3, 1, 2).contiguous()
    if x.shape[3] < min(x.shape[1:3]):
        raise ValueError(f"{name}: {tuple(x.shape)} looks like [N, H, W, C] with {x.shape[3]} channels: keep 1 or 3")
    if len(x) == 0:
        raise ValueError(f"{name}: there is no image in it")
    if x.is_floating_point() and not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).flatten(1).any(1).sum())
        raise ValueError(f"{name}: {bad} of {len(x)} images hold NaN or infinity; clean them first")
    if shrink > min(x.shape[2:]):
        raise ValueError(f"{name}: images of {x.shape[2]} x {x.shape[3]} pixels cannot be shrunk by {shrink}")
    return avg_pool2d(x.float(), shrink) if shrink > 1 else x


def as_labels(y: Array, count: int, classes: int | None, name: str) -> Tensor:
    """Labels as [N], int64, 0 to classes - 1.

    Raises:
        ValueError: wrong number, not integers, or out of range.
    """
    if not isinstance(y, Tensor):
        y = np.asarray(y)
        if y.dtype.kind not in "iufb":
            raise ValueError(f"{name}: labels are integers from 0, got {y.dtype}: number the classes")
    y = torch.as_tensor(y)
    if y.shape != (count,):
        one_hot = "; of one-hot rows give argmax(1)" if y.dim() == 2 and len(y) == count else ""
        raise ValueError(f"{name}: {count} images need labels of shape ({count},), got {tuple(y.shape)}{one_hot}")
    if y.is_floating_point():
        raise ValueError(f"{name}: labels are integers, got {y.dtype}")
    low, high = int(y.min()), int(y.max())
    if low < 0 or (classes is not None and high >= classes):
        allowed = f"0 to {classes - 1}" if classes else "0 or more"
        raise ValueError(f"{name}: labels must be {allowed}, found {low} to {high}")
    return y.long()


def as_splits(
    train: tuple[Any, Any], test: tuple[Any, Any], side: int, shrink: int, classes: int | None
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None, int]:
    """Training and test images with their labels, and the number of classes.

    Args:
        train: images and labels.
        test: images and labels, or None twice.
        side: what images must have, 0 for any.
        shrink: see `as_images`.
        classes: number of classes, if it is known.

    Raises:
        TypeError: a data set, or something else that holds no arrays.
        ValueError: whatever does not fit.
    """
    x, y = train
    if isinstance(x, Mapping) or not (isinstance(x, Tensor | list | tuple) or hasattr(x, "__array__")):
        raise TypeError(
            f"Images(x, y) takes arrays, got {type(x).__name__}; data sets and data loaders go to"
            " Images.of(train, valid=..., test=..., options=...)"
        )
    if y is None:
        raise ValueError("training labels: there are none; Images(x, y) takes images and labels")
    images = as_images(x, "training images", shrink)
    shape = tuple(x.shape if isinstance(x, Tensor) else np.shape(x))
    if side and shape[1:].count(side) < 2:
        raise ValueError(
            f"side={side} is for images that are read when they are asked for, Images.of((x, y)); arrays are not"
            f" resized, got the shape {shape}"
        )
    labels = as_labels(y, len(images), classes, "training labels")
    classes = classes or int(labels.max()) + 1
    if (test[0] is None) != (test[1] is None):
        raise ValueError("test images and their labels come together: give test_x and test_y, or neither")
    if test[0] is None:
        return (images, labels), None, classes
    held = as_images(test[0], "test images", shrink)
    if held.shape[1:] != images.shape[1:]:
        raise ValueError(
            f"test images have the shape {tuple(held.shape[1:])}, training images {tuple(images.shape[1:])}"
        )
    return (images, labels), (held, as_labels(test[1], len(held), classes, "test labels")), classes
