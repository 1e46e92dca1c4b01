"""What every strategy must do when it is asked and told."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from statistics import fmean, pstdev
from typing import NamedTuple

import torch

from appnas.estimate import Evaluator
from appnas.space import Space, check, random_arch, restrict
from appnas.strategy import Draw, Score, Strategy
from appnas.support import ExhaustedError
from appnas.task import Domain
from appnas.testing.oracle import Oracle, planted
from appnas.testing.parts import identical, narrow, reachable, round_trip

Make = Callable[[Space, int], Strategy]
Learner = Callable[[Space, int, float], Strategy]


class Told(NamedTuple):
    """One step of a driven strategy."""

    draw: Draw
    value: float


def drive(strategy: Strategy, oracle: Oracle, steps: int, ahead: int = 1, late: bool = False) -> list[Told]:
    """Ask and tell by hand, with `ahead` draws asked and not yet told; fewer where a small space is exhausted.

    Args:
        strategy: driven.
        oracle: scores the draws.
        steps: scores told.
        ahead: number of evaluations at a time.
        late: score a draw just before it is told, instead of right after it was asked: a slower worker.
    """
    waiting: deque[tuple[Draw, Score | None]] = deque()
    told: list[Told] = []
    for _ in range(steps):
        try:
            while len(waiting) < ahead:
                draw = strategy.ask()
                waiting.append((draw, None if late else oracle.score(draw)))
        except ExhaustedError:
            if not waiting:
                break
        draw, score = waiting.popleft()
        score = score or oracle.score(draw)
        strategy.tell(draw, score)
        told.append(Told(draw, float(score.value.detach())))
    return told


class StrategySuite:
    """Tests of ask and tell against a planted oracle.

    Fixtures to give: `space`, and `make`, a function (space, seed) -> strategy.
    """

    steps = 13
    """Scores told in a test; not a multiple of the strategy's own batch, to stop in the middle of one."""

    def test_is_a_strategy(self, space: Space, make: Make) -> None:
        """The protocol."""
        assert isinstance(make(space, 0), Strategy)

    def test_draws(self, space: Space, make: Make) -> None:
        """Valid architectures; gates in the shapes of the choices, never negative."""
        shapes = [(choice.count, len(choice.options)) for choice in space.choices]
        for draw, _ in drive(make(space, 0), planted(space), self.steps):
            assert check(space, draw.arch) == draw.arch
            if draw.gates is not None:
                assert [tuple(matrix.shape[-2:]) for matrix in draw.gates] == shapes
                assert all(bool((matrix >= 0).all()) for matrix in draw.gates)
            if draw.logp is not None:
                assert bool((draw.logp <= 0).all())
                assert draw.logp.dim() or not draw.logp.requires_grad

    def test_seeds(self, space: Space, make: Make) -> None:
        """One seed, one course; global random states are neither read nor written."""
        courses = []
        for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
            random.seed(disturbance)
            torch.manual_seed(disturbance)
            before = random.getstate(), torch.get_rng_state()
            courses.append(drive(make(space, seed), planted(space), self.steps))
            assert identical((random.getstate(), torch.get_rng_state()), before)
        assert identical(courses[0], courses[1])
        assert not identical(courses[0], courses[2])

    def test_many_asked_before_the_first_told(self, space: Space, make: Make) -> None:
        """With n evaluations at a time, the course depends on n alone, not on when a score was known."""
        for ahead in (1, 5):
            early, late = (
                drive(make(space, 0), planted(space), self.steps, ahead, late=late) for late in (False, True)
            )
            assert identical(early, late)
            assert all(space.valid(told.draw.arch) for told in early)
        strategy = make(space, 0)
        draws = [strategy.ask() for _ in range(self.steps)]
        for draw in draws:
            strategy.tell(draw, planted(space).score(draw))
        assert space.valid(strategy.best())

    def test_state(self, space: Space, make: Make) -> None:
        """Saved in the middle, loaded into a strategy of another seed, it goes on bit for bit."""
        oracle, strategy, other = planted(space), make(space, 0), make(space, 1)
        drive(strategy, oracle, self.steps)
        other.load_state_dict(round_trip(strategy.state_dict()))
        assert other.best() == strategy.best()
        assert identical(drive(other, oracle, self.steps), drive(strategy, oracle, self.steps))
        assert identical(round_trip(other.state_dict()), round_trip(strategy.state_dict()))
        assert other.best() == strategy.best()

    def test_best(self, space: Space, make: Make) -> None:
        """Valid after a score; before the first one valid too, or an error that says so."""
        strategy = make(space, 0)
        try:
            assert space.valid(strategy.best())
        except ValueError as error:
            assert "told" in str(error)
        drive(strategy, planted(space), self.steps)
        assert check(space, strategy.best())

    def test_nan_never_wins(self, space: Space, make: Make) -> None:
        """A NaN is refused with an error, or passed over; afterwards the strategy is as good as before."""
        oracle, strategy = planted(space), make(space, 0)
        drive(strategy, oracle, 3)
        failed = strategy.ask()
        score = oracle.score(failed)
        before = strategy.best()
        try:
            strategy.tell(failed, Score(score.value * float("nan")))
        except ValueError as error:
            assert "nan" in str(error)
        assert strategy.best() == before
        for draw, value in drive(strategy, oracle, self.steps):
            assert value == value
            assert space.valid(draw.arch)
        first = make(space, 0)
        failed = first.ask()
        try:
            first.tell(failed, Score(oracle.score(failed).value * float("nan")))
        except ValueError as error:
            assert "nan" in str(error)
        seen = {told.draw.arch for told in drive(first, oracle, self.steps)}
        assert first.best() != failed.arch or failed.arch in seen

    def test_distribution(self, space: Space, make: Make) -> None:
        """If it has one: a probability for every option."""
        strategy = make(space, 0)
        drive(strategy, planted(space), self.steps)
        if not hasattr(strategy, "distribution"):
            import pytest

            pytest.skip("the strategy has no distribution")
        for choice, matrix in zip(space.choices, strategy.distribution(), strict=True):
            assert matrix.shape == (choice.count, len(choice.options))
            assert not matrix.requires_grad and bool((matrix >= 0).all())
            torch.testing.assert_close(matrix.sum(-1), torch.ones(choice.count, dtype=matrix.dtype))

    def test_stays_inside_a_mask(self, space: Space, make: Make) -> None:
        """In a restricted space, no draw and no result takes an excluded option; its gates are exactly 0."""
        inner = restrict(space, narrow(space.choices))
        strategy = make(inner, 0)
        for draw, _ in drive(strategy, planted(inner), self.steps):
            assert inner.valid(draw.arch)
            for matrix, allowed in zip(draw.gates or (), inner.mask, strict=False):
                assert not matrix.detach().masked_fill(allowed, 0.0).any()
        assert inner.valid(strategy.best())

    def test_knows_no_data(self, space: Space, make: Make) -> None:
        """Neither a domain nor an evaluator can be reached from it."""
        strategy = make(space, 0)
        drive(strategy, planted(space), 3)
        assert not [item for item in reachable(strategy) if isinstance(item, Domain | Evaluator)]


