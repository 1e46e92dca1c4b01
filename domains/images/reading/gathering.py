"""The splits of a task out of what users hand over, checked together; what is found by looking at a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from appnas.domains.images.reading.decoding import Form
from appnas.domains.images.reading.flow import Flow
from appnas.domains.images.reading.items import LABELS, listed
from appnas.domains.images.reading.loading import SAMPLE, sampled, statistics
from appnas.domains.images.reading.rows import Rows
from appnas.domains.images.reading.sources import Loading, former, opened, unwrapped

Split = tuple[Rows | Flow, Tensor | None]
"""Images, and their labels if they are listed."""
HELD_OUT = ("test", "validation", "valid", "val")
"""Names that a held-out split goes by."""
LOOKED_AT = 100
"""Images of a split beside the training images of which it is seen whether all are grey."""


def splits_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Training, validation and test data out of a mapping of names to splits, such as a DatasetDict.

    The test data are those of the first split of `HELD_OUT` whose labels are known (ImageNet's test labels are -1);
    those of "validation" are for validation if there are others to test on.

    Raises:
        ValueError: no split "train" with rows.
    """
    if "train" not in given or (hasattr(given["train"], "__len__") and not len(given["train"])):
        raise ValueError(f"a split 'train' with rows in it is needed, got {sorted(given)}")
    known = [name for name in HELD_OUT if name in given and _labelled(given[name])]
    rest = known[1:] if known[:1] == ["test"] else []
    return {
        "train": given["train"],
        "valid": given[rest[0]] if rest else None,
        "test": given[known[0]] if known else None,
    }


def _labelled(rows: Any) -> bool:
    """Whether a split has rows, and their labels are known."""
    if not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__"):
        return True
    if not len(rows):
        return False
    first = rows[0]
    if isinstance(first, Mapping) and not any(name in first for name in LABELS):
        return False
    labels = listed(rows)
    return labels is None or bool(np.asarray(labels).min() >= 0)


def gathered(
    given: Mapping[str, Any], side: int, fitting: str, shrink: int, classes: int | None, lengths: Mapping[str, int]
) -> tuple[dict[str, Split], tuple[Any, ...], Loading]:
    """Training data and, if they are given, validation and test data in one form; the names of the classes.

    Args:
        given: data by "train", "valid" and "test"; None for what there is not.
        side: see `Form`, as `fitting` and `shrink`.
        fitting: how an image of another shape becomes a square.
        shrink: factor.
        classes: number of classes, if it is known.
        lengths: images of an epoch by split, for iterable data without a length.

    Raises:
        DataError: a first item is no image with a label.
        TypeError: nothing that images can be read from.
        ValueError: no item, what iterable data lack, labels that are no classes.
    """
    if unknown := set(lengths) - set(given):
        raise ValueError(f"lengths are of 'train', 'valid' and 'test', got {sorted(unknown)}")
    data = {name: unwrapped(some, name) for name, some in given.items() if some is not None}
    form = former(side, fitting, shrink)
    rows, labels, names = opened(*data["train"], "train", form, classes, lengths.get("train"))
    parts: dict[str, Split] = {"train": (rows, labels)}
    for name in data.keys() - {"train"}:
        parts[name] = opened(*data[name], name, rows.form, classes, lengths.get(name), names)[:2]
    flows = {name: part for name, (part, _) in parts.items() if isinstance(part, Flow)}
    lack = [f"lengths={{{name!r}: n}}, the images of an epoch" for name in ("train", "valid")
            if name in flows and flows[name].length is None]  # fmt: skip
    if "train" in flows and "valid" not in parts:
        lack.append("valid=..., as they cannot be split")
    if names is None:
        lack.append("classes=n, as their labels cannot be listed without reading all images")
    if lack or names is None:
        raise ValueError(f"the data ({type(given['train']).__name__}) lack: {'; '.join(lack)}")
    return parts, names, data["train"][1]


def surveyed(
    parts: Sequence[Rows | Flow], channels: int, workers: int = 0, given: bool = False
) -> tuple[Form, Tensor, Tensor]:
    """The form of pictures in as many channels as there are colours; mean and deviation of the training images.

    Args:
        parts: the first holds the training images, of which a sample of `SAMPLE` is read; of the others `LOOKED_AT`.
        channels: of pictures, 1 or 3; for 0 one if all that are looked at are grey, else three.
        workers: see `loaded`.
        given: mean and deviation are given, and the training images need not be read for them.

    Raises:
        DataError: see `loaded`.
        ValueError: other channels than tensors have.
    """
    form = parts[0].form
    if channels and not form.picture and form.size[0] != channels:
        raise ValueError(
            f"channels={channels} is for Pillow's pictures; these images are tensors of {form.size[0]} channels"
        )
    look = form.picture and not channels and form.size[0] == 3 and not form.grey
    grey = [look]

    def seen(batches: Iterator[Tensor]) -> Iterator[Tensor]:
        for x in batches:
            grey[0] = grey[0] and bool((x == x[:, :1]).all())
            yield x

    batches = seen(sampled(parts[0], 1 if given and not look else SAMPLE, workers))
    mean, std = statistics(batches)
    for part in parts[1:]:
        for _ in seen(sampled(part, LOOKED_AT if look else 1, workers)):
            continue
    if form.picture and not form.grey:
        channels = channels or (1 if grey[0] else form.size[0])
        form = replace(form, size=(channels, *form.size[1:]))
        mean, std = mean[:, :channels], std[:, :channels]
    return form, mean, std
