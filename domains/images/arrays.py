"""Arrays of images and labels, checked, in one layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from torch import Tensor
from torch.nn.functional import avg_pool2d

from appnas.domains.labels import as_classes
from appnas.domains.tensors import are_pictures, as_tensor, finite

Array = np.ndarray | Tensor
Layout = Literal["NCHW", "NHWC"]
"""Where the channels of a batch of images are."""
RESIZED = "resize them, say to 32 x 32, by Images.of(list(zip(x, y)), options=Options(side=32))"
"""What makes images of one size."""


def layout_of(a: int, b: int, c: int) -> str:
    """Which axis of an image [a, b, c] holds its channels: "CHW", "HWC", or "" where both may be.

    One of 1 or 3 at one end alone does; else the end that is shorter than both others, or the odd one of three.
    """
    if (a in (1, 3)) != (c in (1, 3)):
        return "CHW" if a in (1, 3) else "HWC"
    if a in (1, 3):
        return "CHW" if a == b == c == 1 else ""
    front, back = a < min(b, c) or a != b == c, c < min(a, b) or a == b != c
    return ("CHW" if front else "HWC") if front != back else ""


def as_images(x: Array, name: str, shrink: int = 1, layout: Layout | None = None) -> Tensor:
    """Images as [N, C, H, W], average-pooled by the factor `shrink`.

    Args:
        x: the images, what `appnas.domains.tensors` takes.
        name: what messages call them.
        shrink: factor.
        layout: where the channels are; by default what the shape tells.

    Raises:
        ValueError: another number of axes, different sizes, channels that may be at either end, no image, NaN, or
            fewer pixels than the factor.
    """
    layout = "NCHW" if are_pictures(x) else layout
    x = as_tensor(x, name, "images", RESIZED)
    if x.dim() == 3:
        x = x[:, None]
    elif x.dim() == 4:
        x = _channels_first(x, name, layout)
    else:
        right = "images are [N, H, W], [N, C, H, W] or [N, H, W, C]"
        more = "; rows of features are for Labelled(x, y) of appnas.domains" if x.dim() == 2 else ""
        raise ValueError(f"{name}: {right}, got the shape {tuple(x.shape)}{more}")
    if len(x) == 0:
        raise ValueError(f"{name}: there is no image in it")
    finite(x, name, "images")
    if shrink > min(x.shape[2:]):
        raise ValueError(f"{name}: images of {x.shape[2]} x {x.shape[3]} pixels cannot be shrunk by {shrink}")
    return avg_pool2d(x.float(), shrink) if shrink > 1 else x


def _channels_first(x: Tensor, name: str, layout: Layout | None) -> Tensor:
    """[N, C, H, W] out of either layout."""
    found = layout[1:] if layout else layout_of(*x.shape[1:])
    if not found:
        raise ValueError(
            f"{name}: {tuple(x.shape)} may be [N, C, H, W] with {x.shape[1]} channels, or [N, H, W, C] with"
            f" {x.shape[3]}: say which, Images(x, y, layout='NCHW') or layout='NHWC'"
        )
    if found == "HWC" and layout is None and x.shape[3] not in (1, 3):
        raise ValueError(
            f"{name}: {tuple(x.shape)} looks like [N, H, W, C] with {x.shape[3]} channels: keep 1 or 3, or say"
            " layout='NHWC'"
        )
    return x.permute(0, 3, 1, 2).contiguous() if found == "HWC" else x


def _axes(x: Any) -> int:
    if isinstance(x, list | tuple):
        return 1 + _axes(x[0]) if x else 1
    return int(getattr(x, "ndim", 0))


def one_each(count: int, labels: Array, name: str) -> None:
    """Check that there is a label for every image.

    Raises:
        ValueError: there are more or fewer.
    """
    if len(labels) != count:
        raise ValueError(f"{name}: {count} images need labels of shape ({count},), got {len(labels)} of them")


DARK, BRIGHT = 1.5, 20
"""Images whose values end below the first are from 0 to 1, above the second from 0 to 255."""


def as_splits(
    train: tuple[Any, Any],
    test: tuple[Any, Any],
    side: int,
    shrink: int,
    classes: int | None,
    layout: Layout | None = None,
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None, tuple[Any, ...]]:
    """Training and test images with their labels, and the names of the classes.

    Args:
        train: images and labels.
        test: images and labels, or None twice.
        side: what images must have, 0 for any.
        shrink: see `as_images`.
        classes: number of classes, if it is known.
        layout: see `as_images`.

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
    if _axes(x) < 3 <= _axes(y):
        raise ValueError(f"x and y are swapped: Images(x, y) takes images first, got {np.shape(x)} and {np.shape(y)}")
    images = as_images(x, "training images", shrink, layout)
    shape = tuple(x.shape if isinstance(x, Tensor) else np.shape(x))
    if side and shape[1:].count(side) < 2:
        raise ValueError(
            f"side={side} is for images that are read when they are asked for, Images.of((x, y)); arrays are not"
            f" resized, got the shape {shape}"
        )
    labels, names = as_classes(y, "training labels", classes)
    one_each(len(images), labels, "training labels")
    if (test[0] is None) != (test[1] is None):
        raise ValueError("test images and their labels come together: give test_x and test_y, or neither")
    if test[0] is None:
        return (images, labels), None, names
    held = as_images(test[0], "test images", shrink, layout)
    if held.is_floating_point() != images.is_floating_point():
        found = " and ".join(str(some.dtype).removeprefix("torch.") for some in (images, held))
        raise ValueError(f"training and test images have one type and one scale, got {found}: divide both by 255, say")
    tops = [float(some.max()) for some in (images, held)]
    if min(tops) <= DARK and max(tops) > BRIGHT:
        raise ValueError(
            f"training and test images have one scale, got values up to {tops[0]:g} and {tops[1]:g}: divide both by 255"
        )
    if held.shape[1:] != images.shape[1:]:
        raise ValueError(
            f"test images have the shape {tuple(held.shape[1:])}, training images {tuple(images.shape[1:])}"
        )
    test_labels = as_classes(test[1], "test labels", names=names)[0]
    one_each(len(held), test_labels, "test labels")
    return (images, labels), (held, test_labels), names
