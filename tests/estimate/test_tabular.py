"""appnas.estimate.tabular: results as people have them, with holes, repetitions and other things."""

import math
import random
import time
import timeit

import numpy as np
import pytest
import torch

import appnas
from appnas.estimate import Table
from appnas.space import Listed, names, random_arch
from appnas.strategy import Draw
from appnas.support import DataError, FailuresError

ARCHS = [(0, 0), (0, 1), (1, 0), (1, 1)]
COLUMNS = {"valid": [10.0, 40.0, 30.0, 20.0], "test": [11.0, 41.0, 31.0, 21.0], "seconds": [1.0, 2.0, 3.0, 4.0]}
NAN = float("nan")


@pytest.fixture
def table():
    return Table(ARCHS, COLUMNS, "valid", withheld=("test",))


def test_a_table_shows_all_but_what_it_withholds(table):
    score = table.score(Draw((1, 0)))
    assert float(score.value) == 30.0
    assert score.metrics == {"valid": 30.0, "seconds": 3.0}
    assert table.test((1, 0)) == {"test": 31.0}
    assert table.state_dict() == {}


def test_a_table_says_what_it_lacks(table):
    with pytest.raises(
        DataError, match=r"the table has 4 architectures, but not \(2, 0\); search what.*Listed.of.*missing='failed'"
    ):
        table.score(Draw((2, 0)))
    with pytest.raises(DataError, match=r"the table has 4 architectures, but not \(2, 0\)"):
        table.test((2, 0))


@pytest.mark.parametrize(
    ("archs", "columns", "more", "message"),
    [
        (ARCHS, COLUMNS, {"value": "accuracy"}, r"has the columns \['seconds', 'test', 'valid'\], got \['accuracy'\]"),
        (ARCHS, COLUMNS, {"withheld": ["latency"]}, r"got \['latency'\]"),
        (ARCHS, COLUMNS, {"withheld": ["valid"]}, "'valid' is what a search sees"),
        (ARCHS[:3], COLUMNS, {}, "every column needs one number for each of 3 architectures"),
        ([], {"valid": []}, {}, "each of 0 architectures"),
        ([(0, 0), (0, 1), (0, 0), (1, 1)], COLUMNS, {}, r"rows 0 and 2 are of one architecture, \(0, 0\): average"),
        ([(0, 0), [0, 1], (np.int64(0), 0), (1, 1)], COLUMNS, {}, "rows 0 and 2 are of one architecture"),
        ([(0, 0), (0, 1), (1,), (1, 1)], COLUMNS, {}, r"as many decisions, got \[1, 2\]"),
        ([(0, 0), (0, 1.0), (1, 0), (1, 1)], COLUMNS, {}, r"row 1: an architecture is.*got \(0, 1.0\)"),
        (["00", "01", "10", "11"], COLUMNS, {}, "row 0: an architecture is.*got '00'"),
        ([(0, 0), (0, -1), (1, 0), (1, 1)], COLUMNS, {}, "row 1: .*indices of options from 0"),
        ([3, 4, 5, 6], COLUMNS, {}, "row 0: .*got 3"),
        (ARCHS, {"valid": [1.0, "2.0", 3.0, 4.0]}, {}, "row 1 of 'valid' must be a number, got '2.0'; a hole is None"),
        (ARCHS, {"valid": [1.0, 2.0, math.inf, 4.0]}, {}, "row 2 of 'valid' is inf"),
        (ARCHS, {**COLUMNS, "ms": [1.0, "", 3.0, 4.0]}, {}, "row 1 of 'ms' must be a number, got ''"),
        (ARCHS, COLUMNS, {"missing": "skip"}, "missing is 'error', 'failed', or a value, got 'skip'"),
        (ARCHS, COLUMNS, {"missing": NAN}, "missing is 'error', 'failed', or a finite value, got nan"),
    ],
)
def test_nothing_is_guessed(archs, columns, more, message):
    with pytest.raises(ValueError, match=message):
        Table(archs, columns, **{"value": "valid", **more})


