"""Predictors of an architecture's value: one small protocol, targets, the loop that fits them, two references.

A predictor is fitted to architectures with values; it says what others are worth (`predict`) and which of two is better
(`compare`). A latent predictor also gives architectures a place in a continuous space (`embed`) and comes back from
there (`decode`). Larger is better throughout; only the order of what `predict` returns is promised, for a target may be
a rank or a scaled value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from appnas.compute import home, moved
from appnas.space import Arch, Space, features

Target = Literal["raw", "standard", "minmax", "rank"]
"""What a predictor is fitted to: the values, standardised, scaled to 0..1, or their ranks in 0..1."""


@runtime_checkable
class Predictor(Protocol):
    """What every predictor offers."""

    def fit(self, archs: Sequence[Arch], values: Sequence[float]) -> None:
        """Learn from values, larger ones being better. Starts anew each time: one seed, one result."""

    def predict(self, archs: Sequence[Arch]) -> Tensor:
        """Scores in the order of the values. Shapes: returns [n], float32."""

    def compare(self, first: Sequence[Arch], second: Sequence[Arch]) -> Tensor:
        """Probability that the first is better than the second, pair by pair. Shapes: returns [n] in 0..1."""


@runtime_checkable
class LatentPredictor(Predictor, Protocol):
    """A predictor with a continuous space behind it."""

    def embed(self, archs: Sequence[Arch]) -> Tensor:
        """Where architectures lie. Shapes: returns [n, ...], one place each."""

    def decode(self, places: Tensor) -> list[Arch]:
        """Valid architectures at places that `embed`, or a step from there, gave."""


def order(first: Tensor, second: Tensor) -> Tensor:
    """Comparison by two scores: 1 where the first is larger, 0 where it is smaller, 1/2 for a tie."""
    return ((first - second).sign() + 1) / 2


def ranks(values: Tensor) -> Tensor:
    """Ranks from 0 (worst) to 1 (best); equal values share the mean of theirs.

    Shapes:
        values: [n]. returns: [n].
    """
    below = (values[:, None] > values[None, :]).sum(1)
    equal = (values[:, None] == values[None, :]).sum(1)
    return (below + (equal - 1) / 2) / max(len(values) - 1, 1)


def target(values: Sequence[float], kind: Target) -> Tensor:
    """Values as a predictor's target.

    "minmax" is what NAO's authors use and one diverged training ruins; "rank" bears any outlier.

    Shapes:
        returns: [n], float32.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    if len(values) < 2 or not all(map(math.isfinite, values)):
        raise ValueError(f"a predictor is fitted to two finite values or more, got {list(values)}")
    x = torch.tensor(values, dtype=torch.float64)
    if kind == "rank":
        x = ranks(x)
    elif kind == "standard":
        x = (x - x.mean()) / x.std().clamp_min(1e-12)
    elif kind == "minmax":
        x = (x - x.min()) / (x.max() - x.min()).clamp_min(1e-12)
    return x.float()


def descend(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Iterable[Any],
    loss: Callable[[Any], Tensor],
    clip: float = 0.0,
) -> None:
    """One step for every batch; `clip` is the largest gradient norm, 0 for none. The loop of all predictors."""
    module.train()
    for batch in batches:
        optimiser.zero_grad()
        loss(batch).backward()  # type: ignore[no-untyped-call]
        if clip:
            nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimiser.step()
    module.eval()


def shuffled(n: int, epochs: int, batch: int, generator: torch.Generator) -> Iterable[Tensor]:
    """Indices of batches: every epoch a fresh order, the last batch as small as it comes. Shapes: each [<= batch]."""
    for _ in range(epochs):
        yield from parts(torch.randperm(n, generator=generator), batch)


def parts(x: Tensor, size: int = 4096) -> tuple[Tensor, ...]:
    """A tensor in pieces of so many rows, the last as small as it comes."""
    pieces: tuple[Tensor, ...] = x.split(size)  # type: ignore[no-untyped-call]
    return pieces


class Fitted:
    """What fitted predictors share: the network, and comparisons by the order of predictions."""

    fitted: Any = None
    predict: Any

    @property
    def net(self) -> Any:
        """The network.

        Raises:
            ValueError: not fitted yet.
        """
        if self.fitted is None:
            raise ValueError(f"the {type(self).__name__} was not fitted yet: call fit(archs, values)")
        return self.fitted

    def _there(self, x: Tensor) -> Tensor:
        """A tensor where the network lives, which may be moved; what is asked and answered is on the CPU."""
        found: Tensor = moved(x, home(self.net))
        return found

    def compare(self, first: Sequence[Arch], second: Sequence[Arch]) -> Tensor:
        """By the order of the predictions. Shapes: returns [n]."""
        return order(self.predict(first), self.predict(second))


class Reference(Fitted):
    """Scikit-learn's ridge regression or random forest on the one-hot code: what a predictor must beat.

    Args:
        space: encodes architectures.
        kind: "ridge" or "forest".
        seed: of the forest.
        kind_of_target: what is fitted.
        penalty: of the ridge.
        trees: of the forest.

    Raises:
        ImportError: scikit-learn is missing.
    """

    def __init__(
        self,
        space: Space,
        kind: Literal["ridge", "forest"] = "ridge",
        seed: int = 0,
        kind_of_target: Target = "rank",
        penalty: float = 1.0,
        trees: int = 200,
    ):
        try:
            from sklearn.ensemble import RandomForestRegressor
            from sklearn.linear_model import Ridge
        except ImportError as error:
            raise ImportError("ridge and random forest need scikit-learn: pip install 'appnas[predictors]'") from error
        self.space, self.kind_of_target = space, kind_of_target
        self.model = Ridge(alpha=penalty) if kind == "ridge" else RandomForestRegressor(trees, random_state=seed)

    def _code(self, archs: Sequence[Arch]) -> Any:
        return torch.stack([features(self.space.choices, arch) for arch in archs]).numpy()

    def fit(self, archs: Sequence[Arch], values: Sequence[float]) -> None:
        """Fit the one-hot codes to the target."""
        self.fitted = self.model.fit(self._code(archs), target(values, self.kind_of_target).numpy())

    def predict(self, archs: Sequence[Arch]) -> Tensor:
        """The model's prediction. Shapes: returns [n]."""
        return torch.from_numpy(self.model.predict(self._code(archs))).float()
