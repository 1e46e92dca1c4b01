"""Losses by the names that torch has for them, or of one's own: one number for every example.

Here a loss of many places (pixels, moments, targets) is their mean, and places of the class that is ignored are not
counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Family = Literal["classes", "sets", "numbers"]
LOSSES: dict[str, Family] = {
    "cross_entropy": "classes", "nll_loss": "classes", "multi_margin_loss": "classes",
    "binary_cross_entropy_with_logits": "sets", "binary_cross_entropy": "sets", "multilabel_soft_margin_loss": "sets",
    "mse_loss": "numbers", "l1_loss": "numbers", "smooth_l1_loss": "numbers", "huber_loss": "numbers",
    "poisson_nll_loss": "numbers",
}  # fmt: skip
"""Losses of torch.nn.functional, and what they are of: classes, sets of labels, numbers."""
SCALED = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"}
"""Losses of differences, for which numbers may be standardised."""
OTHERS = {"bce": "binary_cross_entropy", "bcewithlogits": "binary_cross_entropy_with_logits", "mae": "l1_loss",
          "multilabelsoftmargin": "multilabel_soft_margin_loss"}  # fmt: skip
Given = str | Callable[[Tensor, Tensor], Tensor] | None


def _bare(name: str) -> str:
    return name.lower().replace("_", "").removesuffix("loss")


def loss_name(loss: Given) -> str | None:
    """The name of one of torch's losses; its class may be named instead. None for one's own, and for none.

    Raises:
        TypeError: neither a name nor a function.
        ValueError: a name that is not known, with those that are like it.
    """
    if loss is None or (callable(loss) and not isinstance(loss, type)):
        return None
    if not isinstance(loss, str):
        right = f"loss={loss.__name__!r}" if isinstance(loss, type) else "loss='mse_loss'"
        raise TypeError(f"loss is a name of torch's or a function (outputs, targets), got {loss!r}: {right}")
    bare = {_bare(name): name for name in LOSSES} | OTHERS
    if (found := bare.get(_bare(loss))) is not None:
        return found
    near = [bare[word] for word in difflib.get_close_matches(_bare(loss), bare, 3, 0.4)] or list(LOSSES)
    raise ValueError(
        f"there is no loss {loss!r} here; {'near it' if len(near) < 4 else 'there'} are"
        f" {', '.join(dict.fromkeys(near))}; any other is a function loss=lambda outputs, targets: ..., one number for"
        " every example"
    )


@dataclass(frozen=True)
class Loss:
    """A loss with all that it was made with.

    Attributes:
        name: of torch's, or None.
        own: one's own function (outputs, targets), if it has no name.
        weights: of the classes, or of the labels' ones.
        ignore: class of places that are not counted.
        smoothing: in training, of cross entropy.
        partial: whether labels of a set that are NaN are left out: the loss of an example is the mean over the others.
    """

    name: str | None
    own: Callable[[Tensor, Tensor], Tensor] | None = None
    weights: Tensor | None = None
    ignore: int = -100
    smoothing: float = 0.0
    partial: bool = False

    def __call__(self, outputs: Tensor, y: Tensor, training: bool = True) -> Tensor:
        """The loss of every example. Shapes: outputs [B, ...], y [B, ...], returns [B].

        Raises:
            TypeError: one's own gives no tensor.
            ValueError: it gives another number of values, or outputs have another shape than numbers to predict.
        """
        if self.own is not None:
            return each_example(self.own(outputs, y), outputs, y)
        if self.partial:
            known = ~y.isnan()
            values = self._named(outputs, y.nan_to_num(0.0), "none", training).masked_fill(~known, 0.0)
            return values.flatten(1).sum(1) / known.flatten(1).sum(1).clamp_min(1)
        values = self._named(outputs, y, "none", training)
        if values.dim() == 1:
            return values
        counted = (y != self.ignore).flatten(1).sum(1) if self._of_classes else None
        flat = values.flatten(1)
        return flat.mean(1) if counted is None else flat.sum(1) / counted.clamp_min(1)

    def summed(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The sum over the examples, without smoothing. Shapes: returns []."""
        if self._of_classes and y.dim() == 1:
            return self._named(outputs, y, "sum", False)
        return self(outputs, y, False).sum()

    @property
    def _of_classes(self) -> bool:
        return self.name is not None and LOSSES[self.name] == "classes"

    def _named(self, outputs: Tensor, y: Tensor, reduction: str, training: bool) -> Tensor:
        assert self.name is not None
        made: Callable[..., Tensor] = getattr(functional, self.name)
        more: dict[str, Any] = {}
        if self.weights is not None:
            weights = self.weights.to(outputs.device, outputs.dtype)
            more["pos_weight" if self.name == "binary_cross_entropy_with_logits" else "weight"] = weights
        if self._of_classes:
            more |= {} if self.name == "multi_margin_loss" else {"ignore_index": self.ignore}
            more |= {"label_smoothing": self.smoothing} if self.name == "cross_entropy" and training else {}
        elif outputs.shape != y.shape:  # torch would repeat the smaller one
            raise ValueError(
                f"{self.name} compares outputs with y of the same shape, got {tuple(outputs.shape)} and"
                f" {tuple(y.shape)}: build the last layer from io.outputs"
            )
        else:
            y = y.to(outputs.dtype)
        return made(outputs, y, reduction=reduction, **more)


