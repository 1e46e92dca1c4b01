"""strategy.phases: who is asked in which phase; uniform paths; the best few again, whose means decide; the suite."""

import copy
import pickle
import random

import pytest
import torch

from appnas.space import full_mask, random_arch, restrict
from appnas.strategy import (
    Draw,
    Evolution,
    Generations,
    Independent,
    PolicyGradient,
    PredictorGuided,
    Random,
    Ranked,
    Score,
    Sifted,
    SinglePaths,
    Started,
    TwoPhases,
    first,
)
from appnas.support import ExhaustedError
from appnas.testing import StrategySuite, round_trip


class TestPaths(StrategySuite):
    """The strategy begins within the suite's thirteen steps."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        def _make(space, seed):
            rng = random.Random(seed)
            return SinglePaths(space, rng, Random(space, rng), first(2))

        return _make


class TestRanked(StrategySuite):
    """The ranking begins within the suite's thirteen steps."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        return lambda space, seed: Ranked(Random(space, random.Random(seed)), 8, 3)


GIVEN = [(1, 2), (2, 2), (4, 1)]
STRATEGIES = {
    "random": lambda space, seed: Random(space, random.Random(seed)),
    "evolution": lambda space, seed: Evolution(space, random.Random(seed), 4, 2),
    "generations": lambda space, seed: Generations(space, random.Random(seed), 4, 2, 2, 2),
    "policy": lambda space, seed: PolicyGradient(
        space, Independent(space.choices, generator(seed)), generator(seed), 0.05, clip=0.2
    ),
    "guided": lambda space, seed: PredictorGuided(space, random.Random(seed), 4, Nothing()),
}


def generator(seed):
    return torch.Generator().manual_seed(seed)


class Nothing:
    """Proposes nothing."""

    def propose(self, told):
        return []

    def best(self):
        return None

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class TestStarted(StrategySuite):
    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture(params=STRATEGIES)
    def make(self, request):
        return lambda space, seed: Started(
            STRATEGIES[request.param](space, seed), [random_arch(space, random.Random(k)) for k in range(3)]
        )


