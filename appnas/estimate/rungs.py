"""Trainings that stop on a rung and go on later: as far as a draw says, from where an earlier draw has stopped.

The learning rates are those of the full-length training, whatever the rung: to train to a rung is to train the first
epochs of the whole, so stopping and going on ends in the same weights as training straight through.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from appnas.compute import Share, compute_of, home, led
from appnas.space import Arch
from appnas.strategy import Draw
from appnas.support import digest, forked, validated, whole
from appnas.task import Domain

FILE, LOOKS = "training.pt", "looks.json"
"""In the folder of a paused training: its checkpoint, and the values that were looked at."""


class Paused:
    """Trainings that have stopped before their end, each in a folder of its own, with all that they go on from.

    They save time and are no state: what is missing is trained from the beginning, to the same weights. Without a
    folder they lie in a temporary one, which goes with this object.

    Attributes:
        folder: where they lie; None while there is none.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What workers get: the folder, which is made for them."""
        return {"folder": self.place()}

    def place(self) -> Path:
        """The folder."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="appnas-trainings-"))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        return self.folder

    def of(self, arch: Arch, budget: int) -> Path:
        """The folder of one training, whether it is there or not."""
        return self.place() / f"{digest(str(tuple(arch)))[:32]}-{budget}"

    def take(self, arch: Arch, budget: int, since: int) -> Path:
        """The checkpoint of a training that is to reach a budget: its own, or what stopped at `since`, or none yet."""
        own, earlier = self.of(arch, budget), self.of(arch, since)
        own.parent.mkdir(parents=True, exist_ok=True)
        if not own.exists() and since and earlier.exists():
            earlier.rename(own)
        own.mkdir(exist_ok=True)
        return own / FILE

    def free(self, arch: Arch, budget: int) -> None:
        """Nothing will go on from there."""
        shutil.rmtree(self.of(arch, budget), ignore_errors=True)


def trainers(evaluator: Any) -> Iterator[Any]:
    """What keeps paused trainings, inside an evaluator and its wrappers."""
    if isinstance(getattr(evaluator, "paused", None), Paused):
        yield evaluator
    for name in ("evaluator", "one"):
        if hasattr(evaluator, name):
            yield from trainers(getattr(evaluator, name))


def keep_in(evaluator: Any, folder: Path) -> None:
    """Let what an evaluator pauses lie in a folder, so that another process goes on from it."""
    for trainer in trainers(evaluator):
        trainer.paused.folder = folder


class _Watch:
    """Stops a training at its rung, or where its curve stays below what the draw asks for.

    Args:
        domain: scores.
        model: what is trained.
        draw: says how far, and where to look.
        length: of the whole training.
        seed: of the training.
        looks: the file of what was looked at; None for none.
    """

    def __init__(self, domain: Domain, model: nn.Module, draw: Draw, length: int, seed: int, looks: Path | None):
        self.domain, self.model, self.draw, self.seed, self.file = domain, model, draw, seed, looks
        self.until = length if draw.budget is None else draw.budget
        self.done = self.stopped = 0
        self.below = False
        self.curve: dict[int, float] = {}
        if looks and looks.exists():
            self.curve = {int(budget): float(value) for budget, value in json.loads(looks.read_text("utf-8")).items()}

    def __call__(self, done: int, loss: float) -> bool:
        """Whether to stop.

        Raises:
            TypeError: the domain went on after it was told to stop, or a curve is to be looked at and there are
                several.
        """
        kind = type(getattr(self.domain, "_domain", self.domain)).__name__
        if self.stopped and done > self.stopped:
            raise TypeError(
                f"a training in rungs needs a domain whose `fit` stops where `on_epoch` returns True, which {kind} does"
                f" not: it was told to stop at {self.stopped}, and has trained to {done}. See appnas.task.Domain.fit"
            )
        if self.draw.looks and done < self.done:
            raise TypeError(
                f"a stop by the learning curve needs one network a training, and {kind} trains several (folds): search"
                " without folds, or without the stop"
            )
        self.done = done
        if self.draw.looks and not self.below:
            self.below = self._look(done)
        if done >= self.until or self.below:
            self.stopped = done
        return bool(self.stopped)

    def _look(self, done: int) -> bool:
        """Whether the best value so far is below what is asked for at one of the looks that are due."""
        device, due = home(self.model), [budget for budget, _ in self.draw.looks if budget <= done]
        if new := [budget for budget in due if budget not in self.curve]:
            was = self.model.training
            with forked(device, self.seed):
                value = validated(self.domain.score(self.model))["value"]
            self.model.train(was)
            self.curve |= dict.fromkeys(new, value)
            if self.file and compute_of(self.domain).share.leads:
                with whole(self.file) as partial_file:
                    partial_file.write_text(json.dumps(self.curve), "utf-8")
        return any(
            max((value for at, value in self.curve.items() if at <= budget), default=floor) < floor
            for budget, floor in self.draw.looks
            if self.draw.since < budget <= done
        )

    def metrics(self) -> dict[str, float]:
        """What was trained since the draw before, and the looks since then."""
        seen = {f"at_{b}": self.curve[b] for b, _ in self.draw.looks if self.draw.since < b <= self.done}
        reached = min(self.done, self.until)
        return {"budget": float(max(reached - self.draw.since, 0)), **seen, **({"stopped": 1.0} if self.below else {})}


def train(domain: Domain, model: nn.Module, length: int, seed: int, draw: Draw, paused: Paused) -> dict[str, float]:
    """Train as far as a draw says. Returns what that took, "budget", and what was seen on the way.

    The metrics `at_N` are validation values after N of the budget; `stopped` is 1 where the curve ended the training.

    Args:
        domain: trains.
        model: trained in place.
        length: of the whole training, which learning rates are laid over.
        seed: of the training.
        draw: `budget`, `since` and `looks` of it are read.
        paused: where a training on a rung goes on from, and is kept.

    Raises:
        ValueError: a budget that is none of this training.
        TypeError: the domain cannot stop.
    """
    if draw.budget is None and not draw.looks:
        domain.fit(model, length, seed=seed)
        return {"budget": float(length)}
    more: dict[str, Any] = {}
    if draw.budget is not None:
        if not 0 <= draw.since < draw.budget <= length:
            raise ValueError(
                f"0 <= since < budget <= {length}, the whole training, must hold, got since={draw.since} and"
                f" budget={draw.budget}"
            )
        more["checkpoint"] = _taken(compute_of(domain).share, paused, draw)
    looks = more["checkpoint"].with_name(LOOKS) if more and draw.looks else None
    watch = _Watch(domain, model, draw, length, seed, looks)
    domain.fit(model, length, seed=seed, on_epoch=watch, **more)
    if not watch.done:
        kind = type(getattr(domain, "_domain", domain)).__name__
        raise TypeError(
            f"a training in rungs needs a domain whose `fit` calls `on_epoch` after every epoch, which {kind} does not:"
            " see appnas.task.Domain.fit"
        )
    return watch.metrics()


def _taken(share: Share, paused: Paused, draw: Draw) -> Path:
    return led(share, partial(paused.take, draw.arch, draw.budget, draw.since))  # type: ignore[arg-type]
