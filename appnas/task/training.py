"""The only supervised training loop, and the endless resumable stream of batches that searches draw from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from appnas.support import DataError, checked
from appnas.task.averaging import AveragedSGD, Best, averaged
from appnas.task.checkpoint import fingerprint, restore, save

Batch = Any
"""What a domain's `batches` yields and its `loss` takes."""
OnEpoch = Callable[[int, float], None]
"""Called with the number of epochs (or environment steps) done, and the last one's mean loss."""


class DivergedError(RuntimeError):
    """A loss became NaN or infinite."""


class Batches(Protocol):
    """A source of batches: one epoch of a split in an order drawn from the generator."""

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch."""


@dataclass(frozen=True)
@checked(lr=0, lr_min=0, decay=0, momentum=0, weight_decay=0, clip=0, warmup=0, patience=1)
class Recipe:
    """How a network is trained. The defaults are DARTS's for CIFAR-10 evaluation (arXiv 1806.09055, section 3.2)."""

    optimiser: Literal["sgd", "adam", "asgd"] = "sgd"
    """SGD with momentum, Adam, or SGD that goes over to averaged weights (`appnas.task.averaging`)."""
    lr: float = 0.025
    """Learning rate of the first epoch after the warm-up."""
    schedule: Literal["cosine", "exponential"] = "cosine"
    """Cosine down to lr_min, or times `decay` after every epoch."""
    lr_min: float = 0.0
    """Learning rate that the cosine ends at."""
    decay: float = 0.97
    """Of the exponential schedule (DARTS's for ImageNet, section A.2.2)."""
    momentum: float = 0.9
    """Of SGD."""
    weight_decay: float = 3e-4
    """L2 penalty on all weights."""
    clip: float = 5.0
    """Largest gradient norm; 0 for no limit."""
    warmup: int = 0
    """Epochs of linear warm-up."""
    patience: int = 5
    """Of asgd: averaging begins when validation was better more than so many epochs ago."""

    def rate(self, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, from 0, of so many."""
        if epoch < self.warmup:
            return self.lr * (epoch + 1) / self.warmup
        if self.schedule == "exponential":
            return self.lr * self.decay ** (epoch - self.warmup)
        return cosine(epoch - self.warmup, epochs - self.warmup, self.lr, self.lr_min)


def cosine(epoch: int, epochs: int, lr: float, lr_min: float = 0.0) -> float:
    """lr_min + (lr - lr_min) (1 + cos(pi epoch / epochs)) / 2 (Loshchilov and Hutter, arXiv 1608.03983, eq. 5)."""
    return lr_min + (lr - lr_min) * (1 + math.cos(math.pi * epoch / max(epochs, 1))) / 2


def finite(loss: Tensor, where: str) -> Tensor:
    """The loss itself.

    Raises:
        DivergedError: it is NaN or infinite.
    """
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the loss is {float(loss.detach())} at {where}; a lower learning rate or clipping may help"
        )
    return loss


def set_progress(model: nn.Module, fraction: float) -> None:
    """Tell every module that has a `progress` attribute (drop-path) which part of the training is done."""
    for module in model.modules():
        if hasattr(module, "progress"):
            module.progress = fraction  # type: ignore[assignment]


def fit(
    model: nn.Module,
    data: Batches,
    split: str,
    loss: Callable[[Callable[..., Any], Batch], Tensor],
    epochs: int,
    recipe: Recipe,
    seed: int,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
    select: Callable[[nn.Module], float] | None = None,
) -> list[float]:
    """Train a model and return the mean loss of every epoch.

    What modules draw while training (drop-path) comes from torch's global generator, which is seeded for the
    training and put back after it: one seed gives one result, whatever ran before.

    Args:
        model: trained in place, left in evaluation mode.
        data: source of batches; its `fingerprint`, if it has one, tells a checkpoint of other data.
        split: name of the split to train on.
        loss: (model, batch) -> loss of every example, shape [B].
        epochs: number of passes.
        recipe: optimiser and schedule.
        seed: of the order of the batches, their augmentation, and drop-path.
        checkpoint: file to save to after every epoch and to go on from if it exists.
        on_epoch: called with the number of epochs done, and the last one's mean loss.
        select: model -> a number of the model after an epoch, for example its validation loss; the weights of the
            epoch with the smallest number are kept. None keeps the last.

    Raises:
        DivergedError: a loss, or a weight after an epoch, is NaN or infinite; the checkpoint stays the last good one.
        DataError: the split yields no batch.
        ValueError: the checkpoint is damaged or of another training.
    """
    rng = torch.Generator().manual_seed(seed)
    optimiser = optimiser_of(model, recipe)
    losses: list[float] = []
    best = Best()
    plan = {"split": split, "epochs": epochs, "seed": seed, **asdict(recipe), "network": fingerprint(model)}
    plan["data"] = getattr(data, "fingerprint", "") if checkpoint else ""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if checkpoint and checkpoint.exists():
            losses = restore(checkpoint, plan, model, optimiser, rng, best)
        for epoch in range(len(losses), epochs):
            model.train()
            set_progress(model, epoch / epochs)
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate(epoch, epochs)
            losses.append(_epoch(model, data.batches(split, rng), loss, optimiser, recipe.clip, epoch))
            if select:
                with averaged(optimiser) as watch:
                    watch(best.update(select(model), model))
            if on_epoch:
                on_epoch(epoch + 1, losses[-1])
            if checkpoint:
                save(checkpoint, plan, model, optimiser, rng, losses, best)
    if best.weights is not None:
        model.load_state_dict(best.weights)
    model.eval()
    return losses


def optimiser_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of all parameters, at the first learning rate."""
    weights, lr, decay = model.parameters(), recipe.lr, recipe.weight_decay
    if recipe.optimiser == "adam":
        return torch.optim.Adam(weights, lr, weight_decay=decay)
    if recipe.optimiser == "asgd":
        return AveragedSGD(weights, lr, recipe.patience, momentum=recipe.momentum, weight_decay=decay)
    return torch.optim.SGD(weights, lr, momentum=recipe.momentum, weight_decay=decay)


def _epoch(
    model: nn.Module,
    batches: Iterator[Batch],
    loss: Callable[[Callable[..., Any], Batch], Tensor],
    optimiser: torch.optim.Optimizer,
    clip: float,
    epoch: int,
) -> float:
    total, count = 0.0, 0
    for step, batch in enumerate(batches):
        values = loss(model, batch)
        mean = finite(values.mean(), f"epoch {epoch}, step {step} of training")
        optimiser.zero_grad()
        mean.backward()  # type: ignore[no-untyped-call]
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        total, count = total + float(mean.detach()) * len(values), count + len(values)
    if count == 0:
        raise DataError("the split to train on yields no batch: it is empty, or smaller than one batch")
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise DivergedError(f"{name} holds NaN or infinity after epoch {epoch}; a lower learning rate may help")
    return total / count


class Stream:
    """Endless batches of a split. Its state is the epoch's generator and a count, so it resumes exactly.

    Args:
        data: source of batches.
        split: name of the split.
        seed: of the order and the augmentation.

    Raises:
        DataError: the split yields nothing.
    """

    def __init__(self, data: Batches, split: str, seed: int):
        self.data, self.split = data, split
        self.rng = torch.Generator().manual_seed(seed)
        self._start()

    def _start(self) -> None:
        self.epoch_state, self.taken = self.rng.get_state(), 0
        self.epoch = iter(self.data.batches(self.split, self.rng))

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Batch:
        for _ in range(2):
            for batch in self.epoch:
                self.taken += 1
                return batch
            if self.taken == 0:
                break
            self._start()
        raise DataError(f"the split {self.split!r} yields no batch: it is empty, or smaller than one batch")

    def state_dict(self) -> dict[str, Any]:
        """Generator at the start of the epoch, the number of batches taken since, what the epoch itself carries on."""
        carried = self.epoch.state_dict() if hasattr(self.epoch, "state_dict") else {}
        return {"rng": self.epoch_state, "taken": self.taken, "carried": carried}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, by walking through the epoch again."""
        self.rng.set_state(state["rng"])
        self._start()
        for _ in range(state["taken"]):
            next(self)
        if state["carried"]:
            self.epoch.load_state_dict(state["carried"])  # type: ignore[attr-defined]
