"""Whether a network can be trained in the memory there is, asked before it is trained.

A network whose tensors do not fit would end the process, and the search with it; told before, it is a candidate that
failed. Two steps are made on a few examples, with all tensors counted that are there at once, and the line through
both is followed to a whole batch: what is kept for backward grows with the examples, or with nodes and edges. Where
the data are small against what is free, no step is made.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from appnas.compute import CPU, compute_of, moved
from appnas.cost.counts import peak_bytes
from appnas.support import LESS, MIB, forked, memory
from appnas.task import Domain

PLACE = 2**18
"""Bytes that no network here holds for one place (pixel, token, node or edge) of a batch: 256 numbers 256 times."""
FEW = 512
"""Rows that a network is tried on, of domains that cut their batches down; twice as many the second time."""


class Pass(NamedTuple):
    """What a network is called with, cut down.

    Attributes:
        inputs: of the call.
        times: how many times larger the call itself is.
        learns: whether a backward pass follows.
    """

    inputs: tuple[Any, ...]
    times: float
    learns: bool


def passes(domain: Domain, few: bool) -> list[Pass]:
    """Calls of a network in its training, cut down: by the domain's `cut(count)`, else to two examples, or to four.

    Nothing where there are no examples, or inputs that are no tensors.
    """
    inner: Any = getattr(domain, "_domain", domain)
    if hasattr(inner, "cut"):
        return [Pass(*each) for each in inner.cut(FEW if few else 2 * FEW)]
    inputs = domain.example(2 if few else 4) if hasattr(inner, "example") else ()
    tensors = tree_leaves(inputs)
    if not tensors or not all(isinstance(x, Tensor) and x.dim() for x in tensors):
        return []
    batch = getattr(getattr(inner, "options", None), "batch", 1)
    return [Pass(inputs, max(batch / max(len(tensors[0]), 1), 1.0), True)]


def places(domain: Domain, each: Pass) -> float:
    """Pixels, tokens, or nodes and edges, of the call itself."""
    first, *more = (x for x in tree_leaves(each.inputs) if isinstance(x, Tensor))
    channels = domain.io.inputs[0] if first.is_floating_point() and domain.io.inputs else 1
    return each.times * (first.numel() / max(channels, 1) + sum(x.shape[-1] for x in more if x.dim()))


def training_bytes(model: nn.Module, domain: Domain, free: int | None = None) -> int:
    """Estimated bytes that training a network takes at most at once; 0 where it is certainly less than what is free.

    Weights are counted five times: their gradients, two moments and those of the best epoch. The network itself and
    torch's generators are left as they are. Not counted is what kernels use inside, and that an accelerator has dense
    features where a processor has sparse ones: the steps are made on the processor.

    Args:
        model: untrained.
        domain: trains it. Its `cut(count)`, if it has that, gives (inputs of about so many rows, how many times larger
            the real ones are, whether a backward pass follows) of every kind of call.
        free: bytes; None makes the steps whatever there is.
    """
    weights = 5 * sum(p.numel() * p.element_size() for p in model.parameters())
    small = passes(domain, True)
    if free is not None and weights > free:
        return weights
    if not small or (free is not None and weights + PLACE * max(places(domain, each) for each in small) < free):
        return 0
    tried = copy.deepcopy(model).to(CPU)
    with forked(CPU, 0):
        found = [
            _on_the_line(1 / a.times, _peak(tried, a), 1 / b.times, _peak(tried, b))
            for a, b in zip(small, passes(domain, False), strict=True)
        ]
    return weights + int(max(found))


def _on_the_line(x: float, low: int, z: float, high: int) -> float:
    """The bytes of the whole call, from those of two shares of it."""
    return high + max((high - low) / (z - x), 0.0) * (1 - z) if z > x else float(high)


def _peak(model: nn.Module, each: Pass) -> int:
    run = _step if each.learns else _read
    return peak_bytes(partial(run, model, moved(each.inputs, CPU)))


def _step(model: nn.Module, inputs: Sequence[Any]) -> None:
    outputs = [y for y in tree_leaves(model.train()(*inputs)) if isinstance(y, Tensor) and y.requires_grad]
    wanted = [p for p in model.parameters() if p.requires_grad]
    if outputs and wanted:
        torch.autograd.grad([y.float().sum() for y in outputs], wanted, allow_unused=True)


@torch.no_grad()
def _read(model: nn.Module, inputs: Sequence[Any]) -> None:
    model.eval()(*inputs)


def check_fits(model: nn.Module, domain: Domain) -> None:
    """Whether a network can be trained in what is free now.

    Args:
        model: untrained.
        domain: that trains it; its `lighter`, if it has that, says what needs less.

    Raises:
        MemoryError: what it needs, what is free, and what needs less.
    """
    device = compute_of(domain).device
    free = memory.free_bytes(device)
    if free is None:
        return
    need = training_bytes(model, domain, free)
    if need > free:
        where = "" if device == CPU else f" on {device}"
        remedy = getattr(getattr(domain, "_domain", domain), "lighter", LESS)
        raise MemoryError(
            f"training this network needs about {need / MIB:,.0f} MiB, {max(free, 0) / MIB:,.0f} MiB are free{where}:"
            f" {remedy}"
        )
