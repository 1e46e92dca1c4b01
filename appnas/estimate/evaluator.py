"""Performance estimation: what an architecture, or a set of gates, is worth.

An evaluator scores a draw and may learn on one (shared weights). It never reads test data: of a domain it uses
`fit`, `score`, `batches` and `loss` only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch

from appnas.compute import compute_of, spent
from appnas.cost import check_fits, parameters
from appnas.estimate.attempts import as_tensor, attempt
from appnas.estimate.inherited_weights import ParamStore
from appnas.estimate.rungs import Paused, train
from appnas.space import Arch, Name, Space, itself, names
from appnas.strategy import Draw, Score
from appnas.support import Failure, Saved, lacking, listed, seeded, validated
from appnas.task import DivergedError, Domain, as_chosen, reusing


@runtime_checkable
class Evaluator(Protocol):
    """Scores draws."""

    def score(self, draw: Draw) -> Score:
        """The value of a draw, to be maximised."""

    def learn(self, draw: Draw) -> None:
        """Let shared weights take a step on a draw; nothing for evaluators without weights."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


Map = Callable[[Evaluator, Sequence[Draw]], Iterator[Score]]
"""How the draws of a batch are scored: in turn, or in parallel (`appnas.loop.workers`)."""


def in_turn(evaluator: Evaluator, draws: Sequence[Draw]) -> Iterator[Score]:
    """One after another, each when it is wanted."""
    return (attempt(evaluator, draw) for draw in draws)


def scores(evaluator: Evaluator, draws: Sequence[Draw], each: Map) -> Iterator[Score]:
    """The scores of a batch, in its order. Wrappers have `scores` of their own, and hand on what they wrap."""
    wrapper: Map | None = getattr(evaluator, "scores", None)
    return wrapper(draws, each) if wrapper else each(evaluator, draws)  # type: ignore[arg-type]


def recall(evaluator: Evaluator, state: dict[str, Any]) -> None:
    """Let an evaluator that was put into an earlier state answer from memory what a later one knows, if it can."""
    if hasattr(evaluator, "recall"):
        evaluator.recall(state)


Key = Arch | tuple[Arch, int]
"""What a score is remembered by: an architecture, or what of its training a draw has asked for."""


def key_of(name: Arch, budget: int | None) -> Key:
    """An architecture trained all the way, or so far."""
    return name if budget is None else (name, budget)


class Memory(dict[Key, Score]):
    """Scores by architecture and budget, with a state."""

    def state_dict(self) -> list[Any]:
        """As tensors and plain containers."""
        return [[key, s.value, dict(s.metrics), s.failure and tuple(s.failure)] for key, s in self.items()]

    def load_state_dict(self, state: list[Any]) -> None:
        """Go on from a state."""
        self.clear()
        for key, value, metrics, failure in state:
            self[tuple(key)] = Score(value, metrics, failure and Failure(*failure))


class Stateless(Saved):
    """The parts of an evaluator that neither learns nor remembers."""

    def learn(self, draw: Draw) -> None:
        """Nothing to learn."""


class Scratch(Stateless):
    """Build, train, score on validation data. From scratch that is slow and honest; a store makes it short.

    A draw with a budget is trained so far, as the first part of the whole training, and goes on from where an earlier
    draw has stopped (`appnas.estimate.rungs`). All trainings have one seed, so a domain that can keeps the
    batches that it has augmented (`appnas.task.reusing`).

    Args:
        space: builds the networks.
        domain: trains and scores them.
        budget: epochs or environment steps of every training.
        seed: initial weights and order of the data, the same for all architectures.
        diverged: the value of a training whose loss became NaN; by default the domain's `chance`, the value of
            guessing, if it has one, else minus infinity.
        store: where weights are inherited from before the training and kept after it; None for from scratch.
        warmup: budget of a training that begins with all its weights inherited; with a share of them, it lies as far
            between `warmup` and `budget`.
    """

    def __init__(
        self,
        space: Space,
        domain: Domain,
        budget: int,
        seed: int = 0,
        diverged: float | None = None,
        store: ParamStore | None = None,
        warmup: int = 0,
    ):
        self.space, self.domain, self.budget, self.seed = space, reusing(domain), budget, seed
        self.store, self.warmup = store, warmup
        self.saved, self.paused = ("store",) if store else (), Paused()
        self.diverged = float(getattr(domain, "chance", -math.inf)) if diverged is None else diverged

    def score(self, draw: Draw) -> Score:
        """Validation metrics after training, with the number of parameters and the budget that was trained for it.

        Raises:
            ValueError: a budget that this training does not have, or one beside inherited weights.
            MemoryError: the network cannot be trained in the memory that is free (`appnas.cost.fitting`).
        """
        if draw.budget is not None and self.store:
            raise ValueError(f"inherited weights have budgets of their own: a draw has none then, got {draw.budget}")
        device = compute_of(self.domain).device
        model = seeded(self.seed, partial(self.space.build, draw.arch, self.domain.io), device)
        metrics = {"parameters": float(parameters(model))}
        budget = self.budget
        if self.store:
            share = metrics["inherited"] = self.store.inherit(model, draw.arch)
            budget = round(share * self.warmup + (1 - share) * self.budget)
        domain, budget = as_chosen(self.space, draw.arch, self.domain, budget)
        metrics["budget"] = float(budget if draw.budget is None else draw.budget - draw.since)
        check_fits(model, domain)
        try:
            metrics |= train(domain, model, budget, self.seed, draw, self.paused)
            with spent("validation"):
                metrics |= validated(domain.score(model))
        except DivergedError:
            metrics |= {"value": self.diverged, "diverged": 1.0}
        value = metrics.pop("value")
        if value != value:
            value, metrics["diverged"] = self.diverged, 1.0
        if self.store and "diverged" not in metrics:
            self.store.keep(model, draw.arch)
        return Score(as_tensor(value), metrics)

    def learn(self, draw: Draw) -> None:
        """Free the trainings that were dropped."""
        for arch, budget in draw.dropped if compute_of(self.domain).share.leads else ():
            self.paused.free(arch, budget)


