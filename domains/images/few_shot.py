"""Image domains cut out of others: some classes, a few examples of each, grey pictures of another size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from appnas.domains.images.domain import Images, Options


def _data(domain: Images) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if domain._held_out is None:
        raise ValueError("a part of a domain is tested on the same part of its held-out data, and this one has none")
    return *domain._splits["all"], *domain._held_out


def _as_they_are(options: Options) -> Options:
    """The options for images that were cut and shrunk already."""
    return replace(options, limit=0, shrink=1)


def classes(domain: Images, kept: Iterable[int]) -> Images:
    """The images of some classes alone, numbered anew from 0 in the order given.

    Raises:
        ValueError: fewer than two classes, a class twice, or one that the domain does not have.
    """
    order = list(kept)
    if len(order) < 2 or len(set(order)) < len(order) or not set(order) <= set(range(domain.io.outputs[0])):
        raise ValueError(f"expected two or more different classes below {domain.io.outputs[0]}, got {order}")
    new = torch.full((domain.io.outputs[0],), -1)
    new[order] = torch.arange(len(order))
    x, y, test_x, test_y = _data(domain)
    train, test = new[y] >= 0, new[test_y] >= 0
    return Images(
        x[train], new[y[train]], test_x[test], new[test_y[test]], _as_they_are(domain.options), len(order)
    )  # fmt: skip


def few(domain: Images, shots: int, seed: int = 0) -> Images:
    """`shots` training images of every class, drawn by the seed; the held-out images stay all.

    Retraining with `final=True` uses all of them; one alone is set aside for validation.

    Raises:
        ValueError: a class has fewer images, or less than one is asked for.
    """
    x, y, test_x, test_y = _data(domain)
    counts = y.bincount(minlength=domain.io.outputs[0])
    if not 1 <= shots <= int(counts.min()):
        raise ValueError(f"there are {int(counts.min())} images of the rarest class, got shots={shots}")
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    part = torch.cat([order[y[order] == label][:shots] for label in range(len(counts))])
    options = replace(_as_they_are(domain.options), valid=1 / len(part), seed=seed)
    return Images(x[part], y[part], test_x, test_y, options, len(counts))


def grey(domain: Images, side: int) -> Images:
    """The mean over the colours, averaged down to side x side pixels: what makes two data sets comparable.

    Raises:
        ValueError: fewer pixels than that.
    """
    x, y, test_x, test_y = _data(domain)
    if min(x.shape[2:]) < side:
        raise ValueError(f"images of {x.shape[2]} x {x.shape[3]} pixels cannot be averaged down to {side} x {side}")
    small, test_small = (adaptive_avg_pool2d(part.float().mean(1, keepdim=True), side) for part in (x, test_x))
    return Images(small, y, test_small, test_y, _as_they_are(domain.options), domain.io.outputs[0])