def each_example(values: Any, outputs: Tensor, y: Tensor) -> Tensor:
    """What one's own loss gave, averaged over all but the examples. Shapes: returns [B].

    Raises:
        TypeError: no tensor.
        ValueError: not one number, or as many, for every example.
    """
    if not isinstance(values, Tensor):
        raise TypeError(f"a loss gives a tensor, one number for every example, got {type(values).__name__}")
    count = len(outputs)
    if values.dim() == 0 or len(values) != count:
        got = "one number for the whole batch" if values.dim() == 0 else f"the shape {tuple(values.shape)}"
        raise ValueError(
            f"a loss gives one number for every example, [{count}] or [{count}, ...], got {got}: searches weigh"
            " examples by themselves; of torch's losses take reduction='none', or give the name, loss='mse_loss'"
        )
    if values.numel() > max(outputs.numel(), y.numel()):  # torch has repeated both along axes that do not match
        raise ValueError(
            f"a loss gives no more numbers than there are outputs, got {list(values.shape)} of outputs"
            f" {list(outputs.shape)} and targets {list(y.shape)}: targets have the shape of outputs, leave it as it is"
        )
    return values.flatten(1).mean(1) if values.dim() > 1 else values


def weights_of(given: Any, y: Tensor | None, family: str, count: int, name: str | None, ignore: int) -> Tensor | None:
    """Weights of classes, or of the ones of each label of a set. Shapes: returns [count].

    Args:
        given: None, numbers, or "balanced": for classes N / (classes * N of the class), for labels N without / N with.
        y: training targets; None if they are not known before they are read.
        family: of the loss.
        count: classes, or labels.
        name: of the loss.
        ignore: class that is not counted.

    Raises:
        ValueError: another number of weights, or below 0; a loss that takes none; a class without an example.
    """
    if given is None:
        return None
    if name is None or family == "numbers" or (family == "sets" and name != "binary_cross_entropy_with_logits"):
        raise ValueError(
            "weights are of the classes of cross_entropy, or of the labels of binary_cross_entropy_with_logits; the"
            f" loss is {name or 'of your own'}: weigh inside it"
        )
    if isinstance(given, str):
        if given != "balanced":
            raise ValueError(f"weights are numbers or 'balanced', got {given!r}")
        if y is None:
            raise ValueError("balanced weights need labels that are listed: give the data set an attribute `targets`")
        return _balanced(y, family, count, ignore)
    try:
        weights = torch.as_tensor(given, dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"weights are {count} numbers in the order of `labels`, got {_listed(given)}") from error
    if weights.shape != (count,) or not (torch.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise ValueError(f"weights are {count} numbers of at least 0, one a class, not all 0, got {_listed(given)}")
    return weights


def _listed(given: Any) -> str:
    return f"{given!r:.200}" if not isinstance(given, Sequence) or len(given) < 12 else f"{len(given)} of them"


def _balanced(y: Tensor, family: str, count: int, ignore: int) -> Tensor:
    if family == "classes":
        counts = torch.bincount(y[y != ignore].flatten(), minlength=count)
        weights = counts.sum() / ((counts > 0).sum() * counts.clamp_min(1)) * (counts > 0)
        return weights.float()
    flat = y.flatten(1)
    ones, known = flat.nansum(0), (~flat.isnan()).sum(0)
    if bare := (ones == 0).nonzero().flatten().tolist():
        raise ValueError(f"balanced weights need an example of every label, there is none of {bare[:10]}")
    return ((known - ones) / ones).float()
