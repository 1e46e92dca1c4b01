"""Many architectures trained a little, few of them further: successive halving, Hyperband and ASHA around a strategy.

Successive halving: Jamieson and Talwalkar (arXiv 1502.07943). Hyperband: Li et al. (JMLR 18, 2018, arXiv 1603.06560),
algorithm 1. ASHA: Li et al. (MLSys 2020, arXiv 1810.05934), algorithm 2.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

import torch

from appnas.space import Arch
from appnas.strategy.archive import Archive
from appnas.strategy.protocol import Draw, Score, Strategy
from appnas.support import ExhaustedError, Saved

Scheme = Literal["asha", "hyperband", "halving"]
WORST, TRIES = float("-inf"), 100  # the value of what failed; how often a strategy is asked for something new


class Job(NamedTuple):
    """A training: which trial (None for a new architecture), to which rung, of which bracket."""

    trial: int | None
    rung: int
    bracket: int = 0


def ranked(told: Sequence[tuple[int, float]]) -> Iterator[int]:
    """The trials of a rung that did not fail."""
    return (trial for trial, value in told if value > WORST)


def insert(told: list[tuple[int, float]], trial: int, value: float) -> None:
    """One more result, in its place: the best first, of equal ones the first told."""
    bisect.insort(told, (trial, value), key=lambda pair: -pair[1])


class Asynchronous(Saved):
    """ASHA: whoever is among the first 1/eta of its rung goes on at once; where nobody is, a new architecture comes.

    Args:
        rungs: how many.
        eta: one of so many goes on.
        keep: trainings kept on a rung for what may go on later, the best; others begin anew if they go on after all.
    """

    saved = ("told", "further", "freed")

    def __init__(self, rungs: int, eta: float, keep: int):
        self.eta, self.keep = eta, keep
        self.told: list[list[tuple[int, float]]] = [[] for _ in range(rungs)]  # (trial, value), the best first
        self.further: list[set[int]] = [set() for _ in range(rungs)]  # asked to go on from there, or cannot
        self.freed: list[set[int]] = [set() for _ in range(rungs)]

    def next(self, closing: bool = False) -> Job | None:
        """What to train next. With `closing` there are no new ones, and the best of every rung goes on."""
        for rung in reversed(range(len(self.told) - 1)):
            count = math.floor(len(self.told[rung]) / self.eta)
            for trial in islice(ranked(self.told[rung]), max(count, 1) if closing else count):
                if trial not in self.further[rung]:
                    return Job(trial, rung + 1)
        return None if closing else Job(None, 0)

    def asked(self, job: Job, trial: int) -> None:
        """A job is under way."""
        if job.rung:
            self.further[job.rung - 1].add(trial)

    def kept(self, job: Job) -> bool:
        """Whether the training that a job goes on from is there."""
        return job.rung > 0 and job.trial not in self.freed[job.rung - 1]

    def tell(self, job: Job, trial: int, value: float) -> list[int]:
        """A result. Returns the trials whose training on that rung is no longer kept."""
        rung = job.rung
        insert(self.told[rung], trial, value)
        if rung == len(self.told) - 1 or value == WORST:
            self.further[rung].add(trial)
            return [trial]
        rest = islice(ranked(self.told[rung]), math.floor(len(self.told[rung]) / self.eta), None)
        waiting = [t for t in rest if t not in self.further[rung] and t not in self.freed[rung]]
        self.freed[rung].update(waiting[self.keep :])
        return waiting[self.keep :]

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.further, self.freed = list(map(set, self.further)), list(map(set, self.freed))


class Brackets(Saved):
    """Hyperband: brackets of successive halving, the widest first; or that one again and again.

    A bracket that begins at the rung k of s + 1 has n = ceil((s + 1) / (s + 1 - k) eta^(s - k)) new architectures (only
    the widest: n = eta^s), of which on every rung floor(n eta^-i) go on. While the results of a rung are waited for,
    the next bracket begins, so workers have something to do.

    Args:
        rungs: s + 1.
        eta: one of so many goes on.
        cycle: all brackets in turn, as in Hyperband.
    """

    saved = ("count", "open")

    def __init__(self, rungs: int, eta: float, cycle: bool):
        self.rungs, self.eta, self.cycle = rungs, eta, cycle
        self.count = 0  # brackets begun
        self.open: list[dict[str, Any]] = []  # not finished: number, rung, size, to ask, under way, and results

    def size(self, first: int) -> int:
        """New architectures of a bracket."""
        s = self.rungs - 1 - first
        return math.ceil((self.rungs / (s + 1) if self.cycle else 1) * self.eta**s - 1e-9)

    def next(self, closing: bool = False) -> Job | None:
        """What to train next: of the oldest bracket that has something, or of the next one."""
        for bracket in self.open:
            if bracket["ask"]:
                return Job(bracket["ask"][0], bracket["rung"], bracket["number"])
            if bracket["new"] and not closing:
                return Job(None, bracket["rung"], bracket["number"])
            if bracket["new"]:  # there are no new ones: it goes on with those it has
                bracket.update(size=bracket["size"] - bracket["new"], new=0)
                self._promote(bracket)
                return self.next(closing)
        return None if closing else Job(None, self.count % self.rungs if self.cycle else 0, self.count)

    def asked(self, job: Job, trial: int) -> None:
        """A job is under way."""
        if job.bracket == self.count:
            self.count += 1
            size = self.size(job.rung)
            empty: dict[str, Any] = {"ask": [], "out": [], "told": [], "lost": []}
            self.open.append({"number": job.bracket, "rung": job.rung, "size": size, "new": size, "step": 0, **empty})
        bracket = next(b for b in self.open if b["number"] == job.bracket)
        if job.trial is None:
            bracket["new"] -= 1
        else:
            bracket["ask"].remove(trial)
        bracket["out"].append(trial)

    def kept(self, job: Job) -> bool:
        """Whether the training that a job goes on from is there."""
        return job.trial is not None

    def tell(self, job: Job, trial: int, value: float) -> list[int]:
        """A result. Returns the trials that no longer go on from that rung."""
        bracket = next(b for b in self.open if b["number"] == job.bracket)
        bracket["out"].remove(trial)
        insert(bracket["told"], trial, value)
        self._promote(bracket)
        bracket["lost"], lost = [], list(bracket["lost"])
        return lost

    def _promote(self, bracket: dict[str, Any]) -> None:
        if bracket["ask"] or bracket["new"] or bracket["out"]:
            return
        told, bracket["told"] = bracket["told"], []
        bracket["step"], bracket["rung"] = bracket["step"] + 1, bracket["rung"] + 1
        count = math.floor(bracket["size"] * self.eta ** -bracket["step"] + 1e-9)
        bracket["ask"] = [] if bracket["rung"] == self.rungs else list(islice(ranked(told), max(count, 1)))
        bracket["lost"] = [trial for trial, _ in told if trial not in bracket["ask"]]
        if not bracket["ask"]:
            self.open.remove(bracket)


class MultiFidelity(Saved):
    """Asks what another strategy proposes for small budgets first, and the best of it for larger ones.

    The other strategy is told a value every time an architecture has reached a larger budget: random search makes the
    classical schemes of it, a model of what was told one like BOHB (arXiv 1807.01774). The result is the best at the
    largest budget reached, of equal values the first; what failed, diverged or is NaN neither goes on nor wins. The
    course depends on the number of draws that are under way at once, not on which is faster.

    Deviates: ASHA's workers ask whenever one is free; here those asked together are told together, in that order.

    Args:
        strategy: proposes architectures, without gates.
        budgets: the rungs, from the least to the largest, in the evaluator's unit.
        eta: one of so many goes on.
        scheme: "asha", "hyperband", or "halving": the widest bracket of Hyperband again and again.
        total: ends the search once there is no room for the next training; None for no end. It counts the metric
            "budget" of the scores, which is 0 for what an evaluator remembers, or else what was asked for.
        keep: see `Asynchronous`.
        resumes: a training goes on where the last rung ended; else it begins anew, as those of a table did.

    Raises:
        ValueError: budgets that do not go up, or eta <= 1.
    """

    saved = ("strategy", "course", "trials", "known", "under_way", "rungs", "spent", "closing")

    def __init__(
        self, strategy: Strategy, budgets: Sequence[int], eta: float = 3.0, scheme: Scheme = "asha",
        total: float | None = None, keep: int = 32, resumes: bool = True,
    ):  # fmt: skip
        if not (budgets and list(budgets) == sorted(set(budgets)) and budgets[0] >= 1 and eta > 1):
            raise ValueError(f"budgets go up from at least 1, and eta is above 1, got {list(budgets)} and eta={eta}")
        self.strategy, self.budgets, self.total, self.resumes = strategy, tuple(budgets), total, resumes
        self.course: Asynchronous | Brackets = Brackets(len(budgets), eta, scheme == "hyperband")
        if scheme == "asha":
            self.course = Asynchronous(len(budgets), eta, keep)
        self.trials: list[Draw] = []  # what the strategy proposed
        self.known: dict[Arch, float | None] = {}  # of these, the values at the largest budgets
        self.under_way: list[tuple[int, Job]] = []  # trials and jobs that are asked and not told
        self.rungs = [Archive() for _ in budgets]  # the best at every budget
        self.spent, self.closing = 0.0, False  # closing: the strategy has nothing new

    def _cost(self, job: Job) -> int:
        return self.budgets[job.rung] - (self.budgets[job.rung - 1] if self.resumes and self.course.kept(job) else 0)

    def _fits(self, job: Job | None) -> bool:
        running = sum(self._cost(other) for _, other in self.under_way)
        return job is None or self.total is None or self.spent + running + self._cost(job) <= self.total

    @property
    def done(self) -> bool:
        """Whether everything asked was told, and the next training would cost more than is left."""
        return not self.under_way and not self._fits(self.course.next(self.closing))

    def ask(self) -> Draw:
        """The next training of an architecture.

        Raises:
            ExhaustedError: the total is spent; or nothing is left to propose, or not before what is under way is told.
        """
        job = self.course.next(self.closing)
        if not self._fits(job):
            raise ExhaustedError(f"of a budget of {self.total:g}, {self.spent:g} are spent")
        if job is not None and job.trial is None:
            try:
                self.trials.append(self._proposed())
            except ExhaustedError:
                self.closing, job = True, self.course.next(True)
                if not self._fits(job):
                    raise
        if job is None:
            raise ExhaustedError("the best of every budget were trained as far as they go")
        trial = len(self.trials) - 1 if job.trial is None else job.trial
        budget, since = self.budgets[job.rung], self.budgets[job.rung] - self._cost(job)
        self.course.asked(job, trial)
        self.under_way.append((trial, job))
        return self.trials[trial]._replace(budget=budget, since=since)

    def _proposed(self) -> Draw:
        """Something new. Of what comes again the strategy is told the value, as if it had been trained once more."""
        for _ in range(TRIES):
            draw = self.strategy.ask()
            if draw.gates is not None:
                kind = type(self.strategy).__name__
                raise TypeError(f"{kind} proposes gates, for shared weights: rungs are for single architectures")
            if draw.arch not in self.known:
                self.known[draw.arch] = None
                return draw
            if (value := self.known[draw.arch]) is not None:
                self.strategy.tell(draw, Score(torch.tensor(value)))
        raise ExhaustedError(f"of {TRIES} proposals none was new")

    def tell(self, draw: Draw, score: Score) -> Draw:
        """Learn from a score. Returns the draw with the trainings that are not needed any more.

        Raises:
            ValueError: it was not asked.
        """
        running = [(self.trials[trial].arch, self.budgets[job.rung]) for trial, job in self.under_way]
        if (key := (draw.arch, draw.budget)) not in running:
            raise ValueError(f"{draw.arch} with a budget of {draw.budget} is told, and was not asked")
        trial, job = self.under_way.pop(running.index(key))
        value, bad = float(score.value), score.failure or score.metrics.get("diverged")
        value = WORST if bad or value != value else value
        self.spent += float(score.metrics.get("budget", draw.budget - draw.since))  # type: ignore[operator]
        self.rungs[job.rung].update(draw.arch, value)
        self.known[draw.arch] = float(score.value)
        self.strategy.tell(self.trials[trial], score)
        lost = self.course.tell(job, trial, value)
        return draw._replace(dropped=tuple((self.trials[t].arch, self.budgets[job.rung]) for t in lost))

    def best(self) -> Arch:
        """The best at the largest budget that was reached.

        Raises:
            ValueError: nothing was told yet.
        """
        told = [archive for archive in self.rungs if archive.best]
        good = [archive for archive in told if archive.value > WORST]
        return (good or told or self.rungs)[-1].get()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.trials = [Draw(*trial) for trial in self.trials]
        self.under_way = [(trial, Job(*job)) for trial, job in self.under_way]
