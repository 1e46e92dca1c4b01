"""Several of a search's networks that answer together: their mean, or a mean weighed by validation data."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from appnas.loop import Record, furthest
from appnas.space import Arch

Together = Literal["voting", "stacking"]
"""Every network as much as the others; or weights by greedy selection on validation data."""
ROUNDS = 20
"""Selections of stacking: weights are multiples of 1/20."""


class Ensemble(nn.Module):
    """The weighted mean of what networks answer: of probabilities, for classes and sets of labels, else of numbers.

    It gives what a member gives, so that losses and metrics take it: logarithms of probabilities for classes, log odds
    for sets.

    Args:
        members: the networks, of the same inputs and outputs.
        kind: "classes" (over dimension 1), "sets" or "numbers".
        weights: of the members; alike by default.
    """

    def __init__(self, members: Sequence[nn.Module], kind: str, weights: Sequence[float] | None = None):
        super().__init__()
        self.members, self.kind = nn.ModuleList(members), kind
        self.weights: Tensor
        given = torch.ones(len(members)) if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.register_buffer("weights", given / given.sum())

    def forward(self, *inputs: Any, **more: Any) -> Tensor:
        """Their answer. Shapes: those of a member."""
        return mixed([member(*inputs, **more) for member in self.members], self.weights.tolist(), self.kind)


def mixed(outputs: Sequence[Tensor], weights: Sequence[float], kind: str) -> Tensor:
    """The weighted mean of several outputs, see `Ensemble`. Shapes: [n, ...] each; returns the same."""
    if kind == "numbers":
        return sum((w * out for w, out in zip(weights, outputs, strict=True)), torch.zeros_like(outputs[0]))
    share = torch.tensor(weights, device=outputs[0].device, dtype=outputs[0].dtype).log()
    if kind == "classes":
        return _summed([out.log_softmax(1) for out in outputs], share)
    yes, no = (_summed([nn.functional.logsigmoid(sign * out) for out in outputs], share) for sign in (1, -1))
    return yes - no


def _summed(logs: Sequence[Tensor], share: Tensor) -> Tensor:
    """Logarithm of the weighted mean of what logarithms are given of."""
    return torch.logsumexp(torch.stack([log + w for log, w in zip(logs, share, strict=True)]), 0)


def selected(domain: Any, members: Sequence[nn.Module], kind: str) -> list[float]:
    """Weights by forward selection with replacement, by the validation loss; by the value where there is none.

    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models" (ICML 2004), section 2.1:
    it starts from nothing and keeps the best that it came by.
    """
    counts, best = [0] * len(members), (float("-inf"), [1.0] * len(members))
    for _ in range(ROUNDS):
        tried = []
        for i in range(len(members)):
            weights = [float(count + (i == j)) for j, count in enumerate(counts)]
            found = domain.score(Ensemble([m for m, w in zip(members, weights, strict=True) if w], kind,
                                          [w for w in weights if w]).eval())  # fmt: skip
            tried.append((-found["loss"] if "loss" in found else found["value"], weights))
        top = max(tried, key=lambda pair: pair[0])
        counts = [int(weight) for weight in top[1]]
        best = max(best, top, key=lambda pair: pair[0])
    return best[1]


def best_few(history: Sequence[Record], best: Arch, count: int) -> list[Arch]:
    """What was found, and the next best by the mean of their values in the search.

    Raises:
        ValueError: the search trained fewer networks one by one.
    """
    values: dict[Arch, list[float]] = {}
    for record in furthest(history):
        if "budget" in record.metrics:
            values.setdefault(record.arch, []).append(record.value)
    others = sorted((arch for arch in values if arch != best), key=lambda arch: -statistics.fmean(values[arch]))
    if len(others) < count - 1 or count < 2:
        raise ValueError(
            f"an ensemble is of at least 2 networks that the search trained one by one, of {len(others) + 1} here; got"
            f" {count}"
        )
    return [best, *others[: count - 1]]


def kind_of(domain: Any, how: Together) -> str:
    """What the domain's networks answer with.

    Raises:
        TypeError: something else than classes, sets of labels or numbers.
        ValueError: stacking, where validation data train in the end.
    """
    kind: str | None = getattr(domain, "kind", None)
    if kind not in ("classes", "sets", "numbers"):
        raise TypeError(
            f"an ensemble is of networks for classes, sets of labels or numbers, and {type(domain).__name__} does not"
            " say that it has these: leave out `ensemble`"
        )
    if how == "stacking" and domain.trained_on(True) != "train":
        raise ValueError(
            "stacking weighs networks by validation data, and here these train with the rest in the end: take"
            " ensemble_by='voting', or a domain that keeps the best epoch (Options(keep='best'))"
        )
    return kind
