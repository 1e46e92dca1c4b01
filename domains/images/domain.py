"""Image classification: what pictures need beside any supervised task: layouts, sizes, normalisation, augmentation.

Arrays are held as one uint8 or float tensor; other data are read when they are asked for. Crops, flips and cutout are
tensor operations on whole batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor

from appnas.domains.images.arrays import BRIGHT, Array, Layout, as_splits
from appnas.domains.images.augment import Draws, augmented, drawn
from appnas.domains.images.files import Pictures
from appnas.domains.images.options import Options
from appnas.domains.images.survey import surveyed
from appnas.domains.labelled import Labelled, Wishes
from appnas.domains.labelled.losses import Given
from appnas.domains.labelled.targets import Task
from appnas.domains.reading import Split, first, gathered, halves, own, splits_of
from appnas.space import IO
from appnas.support import typed


class Images(Labelled):
    """Image classification: `Labelled` for pictures. "value" is the validation accuracy in percent, unless told.

    This takes arrays; `Images.of` takes data sets and data loaders, which are read when they are asked for.

    Args:
        x, y: training images ([N, H, W], [N, C, H, W] or [N, H, W, C]; uint8 or float) and labels [N], see
            `appnas.domains.labels`.
        test_x, test_y: held-out images and labels; None for data without (then `test` raises).
        options: splits, augmentation, training.
        classes: number of classes; by default the largest label plus one.
        layout: "NCHW" or "NHWC", where the shape of the images does not tell.
        loss, metric, higher, unit, weights: see `appnas.domains.Labelled`: metric="balanced_accuracy" or
            weights="balanced" where some classes are rare.

    Raises:
        TypeError: a data set, or something else that holds no arrays.
        ValueError: wrong shapes, NaN, labels out of range, a split without an image; see `Labelled` for the rest.
    """

    _beside = ("accuracy",)
    _tunable = ("batch", "auxiliary", "crop", "flip", "cutout")
    _mean: Tensor
    _std: Tensor

    def __init__(
        self,
        x: Array,
        y: Array | None = None,
        test_x: Array | None = None,
        test_y: Array | None = None,
        options: Options = Options(),  # noqa: B008  (frozen)
        classes: int | None = None,
        layout: Layout | None = None,
        *,
        loss: Given = None,
        metric: Any = None,
        higher: bool | None = None,
        unit: str = "",
        weights: Any = None,
    ):
        typed("options", Options, options)
        train, held, labels = as_splits((x, y), (test_x, test_y), options.side, options.shrink, classes, layout)
        self._finish(train, held, options, labels, Wishes(loss, metric, higher, unit, weights))

    @classmethod
    def of(  # type: ignore[override]
        cls,
        train: Any,
        valid: Any = None,
        test: Any = None,
        options: Options = Options(),  # noqa: B008  (frozen)
        classes: int | None = None,
        lengths: Mapping[str, int] | None = None,
        *,
        loss: Given = None,
        metric: Any = None,
        higher: bool | None = None,
        unit: str = "",
        weights: Any = None,
    ) -> Self:
        """A domain whose images are read when they are asked for, by `options.loaders` processes.

        Args:
            train: a map-style data set of torch or of Hugging Face, whose items are pairs (image, label), or rows with
                such columns: images of Pillow, tensors [C, H, W] or arrays [H, W, C]; an iterable-style one; a data
                loader over either; a pair of arrays; or a mapping of such with "train" and "test", as a DatasetDict.
                Of a loader the data set, the size of batches, the workers and `collate_fn` are used; the order is
                drawn here. A loader over iterable data is read as it is, in its own order.
            valid: the same for validation; by default a share of the training data. Iterable data need it, and are
                trained on alone after a search.
            test: the same for held-out data.
            options: splits, size of images, augmentation, training.
            classes: number of classes; by default the largest label plus one, if labels are listed.
            lengths: split -> images of an epoch, for iterable data without a length.
            loss: see the class, as for the rest.
            metric: name, or function.
            higher: whether more is better.
            unit: of the metric.
            weights: of the classes.

        Raises:
            DataError: an item that cannot be read, or is no image with a label.
            TypeError: nothing that images can be read from.
            ValueError: no item, what iterable data lack, labels that are no classes.
        """
        typed("options", Options, options)
        given = {"train": train, "valid": valid, "test": test}
        if isinstance(train, Mapping):
            given = {**splits_of(train), **{name: some for name, some in given.items() if name != "train" and some}}
        reader = Pictures(options.side, options.fitting, options.shrink)
        parts, labels, loading = gathered(given, reader, classes, lengths or {})
        if loading.batch:
            size, loaders = loading.batch, loading.workers or options.loaders
            options = replace(options, batch=size, final_batch=size, loaders=loaders)
        made = cls.__new__(cls)
        wishes = Wishes(loss, metric, higher, unit, weights)
        made._finish(parts["train"], parts.get("test"), options, labels, wishes, parts.get("valid"))
        return made

    def _finish(
        self,
        train: Split,
        held: Split | None,
        options: Options,
        labels: tuple[Any, ...],
        wishes: Wishes,
        valid: Split | None = None,
    ) -> None:
        """Everything of a domain out of its checked data."""
        if len(labels) < 2:
            raise ValueError("training labels: all images are of class 0; two classes are the least")
        train = first(train, options.limit) if options.limit else train
        splits = own(train, valid) if valid else halves(train, options.valid, options.seed)
        self._assemble(splits, held, Task("classes", (len(labels),), labels), options, wishes)
        if not math.isfinite(self.chance) or wishes == Wishes():
            self.chance = 100 / len(labels)

    def _normalise(self) -> None:
        """Mean and deviation of the channels, of images that are read those of a sample."""
        train, options = self._splits["train"][0], self.options
        if isinstance(train, Tensor):
            images = train.float()
            mean, std = images.mean((0, 2, 3), keepdim=True), images.std((0, 2, 3), keepdim=True) + 1e-6
        else:
            mean, std = self._survey()
        shape = tuple(self._splits["train"][0].shape[1:])
        if options.mean:
            if len(options.mean) != shape[0]:
                raise ValueError(f"mean and std are one number a channel, {shape[0]}, got {len(options.mean)}")
            if float(mean.max()) > BRIGHT and 0 < max(options.mean) <= 1 and max(options.std) <= 1:
                raise ValueError(
                    f"mean and std are in the unit of the images, whose mean is {float(mean.max()):.3g}; got"
                    f" {options.mean} and {options.std}, which are of images from 0 to 1: times 255"
                )
            mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (options.mean, options.std))
        self._mean, self._std = mean, std
        self.io = IO(shape, self._task.outputs)

    def _survey(self) -> tuple[Tensor, Tensor]:
        """Find out by a sample how images that are read are normalised, and whether they are grey."""
        held = [self._held_out[0]] if self._held_out else []
        parts = [self._splits["train"][0], self._splits["valid"][0], *held]
        options = self.options
        form, mean, std = surveyed(parts, options.channels, options.loaders, bool(options.mean))
        self._splits = {name: (rows.formed(form), y) for name, (rows, y) in self._splits.items()}
        if self._held_out:
            self._held_out = self._held_out[0].formed(form), self._held_out[1]
        return mean, std

    def _known(self) -> list[Tensor]:
        """Of images that are read, mean and deviation of a sample."""
        return [] if isinstance(self._splits["all"][0], Tensor) else [self._mean, self._std]

    def normalised(self, x: Tensor) -> Tensor:
        """Zero mean and unit deviation by the training images' channels."""
        return (x.float() - self._mean.to(x.device)) / self._std.to(x.device)

    def preprocessing(self) -> dict[str, Any]:
        """For users of an exported network: `normalised` by channel; labels that are no numbers from 0."""
        return {"mean": self._mean.flatten().tolist(), "std": self._std.flatten().tolist(), **self._goal.described()}

    def draws(self, split: str, count: int, rng: torch.Generator) -> Draws:  # type: ignore[override]
        """The augmentation of a batch of so many images, drawn from the generator."""
        o = self.options
        hidden = o.final_cutout if split == "all" else o.cutout
        return drawn((count, *self.io.inputs), o.crop, o.flip, hidden, rng)

    def prepared(  # type: ignore[override]
        self, split: str, x: Tensor, y: Tensor, draws: Draws, rows: slice
    ) -> tuple[Tensor, Tensor]:
        """Images normalised, cropped, flipped and cut out as it was drawn, with their labels."""
        o = self.options
        hidden = o.final_cutout if split == "all" else o.cutout
        return augmented(self.normalised(x), draws.of(rows), o.crop, hidden), y
