"""appnas.loop.records: what the values of a history are, and which are of one kind."""

import math

from appnas.loop import Record, furthest, value_name
from appnas.support import Failure


def test_furthest_are_those_of_the_largest_budget():
    """Failures and NaN do not count, neither as values nor as reached."""
    history = [
        Record(0, (0,), 9.0, {}, None, 1),
        Record(1, (1,), 2.0, {}, None, 3),
        Record(2, (2,), 8.0, {}, Failure("E", "no"), 9),
        Record(3, (3,), math.nan, {}, None, 9),
        Record(4, (4,), 3.0, {}, None, 3),
    ]
    assert [record.step for record in furthest(history)] == [1, 4]
    assert [record.step for record in furthest(history[:1] + history[2:4])] == [0]
    assert furthest([]) == [] == furthest(history[2:4])


def test_without_budgets_all_are_alike():
    history = [Record(0, (0,), 1.0, {}), Record(1, (1,), 2.0, {}), Record(2, (2,), 3.0, {}, Failure("E", "no"))]
    assert furthest(history) == history[:2]
    assert history[0].budget is None


def test_value_name_is_the_metric_that_equals_it():
    assert value_name([Record(0, (0,), 50.0, {"accuracy": 50.0})]) == "validation accuracy, %"
    assert value_name([Record(0, (0,), -2.0, {"loss": 2.0})]) == "minus loss"