class Cached(Saved):
    """Scores every architecture once (at every budget); later draws of it are answered from memory.

    For evaluators whose score depends on the architecture alone, or whose first score shall stand.

    Args:
        evaluator: scores what is new.
        name: what an architecture is known by: those of one name are scored once (`appnas.space.names`).
    """

    saved = ("known", "evaluator", "queries", "hits")

    def __init__(self, evaluator: Evaluator, name: Name = itself):
        self.evaluator, self.name = evaluator, name
        self.known, self.recalled = Memory(), Memory()
        self.queries = self.hits = 0

    def score(self, draw: Draw) -> Score:
        """From memory, or from the evaluator."""
        return next(self.scores([draw], in_turn))

    def scores(self, draws: Sequence[Draw], each: Map) -> Iterator[Score]:
        """The same for a batch; what it draws twice is scored once."""
        new: dict[Key, Draw] = {}
        for draw in draws:
            if (name := self._key(draw)) not in self.known:
                new.setdefault(name, Draw(draw.arch, budget=draw.budget, since=draw.since, looks=draw.looks))
        found = scores(self.evaluator, [draw for name, draw in new.items() if name not in self.recalled], each)
        for draw in draws:
            self.queries += 1
            if (name := self._key(draw)) in self.known:
                self.hits += 1
                known = self.known[name]
                free = {metric: 0.0 for metric in known.metrics if metric == "budget"}  # nothing was trained for it
                yield known._replace(metrics={**known.metrics, **free})
                continue
            score = self.recalled.pop(name, None) or next(found)
            self.known[name] = score._replace(value=score.value.detach())
            yield self.known[name]

    def _key(self, draw: Draw) -> Key:
        return key_of(self.name(draw.arch), draw.budget)

    def learn(self, draw: Draw) -> None:
        """Passed on."""
        self.evaluator.learn(draw)

    def recall(self, state: dict[str, Any]) -> None:
        """Have ready what a later state knows, unless it failed: for a search that goes on from an earlier one."""
        if not self.evaluator.state_dict():  # else a score may have depended on those before it
            known = Memory()
            known.load_state_dict(state["known"])
            self.recalled.update({key: score for key, score in known.items() if not score.failure})


class Rewarded(Saved):
    """An evaluator's metrics turned into another value, for example a trade of accuracy against latency.

    Args:
        evaluator: source of metrics; its own value joins them as "value".
        reward: metrics -> value to maximise (see `appnas.cost.rewards`).
        cost: arch -> further metrics, for example parameters or latency.
    """

    diverged = -math.inf

    def __init__(
        self,
        evaluator: Evaluator,
        reward: Callable[[Mapping[str, float]], float],
        cost: Callable[[Arch], Mapping[str, float]] | None = None,
    ):
        self.evaluator, self.reward, self.cost = evaluator, reward, cost
        self.saved = ("evaluator", "cost") if hasattr(cost, "state_dict") else ("evaluator",)

    def score(self, draw: Draw) -> Score:
        """The reward, and all metrics it was made of."""
        return self._of(draw, self.evaluator.score(draw))

    def scores(self, draws: Sequence[Draw], each: Map) -> Iterator[Score]:
        """The same for a batch. Costs are found here, where a measured one has the conditions it names."""
        return map(self._or_failed, draws, scores(self.evaluator, draws, each))

    def _or_failed(self, draw: Draw, score: Score) -> Score:
        """What the cost of one architecture raises fails that one alone."""
        return attempt(self, draw, lambda draw: self._of(draw, score))

    def _of(self, draw: Draw, score: Score) -> Score:
        if score.failure:  # a reward of guessing at no cost would be no bad one
            return score._replace(value=torch.tensor(-math.inf))
        metrics = {**score.metrics, "value": float(score.value.detach()), **(self.cost(draw.arch) if self.cost else {})}
        return Score(torch.tensor(self.reward(metrics)), metrics)

    def learn(self, draw: Draw) -> None:
        """Passed on."""
        self.evaluator.learn(draw)

    def recall(self, state: dict[str, Any]) -> None:
        """Passed on."""
        recall(self.evaluator, state["evaluator"])


def evaluator_of(space: Space, domain: Domain | Evaluator, budget: int, seed: int, distinct: bool = True) -> Evaluator:
    """The evaluator itself (a table, say), or training from scratch in a domain.

    Args:
        space: of the architectures.
        domain: where they are trained, or what scores them.
        budget: epochs (or environment steps) of a training.
        seed: of a training.
        distinct: architectures of one network are trained once, and looked up in a table by each other, where the space
            can tell (`canonical`).

    Raises:
        TypeError: neither a domain nor an evaluator.
    """
    if isinstance(domain, Domain):
        return Cached(Scratch(space, domain, budget, seed), names(space, distinct))
    if isinstance(domain, Evaluator):
        named: Callable[[Name], Evaluator] | None = getattr(domain, "named", None)
        return named(names(space, distinct)) if named else domain
    lost = listed(lacking(domain, ("io", "fit", "score", "test", "example")))
    kind = type(domain).__name__
    raise TypeError(f"expected a Domain (fit, score, test) or an Evaluator (score, learn), got {kind}, without {lost}")
