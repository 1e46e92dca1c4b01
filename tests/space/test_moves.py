"""appnas.space.moves: what can be done to architectures without building a network."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pytest

from appnas.space import (
    ZERO,
    Choice,
    active,
    argmax,
    canonical,
    constant_arch,
    crossover,
    full_mask,
    mutate,
    neighbours,
    only,
    random_arch,
    restrict,
    size,
    without,
)  # fmt: skip


def moved(first, second):
    return [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]


def test_random_arch_draws_every_pair_of_edges_alike(cells):
    rng = random.Random(0)
    edges = [e for e, (_, target) in enumerate(cells.edges) if target == 5]
    none = cells.ops.index("none")
    draws = [random_arch(cells, rng) for _ in range(1000)]
    assert all(cells.valid(arch) for arch in draws)
    pairs = Counter(tuple(e for e in edges if arch[e] != none) for arch in draws)
    assert set(pairs) == set(combinations(edges, 2))
    assert all(abs(n - 100) < 5 * 90**0.5 for n in pairs.values()), pairs  # 10 pairs, variance 1000 * 0.1 * 0.9
    ops = Counter(arch[e] for arch in draws for e in edges if arch[e] != none)
    assert all(abs(n - 2000 / 7) < 5 * (2000 / 7 * 6 / 7) ** 0.5 for n in ops.values()), ops


def test_random_arch_depends_on_the_generator_alone(cells, bench201):
    for space in (cells, bench201):
        one, two = random.Random(1), random.Random(1)
        assert [random_arch(space, one) for _ in range(3)] == [random_arch(space, two) for _ in range(3)]


def test_mutate_changes_one_decision_uniformly(bench201):
    rng, arch = random.Random(0), (0, 1, 2, 3, 4, 0)
    children = Counter(mutate(bench201, arch, rng) for _ in range(2400))
    assert set(children) == set(neighbours(bench201, arch))
    assert all(abs(n - 100) < 50 for n in children.values()), children  # 24 neighbours, deviation 10


def test_mutate_keeps_the_rules_of_cells(cells):
    rng = random.Random(0)
    arch = random_arch(cells, rng)
    for _ in range(100):
        child = mutate(cells, arch, rng)
        assert cells.valid(child) and child != arch
        assert 1 <= len(moved(arch, child)) <= 3  # another operation; or an edge comes or goes, and another gives way
        arch = child


def test_mutate_finds_the_one_decision_that_a_mask_leaves_open(cells):
    arch = random_arch(cells, random.Random(0))
    mask = only(cells.choices, arch)
    edge = next(e for e, k in enumerate(arch) if cells.ops[k] not in ZERO)
    mask[0][edge, 4:6] = True
    inner = restrict(cells, mask)
    rng = random.Random(0)
    for _ in range(50):
        child = mutate(inner, arch, rng)
        assert moved(arch, child) == [edge] and inner.valid(child)


def test_mutate_says_when_there_is_nothing_else(bench201):
    inner = restrict(bench201, only(bench201.choices, (1,) * 6))
    with pytest.raises(ValueError, match="no other architecture"):
        mutate(inner, (1,) * 6, random.Random(0))


def test_crossover_takes_every_decision_from_a_parent(cells, bench201):
    rng = random.Random(0)
    first, second = (0,) * 6, (3,) * 6
    children = [crossover(bench201, first, second, rng) for _ in range(50)]
    assert {index for child in children for index in child} == {0, 3}
    a, b = random_arch(cells, rng), random_arch(cells, rng)
    for _ in range(20):
        child = crossover(cells, a, b, rng)
        assert cells.valid(child)
        assert all(k in (x, y) for k, x, y in zip(child, a, b, strict=True))
    assert crossover(cells, a, a, rng) == a


def test_neighbours_differ_in_one_decision(cells, bench201):
    around = list(neighbours(bench201, (2,) * 6))
    assert len(set(around)) == len(around) == 6 * 4
    assert all(len(moved((2,) * 6, other)) == 1 for other in around)
    arch = random_arch(cells, random.Random(0))
    assert len(list(neighbours(cells, arch))) == 16 * 6  # 16 kept edges, 6 other operations; edges stay


def test_constant_arch(cells, bench201):
    assert constant_arch(bench201, "nor_conv_3x3") == (3,) * 6
    assert constant_arch(bench201, "none") == (0,) * 6
    used = [cells.ops[k] for k in constant_arch(cells, "sep_conv_3x3")]
    assert Counter(used) == {"sep_conv_3x3": 16, "none": 12}
    with pytest.raises(ValueError, match=r"no choice offers 'conv'; offered are .*'nor_conv_3x3'"):
        constant_arch(bench201, "conv")
    with pytest.raises(ValueError, match="'none' everywhere breaks the rules of Cells"):
        constant_arch(cells, "none")
    mask = full_mask(bench201.choices)
    mask[0][2, 3] = False
    with pytest.raises(ValueError, match="'nor_conv_3x3' everywhere breaks the rules"):
        constant_arch(restrict(bench201, mask), "nor_conv_3x3")


def test_ordered_choices_move_by_a_step():
    """At the ends inwards; under a mask to the next one that is allowed; others go anywhere."""
    choices = (Choice("width", tuple("012345"), 2, ordered=True), Choice("op", ("a", "b", "c")))
    space, rng = Line(choices), random.Random(0)
    children = Counter(mutate(space, (0, 3, 1), rng) for _ in range(6000))
    expected = {(1, 3, 1): 2000, (0, 2, 1): 1000, (0, 4, 1): 1000, (0, 3, 0): 1000, (0, 3, 2): 1000}
    assert children.keys() == expected.keys()
    assert all(abs(children[arch] - n) < 5 * n**0.5 for arch, n in expected.items())
    assert set(neighbours(space, (0, 3, 1))) == set(expected)
    inner = restrict(space, without(choices, ["1", "2", "4"]))
    assert set(neighbours(inner, (0, 3, 1))) == {(3, 3, 1), (0, 0, 1), (0, 5, 1), (0, 3, 0), (0, 3, 2)}
    assert {mutate(inner, (0, 3, 1), rng) for _ in range(200)} == set(neighbours(inner, (0, 3, 1)))


class Line:
    mask = None

    def __init__(self, choices):
        self.choices = choices

    def valid(self, arch):
        return True

    def discretise(self, gates):
        return argmax(gates)


class Nested(Line):
    """A kind, and numbers that only the first or only the second kind has; the last number where the first is 1."""

    def __init__(self):
        super().__init__((Choice("kind", ("none", "few", "many")), Choice("number", ("0", "1", "2"), 3)))

    def active(self, arch):
        return (True, arch[0] == 1, arch[0] == 2, arch[0] == 1 and arch[1] == 1)

    def valid(self, arch):
        return not any(k for k, on in zip(arch, self.active(arch), strict=True) if not on)


def test_what_comes_into_being_is_drawn_and_what_ends_is_0():
    space, rng = Nested(), random.Random(0)
    children = Counter(mutate(space, (0, 0, 0, 0), rng) for _ in range(3600))
    few = {(1, 0, 0, 0): 600, (1, 2, 0, 0): 600, **{(1, 1, 0, k): 200 for k in range(3)}}
    expected = {**few, **{(2, 0, k, 0): 600 for k in range(3)}}
    assert children.keys() == expected.keys()
    assert all(abs(children[arch] - n) < 5 * n**0.5 for arch, n in expected.items())
    assert {mutate(space, (1, 1, 0, 2), rng) for _ in range(300)} >= {
        (0, 0, 0, 0),
        (1, 0, 0, 0),
        (1, 1, 0, 1),
        (2, 0, 2, 0),
    }
    around = [(0, 0, 0, 0), (2, 0, 0, 0), (1, 0, 0, 0), (1, 2, 0, 0), (1, 1, 0, 0), (1, 1, 0, 1)]
    assert sorted(neighbours(space, (1, 1, 0, 2))) == sorted(around)
    for _ in range(50):
        child = crossover(space, (1, 1, 0, 2), (2, 0, 1, 0), rng)
        assert space.valid(child) and child in [(1, 1, 0, 2), (2, 0, 1, 0)]
    assert (
        active(space, (1, 1, 0, 2)) == (True, True, False, True)
        and active(Line(space.choices), (0,) * 4) == (True,) * 4
    )


def test_a_mask_is_about_what_is_there():
    """Without 0 among the numbers: what is not there holds 0 all the same."""
    space, rng = Nested(), random.Random(0)
    inner = restrict(Mended(), without(space.choices, ["0"]))
    assert inner.valid((0, 0, 0, 0)) and inner.valid((1, 2, 0, 0)) and not inner.valid((1, 0, 0, 0))
    assert {random_arch(inner, rng) for _ in range(300)} == {
        (0, 0, 0, 0), (1, 2, 0, 0), (2, 0, 1, 0), (2, 0, 2, 0), (1, 1, 0, 1), (1, 1, 0, 2)
    }  # fmt: skip
    assert all(inner.valid(mutate(inner, (1, 1, 0, 1), rng)) for _ in range(100))


class Mended(Nested):
    def discretise(self, gates):
        arch = argmax(gates)
        there = (True, arch[0] == 1, arch[0] == 2, arch[0] == 1 and arch[1] == 1)
        return tuple(k if on else 0 for k, on in zip(arch, there, strict=True))


class Hooked(Line):
    """Moves along a ring, and knows it."""

    def __init__(self):
        super().__init__((Choice("place", tuple("0123456")),))

    def mutate(self, arch, rng):
        return ((arch[0] + rng.choice((-1, 1))) % 7,)

    def neighbours(self, arch):
        return [((arch[0] + 1) % 7,), ((arch[0] - 1) % 7,), arch]

    def discretise(self, gates):
        return argmax(gates)

    def count(self):
        return 7

    def canonical(self, arch):
        return (min(arch[0], 6 - arch[0]),)


def test_the_moves_of_a_space_come_first():
    space, rng = Hooked(), random.Random(0)
    assert {mutate(space, (0,), rng) for _ in range(30)} == {(1,), (6,)} == set(neighbours(space, (0,)))
    inner = restrict(space, without(space.choices, ["6"]))
    assert {mutate(inner, (0,), rng) for _ in range(30)} == {(1,)} == set(neighbours(inner, (0,)))
    assert size(space) == 7 and size(inner) == 6 and canonical(inner, (5,)) == (1,)
    far = restrict(space, without(space.choices, ["1", "6"]))
    assert mutate(far, (0,), rng) in [(2,), (3,), (4,), (5,)], "none of its own is allowed: any one decision"

    class Wrong(Hooked):
        def valid(self, arch):
            return arch[0] < 6

    with pytest.raises(ValueError, match=r"mutate of a space gives .* that of Wrong gave"):
        for _ in range(30):
            mutate(Wrong(), (0,), rng)
