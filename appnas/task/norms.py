"""Batch norms whose statistics are of all processes' rows: those of one process with the whole batch.

Torch's own `SyncBatchNorm` is for accelerators alone and is a module of another kind. Here the norms of a network stay
what they are, names and states included; only their pass is another, and only where it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from appnas.compute import Compute, Share, copied, synchronised_by, synchronising, total
from appnas.compute.distributed import summed


def joint(model: nn.Module, compute: Compute) -> list[_BatchNorm]:
    """Let the batch norms of a network have the statistics of all processes, inside `synchronising`.

    Returns:
        Those that did not before; none with one process, or with norms of each process's own.
    """
    if compute.norms_of is None:
        return []
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and "forward" not in vars(m)]
    for norm in norms:
        norm.forward = partial(_pass, norm)  # type: ignore[method-assign]  # of this instance alone
    return norms


@contextmanager
def synchronised(model: nn.Module, compute: Compute) -> Iterator[None]:
    """Inside, the batch norms of a network have the statistics of all processes; afterwards it is as it was."""
    norms = joint(model, compute)
    try:
        with synchronising(compute.norms_of):
            yield
    finally:
        for norm in norms:
            del norm.forward


def _pass(norm: _BatchNorm, x: Tensor) -> Tensor:
    share = synchronised_by.get()
    if share is None or not (norm.training or norm.running_mean is None):
        return type(norm).forward(norm, x)
    mean, variance, count = statistics(x, share)
    if norm.training and norm.running_mean is not None:
        _remember(norm, mean.detach(), variance.detach() * count / (count - 1))
    return normalised(x, mean, variance, norm.weight, norm.bias, norm.eps)


def statistics(x: Tensor, share: Share) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and (biased) variance of every channel over the rows of all processes, and the number of values.

    The processes' means and sums of squares around them are put together as Chan, Golub and LeVeque (1979) do, so that
    one message is enough and no digits are lost.

    Shapes:
        x: [own rows, C, ...]. returns: [C], [C], [].
    """
    axes, channels = [0, *range(2, x.dim())], x.shape[1]
    own = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    mean = own.mean(axes)
    around = (own - _wide(mean, x)).square().sum(axes)
    mine = torch.cat([mean, around, mean.new_full((1,), x.numel() / channels)])
    place = mean.new_zeros(share.size, 1)
    place[share.rank] = 1
    (every,) = copied([total(place * mine, share)], share)  # [processes, 2 C + 1]
    means, squares, counts = torch.split(every, [channels, channels, 1], 1)
    counts = counts.detach()
    count = counts.sum()
    middle = (means * counts).sum(0) / count
    variance = (squares + counts * (means - middle).square()).sum(0) / count
    return middle, variance, count


def normalised(
    x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias. Shapes: x [B, C, ...]; the others [C]."""
    scale = torch.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    y = (x - _wide(mean, x)) * _wide(scale, x)
    return (y if bias is None else y + _wide(bias, x)).to(x.dtype)


def _wide(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *[1] * (x.dim() - 2))


@torch.no_grad()
def _remember(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Running statistics as torch keeps them."""
    assert norm.running_mean is not None and norm.running_var is not None
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    weight = norm.momentum if norm.momentum is not None else 1 / int(norm.num_batches_tracked or 1)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), weight)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), weight)


@torch.no_grad()
def average_statistics(model: nn.Module, share: Share) -> None:
    """Let all processes have the mean of their running statistics: after an epoch with norms of their own."""
    if share.size == 1:
        return
    running = [b for m in model.modules() if isinstance(m, _BatchNorm) for b in m.buffers() if b.is_floating_point()]
    for buffer, together in zip(running, summed(running), strict=True):
        buffer.copy_(together / share.size)
