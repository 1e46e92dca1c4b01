"""What is said of a retraining: the interval decides the words."""

import math

import pytest

from appnas.retrain import Row, difference, referee, welch
from appnas.retrain.differences import quantile
from appnas.task import Metric


def row(name, *values, metric="accuracy", members=1, told=None):
    return Row(name, (0,), 1, 1, [{metric: value} for value in values], metric=told, members=members)


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (2, 4.303), (4, 2.776), (10, 2.228), (1e4, 1.960)])
def test_quantiles_are_those_of_the_tables(freedom, t):
    assert quantile(freedom) == pytest.approx(t, rel=1e-3)


def test_welch_by_hand():
    """Variances 2 and 8 of 2 values each: 1 + 4 = 5, df = 25 / (1 + 16), means 1 and 4."""
    low, high = welch([0.0, 2.0], [2.0, 6.0])
    half = quantile(25 / 17) * math.sqrt(5)
    assert (low, high) == pytest.approx((3 - half, 3 + half))
    equal = welch([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])  # equal variances and sizes: df = 4
    assert equal == pytest.approx((1 - 2.776 * math.sqrt(2 / 3), 1 + 2.776 * math.sqrt(2 / 3)), rel=1e-3)
    assert welch([1.0], [1.0, 2.0]) is None and welch([1.0, 1.0], [2.0, 2.0]) is None


@pytest.mark.parametrize(
    ("found", "other", "said"),
    [
        ([51.2], [72.2], "The found architecture lost to x by 21 points; one training each gives no interval, so"
         " another seed may say otherwise."),
        ([51.2], [51.2], "The found architecture and x came out level, in one training each."),
        ([90], [80], "The found architecture beat x by 10 points; one training each gives no interval, so another seed"
         " may say otherwise."),
        ([90, 91, 92], [80, 81, 82], "The found architecture beat x by 10 points, 95 % interval 7.73 to 12.3."),
        ([80, 81, 82], [90, 91, 92], "The found architecture lost to x by 10 points, 95 % interval 7.73 to 12.3."),
        ([80, 90], [85, 93], "No winner: the found architecture is 4 points behind x, 95 % interval \N{MINUS SIGN}32.9"
         " to 24.9."),
        ([80, 80], [85, 85], "The found architecture lost to x by 5 points, 95 % interval 5 to 5."),
        ([80, 80], [80, 80], "The found architecture and x came out level."),
    ],
)  # fmt: skip
def test_the_interval_decides_the_words(found, other, said):
    rows = [row("found", *found), row("x", *other)]
    assert difference(rows, rows[1], "accuracy").said("x") == said


def test_less_is_better_where_the_metric_falls_and_its_unit_is_said():
    rows = [row("found", 18.7, metric="perplexity"), row("random", 17.3, metric="perplexity")]
    assert "lost to random by 1.4;" in referee(rows)[0]
    lag = Metric("lag", "ms", higher=False)
    rows = [row("found", 2.0, metric="lag", told=lag), row("random", 3.0, metric="lag", told=lag)]
    assert "beat random by 1 ms;" in referee(rows)[0]


def test_random_is_named_beside_the_best_control():
    rows = [row("found", 51.2), row("random", 69.8), row("all sep", 72.2), row("both", 99.0, members=2)]
    first, second = referee(rows)
    assert "lost to all sep (the best control) by 21 points" in first and "lost to random by 18.6 points" in second
    assert len(referee(rows[:2])) == 1 and referee(rows[:1]) == []
    searched = [*rows[:3], row("random search", 60.0)]
    assert "lost to random search by" in referee(searched)[1]