def test_holes_are_holes():
    columns = {"valid": [10.0, None, 30.0, NAN], "ms": [1.0, 2.0, None, 4.0], "test": [1.0, NAN, 3.0, 4.0]}
    failing = Table(ARCHS, columns, "valid", ["test"], missing="failed")
    assert failing.score(Draw((1, 0))).metrics == {"valid": 30.0}
    assert failing.test((0, 1)) == {}
    for arch, what in (((0, 1), "no value of this one"), ((1, 1), "no value of this one"), ((2, 2), "not this one")):
        score = failing.score(Draw(arch))
        assert float(score.value) == -math.inf and score.metrics == {"failed": 1.0}
        assert score.failure.kind == "Missing" and score.failure.message.endswith(what)
    valued = Table(ARCHS, columns, "valid", missing=5)
    assert float(valued.score(Draw((0, 1))).value) == 5.0 and valued.score(Draw((0, 1))).metrics == {"missing": 1.0}
    with pytest.raises(DataError, match=r"4 architectures, but no value of \(0, 1\); search what"):
        Table(ARCHS, columns, "valid").score(Draw((0, 1)))


def holed(bench201, missing, keep):
    rng = random.Random(0)
    archs = list({random_arch(bench201, rng): 0 for _ in range(4000)})
    values = [float(sum(arch)) if rng.random() < keep else None for arch in archs]
    return Table(archs, {"value": values}, "value", missing=missing)


@pytest.mark.parametrize("method", ["random", "evolution"])
def test_a_search_over_holes_finds_the_best_there_is(bench201, method):
    table = holed(bench201, "failed", 0.5)
    few = {"max_failures": 60, "max_failure_share": 1.0}
    result = appnas.search(bench201, table, method, distinct=False, evaluations=60, **few)
    assert 10 < len(result.failures) < 58
    known = [record for record in result.history if not record.failure]
    assert table.row(result.best) is not None and result.value == max(record.value for record in known)
    filled = appnas.search(bench201, table, method, evaluations=60, **few)  # by cells that are the same network
    assert len(filled.failures) < len(result.failures)


def test_what_is_missing_is_looked_up_by_its_name(bench201):
    """Two cells with the inner states exchanged, one of them in the table; a hole is missing too."""
    first, second = (3, 1, 0, 2, 4, 1), (1, 3, 0, 2, 1, 4)
    table = Table([first, (0,) * 6], {"v": [7.0, None], "t": [8.0, 9.0]}, "v", ["t"])
    with pytest.raises(DataError, match=r"2 architectures, but not \(1, 3"):
        table.score(Draw(second))
    named = table.named(names(bench201))
    assert float(named.score(Draw(second)).value) == 7.0 and named.test(second) == {"t": 8.0}
    assert named.row((0,) * 6) is None and named.row((2,) * 6) is None and named.test((0,) * 6) == {"t": 9.0}
    assert table.named(names(bench201, distinct=False)) is table and table.row(second) is None


def test_a_partial_table_is_searched_as_a_list(bench201):
    rng = random.Random(0)
    archs = list(dict.fromkeys(random_arch(bench201, rng) for _ in range(300)))
    table = Table(archs, {"v": [float(sum(arch)) for arch in archs[:-1]] + [None]}, "v")
    space = Listed.of(table, bench201)
    assert space.count() == len(archs) - 1 and not space.valid(archs[-1]) and space.edges is bench201.edges
    for method in ("random", "evolution", "reinforce"):
        result = appnas.search(space, table, method, evaluations=60)
        assert len(result.history) == 60 and result.value <= max(table.values[:-1])


def test_a_table_that_is_all_holes_ends_the_search_and_a_value_does_not(bench201):
    with pytest.raises(FailuresError, match=r"13 architectures failed.*Missing: the table has"):
        appnas.search(bench201, holed(bench201, "failed", 0.0), "random", evaluations=60)
    result = appnas.search(bench201, holed(bench201, 0.0, 0.5), "random", evaluations=60)
    assert not result.failures and result.value > 0


