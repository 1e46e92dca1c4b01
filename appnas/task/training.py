"""The only supervised training loop, and the endless resumable stream of batches that searches draw from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from appnas.support import CPU, DataError, compute_of, fetched, forked, home, moved
from appnas.task.averaging import Best, averaged
from appnas.task.checkpoint import fingerprint, restore, save
from appnas.task.finite import FETCH, check_weights, finite
from appnas.task.recipe import Recipe, optimiser_of

Batch = Any
"""What a domain's `batches` yields and its `loss` takes."""
OnEpoch = Callable[[int, float], None]
"""Called with the number of epochs (or environment steps) done, and the last one's mean loss."""


class Batches(Protocol):
    """A source of batches: one epoch of a split in an order drawn from the generator."""

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch."""


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
        model: trained in place, where it lives, and left in evaluation mode. Batches are brought to it.
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
    device = home(model)
    with forked(device, seed):
        if checkpoint and checkpoint.exists():
            losses = restore(checkpoint, plan, model, optimiser, rng, best)
        for epoch in range(len(losses), epochs):
            model.train()
            set_progress(model, epoch / epochs)
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate(epoch, epochs)
            batches = (moved(batch, device) for batch in data.batches(split, rng))
            losses.append(_epoch(model, batches, loss, optimiser, recipe.clip, epoch))
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


def _epoch(
    model: nn.Module,
    batches: Iterator[Batch],
    loss: Callable[[Callable[..., Any], Batch], Tensor],
    optimiser: torch.optim.Optimizer,
    clip: float,
    epoch: int,
) -> float:
    total, count, step, every = 0.0, 0, -1, 1 if home(model) == CPU else FETCH
    waiting: list[tuple[Tensor, int]] = []

    def look(done: int) -> float:
        """The sum of the losses, with those that waited, of so many steps."""
        means = fetched([mean for mean, _ in waiting])
        for place, mean in enumerate(means, done - len(means)):
            finite(mean, f"epoch {epoch}, step {place} of training")
        return sum((float(mean) * size for mean, (_, size) in zip(means, waiting, strict=True)), total)

    for step, batch in enumerate(batches):
        values = loss(model, batch)
        mean = values.mean()
        waiting.append((mean.detach(), len(values)))
        if len(waiting) == every:
            total, waiting = look(step + 1), []
        optimiser.zero_grad()
        mean.backward()  # type: ignore[no-untyped-call]
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        count += len(values)
    if count == 0:
        raise DataError("the split to train on yields no batch: it is empty, or smaller than one batch")
    total = look(step + 1) if waiting else total
    check_weights(model, f"epoch {epoch}")
    return total / count


class Stream:
    """Endless batches of a split, on the device of its data's networks.

    Its state is the epoch's generator and a count, so it resumes exactly.

    Args:
        data: source of batches.
        split: name of the split.
        seed: of the order and the augmentation.

    Raises:
        DataError: the split yields nothing.
    """

    def __init__(self, data: Batches, split: str, seed: int):
        self.data, self.split, self.device = data, split, compute_of(data).device
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
                return moved(batch, self.device)
            if self.taken == 0:
                break
            self._start()
        raise DataError(f"the split {self.split!r} yields no batch: it is empty, or smaller than one batch")

    def state_dict(self) -> dict[str, Any]:
        """Generator at the start of the epoch, the number of batches taken since, what the epoch itself carries on."""
        carried = self.epoch.state_dict() if hasattr(self.epoch, "state_dict") else {}
        return {"rng": self.epoch_state, "taken": self.taken, "carried": carried}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, by walking through the epoch again, or by its own `skip(count)` if it has that."""
        self.rng.set_state(state["rng"])
        self._start()
        if hasattr(self.epoch, "skip"):
            self.epoch.skip(state["taken"])
            self.taken = state["taken"]
        for _ in range(state["taken"] - self.taken):
            next(self)
        if state["carried"]:
            self.epoch.load_state_dict(state["carried"])  # type: ignore[attr-defined]
