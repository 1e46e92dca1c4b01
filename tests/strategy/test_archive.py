"""appnas.strategy.archive: the first of equals, and what is never the best."""

import pytest

from appnas.strategy import Archive


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
