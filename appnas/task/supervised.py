"""Training of domains that have batches and a loss: what all of them share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from appnas.compute import Compute
from appnas.task.domain import on
from appnas.task.training import OnEpoch, fit


class Supervised:
    """`fit` of a domain, made of its `batches` and `loss`, by the recipe in its `options`.

    Subclasses may train on other splits than "train" and, after the search, "all", and may keep the weights of the best
    epoch instead of the last: of every epoch, or of every `every`-th if their options have that; options with a
    `patience` above 0 end a training after so many epochs without a better one.
    """

    catalogue_name: str | None = None
    """Name in the catalogue, by which a run can be resumed."""
    compute: Compute
    """What its networks are trained on, once that was said: ask `appnas.compute.compute_of`."""

    def named(self, name: str) -> Self:
        """The same domain under its name in the catalogue."""
        self.catalogue_name = name
        return self

    def to(self, device: str | torch.device) -> Self:
        """The same domain with its networks trained on a device: see `appnas.task.on`."""
        return on(self, device)

    def trained_on(self, final: bool) -> str:
        """The split that a training reads."""
        return "all" if final else "train"

    def watched(self) -> Callable[[nn.Module], float] | None:
        """Model -> the number whose smallest value says which epoch's weights are kept; None for the last epoch's."""
        return None

    def fit(
        self,
        model: nn.Module,
        budget: int,
        *,
        final: bool = False,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        """Train for `budget` epochs.

        Args:
            model: trained in place, and left in evaluation mode.
            budget: epochs.
            final: after the search: on training and validation data together, where the domain does so.
            seed: of everything random in the training.
            checkpoint: file to save to after every epoch, and to go on from if it exists.
            on_epoch: called with the number of epochs done, and the last one's mean loss; True stops there.
        """
        own: Any = self  # with `batches`, `loss` and `options`
        split, recipe = self.trained_on(final), own.options.recipe
        looks = {name: getattr(own.options, name) for name in ("every", "patience") if hasattr(own.options, name)}
        fit(model, own, split, own.loss, budget, recipe, seed, checkpoint, on_epoch, self.watched(), **looks)
