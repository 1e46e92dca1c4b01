"""The only search loop, its callbacks, and what it returns."""

from __future__ import annotations

import math
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from itertools import islice
from typing import Any, Protocol

import torch
from torch import nn

from appnas.compute import spent, within
from appnas.estimate import Evaluator, Map, in_turn, scores
from appnas.loop.records import Record, furthest, value_name
from appnas.space import Arch, Space, drawing
from appnas.strategy import Draw, Score, Strategy, prepare
from appnas.support import ExhaustedError, Tolerance
from appnas.task import Domain, metric_of


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {"appnas": version("appnas"), "torch": torch.__version__, "python": platform.python_version()}


@dataclass
class Loop:
    """The state of a running search, as callbacks see it.

    Attributes:
        batch: draws that are asked for at once.
        each: scores the draws of a batch; by default one after another, `appnas.loop.workers` does it in parallel.
        pending: draws of the batch that are not told yet. A search is whole, and can be saved, where there are none.
        tolerance: counts the evaluations that failed, and says when there are too many.
        ended: why the strategy had nothing left to propose, if that was so.
        heard: the score that counts, from this process's: of several, the first one's does.
        agreed: whether to stop, from whether this process would: of several, all do if one does.
    """

    strategy: Strategy
    evaluator: Evaluator
    steps: int
    step: int = 0
    stopped: bool = False
    history: list[Record] = field(default_factory=list)
    batch: int = 1
    each: Map = in_turn
    pending: int = 0
    tolerance: Tolerance = field(default_factory=Tolerance)
    ended: str = ""
    heard: Callable[[Score], Score] = lambda score: score
    agreed: Callable[[bool], bool] = bool


class Callback(Protocol):
    """What may look on. A callback stops the search by returning True from `step`, or by `loop.stopped = True`."""

    def start(self, loop: Loop) -> None:
        """Before the first step; may restore an earlier state."""

    def step(self, loop: Loop, record: Record) -> bool | None:
        """After every step."""

    def end(self, loop: Loop) -> None:
        """After the last step, also after an exception; only if `start` went well."""


