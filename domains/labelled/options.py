"""Settings of a supervised task."""

from __future__ import annotations

from dataclasses import dataclass, field

from appnas.support import check, checked
from appnas.task import Recipe

RECIPE = Recipe("adam", lr=1e-3, lr_min=0.0, weight_decay=0.0)
"""Adam with its usual rate, down a cosine."""


@dataclass(frozen=True)
@checked(batch=1, final_batch=1, epochs=1, loaders=0, auxiliary=0, smoothing=0)
class Options:
    """Splits, batches and training of any supervised task."""

    batch: int = 64
    """Examples a batch."""
    final_batch: int = 64
    """Examples a batch when the result of a search is trained."""
    valid: float = 0.25
    """Share of the training examples held out for validation."""
    stratify: bool = True
    """Of classes, hold out the same share of each."""
    folds: int = 0
    """If above 1, each training in a search is one on every of so many folds, for as many times the cost, and its score
    their mean. Methods that share weights, and retraining, take no folds."""
    limit: int = 0
    """Use only the first so many training examples (before the split); 0 for all."""
    normalise: bool = True
    """Take inputs to zero mean and unit deviation by the training examples: each feature of [N, F], each channel of
    [N, C, ...]. Integers other than bytes are tokens, and handed on as they are."""
    standardise: bool = True
    """Predict numbers at zero mean and unit deviation, where the loss is torch's for differences (mse_loss, l1_loss,
    smooth_l1_loss, huber_loss): networks then give standardised numbers. Metrics are in the unit of y."""
    ignore: int = -100
    """Class of places that are not counted: padding of sequences, unlabelled pixels."""
    smoothing: float = 0.0
    """Label smoothing in training, of cross entropy."""
    auxiliary: float = 0.4
    """Weight of the auxiliary head's loss, for networks that have one."""
    epochs: int = 100
    """Length of the training of a search's result, unless told."""
    recipe: Recipe = field(default_factory=lambda: RECIPE)
    """How stand-alone networks are trained."""
    seed: int = 0
    """Of the split into training and validation examples."""
    loaders: int = 0
    """Processes that read ahead, where examples are read when they are asked for."""

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below its least, or a share outside 0 to 1.
        """
        check(self, limit=0, folds=0)
        if not 0 < self.valid < 1:
            raise ValueError(f"valid is the share of the training examples held out, between 0 and 1, got {self.valid}")
