"""appnas.report.curves: medians, bests and grids by hand; what of a long search is drawn."""

import math

import numpy as np
import pytest

from appnas.report import curves


def plain_median(values, window):
    """The definition, place by place."""
    y, half = np.asarray(values, dtype=float), window // 2
    return [np.median(y[max(i - half, 0) : i + half + 1]) for i in range(len(y))]


def test_moving_median_is_centred_and_shorter_at_the_ends():
    assert curves.moving_median([5, 1, 9, 2, 2], 3, range(5)).tolist() == [3, 5, 2, 2, 2]
    assert curves.median_window(10) == 3
    assert curves.median_window(400) == 20


@pytest.mark.parametrize(("count", "window"), [(1, 3), (50, 4), (200, 11), (200, 500)])
def test_moving_median_is_the_median_of_every_window(count, window):
    values = np.random.default_rng(count).integers(0, 20, count)
    wanted = plain_median(values, window)
    assert curves.moving_median(values, window, range(count)).tolist() == wanted
    places = curves.even(count, 7)
    assert curves.moving_median(values, window, places).tolist() == [wanted[i] for i in places]


def test_moving_median_leaves_out_what_is_no_number():
    found = curves.moving_median([1, -math.inf, 3, math.nan, math.inf, math.nan, 8], 3, range(7))
    np.testing.assert_array_equal(found, [1, 2, 3, 3, np.nan, 8, 8])


def test_a_median_of_a_long_search_is_read_off_at_so_many_places():
    x = np.arange(50_000.0)
    places, medians = curves.median(x, x, 11)
    assert len(places) == len(medians) == curves.PLACES and (places[0], places[-1]) == (0, 49_999)
    assert medians[1:-1].tolist() == places[1:-1].tolist()


def test_best_so_far_ignores_nan():
    assert curves.best_so_far([1, float("nan"), 0, 3, 2]).tolist() == [1, 1, 1, 3, 3]


def test_the_best_so_far_keeps_every_change():
    y = np.full(20_000, -1.0)
    y[[0, 7, 8, 15_000]] = [np.nan, 2, 3, 4]
    x, best = curves.best(np.arange(20_000.0), y)
    assert x.tolist() == [0, 1, 7, 8, 15_000, 19_999]
    np.testing.assert_array_equal(best, [np.nan, -1, 2, 3, 4, 4])
    assert len(curves.best(np.arange(5_000.0), y[:5_000])[0]) == 5_000  # a short one is drawn as it is


def test_even_positions_have_both_ends():
    assert curves.even(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert curves.even(101, 3).tolist() == [0, 50, 100]
    assert curves.even(0, 3).tolist() == []


def test_a_small_cloud_is_drawn_whole_but_for_what_is_no_number():
    assert curves.thinned([1, 2, math.nan, 4, 5], [1, -math.inf, 1, math.nan, 2]).tolist() == [0, 4]


def test_a_large_cloud_keeps_the_lowest_and_highest_of_every_stretch():
    rng = np.random.default_rng(0)
    x, y = rng.random(30_000), rng.random(30_000)
    y[[17, 20_000]] = [5.0, -5.0]
    y[3] = -math.inf
    kept = curves.thinned(x, y, 1000)
    assert 900 < len(kept) <= 1000 and {17, 20_000} <= set(kept.tolist()) and 3 not in kept
    assert kept.tolist() == sorted(set(kept.tolist()))
    order = np.argsort(x)
    for part in np.array_split(order[order != 3], 100):
        assert {part[y[part].argmin()], part[y[part].argmax()]} <= set(kept.tolist())
    assert {order[0], order[-1]} <= set(kept.tolist())
    assert np.median(x[kept]) == pytest.approx(0.5, abs=0.05)


def test_curves_hold_their_value_until_the_next_one():
    y = np.array([10.0, 20.0, 30.0])
    assert curves.at([1, 2, 4], y, np.array([1, 1.9, 2, 3.9, 4, 9])).tolist() == [10, 10, 20, 20, 30, 30]


def test_common_grid_is_where_all_curves_are_defined():
    assert curves.common([([1, 2, 3, 4], []), ([2, 2.5, 6], [])]).tolist() == [2, 2.5, 3, 4]
    assert len(curves.common([(range(5000), []), (range(5000), [])])) == 1000
