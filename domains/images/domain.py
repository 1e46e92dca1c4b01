"""Image classification: splits, augmentation, loss, accuracy.

Arrays are held as one uint8 or float tensor; other data are read when they are asked for. Crops, flips and cutout are
tensor operations on whole batches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from appnas.compute import CPU, Compute, compute_of, fetched, home, moved
from appnas.domains.images.arrays import Array, Layout, as_splits
from appnas.domains.images.augment import Draws, augmented, drawn
from appnas.domains.images.options import Options
from appnas.domains.images.reading import Epoch, Flow, everything, gathered, loaded, splits_of, surveyed
from appnas.domains.images.splits import Source, Split, first, halves, on_device, own
from appnas.domains.random_labels import random_like
from appnas.space import IO
from appnas.support import digest, typed
from appnas.task import Supervised, rows_of


class Images(Supervised):
    """Image classification. Metrics are in percent; "value" is the validation accuracy.

    This takes arrays; `Images.of` takes data sets and data loaders, which are read when they are asked for.

    Args:
        x, y: training images ([N, H, W], [N, C, H, W] or [N, H, W, C]; uint8 or float) and labels [N], see
            `appnas.domains.labels`.
        test_x, test_y: held-out images and labels; None for data without (then `test` raises).
        options: splits, augmentation, training.
        classes: number of classes; by default the largest label plus one.
        layout: "NCHW" or "NHWC", where the shape of the images does not tell.

    Raises:
        TypeError: a data set, or something else that holds no arrays.
        ValueError: wrong shapes, NaN, labels out of range, a split without an image.
    """

    labels: tuple[Any, ...]
    """What the classes 0, 1, 2 and so on are called in the labels that were given."""
    shares = True
    """Of several processes each reads its own rows of every batch."""

    def __init__(
        self,
        x: Array,
        y: Array | None = None,
        test_x: Array | None = None,
        test_y: Array | None = None,
        options: Options = Options(),  # noqa: B008  (frozen)
        classes: int | None = None,
        layout: Layout | None = None,
    ):
        typed("options", Options, options)
        train, held, labels = as_splits((x, y), (test_x, test_y), options.side, options.shrink, classes, layout)
        self._assemble(train, held, options, labels)

    @classmethod
    def of(
        cls,
        train: Any,
        valid: Any = None,
        test: Any = None,
        options: Options = Options(),  # noqa: B008  (frozen)
        classes: int | None = None,
        lengths: Mapping[str, int] | None = None,
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

        Raises:
            DataError: an item that cannot be read, or is no image with a label.
            TypeError: nothing that images can be read from.
            ValueError: no item, what iterable data lack, labels that are no classes.
        """
        typed("options", Options, options)
        given = {"train": train, "valid": valid, "test": test}
        if isinstance(train, Mapping):
            given = {**splits_of(train), **{name: some for name, some in given.items() if name != "train" and some}}
        form = options.side, options.fitting, options.shrink
        parts, labels, loading = gathered(given, *form, classes, lengths or {})
        if loading.batch:
            size, loaders = loading.batch, loading.workers or options.loaders
            options = replace(options, batch=size, final_batch=size, loaders=loaders)
        made = cls.__new__(cls)
        made._assemble(parts["train"], parts.get("test"), options, labels, parts.get("valid"))
        return made

    def _assemble(
        self, train: Split, held: Split | None, options: Options, labels: tuple[Any, ...], valid: Split | None = None
    ) -> None:
        """Everything of a domain out of its checked data."""
        self.labels, classes = labels, len(labels)
        if classes < 2:
            raise ValueError("training labels: all images are of class 0; two classes are the least")
        if options.limit:
            train = first(train, options.limit)
        self.options, self._held_out = options, held
        self.chance, self.budget, self.has_test = 100 / classes, options.epochs, held is not None
        self._splits = own(train, valid) if valid else halves(train, options.valid, options.seed)
        if isinstance(train[0], Tensor):
            images = self._splits["train"][0].float()
            mean, std = images.mean((0, 2, 3), keepdim=True), images.std((0, 2, 3), keepdim=True) + 1e-6
        else:
            mean, std = self._survey()
        shape = tuple(self._splits["train"][0].shape[1:])
        if options.mean:
            if len(options.mean) != shape[0]:
                raise ValueError(f"mean and std are one number a channel, {shape[0]}, got {len(options.mean)}")
            mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (options.mean, options.std))
        self._mean: Tensor = mean
        self._std: Tensor = std
        self.io = IO(shape, (classes,))

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

    @property
    def fingerprint(self) -> str:
        """A digest of options, images and labels: a training's checkpoint is of one of them.

        Of images that are read it knows names, sizes and labels of files, or type, length and labels of a data set, and
        mean and deviation of a sample.
        """
        parts: list[Tensor | str] = [self._mean, self._std] if not isinstance(self._splits["all"][0], Tensor) else []
        for images, labels in self._splits.values():
            parts += [images if isinstance(images, Tensor) else images.fingerprint]
            parts += [] if labels is None else [labels]
        return digest(str(replace(self.options, loaders=0)), *parts)

    def placed(self, compute: Compute) -> Self:
        """The same domain for networks that are trained on something else; see `appnas.task.placed`.

        Images in memory go to an accelerator if they take less than a quarter of what is free there.
        """
        other = copy.copy(self)
        other.compute = compute
        other._splits, other._held_out = on_device(self._splits, self._held_out, compute.device)
        return other

    def normalised(self, x: Tensor) -> Tensor:
        """Zero mean and unit deviation by the training images' channels."""
        return (x.float() - self._mean.to(x.device)) / self._std.to(x.device)

    def preprocessing(self) -> dict[str, list[Any]]:
        """For users of an exported network: `normalised` by channel; labels that are no numbers from 0."""
        named = {} if self.labels == tuple(range(len(self.labels))) else {"labels": list(self.labels)}
        return {"mean": self._mean.flatten().tolist(), "std": self._std.flatten().tolist(), **named}

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch: a last batch of less than half the size is left out."""
        n, b = len(self._split(split)[0]), self._batch(split)
        return max(n // b + (n % b >= b / 2), 1)

    def _batch(self, split: str) -> int:
        images = self._split(split)[0]
        own_size = images.batch if isinstance(images, Flow) else None
        return own_size or (self.options.final_batch if split == "all" else self.options.batch)

    def _split(self, split: str) -> Split:
        if split not in self._splits:
            raise ValueError(f"the splits are {sorted(self._splits)}, got {split!r}")
        return self._splits[split]

    def batches(self, split: str, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch, shuffled and augmented: "train", "valid", or both for the final training: "all".

        Shapes:
            yields: images [B, C, H, W] and labels [B], on the device of the domain.
        """
        return Epoch(partial(self._epoch, split, rng))

    def parts(self, split: str, rng: torch.Generator) -> tuple[Tensor, ...]:
        """The places of every batch's images, in an order drawn from the generator; iterable data keep their own."""
        images = self._split(split)[0]
        order = torch.arange(len(images)) if isinstance(images, Flow) else torch.randperm(len(images), generator=rng)
        return torch.split(order, self._batch(split))[: self.epoch(split)]

    def draws(self, split: str, count: int, rng: torch.Generator) -> Draws:
        """The augmentation of a batch of so many images, drawn from the generator."""
        o = self.options
        hidden = o.final_cutout if split == "all" else o.cutout
        return drawn((count, *self.io.inputs), o.crop, o.flip, hidden, rng)

    def _epoch(self, split: str, rng: torch.Generator, skip: int) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self._split(split)
        parts, device, o = self.parts(split, rng), compute_of(self).device, self.options
        seed = 0 if isinstance(images, Tensor) else int(torch.randint(2**62, (), generator=rng))
        walk = skip if isinstance(images, Flow) else 0  # what comes in its own order is read and left out
        for part in parts[: skip - walk]:
            self.draws(split, len(part), rng)
        rest, share = parts[skip - walk :], compute_of(self).share
        own = rest if isinstance(images, Flow) else [part[rows_of(share, len(part))] for part in rest]
        batches = loaded(images, own, seed, o.loaders, device != CPU)
        for k, (part, mine, (x, y)) in enumerate(zip(rest, own, batches, strict=True)):
            count = len(x) if isinstance(images, Flow) else len(part)
            draws, rows = self.draws(split, count, rng), rows_of(share, count)
            if k >= walk:
                if isinstance(images, Flow) and y is not None:
                    x, y = x[rows], y[rows]
                y = y if labels is None else labels[mine.to(labels.device)]
                x, y = moved((x, y), device)
                hidden = o.final_cutout if split == "all" else o.cutout
                yield augmented(self.normalised(x), draws.of(rows), o.crop, hidden), y

    def loss(self, model: Callable[..., Any], batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross entropy of every image, with the auxiliary head's if there is one. Shapes: returns [B]."""
        x, y = batch
        out = model(x)
        logits, extra = out if isinstance(out, tuple) else (out, None)
        loss = cross_entropy(logits, y, reduction="none", label_smoothing=self.options.smoothing)
        if extra is None:
            return loss
        return loss + self.options.auxiliary * cross_entropy(
            extra, y, reduction="none", label_smoothing=self.options.smoothing
        )

    @torch.no_grad()
    def _measure(self, model: nn.Module, images: Source, labels: Tensor | None) -> dict[str, float]:
        model.eval()
        device, size = home(model), 500 if isinstance(images, Tensor) else self.options.batch
        right, losses, count = [], [], 0
        for x, y in everything(images, size, self.options.loaders, device != CPU):
            y = y if labels is None else labels[count : count + len(x)]
            count += len(x)
            x, y = moved((x, y), device)
            logits = model(self.normalised(x))
            right.append((logits.argmax(1) == y).sum())
            losses.append(cross_entropy(logits, y, reduction="sum"))
        hits, loss = sum(map(int, fetched(right))), sum(map(float, fetched(losses)))
        return {"accuracy": 100 * hits / count, "loss": loss / count}

    def score(self, model: nn.Module) -> dict[str, float]:
        """Validation accuracy (%) as "value" and "accuracy", and loss (nats)."""
        metrics = self._measure(model, *self._splits["valid"])
        return {"value": metrics["accuracy"], **metrics}

    def test(self, model: nn.Module) -> dict[str, float]:
        """Accuracy (%) and loss (nats) on the held-out images.

        Raises:
            ValueError: there are none.
        """
        if self._held_out is None:
            raise ValueError("this domain was made without test images: pass test_x and test_y")
        return self._measure(model, *self._held_out)

    def example(self, count: int) -> tuple[Tensor]:
        """The first `count` training images, normalised, on the CPU. Shapes: [count, C, H, W]."""
        images, _ = first(self._splits["train"], count)
        read = torch.cat([x for x, _ in everything(images, count)])
        return (self.normalised(read.cpu()),)

    def random_labels(self, seed: int) -> Images:
        """The same domain, whose training images have random labels.

        Raises:
            ValueError: they are iterable, and an image is not known again.
        """
        other = copy.copy(self)
        images, labels = self._splits["train"]
        if isinstance(images, Flow):
            raise ValueError("random labels need images that are known again, and these data are iterable")
        like = torch.zeros(len(images), dtype=torch.int64) if labels is None else labels
        drawn_labels = random_like(like.cpu(), self.io.outputs[0], seed).to(like.device)
        other._splits = {**self._splits, "train": (images, drawn_labels)}
        return other
