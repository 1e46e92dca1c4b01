"""Candidates that are really trained: a supernet scored after some weight steps that leave no trace."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import grad

from appnas.one_shot.weight_sharing import Shared
from appnas.space import Gates, Space
from appnas.strategy import Draw, Score
from appnas.supernet import Weights
from appnas.task import DifferentiableDomain


class Adapted(Shared):
    """Weight sharing that scores gates by L_val(w', g), w' being the weights after `inner` SGD steps under g.

    A round is `candidates` draws, judged from the same weights on the same batches; then the weights themselves take
    their steps on those batches, under the draw that the last one was answered with. w' = SGD(w; g) is a function:
    weights, momentum and buffers of the supernet stay as they are (ZARTS, Wang et al., arXiv 2110.04743). Draws whose
    gates carry a gradient are scored as they are, with w' = w.

    Args:
        space: builds the supernet.
        domain: data and loss.
        inner: M, weight steps of a candidate and of a round.
        candidates: draws in a round.
        warmup: so many draws at first train the weights only, each a round of its own.
        shared: arguments of `Shared`.
    """

    def __init__(
        self,
        space: Space,
        domain: DifferentiableDomain,
        inner: int = 10,
        candidates: int = 5,
        warmup: int = 0,
        **shared: Any,
    ):
        super().__init__(space, domain, **shared)
        self.inner, self.candidates, self.warmup = inner, candidates, warmup
        self.rounds = self.told = self.tried = 0

    @property
    def spent(self) -> int:
        """Training steps that the search has cost, those of candidates included."""
        return self.step + self.tried

    def _open(self) -> None:
        """The batches of a round, and where the streams stood before."""
        self.before = self.train.state_dict(), self.valid.state_dict()
        self.batches, self.judge = [next(self.train) for _ in range(self.inner)], next(self.valid)

    def score(self, draw: Draw) -> Score:
        """Minus the mean loss on the round's validation batch."""
        if self.told == 0:
            self._open()
        gates = self._gates(draw)
        attached = any(matrix.requires_grad for matrix in gates)
        if attached or self.rounds < self.warmup:
            weights = {name: w.detach() for name, w in self.supernet.named_parameters()}
        else:
            weights = self.adapted(gates)
        with torch.set_grad_enabled(attached):
            loss, told = self._settled(
                lambda gates: self._loss(gates, self.judge, {**weights, **self._buffers()}), gates
            )
        (loss,) = self.watch.values((loss, f"validation, search step {self.step}"))
        return Score(-loss, {"valid_loss": float(loss.detach()), **told})

    def _buffers(self) -> Weights:
        return {name: x.clone() for name, x in self.supernet.named_buffers()}

    def adapted(self, gates: Gates) -> Weights:
        """The weights after the round's steps under these gates: what `learn` would make of them."""
        weights = {name: w.detach().requires_grad_() for name, w in self.supernet.named_parameters()}
        buffers, step = self._buffers(), self._sgd()
        for i, batch in enumerate(self.batches):
            loss = self.watch(self._loss(gates, batch, {**weights, **buffers}), f"a candidate, search step {self.step}")
            learns = loss.requires_grad  # a path of parameter-free operations may leave nothing to train
            slopes = grad(loss, list(weights.values()), materialize_grads=True) if learns else ()
            with torch.no_grad():
                slopes = slopes if self.scaling.sound(slopes) else ()  # what overflows in float16 is no step
                slopes = slopes or tuple(torch.zeros_like(w) for w in weights.values())
                step = step._replace(lr=self.lr(self.step + i))
                velocity, weights = step.moved(weights, slopes), step(weights, slopes)
            step = step._replace(velocity=velocity)
            weights = {name: w.requires_grad_() for name, w in weights.items()}
        self.tried += self.inner
        return {name: w.detach() for name, w in weights.items()}

    def learn(self, draw: Draw) -> None:
        """Count the draw; after the last one of a round, take the round's steps under its gates."""
        self.told += 1
        if self.told < self.candidates and self.rounds >= self.warmup:
            return
        for batch in self.batches:
            self.batch = batch
            super().learn(draw)
        self.told, self.rounds = 0, self.rounds + 1

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, the place in the round, and both streams as they stood before it."""
        state = {**super().state_dict(), "round": [self.rounds, self.told, self.tried]}
        if self.told:
            state["train"], state["valid"] = self.before
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; the batches of a round that was open are drawn again."""
        super().load_state_dict(state)
        self.rounds, self.told, self.tried = state["round"]
        if self.told:
            self._open()
