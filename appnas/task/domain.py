"""What a task offers: data, loss and metrics behind two protocols."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from appnas.compute import Compute, check_precision, compute_of, device_of
from appnas.space import IO
from appnas.task.recipe import retuned, tunable
from appnas.task.training import Batch, OnEpoch


@runtime_checkable
class Domain(Protocol):
    """A task: data, loss and metric. Domains know neither spaces nor methods.

    A domain may have eleven attributes more: `chance`, what guessing is worth: the value of a training that diverged;
    `budget`, how long the result of a search is trained unless told; `has_test`, False if it has no held-out data;
    `fold(index, count)`, the same task with another part of training and validation data held out for validation, the
    index-th of `count`; `showcase(model)`, a few held-out examples by name, each as named maps [H, W] of one size
    (inputs, truth, prediction): the report draws them side by side; `compute`, what its networks are trained on;
    `shares`, True if its batches are, of several processes, each one's own rows (`compute.share.rows`); `tunable`,
    names of `options` that can be chosen with an architecture, beside those of `options.recipe`, and
    `retuned(changes)`, the same domain trained otherwise, where it is not so (`appnas.task.retuned`); `cut(count)`,
    small forms of what networks are called with, and `lighter`, what needs less memory (`appnas.cost.fitting`).

    That is the CPU unless told otherwise. `domain.to("cuda")`, of all domains of this package, is the same domain with
    its networks trained there, for methods that are called directly; `appnas.search` places its domain by itself, by
    `appnas.task.on`, which any domain can be given to.
    """

    io: IO

    def fit(
        self,
        model: nn.Module,
        budget: int,
        *,
        final: bool = False,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        """Train in place.

        Args:
            model: left in evaluation mode.
            budget: epochs, or environment steps.
            final: use the validation data too: after the search.
            seed: of everything random in the training.
            checkpoint: file to save to now and then, and to go on from if it exists.
            on_epoch: called with the epochs (or environment steps) done, and their mean loss; once, too, for those that
                a checkpoint has. True stops there: the model is what the first of `budget` epochs make of it, and the
                checkpoint goes on from there. Searches in rungs need that (`Draw.budget`).
        """

    def score(self, model: nn.Module) -> dict[str, float]:
        """VALIDATION metrics; "value" is maximised."""

    def test(self, model: nn.Module) -> dict[str, float]:
        """Held-out metrics, asked for once, after the search."""

    def example(self, count: int) -> tuple[Tensor, ...]:
        """Inputs of `count` examples, to measure costs on."""


@runtime_checkable
class DifferentiableDomain(Domain, Protocol):
    """What weight sharing needs on top."""

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch of "train" or "valid", in an order drawn from the generator."""

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch of a split."""

    def loss(self, model: Callable[..., Any], batch: Batch) -> Tensor:
        """Loss of every example. Shapes: returns [B]."""


class Host(Protocol):
    """A training loop that somebody else owns, such as an agent's, one iteration at a time.

    A part of the network that samples says by its attribute `held` how long. The host sets it: True if the gradient
    steps of an iteration need the sample that its data were gathered with (on-policy agents; a sample ends where the
    network is put into evaluation after training), False if every pass may have its own.

    Attributes:
        optimiser: of the network's parameters.
        iteration: environment steps of one iteration.
    """

    optimiser: torch.optim.Optimizer
    iteration: int

    def advance(self) -> dict[str, float]:
        """One iteration: gather data with the network as it is, then train it. "value" is maximised."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on, the network included, as tensors, numbers, strings and containers of them."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


@runtime_checkable
class HostDomain(Domain, Protocol):
    """A domain whose training loop can be stepped: what a search inside that loop needs on top."""

    def host(
        self, model: nn.Module, budget: int, *, seed: int = 0, optimiser: Callable[..., Any] | None = None
    ) -> Host:
        """A loop that trains the model for `budget` environment steps.

        Args:
            model: trained in place.
            budget: schedules end there.
            seed: of everything random in the loop.
            optimiser: (parameters, lr) -> optimiser, instead of the domain's own.
        """


D = TypeVar("D")


def placed(domain: D, compute: Compute) -> D:
    """A domain whose networks are trained on something else: a copy, or the same one if nothing changes.

    A domain that keeps data on the device has a method `placed(compute)` of its own. One with a training loop of its
    own brings its batches to where the network lives (`appnas.compute.home`, `appnas.compute.moved`), and calls it in
    training as `appnas.compute.Compute.prepared` gives it; one that is somebody else's loop cannot.

    Raises:
        ValueError: the device lacks the precision, or the domain is an agent's, which is in float32 and not compiled.
    """
    if compute_of(domain) == compute:
        return domain
    check_precision(compute.precision, compute.device)
    if isinstance(domain, HostDomain) and (compute.compile or compute.precision != "32"):
        raise ValueError(
            f"{type(domain).__name__} trains in a loop that is not ours, in float32 and not compiled: leave precision"
            f" at '32' and compile out, got {compute.precision!r} and compile={compute.compile}"
        )
    if hasattr(domain, "placed"):
        own: D = domain.placed(compute)
        return own
    other = copy.copy(domain)
    object.__setattr__(other, "compute", compute)  # it may be a frozen dataclass
    return other


