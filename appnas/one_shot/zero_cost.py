"""Performance estimation at initialisation: what a supernet that was never trained says of its gates.

Proxies are functions of the gates, to be differentiated. The weights go in as arguments (`functional_call`), so signs,
precision and buffers of the supernet stay as they were, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves

from appnas.compute import compute_of, copied, fetched, gates_on, mean_over, moved
from appnas.estimate import Stateless
from appnas.space import Gates, Space
from appnas.strategy import Draw, Score
from appnas.supernet import plain
from appnas.support import seeded
from appnas.task import DifferentiableDomain, Stream, synchronised

Proxy = Literal["freeflow", "synflow", "loss"]


def _same(input: Tensor) -> Tensor:
    return input


@contextmanager
def without_norms(supernet: nn.Module) -> Iterator[None]:
    """Batch norms inside pass their input on. Only in the plain form are all of them modules that are called."""
    norms = [module for module in supernet.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.forward = _same  # type: ignore[method-assign]  # of this instance alone
    try:
        with plain():
            yield
    finally:
        for norm in norms:
            del norm.forward


def ones(inputs: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Inputs of the same shapes that hold nothing but 1; integers (edges of a graph, tokens) stay what they are."""
    return tuple(torch.ones_like(x, dtype=dtype) if x.is_floating_point() else x for x in inputs)


def flow(supernet: nn.Module, inputs: tuple[Tensor, ...], gates: Gates, norms: bool = True) -> Tensor:
    """R = 1^T (prod_l |W_l|) 1, the sum of the outputs for inputs of 1 and absolute weights.

    Tanaka et al. (arXiv 2006.05467, eq. 2) for networks without batch norm.

    Args:
        supernet: forward(*inputs, gates).
        inputs: their shapes alone matter.
        gates: multipliers; the precision of all that is computed is theirs.
        norms: leave batch norms as they are.
    """
    dtype = gates[0].dtype
    weights = {name: w.detach().abs().to(dtype) for name, w in supernet.named_parameters()}
    buffers = {name: b.to(dtype) if b.is_floating_point() else b for name, b in supernet.named_buffers()}
    with nullcontext() if norms else without_norms(supernet):
        out = functional_call(supernet, {**weights, **buffers}, ones(inputs, dtype), {"gates": gates})
    return sum((y.sum() for y in tree_leaves(out)), torch.zeros((), dtype=dtype, device=gates[0].device))


class AtInit(Stateless):
    """A supernet with new weights for every draw, scored by a proxy; the value is attached to the gates.

    Args:
        space: builds the supernets.
        domain: gives the shapes of the inputs, and data to the proxy "loss" alone.
        proxy: "freeflow", the flow through the network as it is, one example (FreeNAS); "synflow", in float64 and
            without batch norms, as the flow is defined; "loss", minus the mean loss on a training batch.
        seed: of the weights and of the batches.
    """

    saved = ("count", "train")

    def __init__(self, space: Space, domain: DifferentiableDomain, proxy: Proxy, seed: int = 0):
        self.space, self.domain, self.proxy, self.seed = space, domain, proxy, seed
        self.train = Stream(domain, "train", seed) if proxy == "loss" else None
        self.count = 0

    def score(self, draw: Draw) -> Score:
        """The proxy of new weights.

        Raises:
            ValueError: a draw without gates.
        """
        if draw.gates is None:
            raise ValueError("a proxy at initialisation is a function of gates, the draw has none")
        device = compute_of(self.domain).device
        supernet = seeded(100_003 * (self.seed + 1) + self.count, partial(self.space.supernet, self.domain.io), device)
        self.count += 1
        for module in supernet.modules():  # a proxy says nothing of dropout; norms keep the statistics of batches
            module.training = isinstance(module, _BatchNorm)
        gates = tuple(g.to(torch.float64 if self.proxy == "synflow" else torch.float32) for g in draw.gates)
        gates = gates_on(gates, device)
        if self.train is not None:
            compute = compute_of(self.domain)
            own = copied(gates, compute.share)
            with synchronised(supernet, compute):
                losses = self.domain.loss(partial(supernet, gates=own), next(self.train))
            return Score(-fetched([mean_over(losses, compute.share)[0]])[0])
        count = 1 if len(self.domain.io.inputs) > 1 else 2  # a batch norm needs two values a channel
        inputs = moved(self.domain.example(count), device)
        return Score(fetched([flow(supernet, inputs, gates, norms=self.proxy != "synflow")])[0])
