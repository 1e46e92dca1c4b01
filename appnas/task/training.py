"""The only supervised training loop, and the endless resumable stream of batches that searches draw from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from appnas.compute import (
    CPU,
    Share,
    compute_of,
    fetched,
    float32_products,
    home,
    led,
    mean_over,
    moved,
    spent,
    sum_gradients,
    within,
)  # fmt: skip
from appnas.support import DataError, forked
from appnas.task.averaging import Best, averaged
from appnas.task.checkpoint import fingerprint, restore, save
from appnas.task.finite import FETCH, check_weights, finite
from appnas.task.norms import average_statistics, synchronised
from appnas.task.recipe import Recipe, decayed, optimiser_of
from appnas.task.shares import own_part

Batch = Any
"""What a domain's `batches` yields and its `loss` takes."""
OnEpoch = Callable[[int, float], bool | None]
"""Called with the number of epochs (or environment steps) done, and the last one's mean loss; True stops there."""


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
    every: int = 1,
    patience: int = 0,
) -> list[float]:
    """Train a model and return the mean loss of every epoch.

    What modules draw while training (drop-path) comes from the global generators of torch, numpy and Python, which are
    seeded for the training and put back after it: one seed gives one result, whatever ran before. Of several processes
    (`Compute.processes` of the data) each trains on its rows of every batch, with drop-path of its own; the losses are
    the whole batches', and the first process writes the checkpoint.

    Args:
        model: trained in place, where it lives, and left in evaluation mode. Batches are brought to it.
        data: source of batches; its `fingerprint`, if it has one, tells a checkpoint of other data, and its `compute`
            the precision, and whether the network is compiled.
        split: name of the split to train on.
        loss: (model, batch) -> loss of every example, shape [B].
        epochs: number of passes.
        recipe: optimiser and schedule.
        seed: of the order of the batches, their augmentation, and drop-path.
        checkpoint: file to save to after every epoch and to go on from if it exists.
        on_epoch: called with the number of epochs done, and the last one's mean loss; once, too, for those that a
            checkpoint has. True stops there: the network is what the first of `epochs` make of it, the checkpoint is
            saved, and goes on from there.
        select: model -> a number of the model after an epoch, for example its validation loss; the weights of the
            epoch with the smallest number are kept. None keeps the last.
        every: epochs between two such numbers; that after the last epoch is always found. Where `on_epoch` stops
            between two, that epoch's weights are kept if they are better, and the checkpoint does not know of it: what
            goes on from there ends as a training straight through.
        patience: epochs without a smaller number that end the training, which is looked at when there is a new one; 0
            for none. Learning rates are those of the whole length.

    Raises:
        DivergedError: a loss, or a weight after an epoch, is NaN or infinite; the checkpoint stays the last good one.
        DataError: the split yields no batch.
        ValueError: the checkpoint is damaged or of another training; every is below 1, or patience below 0.
        CompileError: torch cannot compile the network.
    """
    rng = torch.Generator().manual_seed(seed)
    optimiser = optimiser_of(decayed(model, recipe.weight_decay), recipe)
    losses: list[float] = []
    best = Best(every, patience if select else 0)
    plan = {"split": split, "epochs": epochs, "seed": seed, **asdict(recipe), "network": fingerprint(model)}
    plan["arch"] = getattr(model, "built_from", [])
    plan["data"] = getattr(data, "fingerprint", "") if checkpoint else ""
    device, compute = home(model), compute_of(data)
    share, network = compute.share, compute.prepared(model)
    plan |= {"precision": compute.precision, "every": best.every, "stop_after": best.patience}
    scaler = GradScaler(device.type, enabled=compute.precision == "16")
    with forked(device, seed), float32_products(compute.precision):
        if checkpoint and led(share, checkpoint.exists):
            losses = restore(checkpoint, plan, model, optimiser, rng, best, scaler)
        stop = bool(losses and on_epoch and on_epoch(len(losses), losses[-1])) or best.over(len(losses))
        for epoch in range(len(losses), len(losses) if stop else epochs):
            model.train()
            set_progress(model, epoch / epochs)
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate(epoch, epochs)
            batches = within("data", (moved(own_part(data, batch), device) for batch in data.batches(split, rng)))
            with synchronised(model, compute), own_draws(share, device, seed, epoch):
                how = partial(loss, network), optimiser, scaler
                losses.append(_epoch(model, batches, *how, recipe.clip, epoch, share))
            average_statistics(model, share)
            if select and best.due(epoch + 1, epochs):
                _look(model, optimiser, select, best, epoch + 1, share)
            stop = bool(on_epoch and on_epoch(epoch + 1, losses[-1])) or best.over(epoch + 1)
            if checkpoint and share.leads:
                save(checkpoint, plan, model, optimiser, rng, losses, best, scaler)
            if stop:
                break
        if select and losses and not best.due(len(losses), epochs):
            _look(model, optimiser, select, best, len(losses), share)
    if best.weights is not None:
        model.load_state_dict(best.weights)
    model.eval()
    return losses


