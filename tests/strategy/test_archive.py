"""appnas.strategy.archive: the first of equals, and what is never the best."""

import random

import pytest

from appnas.space import names
from appnas.strategy import Archive
from appnas.support import ExhaustedError


def test_the_incumbent_keeps_the_first_of_equals():
    best = Archive()
    with pytest.raises(ValueError, match="told"):
        best.get()
    for arch, value in [((0,), float("nan")), ((1,), 2.0), ((2,), 2.0), ((3,), float("nan")), ((4,), 1.0)]:
        best.update(arch, value)
    assert best.get() == (1,) and best.value == 2.0
    other = Archive()
    other.load_state_dict(best.state_dict())
    assert other.get() == (1,) and other.value == 2.0


def test_an_incumbent_of_nothing_but_nan_is_the_first():
    best = Archive()
    best.update((0,), float("nan"))
    best.update((1,), float("nan"))
    assert best.get() == (0,)


def test_the_best_few_in_order_and_the_larger_value_of_one_that_comes_again():
    best = Archive(2)
    for arch, value in [((0,), 1.0), ((1,), 3.0), ((2,), 1.0), ((0,), 2.0), ((1,), 0.0), ((3,), 2.0)]:
        best.update(arch, value)
    with pytest.raises(ValueError, match="at least the best, got keep=0"):
        Archive(0)
    assert best.best == [((1,), 3.0), ((0,), 2.0)] and best.top() == [(1,), (0,)]


def test_nothing_is_new_twice(chain):
    archive = Archive(seen=[(0, 0)])
    assert len(set(archive.new(chain, random.Random(0), 20))) == 20 and len(archive.seen) == 21
    archive.check_left(chain)
    assert len(archive.new(chain, random.Random(0), 20)) == 4
    with pytest.raises(ExhaustedError, match="all of its 25 architectures"):
        archive.check_left(chain)


def test_architectures_of_one_name_are_one():
    archive = Archive(3, name=lambda arch: tuple(sorted(arch)))
    for arch, value in (((0, 1), 1.0), ((1, 0), 3.0), ((0, 1), 2.0), ((1, 1), 2.5)):
        archive.update(arch, value)
    assert archive.best == [((1, 0), 3.0), ((1, 1), 2.5)]


def test_what_is_new_has_a_new_name(bench201):
    archive = Archive(name=names(bench201))
    found = archive.new(bench201, random.Random(0), 300)
    assert len({bench201.canonical(arch) for arch in found}) == 300 and len(archive.seen) == 300
    plain = Archive()
    again = plain.new(bench201, random.Random(0), 300)
    assert len({bench201.canonical(arch) for arch in again}) < 300 and plain.seen == set(again)