class TestSifted(StrategySuite):
    """The second strategy begins within the suite's thirteen steps."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        def made(space, seed):
            rng = random.Random(seed)
            return Sifted(Random(space, rng), 7, 3, lambda archs: Started(Evolution(space, rng, 4, 2), archs))

        return made


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_given_come_first_and_are_told(chain, name):
    strategy = Started(STRATEGIES[name](chain, 0), GIVEN)
    assert told(strategy, 1, 9, 2) == GIVEN and strategy.best() == GIVEN[1]
    assert len(told(strategy, *range(4))) == 4


def test_the_given_are_of_the_first_population(chain):
    strategy = Started(Evolution(chain, random.Random(0), 3, 3), GIVEN)
    told(strategy, 1, 9, 2)
    for _ in range(20):
        child = strategy.ask().arch
        assert min(sum(a != b for a, b in zip(child, given, strict=True)) for given in GIVEN) <= 1
    guided = PredictorGuided(chain, random.Random(0), 4, Nothing())
    own = list(guided.batch)
    assert told(Started(guided, GIVEN), 1, 2, 3, 4) == [*GIVEN, own[0]]
    assert set(GIVEN) <= guided.archive.seen


def test_the_cheap_score_sifts():
    archs = []
    strategy = Sifted(Listed((1,), (2,), (3,), (4,)), 4, 2, lambda found: archs.extend(found) or Listed(*found))
    assert told(strategy, 5, float("-inf"), 7, float("nan")) == [(1,), (2,), (3,), (4,)]
    assert strategy.best() == (9,) and strategy.ranked() == []
    assert told(strategy, 0.25, 0.5) == [(3,), (1,)] == archs and strategy.best() == (1,)
    assert strategy.ranked() == [0.5]  # not 7, which is another kind of value


def test_a_space_that_the_cheap_score_exhausts():
    strategy = Sifted(Ending((1,), (2,)), 5, 1, lambda found: Listed(*found))
    assert told(strategy, 1, 3, 3, 3, 3, 0) == [(1,), (2,), (2,), (2,), (2,), (2,)]
    with pytest.raises(ExhaustedError):
        Sifted(Ending(), 5, 1, lambda found: Listed(*found)).ask()


class Listed:
    """Asks what it is given."""

    def __init__(self, *archs):
        self.archs = list(archs)

    def ask(self):
        return Draw(self.archs.pop(0))

    def tell(self, draw, score):
        return None

    def best(self):
        return (9,)


class Ending(Listed):
    """Ends where nothing is left."""

    def ask(self):
        if not self.archs:
            raise ExhaustedError("all were asked")
        return super().ask()


def told(strategy, *values):
    asked = []
    for value in values:
        draw = strategy.ask()
        strategy.tell(draw, Score(torch.tensor(float(value))))
        asked.append(draw.arch)
    return asked


def test_means_decide():
    strategy = Ranked(Listed((1,), (2,), (3,), (2,)), 4, 2)
    assert told(strategy, 5, 3, 1, 7) == [(1,), (2,), (3,), (2,)]
    assert strategy.best() == (9,)
    assert told(strategy, 6, 2) == [(2,), (1,)]  # the best by value first, in turn
    assert strategy.best() == (2,)
    assert told(strategy, float("nan"), 3) == [(2,), (1,)]
    assert strategy.best() == (1,)


def test_fewer_found_than_asked_for():
    strategy = Ranked(Listed((1,), (1,)), 2, 5)
    told(strategy, 1, 1, 1)
    assert strategy.best() == (1,)


@pytest.mark.parametrize("masked", [False, True])
def test_paths_are_valid_uniform_and_obey_the_mask(chain, cells, masked):
    mask = full_mask(chain.choices)
    mask[0][0, 3] = False
    space = restrict(chain, mask) if masked else chain
    rng = random.Random(0)
    strategy = SinglePaths(space, rng, Random(space, rng), first(3000))
    archs = [strategy.ask().arch for _ in range(3000)]
    assert all(space.valid(arch) for arch in archs)
    counts = torch.bincount(torch.tensor([arch[0] for arch in archs]), minlength=5)
    expected = torch.tensor([0.25, 0.25, 0.25, 0.0, 0.25] if masked else [0.2] * 5)
    torch.testing.assert_close(counts / 3000, expected, atol=0.03, rtol=0)
    drawn = SinglePaths(cells, rng, Random(cells, rng), first(20))
    assert all(cells.valid(drawn.ask().arch) for _ in range(20))


def test_other_paths_than_uniform_ones(chain, regression):
    rng, archs = random.Random(0), [(1, 1), (2, 2)]
    strategy = SinglePaths(chain, rng, Random(chain, rng), first(4), lambda step: archs[step % 2])
    assert [strategy.ask().arch for _ in range(4)] == archs * 2


def test_the_second_part_is_made_when_it_is_wanted_and_again_from_a_state():
    made = []

    def make():
        made.append(Stateful())
        return made[-1]

    strategy = TwoPhases(first(2), Stateful(), make=make)
    for _ in range(2):
        strategy.tell(strategy.ask(), Score(torch.tensor(0.0)))
    assert not made and not strategy.begun and strategy.best() == (2,)
    strategy.tell(strategy.ask(), Score(torch.tensor(0.0)))
    assert len(made) == 1 and strategy.best() == (1,)
    other = TwoPhases(first(2), Stateful(), make=make)
    other.load_state_dict(round_trip(strategy.state_dict()))
    assert len(made) == 2 and other.ask().arch == (1,) and other.best() == (2,)
    early = TwoPhases(first(2), Stateful(), make=make).state_dict()
    other.load_state_dict(early)
    assert not other.begun and other.ask().arch == (0,)


def test_a_copy_and_what_a_file_holds_rank_as_well():
    made = Ranked(Listed((1,), (2,), (3,)), 3, 2)
    for strategy in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        told(strategy, 1, 3, 2, 5, 4)
        assert strategy.best() == (2,) and strategy.again == {(2,): [5.0], (3,): [4.0]}


class Stateful:
    """Asks how often it was asked."""

    asked = 0

    def ask(self):
        self.asked += 1
        return Draw((self.asked - 1,))

    def tell(self, draw, score):
        return None

    def best(self):
        return (self.asked,)

    def state_dict(self):
        return {"asked": self.asked}

    def load_state_dict(self, state):
        self.asked = state["asked"]
