"""appnas.space.progressive_shrinking: where segments end, what they hold, how a beginning is completed."""

import random

import pytest

from appnas.space import complete, ends, extend, members, random_arch, restrict, without
from appnas.spaces import Cells


def test_ends():
    assert ends(6, 7) == [6] and ends(7, 7) == [7]
    assert ends(14, 7) == [7, 13, 14] and ends(19, 7) == [7, 13, 19]
    with pytest.raises(ValueError, match="at least 2"):
        ends(6, 1)


def test_members(bench201):
    rng = random.Random(0)
    listed = members(bench201, [()], 2, rng, 25, 1)
    assert listed == [(a, b) for a in range(5) for b in range(5)]
    assert members(bench201, [(0, 1), (4, 4)], 3, rng, 10, 1) == [(*p, c) for p in ((0, 1), (4, 4)) for c in range(5)]
    inner = restrict(bench201, without(bench201.choices, ["none", "avg_pool_3x3"]))
    assert len(members(inner, [()], 3, rng, 27, 1)) == 27
    drawn = members(bench201, [(1, 2)], 6, rng, 100, 40)
    assert 30 < len(drawn) <= 40 and all(arch[:2] == (1, 2) for arch in drawn) and len(set(drawn)) == len(drawn)


def test_completion_keeps_the_beginning_and_the_rules():
    space, rng = Cells(nodes=2), random.Random(0)
    whole = random_arch(space, rng)
    for known in range(len(whole) + 1):
        arch = extend(space, [whole[:known]], rng)
        assert space.valid(arch) and arch[:known] == whole[:known]
    none = space.ops.index("none")
    assert complete(space, (none, none), rng) is None, "the first node has these two edges only"
    with pytest.raises(ValueError, match="no valid architecture within 3 tries"):
        extend(space, [(none, none)], rng, tries=3)
