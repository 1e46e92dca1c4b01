"""Which domain pairs of arrays are a task of: images with classes, or anything else with targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from appnas.domains.images import Images
from appnas.domains.images.arrays import layout_of
from appnas.domains.labelled import Labelled
from appnas.domains.labelled.targets import EACH, FEW


def arrays(x: Any, y: Any, *test: Any, field: str = "", valid: Any = None) -> Any:
    """Images, where x looks so and y has one class each; else any supervised task.

    Args:
        x: inputs.
        y: targets.
        test: inputs and targets of held-out examples, or nothing.
        field: of the space, or empty.
        valid: a pair for validation, or None for a share.

    Raises:
        ValueError: what may be read in two ways, or does not fit the domain; with the lines that do.
    """
    axes, classes = _axes(x), _is_classes(y)
    if axes == 1 and np.ndim(y) >= 3:
        raise ValueError(f"x and y are swapped: inputs come first, (x, y), got {np.shape(x)} and {np.shape(y)}")
    if axes == 3 and classes and field not in ("images", "text"):
        raise ValueError(
            f"x {tuple(np.shape(x))} may be grey images [N, H, W], Images(x, y), or sequences [N, T, features],"
            " Labelled(x, y): say which, from appnas.domains import Images, Labelled"
        )
    if classes and (axes == 4 or (axes == 3 and field == "images")):
        _few(y)
        return Images(x, y, *test) if valid is None else Images.of((x, y), valid, test or None)
    if axes == 4 and not _are_pictures(x):
        channels_first(
            np.shape(x)[1:], f"x {tuple(np.shape(x))}", "x = x.transpose(0, 3, 1, 2), or x.permute(0, 3, 1, 2)"
        )
    return Labelled(x, y, *test, valid=valid)


def channels_first(shape: tuple[int, ...], what: str, line: str) -> None:
    """Check that images do not have their channels last, where nothing would bring them to the front.

    Raises:
        ValueError: they have, by their shape.
    """
    if layout_of(*shape) == "HWC" and shape[2] in (1, 3):
        raise ValueError(f"{what} look like images [H, W, C], and this task is for [C, H, W]: {line}")


def _few(y: Any) -> None:
    """Check that numbers are not likelier to be measured than to name classes."""
    values = np.asarray(y.detach().cpu() if isinstance(y, Tensor) else y)
    single = values.size == len(values) and values.dtype.kind in "iuf"
    if single and (many := len(np.unique(values))) > FEW and EACH * many > len(values):
        raise ValueError(
            f"y: {len(values)} whole numbers of {many} different values can be read in more than one way: give"
            " Images(x, y) for classes, Labelled(x, y, loss='mse_loss') for numbers (from appnas.domains)"
        )


def _axes(x: Any) -> int:
    if isinstance(x, list):
        return 1 + (3 if hasattr(x[0], "getbands") else np.ndim(x[0]))
    return int(x.ndim)


def _are_pictures(x: Any) -> bool:
    return isinstance(x, list) and hasattr(x[0], "getbands")


def _is_classes(y: Any) -> bool:
    """Whether labels are one class an example: integers, texts, whole floats, one-hot rows."""
    values = y.detach().cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    if values.ndim == 2 and values.shape[1] > 1:
        return values.dtype.kind in "iufb" and bool(
            (((values == 0) | (values == 1)).all(1) & (values.sum(1) == 1)).all()
        )
    if values.ndim > 2:
        return False
    return values.dtype.kind != "f" or bool((values == np.round(values)).all())
