"""The only search loop, its callbacks, and what it returns."""

from __future__ import annotations

import math
import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import nn

from appnas.domain import Domain
from appnas.evaluate import Evaluator
from appnas.space import SKIP, ZERO, Arch, Gates, Space, decisions
from appnas.strategy import Strategy
from appnas.text import drawing

if TYPE_CHECKING:
    from appnas.retrain import Retrained


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {"appnas": version("appnas"), "torch": torch.__version__, "python": platform.python_version()}


class Record(NamedTuple):
    """One scored draw.

    Attributes:
        step: from 0.
        arch: what was scored; for soft gates, the architecture they point to.
        value: what was maximised.
        metrics: everything else that the evaluator said.
    """

    step: int
    arch: Arch
    value: float
    metrics: Mapping[str, float]


@dataclass
class Loop:
    """The state of a running search, as callbacks see it."""

    strategy: Strategy
    evaluator: Evaluator
    steps: int
    step: int = 0
    stopped: bool = False
    history: list[Record] = field(default_factory=list)


class Callback(Protocol):
    """What may look on. A callback stops the search by returning True from `step`, or by `loop.stopped = True`."""

    def start(self, loop: Loop) -> None:
        """Before the first step; may restore an earlier state."""

    def step(self, loop: Loop, record: Record) -> bool | None:
        """After every step."""

    def end(self, loop: Loop) -> None:
        """After the last step, also after an exception; only if `start` went well."""


class Observer:
    """A callback that does nothing: subclass and override what you need."""

    def start(self, loop: Loop) -> None:
        """Before the first step."""

    def step(self, loop: Loop, record: Record) -> bool | None:
        """After every step."""
        return None

    def end(self, loop: Loop) -> None:
        """After the last step."""


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        best: the architecture to use.
        history: every scored draw.
        strategy: as it ended.
        evaluator: as it ended, shared weights included.
        space, domain: where it was found; set by `of`.
        info: config, seed, versions.
    """

    best: Arch
    history: Sequence[Record]
    strategy: Strategy
    evaluator: Evaluator
    space: Space | None = None
    domain: Domain | Evaluator | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The largest value seen, NaN left out."""
        return max((record.value for record in self.history if record.value == record.value), default=math.nan)

    def __str__(self) -> str:
        """The architecture in words, and its value."""
        words = drawing(self.space, self.best) if self.space else str(self.best)
        return f"{words}\nvalue {self.value:.6g}, the largest of {len(self.history)} steps"

    def of(self, space: Space, domain: Domain | Evaluator, config: Any, seed: int) -> Result:
        """The same with where it comes from: what every method returns."""
        info = {"config": asdict(config), "seed": seed, "versions": versions()}
        return replace(self, space=space, domain=domain, info={**self.info, **info})

    def model(self) -> nn.Module:
        """A new stand-alone network of the best architecture: a plain module with untrained weights.

        Raises:
            ValueError: the result does not know its space and domain.
        """
        if self.space is None or not isinstance(self.domain, Domain):
            raise ValueError("a model needs a space and a domain with data: use space.build(result.best, io)")
        return self.space.build(self.best, self.domain.io)

    def retrain(self, epochs: int | None = None, **more: Any) -> Retrained:
        """Train the best architecture from scratch, and test it: see `appnas.retrain.retrain`."""
        from appnas.retrain import retrain

        return retrain(self, epochs, **more)

    def report(self, out: str | Path | None = None) -> Path:
        """Write the report of a run with a directory: see `appnas.report.write`.

        Raises:
            ValueError: the search kept no directory.
        """
        from appnas.report import write

        if not self.info.get("path"):
            raise ValueError("a report is made from a run's directory: pass out=... to appnas.search")
        return write(Path(self.info["path"]), Path(out) if out else None)


def search(strategy: Strategy, evaluator: Evaluator, steps: int, *, callbacks: Sequence[Callback] = ()) -> Result:
    """Ask, score, tell, learn; `steps` times, or until a callback stops it.

    `tell` may answer with the draw that shared weights should learn on (DARTS: the gates after its own step);
    otherwise they learn on the scored one.

    Raises:
        DivergedError: a loss became NaN; what was saved before stays.
        ValueError: not one step.
    """
    if steps < 1:
        raise ValueError(f"a search has at least 1 step, got {steps}: ask for more epochs or evaluations")
    loop = Loop(strategy, evaluator, steps)
    started: list[Callback] = []
    try:
        for callback in callbacks:
            callback.start(loop)
            started.append(callback)
        while loop.step < loop.steps and not loop.stopped:
            draw = strategy.ask()
            score = evaluator.score(draw)
            evaluator.learn(strategy.tell(draw, score) or draw)
            metrics = {name: float(value) for name, value in score.metrics.items()}
            record = Record(loop.step, draw.arch, float(score.value.detach()), metrics)
            loop.history.append(record)
            loop.step += 1
            loop.stopped |= any([bool(callback.step(loop, record)) for callback in callbacks])
    finally:
        for callback in started:
            callback.end(loop)
    return Result(strategy.best(), loop.history, strategy, evaluator)


