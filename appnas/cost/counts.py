"""What a network costs: parameters, multiply-adds, bytes kept for backward, peak memory; and what memory is free."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from appnas.compute import CPU, home, moved
from appnas.space import Gates
from appnas.support import LESS, MIB
from appnas.task import Domain


def parameters(model: nn.Module) -> int:
    """Number of weights, an auxiliary head (a submodule `auxiliary`) excluded."""
    return sum(p.numel() for name, p in model.named_parameters() if not name.startswith("auxiliary."))


@torch.no_grad()
def macs(model: Callable[..., Any], inputs: tuple[Tensor, ...]) -> int:
    """Multiply-adds of one forward pass over the given inputs: convolutions, linear layers, matrix products.

    Half of torch's flop count, which is exact for forward passes (its backward count of grouped convolutions
    is not, so none is offered). A module is counted in evaluation mode: without auxiliary head, leaving no trace.
    """
    inputs = moved(inputs, home(model)) if isinstance(model, nn.Module) else inputs
    with evaluating(model), FlopCounterMode(display=False) as counter:
        model(*inputs)
    return int(counter.get_total_flops()) // 2


@contextmanager
def evaluating(model: Callable[..., Any]) -> Iterator[None]:
    """Evaluation mode; afterwards every submodule is in its own mode again."""
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, nn.Module) else []
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def saved_bytes(run: Callable[[], Any]) -> int:
    """Bytes of distinct tensors that autograd keeps for backward while `run` executes, parameters excluded.

    Args:
        run: a forward pass. Its result keeps the graph alive during the count.
    """
    kept: dict[int, Tensor] = {}

    def pack(x: Tensor) -> Tensor:
        if not isinstance(x if x._base is None else x._base, nn.Parameter):  # a linear layer keeps a view of its weight
            kept.setdefault(x.untyped_storage().data_ptr(), x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        result = run()
    total = sum(x.untyped_storage().nbytes() for x in kept.values())
    del result
    return total


class _Peak(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are made while it is active, until they are freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.most = 0
        self.known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for x in tree_leaves(result):
            if isinstance(x, Tensor) and x.layout == torch.strided:  # parts of sparse tensors were counted when made
                self._add(x.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage not in self.known:
            size = storage.nbytes()
            self.known.add(storage)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._free, size)

    def _free(self, size: int) -> None:
        self.now -= size


def peak_bytes(run: Callable[[], Any]) -> int:
    """Most bytes at once of the tensors that `run` makes, backward passes included; not what kernels use inside."""
    with _Peak() as counter:
        run()
    most: int = counter.most
    return most


class SupernetMemory(NamedTuple):
    """Estimated memory of one training step of a supernet, in bytes.

    Attributes:
        activations: the peak of forward and backward pass at the given batch size.
        weights: weights, their gradients and momentum.
        again: shares of the cells that compute convolutions, or everything, again for it to be no more
            (`appnas.supernet.Recomputing`).
    """

    activations: int
    weights: int
    again: tuple[float, float] = (0.0, 0.0)

    @property
    def total(self) -> int:
        """Sum of both, a lower bound of the peak: what kernels allocate inside comes on top."""
        return self.activations + self.weights


def weight_bytes(model: nn.Module) -> int:
    """Bytes of the weights, their gradients and their momentum."""
    return 3 * sum(p.numel() * p.element_size() for p in model.parameters())


def supernet_memory(supernet: nn.Module, gates: Gates, domain: Domain, batch: int) -> SupernetMemory:
    """Estimate a supernet's memory from the peaks of two small steps, extrapolated to the batch size.

    Args:
        supernet: forward(*inputs, gates); its buffers are not touched if it uses batch statistics.
        gates: attached to logits, so that what the logits' gradient keeps is counted.
        domain: gives the inputs; one whose example ignores its count (a whole graph) is measured as it is.
        batch: examples a step.
    """
    wanted = [*gates, *(p for p in supernet.parameters() if p.requires_grad)]

    def step(inputs: tuple[Tensor, ...]) -> None:
        outputs = [y for y in tree_leaves(supernet(*inputs, gates=gates)) if isinstance(y, Tensor) and y.requires_grad]
        torch.autograd.grad([y.sum() for y in outputs], wanted, allow_unused=True)

    examples = (moved(domain.example(count), home(supernet)) for count in (2, 4))
    small = [(len(inputs[0]), peak_bytes(partial(step, inputs))) for inputs in examples]
    (n, low), (m, high) = small
    per_example = (high - low) / (m - n) if m > n else 0.0
    activations = low + per_example * max(batch - n, 0) if m > n else float(high)
    return SupernetMemory(int(activations), weight_bytes(supernet))


MARGIN = 0.8
"""Share of the free memory above which an estimate is too close to it."""


def check_memory(need: SupernetMemory, free: int | None, margin: float = MARGIN, device: torch.device = CPU) -> None:
    """Warn before a search that memory will not suffice.

    Args:
        need: the estimate; it was up to 11 % low where it was compared with the peak itself.
        free: `free_bytes`.
        margin: share of it above which to warn.
        device: whose memory that is.

    Raises:
        MemoryError: the estimate exceeds what is free.
    """
    if free is None:
        return
    where = "" if device == CPU else f" on {device}"
    text = f"one step needs about {need.total / MIB:,.0f} MiB, {free / MIB:,.0f} MiB are free{where}"
    remedy = (
        f"use a smaller batch, fewer channels or cells: {LESS}. Or restrict the space (appnas.space.restrict), or let"
        ' its `recompute` be "auto" if it has that option'
    )
    if need.total > free:
        raise MemoryError(f"{text}: {remedy}")
    if need.total > margin * free:
        warnings.warn(f"{text}, little is left: {remedy}", stacklevel=2)
