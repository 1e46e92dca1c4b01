"""Weight sharing with an architecture for every example, and the generalisation gap as a loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from appnas.compute import CPU, derived, gates_on, moved
from appnas.one_shot.weight_sharing import Shared
from appnas.space import Gates, Space
from appnas.supernet import Weights
from appnas.task import Batch, DifferentiableDomain


class Paired(Shared):
    """Losses of samples on a pair of batches: L_train + gap |L_val - L_train| (UNAS, arXiv 1912.07651, section 3.2).

    The i-th training and the i-th validation example share the i-th sample. Batch norms mix the examples of a batch.

    Args:
        space: builds the supernet.
        domain: data and loss.
        gap: lambda, weight of the generalisation gap; at 0 no validation batch is read.
        per_example: one sample an example. Else the draws hold one sample, and losses are means over the batch.
        shared: arguments of `Shared`.

    Raises:
        ValueError: there are several processes.
    """

    def __init__(
        self, space: Space, domain: DifferentiableDomain, gap: float = 0.5, per_example: bool = True, **shared: Any
    ):
        super().__init__(space, domain, **shared)
        if self.share.size > 1:
            raise ValueError(
                "the generalisation gap is a loss of pairs of examples with samples of their own, which several"
                f" processes cannot share: search with processes=1, got {self.share.size}"
            )
        if self.scaling.on:
            raise ValueError("losses of samples have no scale for float16: take precision 'bf16' or '32', not '16'")
        self.gap, self.per_example = gap, per_example
        self.judge: Batch | None = None

    def samples(self) -> int:
        """Samples that a draw must hold: the examples of a batch, or 1."""
        if not self.per_example:
            return 1
        batch = moved(next(iter(self.domain.batches("train", torch.Generator().manual_seed(0)))), self.device)
        even = tuple(torch.full((c.count, len(c.options)), 1 / len(c.options)) for c in self.space.choices)
        even = gates_on(even, self.device)
        with torch.no_grad():
            return len(self.domain.loss(lambda *inputs: self.supernet(*inputs, gates=even), batch))

    def _losses(self, gates: Gates, batch: Batch, weights: Weights | None = None) -> Tensor:
        """Losses of the samples on a batch. Shapes: gates [n, count, K]; returns [m], m <= n."""
        losses = super()._losses(gates, batch, weights)
        self.watch(losses.detach().sum(), f"search step {self.step}")
        if not self.per_example:
            return losses.mean()[None]
        if len(losses) > len(gates[0]):
            raise ValueError(f"a batch of {len(losses)} examples needs as many samples, got {len(gates[0])}")
        return losses

    def _forward(self, inputs: tuple[Any, ...], gates: Gates, weights: Weights | None) -> Any:
        return super()._forward(inputs, self._rows(gates, inputs[0]), weights)

    def _rows(self, gates: Gates, x: Any) -> Gates:
        if not self.per_example:
            return derived(lambda given: [matrix.squeeze(0) for matrix in given], gates)
        if len(x) > len(gates[0]):
            raise ValueError(
                f"an input with {len(x)} rows needs as many samples, got {len(gates[0])}: where the loss is not one"
                " number for each row of the input (a graph's nodes, say), take one sample a batch"
            )
        return derived(lambda given: [matrix[: len(x)] for matrix in given], gates)

    def losses(self, gates: Gates, step: int = 0) -> Tensor:
        """The objective of every sample, on the batches of this step. Shapes: gates [n, count, K]; returns [m].

        What is returned is on the CPU, as the gates are.
        """
        gates = gates_on(gates, self.device)
        weights = {name: w.detach() for name, w in self.supernet.named_parameters()}
        train = self._losses(gates, self._next_batch(), weights)
        if not self.gap:
            return moved(train, CPU)  # type: ignore[no-any-return]
        if self.judge is None:
            self.judge = next(self.valid)
        valid = self._losses(gates, self.judge, weights)
        m = min(len(train), len(valid))
        return moved(train[:m] + self.gap * (valid[:m] - train[:m]).abs(), CPU)  # type: ignore[no-any-return]

    def _descend(self, loss: Tensor) -> None:
        super()._descend(loss)
        self.judge = None
