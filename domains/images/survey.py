"""What is found out of images that are read by looking at a sample: whether all are grey, mean and deviation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from appnas.domains.images.decoding import Form
from appnas.domains.reading import SAMPLE, Flow, Rows, sampled

LOOKED_AT = 100
"""Images of a split beside the training images of which it is seen whether all are grey."""


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
    form = cast(Form, parts[0].form)
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


def statistics(batches: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every channel. Shapes: [B, C, H, W] each -> [1, C, 1, 1] twice."""
    count, first, second = 0, torch.zeros(()), torch.zeros(())
    for x in batches:
        wide = x.double()
        first, second = first + wide.sum((0, 2, 3)), second + wide.square().sum((0, 2, 3))
        count += x.shape[0] * x.shape[2] * x.shape[3]
    mean = first / count
    spread = ((second - count * mean.square()) / max(count - 1, 1)).clamp_min(0).sqrt() + 1e-6
    return mean.float().view(1, -1, 1, 1), spread.float().view(1, -1, 1, 1)