class Budget(Observer):
    """Stop once a metric, summed over all scores, reaches a limit: simulated seconds, epochs, queries.

    Comes after the `Run` that restores a search's history, as further callbacks of `appnas.search` do.

    Args:
        metric: name in the metrics of a score.
        limit: largest sum.
    """

    def __init__(self, metric: str, limit: float):
        self.metric, self.limit, self.spent = metric, limit, 0.0

    def start(self, loop: Loop) -> None:
        """Count what a resumed search has spent, one by one as before: it may have been all."""
        self.spent = 0.0
        for record in loop.history:
            loop.stopped |= self.step(loop, record)

    def step(self, loop: Loop, record: Record) -> bool:
        """Whether the limit is reached."""
        self.spent += record.metrics[self.metric]
        return self.spent >= self.limit


class CollapseWarning(UserWarning):
    """The search is drifting to a degenerate architecture, or not moving at all."""


def skip_share(space: Space, arch: Arch) -> float:
    """Share of skip operations among the operations of an architecture, `none` not counted."""
    names = [options[index] for options, index in zip(decisions(space.choices), arch, strict=True)]
    used = [name for name in names if name not in ZERO]
    return sum(name in SKIP for name in used) / max(len(used), 1)


def relative_entropy(distribution: Gates) -> float:
    """Mean entropy of the rows, divided by its maximum: 1 for uniform, 0 for one-hot."""
    entropies = []
    for matrix in distribution:
        p = matrix.double().clamp_min(1e-12)
        entropies.append((-(p * p.log()).sum(-1) / max(math.log(matrix.shape[-1]), 1e-12)).mean())
    return float(sum(entropies) / len(entropies))


class Collapse(Observer):
    """Watch a distribution over operations for the known failures of weight sharing, and warn in plain words.

    Skip connections that take over (Zela et al., arXiv 1909.09656; the DARTS+ stopping rule, arXiv 1909.06035),
    and logits that never move. `trace` keeps (step, skip share of the derived architecture, relative entropy).

    Args:
        space: names the options.
        every: steps between two looks; 0 for ten looks a search, but one in 50 steps at least.
    """

    SKIPS = 0.5
    """Share of skips in the derived architecture above which to warn."""
    MOVED = 0.01
    """Largest move of a probability over a whole search below which to warn."""
    SETTLED = 0.05
    """Relative entropy in the first half of a search below which to warn."""

    def __init__(self, space: Space, every: int = 0):
        self.space, self.every = space, every
        self.trace: list[tuple[int, float, float]] = []
        self.first: Gates | None = None
        self.warned: set[str] = set()

    def start(self, loop: Loop) -> None:
        """Remember where the distribution starts."""
        self.began = loop.step
        self.gap = self.every or max(min(50, loop.steps // 10), 1)
        if hasattr(loop.strategy, "distribution"):
            self.first = loop.strategy.distribution()

    def step(self, loop: Loop, record: Record) -> None:
        """Look, every so often."""
        if self.first is None or loop.step % self.gap:
            return
        share = skip_share(self.space, loop.strategy.best())
        entropy = relative_entropy(loop.strategy.distribution())  # type: ignore[attr-defined]
        self.trace.append((loop.step, share, entropy))
        if share > self.SKIPS and loop.step >= min(50, loop.steps / 2):  # before, it is a matter of the start
            self._warn(
                "skips",
                f"step {loop.step}: {share:.0%} of the derived operations are skip connections. Weight sharing"
                " favours them as the weights overfit: stop earlier, regularise the weights more, or use a method"
                " that does not differentiate through shared weights (random, evolution)",
            )
        if entropy < self.SETTLED and 2 * loop.step < loop.steps:
            self._warn(
                "settled",
                f"step {loop.step} of {loop.steps}: the distribution over operations has settled (entropy"
                f" {entropy:.0%} of its maximum), what is left of the search will change nothing. Lower the learning"
                " rate of the architecture, or search for fewer steps",
            )

    def _warn(self, trouble: str, text: str) -> None:
        if trouble not in self.warned:
            self.warned.add(trouble)
            warnings.warn(text, CollapseWarning, stacklevel=4)

    def end(self, loop: Loop) -> None:
        """Warn if nothing moved. A resumed search is judged only if most of it was seen."""
        seen = loop.step - self.began
        if self.first is None or seen < 20 or (self.began and 2 * seen < loop.steps):
            return
        now = loop.strategy.distribution()  # type: ignore[attr-defined]
        moved = max(float((a - b).abs().max()) for a, b in zip(now, self.first, strict=True))
        if moved < self.MOVED:
            self._warn(
                "still",
                f"after {seen} steps no probability has moved by more than {moved:.4f}: the result is noise."
                " Search longer, or raise the learning rate of the architecture",
            )
