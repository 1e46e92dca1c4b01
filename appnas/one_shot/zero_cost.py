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
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
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


NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Modules that a flow is defined without: batch and instance norms are the first."""


@contextmanager
def without_norms(network: nn.Module) -> Iterator[None]:
    """Norms inside pass their input on. Of a supernet, only the plain form calls all of them as modules."""
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    for norm in norms:
        norm.forward = _same  # type: ignore[method-assign]  # of this instance alone
    try:
        with plain():
            yield
    finally:
        for norm in norms:
            del norm.forward


def probing(network: nn.Module) -> nn.Module:
    """The network itself as proxies see it: without dropout, its batch norms with the statistics of batches."""
    for module in network.modules():
        module.training = isinstance(module, _BatchNorm)
    return network


def ones(inputs: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Inputs of the same shapes that hold nothing but 1; integers (edges of a graph, tokens) stay what they are."""
    return tuple(torch.ones_like(x, dtype=dtype) if x.is_floating_point() else x for x in inputs)


def absolute(network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The absolute weights by their names, without a gradient."""
    return {name: w.detach().abs().to(dtype) for name, w in network.named_parameters()}


def flow(
    network: nn.Module,
    inputs: tuple[Tensor, ...],
    gates: Gates | None,
    norms: bool = True,
    weights: dict[str, Tensor] | None = None,
) -> Tensor:
    """R = 1^T (prod_l |W_l|) 1, the sum of the outputs for inputs of 1 and absolute weights.

    Tanaka et al. (arXiv 2006.05467, eq. 2) for networks without batch norm.

    Args:
        network: forward(*inputs, gates), a supernet; or forward(*inputs).
        inputs: their shapes alone matter.
        gates: multipliers; the precision of all that is computed is theirs. None for a network without.
        norms: leave norms as they are.
        weights: the absolute weights, by default the network's in the precision of the gates.
    """
    dtype = gates[0].dtype if gates else next(iter((weights or {"": torch.empty(0)}).values())).dtype
    weights = absolute(network, dtype) if weights is None else weights
    buffers = {name: b.to(dtype) if b.is_floating_point() else b for name, b in network.named_buffers()}
    more = {} if gates is None else {"gates": gates}
    with nullcontext() if norms else without_norms(network):
        out = functional_call(network, {**weights, **buffers}, ones(inputs, dtype), more)
    found = [y.sum() for y in tree_leaves(out) if isinstance(y, Tensor) and y.is_floating_point()]
    return torch.stack(found).sum()


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
        probing(supernet)
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