def _look(
    model: nn.Module, optimiser: torch.optim.Optimizer, select: Callable[[nn.Module], float], best: Best, done: int,
    share: Share,
) -> None:  # fmt: skip
    """Find the number after so many epochs, and keep the weights if it is the smallest."""
    with averaged(optimiser) as watch, spent("validation"):
        number = select(model)
        watch(best.update(led(share, lambda: number), model, done))


def own_draws(share: Share, device: torch.device, seed: int, epoch: int) -> AbstractContextManager[None]:
    """What modules draw in an epoch (drop-path) is each process's own; of one process, as it comes."""
    if share.size == 1:
        return nullcontext()
    return forked(device, ((seed * 1_000_003 + epoch) * share.size + share.rank) % 2**63)


def _epoch(
    model: nn.Module,
    batches: Iterator[Batch],
    loss: Callable[[Batch], Tensor],
    optimiser: torch.optim.Optimizer,
    scaler: GradScaler,
    clip: float,
    epoch: int,
    share: Share,
) -> float:
    total, count, step, every = 0.0, 0, -1, 1 if home(model) == CPU else FETCH
    weights = list(model.parameters())  # once: to walk through the modules takes as long as clipping
    waiting: list[tuple[Tensor, int | Tensor]] = []

    def look(done: int) -> tuple[float, int]:
        """The sum of the losses, with those that waited, of so many steps, and the number of examples."""
        means = fetched([mean for mean, _ in waiting])
        for place, mean in enumerate(means, done - len(means)):
            finite(mean, f"epoch {epoch}, step {place} of training")
        sizes = [int(size) for size in fetched([torch.as_tensor(size) for _, size in waiting])]
        return sum((float(mean) * size for mean, size in zip(means, sizes, strict=True)), total), count + sum(sizes)

    for step, batch in enumerate(batches):
        with spent("forward"):
            mean, size = mean_over(loss(batch), share)
        waiting.append((mean.detach(), size))
        if len(waiting) == every:
            (total, count), waiting = look(step + 1), []
        optimiser.zero_grad()
        with spent("backward"):
            scaler.scale(mean).backward()  # type: ignore[no-untyped-call]
            sum_gradients(weights, share)
        with spent("weights"):
            if clip:
                scaler.unscale_(optimiser)
                nn.utils.clip_grad_norm_(weights, clip)
            scaler.step(optimiser)
            scaler.update()
    total, count = look(step + 1) if waiting else (total, count)
    if count == 0:
        raise DataError("the split to train on yields no batch: it is empty, or smaller than one batch")
    check_weights(model, f"epoch {epoch}")
    return total / count


class Stream:
    """Endless batches of a split, on the device of its data's networks; of several processes, each has its rows.

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
        with spent("data"):
            return self._next()

    def _next(self) -> Batch:
        for _ in range(2):
            for batch in self.epoch:
                self.taken += 1
                return moved(own_part(self.data, batch), self.device)
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
