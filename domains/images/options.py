"""Settings of an image domain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from appnas.support import check, checked
from appnas.task import Recipe


@dataclass(frozen=True)
@checked(batch=1, final_batch=1, shrink=1, epochs=1, side=0, loaders=0)
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
    side: int = 0
    """Images that are read lazily are resized to side x side pixels; 0 for images that have one size already."""
    fitting: Literal["crop", "stretch"] = "crop"
    """How an image that is no square is resized: the largest square in its middle, or the whole image."""
    channels: int = 0
    """Of pictures that are read lazily, 1 or 3; 0 for one if a sample of them is grey, else three."""
    mean: tuple[float, ...] = ()
    """Mean of each channel, to normalise by; by default that of the training images, or of a sample of 1,000 of them
    where they are read lazily."""
    std: tuple[float, ...] = ()
    """Deviation of each channel, likewise."""
    loaders: int = 0
    """Processes that read ahead in every pass over images read lazily; 0 reads them in the searching process, which
    was as fast on two cores. Where networks are trained on an accelerator, give it cores that are free."""

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a batch or factor below 1, a negative size, a share outside 0 to 1, other channels than 1 or 3,
                or a mean without its deviation.
        """
        check(self, limit=0, crop=0, cutout=0, final_cutout=0, auxiliary=0, smoothing=0)
        if max(self.cutout, self.final_cutout) >= 1:
            raise ValueError(
                f"cutout is a share of the image's side, below 1, got {self.cutout} and {self.final_cutout} (final)"
            )
        if not 0 < self.valid < 1:
            raise ValueError(f"valid is the share of the training images held out, between 0 and 1, got {self.valid}")
        if self.channels not in (0, 1, 3):
            raise ValueError(f"channels are 1 or 3, or 0 to find out, got {self.channels}")
        if len(self.mean) != len(self.std) or not all(value > 0 for value in self.std):
            raise ValueError(
                f"mean and std are one number a channel each, std above 0, got mean={self.mean} and std={self.std}"
            )
