"""Image domains cut out of others: some classes, a few examples of each, grey pictures of another size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from appnas.compute import CPU, compute_of
from appnas.domains.images.domain import Images
from appnas.domains.images.options import Options
from appnas.domains.images.reading import Flow
from appnas.domains.images.splits import Source, Split, cut, listed, on_device
from appnas.task import placed


def _data(domain: Images) -> tuple[Split, Split]:
    """All training images and all held-out ones, on the CPU if they are in memory."""
    if domain._held_out is None:
        raise ValueError("a part of a domain is tested on the same part of its held-out data, and this one has none")
    splits, held = on_device(domain._splits, domain._held_out, CPU)
    assert held is not None
    return splits["all"], held


def _made(domain: Images, train: Split, held: Split, options: Options, labels: tuple[Any, ...]) -> Images:
    """A domain of images that were cut, resized and shrunk already."""
    made = Images.__new__(Images)
    made._assemble(train, held, replace(options, limit=0, shrink=1, side=0), labels)
    return placed(made, compute_of(domain))


def classes(domain: Images, kept: Iterable[int]) -> Images:
    """The images of some classes alone, numbered anew from 0 in the order given.

    Raises:
        ValueError: fewer than two classes, a class twice, or one that the domain does not have; labels that are not
            listed.
    """
    order = list(kept)
    if len(order) < 2 or len(set(order)) < len(order) or not set(order) <= set(range(domain.io.outputs[0])):
        raise ValueError(f"expected two or more different classes below {domain.io.outputs[0]}, got {order}")
    new = torch.full((domain.io.outputs[0],), -1)
    new[order] = torch.arange(len(order))

    def part(split: Split) -> Split:
        images, labels = listed(split, "a part of the classes")
        assert labels is not None
        images, labels = cut((images, new[labels]), (new[labels] >= 0).nonzero().flatten())
        return images, labels

    train, held = _data(domain)
    return _made(domain, part(train), part(held), domain.options, tuple(domain.labels[k] for k in order))


def few(domain: Images, shots: int, seed: int = 0) -> Images:
    """`shots` training images of every class, drawn by the seed; the held-out images stay all.

    Retraining with `final=True` uses all of them; one alone is set aside for validation.

    Raises:
        ValueError: a class has fewer images, or less than one is asked for; labels that are not listed.
    """
    train, held = _data(domain)
    _, y = listed(train, "a few images of every class")
    assert y is not None
    counts = y.bincount(minlength=domain.io.outputs[0])
    if not 1 <= shots <= int(counts.min()):
        raise ValueError(f"there are {int(counts.min())} images of the rarest class, got shots={shots}")
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    part = torch.cat([order[y[order] == label][:shots] for label in range(len(counts))])
    options = replace(domain.options, valid=1 / len(part), seed=seed)
    return _made(domain, cut(train, part), held, options, domain.labels)


def grey(domain: Images, side: int) -> Images:
    """The mean over the colours, averaged down to side x side pixels: what makes two data sets comparable.

    Raises:
        ValueError: fewer pixels than that; iterable data, which cannot be split anew.
    """
    train, held = _data(domain)
    h, w = train[0].shape[2:]
    if min(h, w) < side:
        raise ValueError(f"images of {h} x {w} pixels cannot be averaged down to {side} x {side}")
    if isinstance(train[0], Flow):
        raise ValueError("grey images need data that can be split anew, and these are iterable")
    small, small_held = ((_grey(images, side), labels) for images, labels in (train, held))
    return _made(domain, small, small_held, replace(domain.options, mean=(), std=()), domain.labels)


def _grey(images: Source, side: int) -> Source:
    if isinstance(images, Tensor):
        return adaptive_avg_pool2d(images.float().mean(1, keepdim=True), side)
    return images.formed(replace(images.form, grey=side))
