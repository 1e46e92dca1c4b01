"""Any supervised task: inputs and targets, a loss of every example, a metric over a whole split."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from appnas.compute import fetched, home
from appnas.domains.labelled.crossed import crossed, kept
from appnas.domains.labelled.gathered import more, paired, parted, read, split_up, strata
from appnas.domains.labelled.goal import Goal, Wishes
from appnas.domains.labelled.inputs import Scale, as_inputs, scale_of
from appnas.domains.labelled.items import Anything
from appnas.domains.labelled.losses import Given, loss_name
from appnas.domains.labelled.options import Options
from appnas.domains.labelled.splits import folded
from appnas.domains.labelled.targets import Task, task_of
from appnas.domains.random_labels import random_like
from appnas.domains.reading import Examples, Flow, Inputs, Rows, Several, Split, parts_of
from appnas.domains.trying import try_augment
from appnas.space import IO
from appnas.support import digest, typed
from appnas.support.plain import code_of
from appnas.task import Metric, OnEpoch

Augment = Callable[[Any, Tensor, torch.Generator], tuple[Any, Tensor]]
PASS = 500
"""Examples of a pass where a network is measured."""


class Labelled(Examples):
    """A supervised task on arrays: classes, sets of labels, numbers, or one of these for every place.

    What `y` is shows in its values (`appnas.domains.labelled.targets` has the table), or in `loss`. "value" is the
    metric, or its negative where less is better; `score` and `test` have it under its own name, the usual ones beside.
    Where numbers are standardised (see `Options`), networks give standardised ones, and `preprocessing` says so.

    Args:
        x: inputs [N, ...], an array, a tensor, a table of pandas; a tuple of such for networks of several inputs.
        y: targets [N, ...].
        test_x, test_y: held-out examples; None for data without (then `test` raises).
        valid: validation data: a share, a pair (x, y), places of training examples or a mask of them; by default the
            share in `options`.
        options: splits, batches, training.
        loss: a name of torch's, "mse_loss" or "cross_entropy", say, or a function (outputs, targets) -> one number for
            every example, or a tensor [B, ...] that is averaged over all but the examples.
        metric: a name of ours (accuracy, balanced_accuracy, macro_f1, micro_f1, mean_iou, r2, rmse, mae) or of
            torchmetrics', one of its metrics, or a function (outputs, targets) -> number, of a whole split.
        higher: whether more is better, where torchmetrics does not tell.
        unit: of the metric.
        outputs: what a network gives for one example; by default found out from y.
        weights: of classes, or of the ones of each label of a set: "balanced", or numbers.
        augment: (x, y, generator) -> (x, y) of a training batch, of the same shapes, before it is normalised, on the
            device; it draws from the generator, which is the CPU's.
        classes: number of classes; by default found out from y.

    Attributes:
        labels: what the classes were called in y, in their order; empty without classes.
        metric: name, unit and direction.

    Raises:
        ImportError: torchmetrics is needed, and not installed.
        TypeError: options, a loss or a metric of another type.
        ValueError: data, a loss, a metric or weights that do not go together: which, and what would be right.
    """

    metric: Metric
    labels: tuple[Any, ...]
    augment: Augment | None = None

    def __init__(
        self, x: Any, y: Any, test_x: Any = None, test_y: Any = None, *, valid: Any = None,
        options: Options = Options(),  # noqa: B008  (frozen)
        loss: Given = None, metric: Any = None, higher: bool | None = None, unit: str = "",
        outputs: tuple[int, ...] | None = None, weights: Any = None, augment: Augment | None = None,
        classes: int | None = None,
    ):  # fmt: skip
        typed("options", Options, options)
        inputs = as_inputs(x, "training inputs")
        task, targets = task_of(y, loss_name(loss), outputs, classes, options.ignore)
        if (test_x is None) != (test_y is None):
            raise ValueError("test inputs and targets come together: give test_x and test_y, or neither")
        held = None if test_x is None else more(test_x, test_y, "test", task, inputs, x)
        train = paired(inputs, targets, "training")
        given = isinstance(valid, tuple) and len(valid) == 2
        aside = more(valid[0], valid[1], "validation", task, inputs, x) if given else None
        self.augment = augment
        splits = split_up(train, aside, None if given else valid, task, options)
        self._assemble(splits, held, task, options, Wishes(loss, metric, higher, unit, weights))

    @classmethod
    def of(
        cls, train: Any, valid: Any = None, test: Any = None, options: Options = Options(),  # noqa: B008  (frozen)
        *, loss: Given = None, metric: Any = None, higher: bool | None = None, unit: str = "",
        outputs: tuple[int, ...] | None = None, weights: Any = None, augment: Augment | None = None,
        classes: int | None = None, lengths: Mapping[str, int] | None = None, columns: tuple[str, str] | None = None,
    ) -> Self:  # fmt: skip
        """A task whose examples are read when they are asked for, by `options.loaders` processes.

        Args:
            train: a map-style data set of torch or of Hugging Face, whose items are pairs (input, target), or rows with
                such columns; an iterable-style one; a data loader over either; a pair of arrays; or a mapping of such
                with "train" and "test", as a DatasetDict. See `Images.of` for what is used of a loader.
            valid: the same for validation; or a share, places or a mask, as above. Iterable data need some.
            test: the same for held-out data.
            options: splits, batches, training.
            loss: see the class, as for the rest.
            metric: name, or function.
            higher: whether more is better.
            unit: of the metric.
            outputs: what a network gives.
            weights: of classes or labels.
            augment: of batches.
            classes: their number, which is needed where targets are not listed.
            lengths: split -> examples of an epoch, for iterable data without a length.
            columns: names of the columns of inputs and of targets.

        Raises:
            DataError: an item that cannot be read, or is no input with a target.
            TypeError: nothing that examples can be read from.
            ValueError: no item, what iterable data lack, or what the class refuses.
        """
        typed("options", Options, options)
        made = cls.__new__(cls)
        made.augment = augment
        reader = Anything(loss_name(loss), outputs, options.ignore, columns)
        found = read(train, valid, test, reader, classes, lengths or {}, options)
        made._seen = found.seen
        wishes = Wishes(loss, metric, higher, unit, weights)
        made._assemble(found.splits, found.held, found.task, found.options, wishes)
        return made

    _seen: tuple[Inputs, Tensor] | None = None
    """Of examples that are read, a sample."""

    def _assemble(self, splits: dict[str, Split], held: Split | None, task: Task, options: Any, wishes: Wishes) -> None:
        """Everything of a domain out of its checked data."""
        self.options, self._task, self.kind, self._wishes, self.labels = options, task, task.kind, wishes, task.names
        self._splits, self._held_out, self._augment_code = splits, held, code_of(self.augment)
        self.budget, self.has_test = options.epochs, held is not None
        self._normalise()
        y, known = splits["train"][1], splits["valid"][1]
        seen = None if self._seen is None else self._seen[1]
        if self.augment is not None:
            try_augment(self.augment, *(self._seen or splits["train"]))
        self._goal = Goal(task, wishes, options, seen if y is None else y, y is not None, self._beside)
        self.metric = self._goal.metric
        y = seen if y is None else y
        self.chance = -math.inf if y is None else self._goal.chance(y, y if known is None else known)

    _beside: tuple[str, ...] | None = None
    """Metrics that are told beside the task's own; None for the usual ones."""

    def _normalise(self) -> None:
        """Find out how inputs are normalised, and what they are."""
        x = self._splits["train"][0] if self._seen is None else self._seen[0]
        self._scale: Scale = scale_of(x, self.options.normalise)
        self.io = IO(tuple(parts_of(x)[0].shape[1:]), self._task.outputs)

    def _known(self) -> list[Tensor]:
        """What is known of examples that are read, beside their data set's own fingerprint."""
        return [] if self._seen is None else [*parts_of(self._seen[0]), self._seen[1]]

    @property
    def fingerprint(self) -> str:
        """A digest of options, inputs, targets and loss: a training's checkpoint is of one of them.

        Of examples that are read it knows what their data set says, or its type, length and targets, and a sample.
        """
        parts: list[Tensor | str] = [*self._known()]
        for x, y in self._splits.values():
            parts += [x.fingerprint] if isinstance(x, Rows | Flow) else [*parts_of(x)]
            parts += [] if y is None else [y]
        weights = self._goal.loss.weights
        said = f"{replace(self.options, loaders=0)}{self._goal.said()}{self._augment_code}"
        return digest(said, *parts, *([] if weights is None else [weights]))

    def normalised(self, x: Any) -> Any:
        """Inputs as networks take them: by the training examples' mean and deviation, unless that is off."""
        return self._scale(x)

    def preprocessing(self) -> dict[str, Any]:
        """What users of an exported network need.

        Subtract "mean" from inputs and divide by "std", by feature or channel; "outputs" has what takes outputs to the
        unit of y, "labels" what the classes are called.
        """
        return {**self._scale.described(), **self._goal.described()}

    def draws(self, split: str, count: int, rng: torch.Generator) -> int | None:
        """The seed of a training batch's augmentation."""
        if self.augment is None or split == "valid":
            return None
        return int(torch.randint(2**62, (), generator=rng))

    def prepared(self, split: str, x: Any, y: Tensor, draws: int | None, rows: slice) -> tuple[Any, Tensor]:
        """A batch augmented by one's own function, and normalised."""
        if self.augment is not None and draws is not None:
            generator = torch.Generator().manual_seed(draws + (rows.start or 0))
            x, y = self.augment(x.parts if isinstance(x, Several) else x, y, generator)
        return self.normalised(x), y

    def loss(self, model: Callable[..., Any], batch: tuple[Any, Tensor]) -> Tensor:
        """The loss of every example, with the auxiliary head's if there is one. Shapes: returns [B]."""
        x, y = batch
        out = model(*x) if isinstance(x, tuple) else model(x)
        return self._goal.losses(out, y, self.options.auxiliary)

    @torch.no_grad()
    def _measure(self, model: nn.Module, split: Split) -> dict[str, float]:
        model.eval()
        goal, meter = self._goal, self._goal.measure.started()
        losses, count = [], 0
        for x, y in self.passes(split, home(model), PASS):
            out = model(*x) if isinstance(x, tuple) else model(x)
            out = out[0] if isinstance(out, tuple) else out
            losses.append(goal.loss.summed(out, goal.standard(y)))
            meter.add(goal.in_unit(out), y)
            count += len(y)
        return {**meter.found(), "loss": sum(map(float, fetched(losses))) / count}

    def fit(
        self, model: nn.Module, budget: int, *, final: bool = False, seed: int = 0, checkpoint: Path | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:  # fmt: skip
        """Train for `budget` epochs; in a search on every fold, if the options have some (`crossed`)."""
        if final or (count := getattr(self.options, "folds", 0)) < 2:
            super().fit(model, budget, final=final, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch)
            return
        plain = copy.copy(self)
        plain.options = replace(self.options, folds=0)

        def train(fold: Any, network: nn.Module, index: int) -> None:
            file = checkpoint and checkpoint.with_name(f"{checkpoint.stem}-fold-{index}{checkpoint.suffix}")
            fold.fit(network, budget, seed=seed, checkpoint=file, on_epoch=on_epoch)

        crossed(model, [plain.fold(index, count) for index in range(count)], train)

    def score(self, model: nn.Module) -> dict[str, float]:
        """The metric on validation data, as "value" (its negative where less is better) and by its name; and loss."""
        if getattr(self.options, "folds", 0) > 1 and (found := kept(model)) is not None:
            return found
        metrics = self._measure(model, self._splits["valid"])
        return {"value": self._goal.value(metrics), **metrics}

    def test(self, model: nn.Module) -> dict[str, float]:
        """The metric, the usual ones beside, and the loss on the held-out examples.

        Raises:
            ValueError: there are none.
        """
        if self._held_out is None:
            raise ValueError("this domain was made without test data: pass test_x and test_y")
        return self._measure(model, self._held_out)

    def example(self, count: int) -> tuple[Tensor, ...]:
        """The first `count` training inputs, normalised, on the CPU. Shapes: [count, ...] each."""
        x = self._examples(count)
        return x if isinstance(x, tuple) else (x,)

    def fold(self, index: int, count: int) -> Self:
        """The same task with another part of training and validation examples held out, the index-th of `count`.

        Raises:
            ValueError: no such fold; iterable data.
        """
        every = self._splits["all"]
        if isinstance(every[0], Flow):
            raise ValueError("folds need examples that can be picked, and these data are iterable")
        classes = strata(every[1], self._task, self.options)
        other = copy.copy(self)
        splits = parted(every, *folded(len(every[0]), index, count, self.options.seed, classes))
        other._assemble(splits, self._held_out, self._task, self.options, self._wishes)
        return other

    def random_labels(self, seed: int) -> Self:
        """The same domain, whose training examples have random labels.

        Raises:
            TypeError: it predicts no classes and no sets of labels.
            ValueError: the examples are iterable, and one is not known again.
        """
        other = copy.copy(self)
        x, y = self._splits["train"]
        if self._task.kind not in ("classes", "sets"):
            raise TypeError("random labels are of classes or sets of labels, and this task has none: labels='true'")
        if isinstance(x, Flow):
            raise ValueError("random labels need examples that are known again, and these data are iterable")
        shape = (len(x),) if self._task.kind == "classes" else (len(x), *self.io.outputs)
        like = torch.zeros(shape, dtype=torch.int64) if y is None else y
        drawn = random_like(like.cpu(), self.io.outputs[0], seed).to(like.device)
        other._splits = {**self._splits, "train": (x, drawn)}
        return other