class LearningSuite:
    """Tests that a strategy learns from scores, on a space that it is used in: its late samples beat its early ones.

    Values are planted, gains are in deviations of what random architectures are worth, averaged over seeds.

    Fixtures to give: `space`, and `learner`, a function (space, seed, rate) -> strategy, whose learning rate is
    multiplied by `rate`.
    """

    steps = 300
    """Scores told; early are the first quarter of them, late the last."""
    seeds = 2
    """Searches."""
    margin = 1.0
    """Least gain of a strategy that learns, in deviations; half of it is the most of one that does not."""
    rated = True
    """Whether there is a learning rate without which nothing is learned. Where there is none (populations, climbers),
    the control is told noise instead."""

    def oracle(self, space: Space) -> Evaluator:
        """What scores draws."""
        return planted(space)

    def gain(self, space: Space, learner: Learner, rate: float = 1.0, deaf: bool = False) -> float:
        """Mean value of the late samples less that of the early ones, in deviations.

        Args:
            space: searched.
            learner: makes the strategy.
            rate: factor of its learning rate.
            deaf: it is told noise.
        """
        part, gains = self.steps // 4, []
        for seed in range(self.seeds):
            strategy, oracle = learner(space, seed, rate), self.oracle(space)
            rng, values = random.Random(seed), []
            usual = [float(oracle.score(Draw(random_arch(space, rng))).value) for _ in range(100)]
            for _ in range(self.steps):
                draw = strategy.ask()
                score = oracle.score(draw)
                values.append(float(score.value.detach()))
                strategy.tell(draw, Score(torch.tensor(rng.gauss(0, 1)), score.metrics) if deaf else score)
            gains.append((fmean(values[-part:]) - fmean(values[:part])) / pstdev(usual))
        return fmean(gains)

    def test_late_samples_beat_early_ones(self, space: Space, learner: Learner) -> None:
        """By the margin."""
        assert self.gain(space, learner) > self.margin

    def test_without_learning_they_do_not(self, space: Space, learner: Learner) -> None:
        """A learning rate of 0, or scores that are noise: less than half of the margin either way."""
        assert abs(self.gain(space, learner, float(not self.rated), not self.rated)) < self.margin / 2
