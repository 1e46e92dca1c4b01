"""appnas.domains.eda.levels: who stands where the training stood, by numbers worked out by hand."""

import numpy as np
import pytest

from appnas.domains.eda import SHIPPED, load
from appnas.domains.eda.flow import PAPER
from appnas.domains.eda.levels import bounds, levels, strange


def maps(means, side=4):
    """[N, 1, side, side] with these means, and a gradient within."""
    slope = np.linspace(-0.5, 0.5, side * side).reshape(side, side)
    return np.array(means)[:, None, None, None] + slope


def test_levels_are_of_the_placements_means():
    (level,) = levels(["pin"], maps(range(101))).values()
    assert level == pytest.approx(
        {"mean": 50, "std": 29.155, "q01": 1, "q05": 5, "q50": 50, "q95": 95, "q99": 99}, 1e-4
    )
    assert bounds(level) == pytest.approx((1 - 45, 99 + 45), abs=1e-3)


def test_bounds_of_a_normal_level_are_four_deviations():
    level = levels(["pin"], maps(np.random.default_rng(0).normal(0, 1, 20000), 2))["pin"]
    assert bounds(level) == pytest.approx((-3.97, 3.97), abs=0.12)


def test_strange_channels_come_worst_first_and_say_how_far():
    known = levels(["pin", "RUDY", "macro"], np.concatenate([maps(range(101)), maps(range(101)), maps([2] * 101)], 1))
    design = np.stack([maps([m])[0, 0] for m in (50, -800, 2)])
    (one,) = strange(known, design)
    assert str(one) == "RUDY: mean 29 deviations below the training designs (-800, there 1 to 99)"
    design[2] += 1
    assert str(strange(known, design)[0]) == "macro: mean 3, in all training designs 2"
    design[:] = maps([143])[0, 0]
    assert [one.channel for one in strange(known, design)] == ["macro"]
    with pytest.raises(ValueError, match="zip"):
        strange(known, design[:2])


def test_few_shipped_designs_are_strange_to_the_others():
    """Each left out in turn: those are that are none of the kind, such as one that is nearly unroutable."""
    data = load(SHIPPED)
    x, designs = data.of(PAPER), np.array(data.designs)
    out = [
        any(strange(levels(PAPER, x[designs != name]), maps) for maps in x[designs == name]) for name in set(designs)
    ]
    assert 0 < np.mean(out) < 0.25