def test_a_query_takes_microseconds():
    archs = [(a, b, c, d, e) for a in range(6) for b in range(6) for c in range(6) for d in range(6) for e in range(6)]
    large = Table(archs, {name: [float(i) for i in range(len(archs))] for name in "vabcd"}, "v")
    draw = Draw((5, 4, 3, 2, 1))
    fastest = min(timeit.repeat(lambda: large.score(draw), number=200, repeat=20)) / 200
    assert fastest < 30e-6  # 10 us on a quiet machine; three times that on a crowded one


def test_what_is_large_stays_finite_and_a_table_of_another_space_is_refused(bench201):
    assert float(Table([(0,)], {"v": [1e39]}, "v").score(Draw((0,))).value) == 1e39
    with pytest.raises(ValueError, match=r"got the text 'test': \['test'\] may be meant"):
        Table(ARCHS, COLUMNS, "valid", withheld="test")
    with pytest.raises(ValueError, match="with 2 decisions, those of Bench201 have 6"):
        appnas.search(bench201, Table(ARCHS, COLUMNS, "valid", missing=0.0), "random", evaluations=3)


EPOCHS = {"v12": [9.0, 1.0, NAN, 4.0], "v200": [10.0, 40.0, 30.0, NAN], "test": [1.0, 2.0, 3.0, 4.0]}


def test_budgets_are_columns():
    """A draw sees its own column and earlier ones; what it took is the rest since the draw before."""
    table = Table(ARCHS, EPOCHS, "v200", ("test",), missing="failed", budgets={200: "v200", 12: "v12"})
    assert list(table.budgets) == [12, 200]
    early, late, whole = (
        table.score(draw) for draw in (Draw((0, 1), budget=12), Draw((0, 1), budget=200, since=12), Draw((0, 1)))
    )
    assert float(early.value) == 1.0 and early.metrics == {"v12": 1.0, "budget": 12.0}
    assert float(late.value) == 40.0 and late.metrics == {"v12": 1.0, "v200": 40.0, "budget": 188.0}
    assert float(whole.value) == 40.0 and whole.metrics == {"v12": 1.0, "v200": 40.0}
    for draw in (Draw((1, 0), budget=12), Draw((1, 1), budget=200)):  # a hole at that budget
        assert table.score(draw).failure
    with pytest.raises(DataError, match=r"after budgets of \[12, 200\], not of 50"):
        table.score(Draw((0, 1), budget=50))
    with pytest.raises(DataError, match=r"after budgets of \[\], not of 12"):
        Table(ARCHS, EPOCHS, "v200").score(Draw((0, 1), budget=12))


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        ({12: "v12"}, "the largest budget's column is the value, 'v200', got 'v12'"),
        ({12: "test", 200: "v200"}, r"columns that a score shows, \['v12', 'v200'\], got 'test'"),
        ({0: "v12", 200: "v200"}, "at least 1, got 0"),
        ({"12": "v12", 200: "v200"}, "at least 1, got '12'"),
    ],
)
def test_budgets_that_are_none(budgets, message):
    with pytest.raises(ValueError, match=message):
        Table(ARCHS, EPOCHS, "v200", ("test",), budgets=budgets)


@pytest.mark.parametrize("columns", ["lists", "arrays"])
def test_a_large_table_opens_at_once_and_holds_eight_bytes_a_cell(columns):
    archs = [(i // 10_000, i // 100 % 100, i % 100) for i in range(40_000)]
    cells = np.arange(40_000) / 7
    given = {"v": cells, "w": -cells} if columns == "arrays" else {"v": cells.tolist(), "w": (-cells).tolist()}
    start = time.process_time()
    table = Table(np.array(archs) if columns == "arrays" else archs, given, "v")
    assert time.process_time() - start < 1.0
    assert table.values.nbytes == 8 * 40_000 and not table.values.flags.writeable
    score = table.score(Draw((3, 99, 98)))
    assert score.metrics == {"v": 39_998 / 7, "w": -39_998 / 7} and {type(x) for x in score.metrics.values()} == {float}
    assert score.value.dtype == torch.get_default_dtype()
    assert all(type(i) is int for i in next(reversed(table.index)))
