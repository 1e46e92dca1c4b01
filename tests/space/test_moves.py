"""appnas.space.moves: what can be done to architectures without building a network."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pytest

from appnas.space import ZERO, constant_arch, crossover, full_mask, mutate, neighbours, only, random_arch, restrict


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