Callbacks = Sequence[Callback]
"""Any number of them."""


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
class SearchResult:
    """What a search found; `appnas.Result` is the same with verbs.

    Attributes:
        best: the architecture to use.
        history: every scored draw.
        strategy: as it ended.
        evaluator: as it ended, shared weights included.
        space, domain: where it was found; set by `of`.
        info: config, seed, versions; `ended`, if the strategy had nothing left to propose before the last step.
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
        """The largest value seen, NaN left out, at the largest budget that was reached (`furthest`).

        After a last stage (`Ranked`) it is the mean of the best's values there: one value of a noisy training, the
        largest of many, flatters.
        """
        if again := self._ranked:
            return statistics.fmean(again)
        return max((record.value for record in furthest(self.history)), default=math.nan)

    @property
    def failures(self) -> list[Record]:
        """The evaluations that failed."""
        return [record for record in self.history if record.failure]

    def __str__(self) -> str:
        """The architecture in words, and its value."""
        words = drawing(self.space, self.best) if self.space else str(self.best)
        what = (
            f"the mean of {len(self._ranked)} training{'s' * (len(self._ranked) > 1)} in the last"
            if self._ranked
            else "the largest"
        )
        name = "" if self.value_name == "value" else f" ({self.value_name})"
        failed = f"; {len(self.failures)} evaluations failed" if self.failures else ""
        ended = f"\n{self.info['ended']}" if self.info.get("ended") else ""
        return f"{words}\nvalue {self.value:.6g}{name}, {what} of {len(self.history)} steps{failed}{ended}"

    @property
    def value_name(self) -> str:
        """What the value is, as far as the metrics beside it tell: see `value_name`."""
        top = max(self.history, key=lambda r: r.value if r.value == r.value else -math.inf, default=None)
        top = self.history[-1] if self._ranked else top
        alike = (record for record in self.history if top and record.metrics.keys() == top.metrics.keys())
        metric = metric_of(self.domain)
        return value_name(list(islice(alike, 100)), {metric.name: metric.unit} if metric else None)

    @property
    def _ranked(self) -> list[float]:
        return getattr(self.strategy, "ranked", list)()

    def of(self, space: Space, domain: Domain | Evaluator, config: Any, seed: int) -> SearchResult:
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


def search_loop(
    strategy: Strategy, evaluator: Evaluator, steps: int, *, callbacks: Sequence[Callback] = ()
) -> SearchResult:
    """Ask, score, tell, learn; `steps` times, or until a callback stops it, at the end of a batch of draws.

    It ends, too, when the strategy has nothing left to propose; what was asked by then is scored and told before.

    `tell` may answer with the draw that shared weights should learn on (DARTS: the gates after its own step);
    otherwise they learn on the scored one. The evaluation of one architecture that raises has failed, and the search
    goes on (`appnas.support.failure`).

    Raises:
        DivergedError: a loss became NaN; what was saved before stays.
        FailuresError: too many evaluations failed, or all of them.
        DataError: the data are at fault.
        ValueError: not one step, or nothing to propose from the start.
    """
    if steps < 1:
        raise ValueError(f"a search has at least 1 step, got {steps}: ask for more epochs or evaluations")
    loop = Loop(strategy, evaluator, steps)
    started: list[Callback] = []
    try:
        for callback in callbacks:
            callback.start(loop)
            started.append(callback)
        for record in loop.history:
            loop.tolerance.count(record.arch, record.failure)
        while loop.step < loop.steps and not loop.stopped:
            with spent("strategy"):
                draws = _asked(loop)
            if not draws:
                break
            loop.pending = len(draws)
            found = within("evaluation", map(loop.heard, scores(evaluator, draws, loop.each)))
            for draw, score in zip(draws, found, strict=True):
                with spent("gates" if score.value.requires_grad else "strategy"):
                    answer = strategy.tell(draw, score) or draw
                with spent("weights"):
                    evaluator.learn(answer)
                metrics = {name: float(value) for name, value in score.metrics.items()}
                record = Record(loop.step, draw.arch, float(score.value.detach()), metrics, score.failure, draw.budget)
                loop.history.append(record)
                loop.tolerance.count(record.arch, record.failure)
                loop.step, loop.pending = loop.step + 1, loop.pending - 1
                with spent("bookkeeping"):
                    loop.stopped |= any([bool(callback.step(loop, record)) for callback in callbacks])
                loop.stopped = loop.agreed(loop.stopped)
            if what := loop.tolerance.exceeded:
                loop.stopped = True  # with all that was told
                raise loop.tolerance.error(what)
    finally:
        for callback in started:
            callback.end(loop)
    info = {"ended": loop.ended} if loop.ended else {}
    return SearchResult(
        loop.tolerance.choice(strategy.best, loop.history), loop.history, strategy, evaluator, info=info
    )


def _asked(loop: Loop) -> list[Draw]:
    """The next batch; a shorter one, or none and the search ends, where the strategy has nothing left to propose."""
    draws: list[Draw] = []
    count = min(loop.batch, loop.steps - loop.step)
    prepare(loop.strategy, count)
    try:
        for _ in range(count):
            draws.append(loop.strategy.ask())
    except ExhaustedError as error:
        if not draws and not loop.step:
            raise
        if not draws:
            what = "steps" if hasattr(loop.strategy, "trains") else "evaluations"  # some train a supernet
            loop.ended = f"the space is exhausted after {loop.step:,} of {loop.steps:,} {what}: {error}"
            loop.stopped = True
    return draws


class Budget(Observer):
    """Stop once a metric, summed over all scores, reaches a limit: simulated seconds, epochs, queries.

    Comes after the `Run` that restores a search's history, as further callbacks of `appnas.search` do.

    Args:
        metric: name in the metrics of a score; an evaluation that failed has none, and counts nothing.
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
        self.spent += 0.0 if record.failure else record.metrics[self.metric]
        return self.spent >= self.limit
