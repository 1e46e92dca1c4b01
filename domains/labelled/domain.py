"""Any supervised task: inputs and targets, a loss of every example, a metric over a whole split."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from appnas.compute import fetched, home
from appnas.domains.images.reading import Flow
from appnas.domains.images.splits import Split, cut, first
from appnas.domains.labelled.examples import Examples
from appnas.domains.labelled.goal import Goal, Wishes
from appnas.domains.labelled.inputs import Inputs, Scale, Several, as_inputs, parts_of, scale_of
from appnas.domains.labelled.losses import Given, loss_name
from appnas.domains.labelled.options import Options
from appnas.domains.labelled.splits import chosen, folded, shared
from appnas.domains.labelled.targets import Task, as_targets, task_of
from appnas.domains.random_labels import random_like
from appnas.space import IO
from appnas.support import digest, typed
from appnas.task import Metric

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
        augment: (x, y, generator) -> (x, y) of a training batch, before it is normalised, on the device; it draws from
            the generator, which is the CPU's.
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
        held = None if test_x is None else _more(test_x, test_y, "test", task, inputs)
        train = _paired(inputs, targets, "training")
        train = first(train, options.limit) if options.limit else train
        if isinstance(valid, tuple) and len(valid) == 2:
            splits = _joined(train, _more(*valid, "validation", task, inputs))
        else:
            splits = _split_up(train, valid, task, options)
        self._assemble(splits, held, task, options, augment, Wishes(loss, metric, higher, unit, weights))

    def _assemble(
        self, splits: dict[str, Split], held: Split | None, task: Task, options: Options, augment: Augment | None,
        wishes: Wishes,
    ) -> None:  # fmt: skip
        """Everything of a domain out of its checked data."""
        self.options, self.augment, self._task, self._wishes = options, augment, task, wishes
        self._splits, self._held_out, self.labels = splits, held, task.names
        self.budget, self.has_test = options.epochs, held is not None
        x, y = splits["train"]
        self.io = IO(tuple(parts_of(x)[0].shape[1:]), task.outputs)
        self._scale: Scale = scale_of(x, options.normalise)
        self._aim(Goal(task, wishes, options, y))
        held_back = splits["valid"][1]
        assert y is not None and held_back is not None
        self.chance = self._goal.chance(y, held_back)

    def _aim(self, goal: Goal) -> None:
        self._goal, self.metric = goal, goal.metric

    @property
    def fingerprint(self) -> str:
        """A digest of options, inputs, targets and loss: a training's checkpoint is of one of them."""
        parts: list[Tensor] = []
        for x, y in self._splits.values():
            parts += [*parts_of(x), *([] if y is None else [y])]
        loss = self._goal.loss
        weights = [] if loss.weights is None else [loss.weights]
        return digest(f"{self.options} {loss.name} {self._task}", *parts, *weights)

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

    def score(self, model: nn.Module) -> dict[str, float]:
        """The metric on validation data, as "value" (its negative where less is better) and by its name; and loss."""
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
        if isinstance(every[0], Flow) or every[1] is None:
            raise ValueError("folds need examples that can be picked, with targets that are listed")
        y = every[1]
        train, valid = folded(len(y), index, count, self.options.seed, _strata(y, self._task, self.options))
        other = copy.copy(self)
        other._assemble(
            _parted(every, train, valid), self._held_out, self._task, self.options, self.augment, self._wishes
        )
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
        like = torch.zeros(len(x), dtype=torch.int64) if y is None else y
        drawn = random_like(like.cpu(), self.io.outputs[0], seed).to(like.device)
        other._splits = {**self._splits, "train": (x, drawn)}
        return other


def _paired(x: Inputs, y: Tensor, what: str) -> Split:
    if len(x) != len(y):
        raise ValueError(f"{what} data: {len(x)} inputs need as many targets, got {len(y)}")
    return x, y


def _more(x: Any, y: Any, what: str, task: Task, like: Inputs) -> Split:
    """Further data, read as the training data were."""
    inputs = as_inputs(x, f"{what} inputs")
    found, wanted = ([(tuple(p.shape[1:]), p.dtype) for p in parts_of(some)] for some in (inputs, like))
    if found != wanted:
        said = (", ".join(f"{list(shape)} of {kind}" for shape, kind in some) for some in (found, wanted))
        raise ValueError("{} inputs are {} for each example, training inputs {}".format(what, *said))
    return _paired(inputs, as_targets(y, f"{what} labels", task), what)


def _strata(y: Tensor, task: Task, options: Any) -> Tensor | None:
    """Classes that splits are even in."""
    return y if task.kind == "classes" and getattr(options, "stratify", False) else None


def _split_up(train: Split, valid: Any, task: Task, options: Options) -> dict[str, Split]:
    """Training and validation examples, and both: the first and the rest of "all"."""
    y = train[1]
    assert y is not None
    share = options.valid if valid is None else valid
    if not isinstance(share, float):
        return _parted(train, *chosen(len(y), share))
    if not 0 < share < 1:
        raise ValueError(f"valid is the share of the training examples held out, between 0 and 1, got {share}")
    return _parted(train, *shared(len(y), share, options.seed, _strata(y, task, options)))


def _parted(every: Split, train: Tensor, valid: Tensor) -> dict[str, Split]:
    joined, size = cut(every, torch.cat([train, valid])), len(train)
    return {"train": cut(joined, slice(size)), "valid": cut(joined, slice(size, None)), "all": joined}


def _joined(train: Split, valid: Split) -> dict[str, Split]:
    """Splits that were given; "all" is both of them."""
    (x, y), (more, targets) = train, valid
    parts = [torch.cat(pair) for pair in zip(parts_of(x), parts_of(more), strict=True)]
    every = Several(parts) if len(parts) > 1 else parts[0]
    assert y is not None and targets is not None
    return {"train": train, "valid": valid, "all": (every, torch.cat([y, targets]))}
