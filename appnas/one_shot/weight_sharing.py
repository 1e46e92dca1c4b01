"""Weight sharing: one supernet scores all architectures while it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from appnas.compute import compute_of, copied, gates_on, mean_over, remembering, sum_gradients, synchronising
from appnas.space import Gates, Space, full_mask, one_hot
from appnas.strategy import Draw, Score
from appnas.supernet import SGDStep, Weights, live_options, lookahead_exact, lookahead_finite
from appnas.support import Saved, check, forked, seeded
from appnas.task import Batch, DifferentiableDomain, Recipe, Scaling, Stream, Watch, cosine, joint, optimiser_of


@dataclass(frozen=True, kw_only=True)
class SupernetSGD:
    """How a supernet's weights are trained. The numbers are DARTS's for CIFAR-10 (arXiv 1806.09055, section A.1.1)."""

    lr: float = 0.025
    """SGD on the supernet's weights, cosine by the epoch."""
    lr_min: float = 0.001
    """End of the cosine (DARTS's code; its paper says 0)."""
    momentum: float = 0.9
    """Of SGD on the supernet's weights."""
    weight_decay: float = 3e-4
    """Of the supernet's weights."""
    clip: float = 5.0
    """Largest gradient norm of the supernet's weights (DARTS's code)."""

    def __post_init__(self) -> None:
        """Check the settings."""
        check(self, lr=0, lr_min=0, momentum=0, weight_decay=0, clip=0)

    def sgd(self, epochs: int, steps: int) -> dict[str, Any]:
        """The arguments of `Shared` for so many epochs of so many steps."""
        names = ("momentum", "weight_decay", "clip")
        rate = lambda step: cosine(step // steps, epochs, self.lr, self.lr_min)  # noqa: E731
        return {"lr": rate, **{name: getattr(self, name) for name in names}}


def called(supernet: nn.Module, inputs: tuple[Any, ...], gates: Gates, weights: Weights | None) -> Any:
    """A supernet's output, with other weights than its own if given."""
    if weights is None:
        return supernet(*inputs, gates=gates)
    return functional_call(supernet, weights, inputs, {"gates": gates})


def dense(gates: Gates, space: Space) -> bool:
    """Whether all options that a space allows are needed: where few are, to leave the others out is worth more."""
    used = [torch.tensor(live_options(matrix)) for matrix in gates]
    return all(bool((on | ~may).all()) for on, may in zip(used, space.mask or full_mask(space.choices), strict=True))


@contextmanager
def constant(supernet: nn.Module, compiles: bool) -> Iterator[Weights | None]:
    """The weights without a gradient: as copies, or for the compiler as they are, which compiles five times as fast.

    Yields:
        What to call the supernet with; None for its own weights.
    """
    if not compiles:
        yield {name: w.detach() for name, w in supernet.named_parameters()}
        return
    learn = [w for w in supernet.parameters() if w.requires_grad]
    try:
        for w in learn:
            w.requires_grad_(False)
        yield None
    finally:
        for w in learn:
            w.requires_grad_(True)


class Shared(Saved):
    """Weight sharing: a supernet trained along the way, scored by minus the loss on a validation batch.

    The value stays attached to soft gates, so gradient strategies can differentiate it. Supernets use batch
    statistics, so no pass leaves a trace in buffers.

    Passes are made in the precision of the domain's `compute`, and compiled if it says so: not those under gates that
    leave options out (single paths), of which every one would be a network of its own. A look-ahead is computed as it
    is, in float32: differences of gradients would be noise in fewer bits.

    Of several processes (`appnas.compute.Compute`) each computes on its rows of every batch. Losses are the whole
    batches', and the gradients of gates and weights, in a look-ahead too, are summed over the processes: with norms
    that are synchronised all is as in one process, but for what dropout draws.

    Args:
        space: builds the supernet.
        domain: data and loss.
        lr: learning rate as a function of the step.
        momentum, weight_decay, clip: of SGD on the weights; clip is the largest gradient norm, 0 for none.
        lookahead: differentiate the validation loss after one weight step (second order): "exact" by double
            backward, "finite" by a difference, "none" for first order. The step's size is the current
            learning rate; momentum, weight decay and clipping included (so does the official code, which clips the
            recurrent supernet's step only).
        seed: of the supernet's weights and of both streams of batches.
        supernet: one that exists already (inherited, restricted), instead of a new one.
        optimiser: of the weights; a look-ahead needs SGD.
    """

    saved: tuple[str, ...] = ("supernet", "optimiser", "train", "valid", "step")

    def __init__(
        self,
        space: Space,
        domain: DifferentiableDomain,
        lr: Callable[[int], float] = lambda step: 0.025,
        momentum: float = 0.9,
        weight_decay: float = 3e-4,
        clip: float = 5.0,
        lookahead: Literal["none", "exact", "finite"] = "none",
        seed: int = 0,
        supernet: nn.Module | None = None,
        optimiser: Literal["sgd", "adam"] = "sgd",
    ):
        if lookahead not in ("none", "exact", "finite"):
            raise ValueError(f"lookahead is 'none', 'exact' or 'finite', got {lookahead!r}")
        if lookahead != "none" and optimiser != "sgd":
            raise ValueError(f"a look-ahead is a step of SGD, the optimiser is {optimiser!r}")
        self.compute = compute_of(domain)
        self.space, self.domain, self.lr, self.clip, self.lookahead = space, domain, lr, clip, lookahead
        self.device, self.share, self.norms_of = self.compute.device, self.compute.share, self.compute.norms_of
        made = seeded(seed, partial(space.supernet, domain.io)) if supernet is None else supernet
        self.supernet = made.to(self.device)
        joint(self.supernet, self.compute)
        self.network = replace(self.compute, compile=False).prepared(partial(called, self.supernet))
        self.compiled = self.compute.prepared(partial(called, self.supernet))
        self.watch, self.scaling = Watch(), Scaling(self.compute.precision == "16")
        self.saved = (*self.saved, "scaling") if self.scaling.on else self.saved
        recipe = Recipe(optimiser, lr(0), momentum=momentum, weight_decay=weight_decay)
        self.optimiser = optimiser_of(self.supernet.parameters(), recipe)
        self.train = Stream(domain, "train", 2 * seed)
        self.valid = Stream(domain, "valid", 2 * seed + 1)
        self.seed, self.step = seed, 0
        self.batch: Batch | None = None
        self.ahead = False

    def _loss(self, gates: Gates, batch: Batch, weights: Weights | None = None) -> Tensor:
        return mean_over(self._losses(gates, batch, weights), self.share)[0]

    def _losses(self, gates: Gates, batch: Batch, weights: Weights | None = None) -> Tensor:
        """The loss of every example. Shapes: returns [B]."""
        if self.scaling.on and not self.ahead:
            own = dict(self.supernet.named_parameters()) if weights is None else weights
            weights = {name: self.scaling.enter(w) for name, w in own.items()}
            gates = tuple(map(self.scaling.enter, gates))
        draws = self.seed * 1_000_003 + self.step + self.share.rank * 7_368_787
        # what a pass draws depends on no other
        with forked(self.device, draws, torch_alone=True), synchronising(self.norms_of):
            losses = self.domain.loss(lambda *inputs: self._forward(inputs, gates, weights), batch)
        return losses if self.ahead else self.scaling.leave(losses)

    def _forward(self, inputs: tuple[Any, ...], gates: Gates, weights: Weights | None) -> Any:
        """The supernet's output, with other weights than its own if given."""
        if self.share.size > 1:
            both = copied([*gates, *(weights or {}).values()], self.share)
            weights = weights and dict(zip(weights, both[len(gates) :], strict=True))
            gates = tuple(map(remembering, both, gates))
        if self.ahead:
            return called(self.supernet, inputs, gates, weights)
        compiles = self.compute.compile and dense(gates, self.space)
        return (self.compiled if compiles else self.network)(inputs, gates, weights)

    def _gates(self, draw: Draw) -> Gates:
        gates = one_hot(self.space.choices, draw.arch) if draw.gates is None else draw.gates
        return gates_on(gates, self.device)

    def _next_batch(self) -> Batch:
        if self.batch is None:
            self.batch = next(self.train)
        return self.batch

    def score(self, draw: Draw) -> Score:
        """Minus the mean loss on the next validation batch, after a look-ahead step if so set."""
        gates, batch = self._gates(draw), next(self.valid)
        attached, told = any(matrix.requires_grad for matrix in gates), {}  # type: bool, dict[str, float]
        if self.lookahead != "none" and attached:
            self.ahead = True
            try:
                loss = self._ahead(gates, batch)
            finally:
                self.ahead = False
        else:
            with torch.set_grad_enabled(attached), constant(self.supernet, self.compute.compile) as weights:
                loss, told = self._settled(lambda gates: self._loss(gates, batch, weights), gates)
        (loss,) = self.watch.values((loss, f"validation, search step {self.step}"))
        return Score(-loss, {"valid_loss": float(loss.detach()), **told})

    def _settled(self, make: Callable[[Gates], Tensor], gates: Gates) -> tuple[Tensor, dict[str, float]]:
        """A loss of the gates, and what to tell of it: in float16, how often it was scaled anew."""
        if self.scaling.on and torch.is_grad_enabled() and any(matrix.requires_grad for matrix in gates):
            return self.scaling.settled(make, gates)
        return make(gates), {}

    def _ahead(self, gates: Gates, batch: Batch) -> Tensor:
        train = self._next_batch()
        weights: Weights = dict(self.supernet.named_parameters())
        step = self._sgd()
        look = lookahead_exact if self.lookahead == "exact" else lookahead_finite
        return look(lambda w, g: self._loss(g, train, w), lambda w, g: self._loss(g, batch, w), weights, gates, step)

    def _sgd(self) -> SGDStep:
        """The optimiser's next step, as a function."""
        group = self.optimiser.param_groups[0]
        velocity = {
            name: state["momentum_buffer"]
            for name, w in self.supernet.named_parameters()
            if (state := self.optimiser.state.get(w)) and state.get("momentum_buffer") is not None
        }
        return SGDStep(self.lr(self.step), group["momentum"], group["weight_decay"], velocity, self.clip)

    @property
    def spent(self) -> int:
        """Training steps that the search has cost."""
        return self.step

    def learn(self, draw: Draw) -> None:
        """One step on the next training batch under the draw's gates, held fixed."""
        gates = self._gates(draw._replace(gates=draw.gates and tuple(matrix.detach() for matrix in draw.gates)))
        self._descend(self.watch(self._loss(gates, self._next_batch()), f"training, search step {self.step}"))

    def _descend(self, loss: Tensor) -> None:
        """One step on the loss of the next training batch, which is then used up."""
        self.optimiser.param_groups[0]["lr"] = self.lr(self.step)
        self.optimiser.zero_grad()
        if loss.requires_grad:  # a path of parameter-free operations may leave nothing to train
            loss.backward()  # type: ignore[no-untyped-call]
            sum_gradients(self.supernet.parameters(), self.share)
        if self.clip:
            nn.utils.clip_grad_norm_(self.supernet.parameters(), self.clip)
        if self.scaling.sound(w.grad for w in self.supernet.parameters()):
            self.optimiser.step()
        self.batch, self.step = None, self.step + 1

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict({"scaling": self.scaling.state_dict(), **state})  # it may be of another precision
        self.batch = None
