"""Image classification on arrays: splits, augmentation, loss, accuracy.

Images are held as one uint8 or float tensor; crops, flips and cutout are tensor operations on whole batches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

from appnas.domains.images.augment import crop, cutout, flip
from appnas.domains.random_labels import random_like
from appnas.space import IO
from appnas.support import check, checked, digest, fetched, home, moved, typed
from appnas.task import Recipe, Supervised

Array = np.ndarray | Tensor


@dataclass(frozen=True)
@checked(batch=1, final_batch=1, shrink=1, epochs=1)
class Options:
    """Splits, batches, augmentation and training of an image domain. Defaults are DARTS's for CIFAR-10."""

    batch: int = 64
    """Images a batch."""
    final_batch: int = 96
    """Images a batch when the result of a search is trained."""
    valid: float = 0.5
    """Share of the training images held out for validation."""
    limit: int = 0
    """Use only the first so many training images (before the split); 0 for all."""
    shrink: int = 1
    """Average-pool all images by this factor first: a quarter of the cost for 2."""
    crop: int = 4
    """Zero padding before a random crop of the original size, pixels; 0 for no crop."""
    flip: bool = True
    """Random horizontal flips."""
    cutout: float = 0.0
    """Side of a random square set to 0, as a share of the image's (arXiv 1708.04552); 0 for none."""
    final_cutout: float = 0.5
    """The same when the result of a search is trained (16 of CIFAR's 32 pixels)."""
    auxiliary: float = 0.4
    """Weight of the auxiliary head's loss, for networks that have one."""
    smoothing: float = 0.0
    """Label smoothing in training."""
    epochs: int = 600
    """Length of the training of a search's result, unless told."""
    recipe: Recipe = field(default_factory=Recipe)
    """How stand-alone networks are trained."""
    seed: int = 0
    """Of the split into training and validation images."""

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a batch or factor below 1, a negative size, or a share outside 0 to 1.
        """
        check(self, limit=0, crop=0, cutout=0, final_cutout=0, auxiliary=0, smoothing=0)
        if max(self.cutout, self.final_cutout) >= 1:
            raise ValueError(
                f"cutout is a share of the image's side, below 1, got {self.cutout} and {self.final_cutout} (final)"
            )
        if not 0 < self.valid < 1:
            raise ValueError(f"valid is the share of the training images held out, between 0 and 1, got {self.valid}")


def as_images(x: Array, name: str, shrink: int = 1) -> Tensor:
    """Images as [N, C, H, W], average-pooled by the factor `shrink`.

    Raises:
        ValueError: another number of axes, no image, NaN, or fewer pixels than the factor.
    """
    if not isinstance(x, Tensor):
        x = np.asarray(x)
        if x.dtype.kind not in "iufb":
            raise ValueError(f"{name}: images are arrays of numbers, got {x.dtype}")
    x = torch.as_tensor(x)
    if x.dim() == 3:
        x = x[:, None]
    if x.dim() != 4:
        raise ValueError(f"{name}: images are [N, H, W], [N, C, H, W] or [N, H, W, C], got the shape {tuple(x.shape)}")
    if x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.permute(0, 3, 1, 2).contiguous()
    if x.shape[3] < min(x.shape[1:3]):
        raise ValueError(f"{name}: {tuple(x.shape)} looks like [N, H, W, C] with {x.shape[3]} channels: keep 1 or 3")
    if len(x) == 0:
        raise ValueError(f"{name}: there is no image in it")
    if x.is_floating_point() and not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).flatten(1).any(1).sum())
        raise ValueError(f"{name}: {bad} of {len(x)} images hold NaN or infinity; clean them first")
    if shrink > min(x.shape[2:]):
        raise ValueError(f"{name}: images of {x.shape[2]} x {x.shape[3]} pixels cannot be shrunk by {shrink}")
    return avg_pool2d(x.float(), shrink) if shrink > 1 else x


def as_labels(y: Array, count: int, classes: int | None, name: str) -> Tensor:
    """Labels as [N], int64, 0 to classes - 1.

    Raises:
        ValueError: wrong number, not integers, or out of range.
    """
    if not isinstance(y, Tensor):
        y = np.asarray(y)
        if y.dtype.kind not in "iufb":
            raise ValueError(f"{name}: labels are integers from 0, got {y.dtype}")
    y = torch.as_tensor(y)
    if y.shape != (count,):
        raise ValueError(f"{name}: {count} images need labels of shape ({count},), got {tuple(y.shape)}")
    if y.is_floating_point():
        raise ValueError(f"{name}: labels are integers, got {y.dtype}")
    low, high = int(y.min()), int(y.max())
    if low < 0 or (classes is not None and high >= classes):
        allowed = f"0 to {classes - 1}" if classes else "0 or more"
        raise ValueError(f"{name}: labels must be {allowed}, found {low} to {high}")
    return y.long()


class Images(Supervised):
    """Image classification on arrays. Metrics are in percent; "value" is the validation accuracy.

    Args:
        x, y: training images ([N, H, W], [N, C, H, W] or [N, H, W, C]; uint8 or float) and labels [N].
        test_x, test_y: held-out images and labels; None for data without (then `test` raises).
        options: splits, augmentation, training.
        classes: number of classes; by default the largest label plus one.

    Raises:
        ValueError: wrong shapes, NaN, labels out of range, a split without an image.
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        test_x: Array | None = None,
        test_y: Array | None = None,
        options: Options = Options(),
        classes: int | None = None,
    ):
        typed("options", Options, options)
        images = as_images(x, "training images", options.shrink)
        labels = as_labels(y, len(images), classes, "training labels")
        classes = classes or int(labels.max()) + 1
        if classes < 2:
            raise ValueError("training labels: all images are of class 0; two classes are the least")
        if options.limit:
            images, labels = images[: options.limit], labels[: options.limit]
        self.options = options
        self.chance, self.budget = 100 / classes, options.epochs
        self.has_test = test_x is not None
        self.io = IO(tuple(images.shape[1:]), (classes,))
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(options.seed))
        cut = len(images) - round(len(images) * options.valid)
        parts = {"train": order[:cut], "valid": order[cut:], "all": order}
        for name in ("train", "valid"):
            if len(parts[name]) == 0:
                raise ValueError(
                    f"the split {name!r} is empty: {len(images)} images with valid={options.valid} leave it none"
                )
        self._splits = {name: (images[part], labels[part]) for name, part in parts.items()}
        train = self._splits["train"][0].float()
        self._mean, self._std = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True) + 1e-6
        self._held_out: tuple[Tensor, Tensor] | None = None
        if (test_x is None) != (test_y is None):
            raise ValueError("test images and their labels come together: give test_x and test_y, or neither")
        if test_x is not None and test_y is not None:
            held = as_images(test_x, "test images", options.shrink)
            if held.shape[1:] != images.shape[1:]:
                raise ValueError(
                    f"test images have the shape {tuple(held.shape[1:])}, training images {tuple(images.shape[1:])}"
                )
            self._held_out = held, as_labels(test_y, len(held), classes, "test labels")

    @property
    def fingerprint(self) -> str:
        """A digest of options, images and labels: a training's checkpoint is of one of them."""
        return digest(str(self.options), *(part for split in self._splits.values() for part in split))

    def normalised(self, x: Tensor) -> Tensor:
        """Zero mean and unit deviation by the training images' channels."""
        return (x.float() - self._mean.to(x.device)) / self._std.to(x.device)

    def preprocessing(self) -> dict[str, list[float]]:
        """What `normalised` does, for users of an exported network: subtract "mean", divide by "std", by channel."""
        return {"mean": self._mean.flatten().tolist(), "std": self._std.flatten().tolist()}

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch: a last batch of less than half the size is left out."""
        n, b = len(self._split(split)[0]), self._batch(split)
        return max(n // b + (n % b >= b / 2), 1)

    def _batch(self, split: str) -> int:
        return self.options.final_batch if split == "all" else self.options.batch

    def _split(self, split: str) -> tuple[Tensor, Tensor]:
        if split not in self._splits:
            raise ValueError(f"the splits are {sorted(self._splits)}, got {split!r}")
        return self._splits[split]

    def batches(self, split: str, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch, shuffled and augmented: "train", "valid", or both for the final training: "all".

        Shapes:
            yields: images [B, C, H, W] and labels [B].
        """
        images, labels = self._split(split)
        order = torch.randperm(len(images), generator=rng)
        hidden = self.options.final_cutout if split == "all" else self.options.cutout
        for part in torch.split(order, self._batch(split))[: self.epoch(split)]:
            x = self.normalised(images[part])
            if self.options.crop:
                x = crop(x, self.options.crop, rng)
            if self.options.flip:
                x = flip(x, rng)
            if hidden:
                x = cutout(x, hidden, rng)
            yield x, labels[part]

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
    def _measure(self, model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
        model.eval()
        right, losses = [], []
        for part in zip(torch.split(images, 500), torch.split(labels, 500), strict=True):
            x, y = moved(part, home(model))
            logits = model(self.normalised(x))
            right.append((logits.argmax(1) == y).sum())
            losses.append(cross_entropy(logits, y, reduction="sum"))
        hits, loss = sum(map(int, fetched(right))), sum(map(float, fetched(losses)))
        return {"accuracy": 100 * hits / len(labels), "loss": loss / len(labels)}

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
        """The first `count` training images, normalised. Shapes: [count, C, H, W]."""
        return (self.normalised(self._splits["train"][0][:count]),)

    def random_labels(self, seed: int) -> Images:
        """The same domain, whose training images have random labels."""
        other = copy.copy(self)
        images, labels = self._splits["train"]
        other._splits = {**self._splits, "train": (images, random_like(labels, self.io.outputs[0], seed))}
        return other
