"""Seconds by part: exclusive, complete, and nearly free where nobody counts."""

import time

import pytest

from appnas.compute.spent import REST, Count, begin, counting, spent, within


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_parts_are_exclusive_and_add_up(clock):
    with counting() as count:
        clock(1)
        with spent("evaluation"):
            clock(2)
            with spent("data"):
                clock(4)
            clock(8)
            with spent("evaluation"):
                clock(16)
        clock(32)
    assert count.seconds == {REST: 33, "evaluation": 26, "data": 4}
    clock(64)  # nobody counts
    with spent("data"):
        clock(128)
    assert sum(count.seconds.values()) == 63


def test_making_items_is_a_part_and_using_them_is_not(clock):
    def made():
        for item in range(3):
            clock(1)
            yield item

    with counting({"data": 10.0}) as count:
        for _ in within("data", made()):
            clock(5)
    assert count.seconds == {"data": 13, REST: 15}


def test_an_error_leaves_its_part(clock):
    with counting() as count:
        with pytest.raises(ValueError, match="x"), spent("data"):
            clock(1)
            raise ValueError("x")
        clock(2)
    assert count.seconds == {"data": 1, REST: 2}


def test_a_count_inside_a_count_leaves_it_as_it_was(clock):
    outer = Count()
    assert begin(outer) is None
    with counting() as inner, spent("data"):
        clock(1)
    with spent("weights"):
        clock(2)
    assert begin(None) is outer and inner.seconds["data"] == 1
    assert outer.told()["weights"] == 2 and "data" not in outer.seconds


def test_it_costs_microseconds():
    """A step has half a dozen parts and takes milliseconds: below a thousandth off, below a hundredth on."""

    def each(count=2000):
        start = time.process_time()
        for _ in range(count):
            with spent("data"):
                pass
        return (time.process_time() - start) / count

    off = min(each() for _ in range(5))
    with counting():
        on = min(each() for _ in range(5))
    assert off < 3e-6 and on < 15e-6
