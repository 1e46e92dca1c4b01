"""appnas.estimate.regressed: a table's trainings as a benchmark of the whole space; what is held back stays unseen."""

import itertools
import math

import numpy as np
import pytest

import appnas
from appnas import Choice
from appnas.estimate import Surrogate
from appnas.space import Combinations
from appnas.strategy import Draw

SPACE = Combinations([Choice("a", ("x", "y", "z"), 4)])
ARCHS = list(itertools.product(range(3), repeat=4))
VALUES = [float(np.dot(arch, (1, 2, 3, 4))) for arch in ARCHS]
COSTS = [float(sum(arch)) for arch in ARCHS]


class Line:
    """Least squares; remembers what it was shown."""

    def fit(self, x, y):
        self.seen = x.copy()
        self.weights, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)

    def predict(self, x):
        return np.c_[x, np.ones(len(x))] @ self.weights


def made(archs=ARCHS, values=VALUES, costs=COSTS, **more):
    return Surrogate(archs, {"value of it": values, "macs": costs}, "value of it", lambda column: Line(), **more)


def test_what_is_linear_is_predicted_where_nobody_trained():
    few = [row for row, arch in enumerate(ARCHS) if arch != (2, 2, 2, 2)][::2]
    surrogate = made([ARCHS[row] for row in few], [VALUES[row] for row in few], [COSTS[row] for row in few])
    score = surrogate.score(Draw((2, 2, 2, 2)))
    assert float(score.value) == pytest.approx(20) and score.metrics["macs"] == pytest.approx(8)
    assert surrogate.agreement["value of it"].tau == pytest.approx(1, abs=0.1)
    assert surrogate.agreement["macs"].r2 == pytest.approx(1) and surrogate.state_dict() == {}


def test_what_is_held_back_is_never_seen_with_all_its_rows():
    """Trainings of one network lie on one side; other values of it would else be known."""
    surrogate = made(ARCHS * 2, VALUES * 2, COSTS * 2, held_out=0.2, seed=3)
    back = {surrogate.archs[row] for row in surrogate.held}
    seen = {tuple(map(int, row)) for row in surrogate.regressors["macs"].seen}
    assert len(back) == 16 and len(surrogate.held) == 32 and back & seen == set() and len(seen) == 81 - 16
    agreement = surrogate.agreement["macs"]
    assert (agreement.fitted, agreement.held_out) == (130, 32)
    assert made(held_out=0.2, seed=3).held != made(held_out=0.2, seed=4).held


def test_noise_is_not_predicted():
    noise = np.random.default_rng(0).standard_normal(len(ARCHS))
    found = made(values=noise, held_out=0.5).agreement["value of it"]
    assert abs(found.tau) < 0.4 and found.r2 < 0.2


def test_holes_are_left_out_of_their_column_alone():
    holes = [math.nan if row % 2 else value for row, value in enumerate(VALUES)]
    found = made(values=holes, held_out=0.0)
    assert found.agreement == {} and found.held == []
    assert len(found.regressors["value of it"].seen) == 41 and len(found.regressors["macs"].seen) == 81


def test_neighbours_among_what_was_held_back():
    surrogate = made(held_out=0.3)
    near = surrogate.near((0, 0, 0, 0), 3)
    apart = [sum(map(bool, surrogate.archs[row])) for row in surrogate.held]
    assert [differ for _, differ in near] == sorted(apart)[:3]
    assert all(sum(map(bool, surrogate.archs[row])) == differ for row, differ in near)


def test_a_search_on_it_finds_the_best():
    result = appnas.search(SPACE, made(), "evolution", evaluations=150, population=20, sample=5)
    assert result.best == (2, 2, 2, 2)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"values": VALUES[1:]}, r"every column needs one number for each of 81 rows, got \[80, 81\]"),
        ({"held_out": 1.0}, "held_out is a share, from 0 to below 1, got 1.0"),
        ({"values": [math.nan] * 81}, "column 'value of it': at least 2 numbers to fit and 2 held back .* got 0, 0"),
    ],
)
def test_what_cannot_be_fitted_is_told(more, message):
    with pytest.raises(ValueError, match=message):
        made(**more)


def test_the_value_is_a_column():
    with pytest.raises(ValueError, match=r"the columns are \['macs'\], got the value 'top1'"):
        Surrogate(ARCHS, {"macs": COSTS}, "top1", lambda column: Line())
