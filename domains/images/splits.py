"""Splits of images: tensors in memory, or rows that are read when they are asked for, each with its labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from appnas.compute import CPU
from appnas.domains.images.reading import Flow, Rows, joined
from appnas.support.memory import free_bytes

Source = Tensor | Rows | Flow
"""Images: [N, C, H, W] in memory, or what is read."""
Split = tuple[Any, Tensor | None]
"""Images (a `Source`), and their labels [N]; None where items bring theirs along."""
SHARE = 4
"""Images in memory live on an accelerator if they take less than one part in so many of what is free there."""


def cut(split: Split, places: Tensor | slice) -> Split:
    """Some images with their labels, in that order.

    Raises:
        ValueError: of a flow.
    """
    images, labels = split
    if isinstance(images, Flow):
        raise ValueError("iterable data cannot be picked from: give a data set with a length and items")
    part = images.take(places) if isinstance(images, Rows) else images[places]
    return part, None if labels is None else labels[places]


def first(split: Split, count: int) -> Split:
    """The first so many images."""
    images, labels = split
    return (images.first(count), labels) if isinstance(images, Flow) else cut(split, slice(count))


def halves(split: Split, valid: float, seed: int) -> dict[str, Split]:
    """Training and validation images, drawn by the seed, and both: the first and the rest of "all".

    Raises:
        ValueError: one of them is left without an image.
    """
    count = len(split[0])
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    size = count - round(count * valid)
    for name, left in (("train", size), ("valid", count - size)):
        if left == 0:
            raise ValueError(f"the split {name!r} is empty: {count} images with valid={valid} leave it none")
    every = cut(split, order)
    return {"train": cut(every, slice(size)), "valid": cut(every, slice(size, None)), "all": every}


def own(train: Split, valid: Split) -> dict[str, Split]:
    """Splits that were given; "all" is both of them, but the training data alone where one of them is iterable."""
    if not (isinstance(train[0], Rows) and isinstance(valid[0], Rows)):
        return {"train": train, "valid": valid, "all": train}
    labels = None if train[1] is None or valid[1] is None else torch.cat([train[1], valid[1]])
    return {"train": train, "valid": valid, "all": (joined(train[0], valid[0]), labels)}


def listed(split: Split, what: str) -> Split:
    """A split in which images can be picked by their labels.

    Raises:
        ValueError: it is iterable, or its labels are not listed.
    """
    images, labels = split
    if isinstance(images, Flow):
        raise ValueError(f"{what} needs data whose items can be picked, and these are iterable")
    if labels is None:
        raise ValueError(
            f"{what} needs labels that are listed, and these are known by reading each image alone: give the data set"
            " an attribute `targets`"
        )
    return split


def on_device(
    splits: Mapping[str, Split], held: Split | None, device: torch.device
) -> tuple[dict[str, Split], Split | None]:
    """The same splits: of images in memory on the device if they fit there, on the CPU otherwise."""
    every = splits["all"][0]
    if isinstance(every, Rows | Flow):
        return dict(splits), held
    if every.device != device and device != CPU:
        needed = every.nbytes + (held[0].nbytes if held else 0)
        free = free_bytes(device)
        device = device if free is not None and SHARE * needed < free else CPU
    moved, count = every.to(device), len(splits["train"][0])
    images = {"train": moved[:count], "valid": moved[count:], "all": moved}
    labels = {name: None if y is None else y.to(device) for name, (_, y) in splits.items()}
    there = {name: (images[name], labels[name]) for name in splits}
    return there, held and (held[0].to(device), None if held[1] is None else held[1].to(device))