def on(domain: D, device: str | torch.device) -> D:
    """A domain whose networks are trained on a device: a copy that says so, which a search asked for "auto" lets be.

    Args:
        domain: any; see `placed`.
        device: by its name; "auto" for the accelerator if torch has one, else the CPU.

    Raises:
        ValueError: torch has no such device.
        TypeError: neither a name nor a device.
    """
    compute = replace(compute_of(domain), device=device_of(device))
    found = placed(domain, compute)
    if not hasattr(found, "compute"):
        found = copy.copy(found)
        object.__setattr__(found, "compute", compute)
    return found


def reusing(domain: D) -> D:
    """A domain for many trainings by one seed: a copy that keeps the batches that it augments, with the same numbers.

    Its class has a method `reusing` for that; any other domain is returned as it is.
    """
    own: Callable[[D], D] | None = getattr(type(domain), "reusing", None)  # a wrapper does not have its inner one's
    return own(domain) if own else domain


class LockedError(PermissionError):
    """A search reached for what it must not see."""


class Locked:
    """A domain without its test data: what methods are handed.

    Raises:
        LockedError: on any attempt to reach `test`, or another split than "train" and "valid".
    """

    def __init__(self, domain: Domain):
        self._domain = domain
        self.io = domain.io
        self.chance = getattr(domain, "chance", -math.inf)
        self.compute = compute_of(domain)
        self.shares = getattr(domain, "shares", False)

    def fit(self, model: nn.Module, budget: int, *, final: bool = False, **more: Any) -> None:
        """Train on the training data; never on the validation data too."""
        if final:
            raise LockedError("a search trains on training data only: `final` is for retraining its result")
        self._domain.fit(model, budget, **more)

    def score(self, model: nn.Module) -> dict[str, float]:
        """Validation metrics."""
        return self._domain.score(model)

    def test(self, model: nn.Module) -> dict[str, float]:
        """Out of reach."""
        raise LockedError("a search cannot read test data: call `result.retrain()` after it")

    def example(self, count: int) -> tuple[Tensor, ...]:
        """Inputs to measure costs on."""
        return self._domain.example(count)

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch of "train" or "valid".

        Raises:
            LockedError: another split.
        """
        if split not in ("train", "valid"):
            raise LockedError(f"a search reads the splits 'train' and 'valid', got {split!r}")
        return self._differentiable().batches(split, rng)

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch."""
        return self._differentiable().epoch(split)

    def loss(self, model: Callable[..., Any], batch: Batch) -> Tensor:
        """Loss of every example."""
        return self._differentiable().loss(model, batch)

    def fold(self, index: int, count: int) -> Locked:
        """The index-th of `count` folds for cross-validation; the domain as it is if it has none."""
        make = getattr(self._domain, "fold", None)
        return type(self)(placed(make(index, count), self.compute)) if make else self

    def random_labels(self, seed: int) -> Locked:
        """The domain with random labels on its training data, drawn once: what RLNAS trains on.

        Raises:
            TypeError: the domain does not offer it.
        """
        make = getattr(self._domain, "random_labels", None)
        if make is None:
            raise TypeError(
                f"random labels need a domain with `random_labels(seed)`, which {type(self._domain).__name__} lacks;"
                " search with its true labels (labels='true')"
            )
        return type(self)(placed(make(seed), self.compute))

    @property
    def tunable(self) -> list[str]:
        """What of its training can be chosen."""
        return tunable(self._domain)

    def retuned(self, changes: Mapping[str, Any]) -> Locked:
        """The domain with another training: see `appnas.task.retuned`."""
        return type(self)(retuned(self._domain, changes))

    def reusing(self) -> Locked:
        """The domain for many trainings by one seed: see `appnas.task.reusing`."""
        return type(self)(reusing(self._domain))

    def host(self, model: nn.Module, budget: int, **more: Any) -> Host:
        """The domain's own training loop, on training data."""
        if not isinstance(self._domain, HostDomain):
            raise TypeError(
                f"this method searches inside the training loop of a domain with `host`, such as an agent's, which"
                f" {type(self._domain).__name__} lacks; a method that trains every architecture is random or evolution"
            )
        return self._domain.host(model, budget, **more)

    def _differentiable(self) -> DifferentiableDomain:
        if not isinstance(self._domain, DifferentiableDomain):
            raise TypeError(
                f"weight sharing needs a domain with `batches` and `loss`, which {type(self._domain).__name__} lacks;"
                " use a method that trains every architecture, such as random or evolution"
            )
        return self._domain
