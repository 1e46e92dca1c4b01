"""appnas.space: what can be done to architectures without building a network."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pytest
import torch

from appnas.space import (
    IO,
    ZERO,
    Choice,
    Space,
    allowed,
    argmax,
    check,
    check_mask,
    constant_arch,
    crossover,
    decisions,
    describe,
    full_mask,
    legal,
    mutate,
    neighbours,
    only,
    parse,
    random_arch,
    restrict,
    size,
    split,
)
from appnas.spaces import Bench201, Cells

TWO = (Choice("a", ("x", "y"), 2), Choice("b", ("p", "q", "r")))


def moved(first, second):
    return [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]


def test_the_spaces_are_spaces(cells, bench201):
    assert isinstance(cells, Space) and isinstance(bench201, Space)
    assert not isinstance(IO((1,), (2,)), Space)


def test_decisions_and_size(cells, bench201):
    assert decisions(TWO) == (("x", "y"), ("x", "y"), ("p", "q", "r"))
    assert size(bench201) == 5**6 == 15_625
    mask = full_mask(bench201.choices)
    mask[0][0, 1:] = False
    mask[0][1, :2] = False
    inner = restrict(bench201, mask)
    assert size(inner) == 1 * 3 * 5**4
    assert legal(inner)[:3] == [[0], [2, 3, 4], [0, 1, 2, 3, 4]]


def test_check_gives_plain_integers_and_says_what_is_wrong(cells, bench201):
    assert check(bench201, torch.tensor([0, 1, 2, 3, 4, 0])) == (0, 1, 2, 3, 4, 0)
    with pytest.raises(ValueError, match=r"has 6 decisions, got 5: \(0, 0, 0, 0, 0\)"):
        check(bench201, [0] * 5)
    with pytest.raises(ValueError, match=r"decision 5 has 5 options .* got index 5"):
        check(bench201, [0, 0, 0, 0, 0, 5])
    with pytest.raises(ValueError, match=r"decision 0 .* got index -1"):
        check(bench201, [-1, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="breaks the rules of Cells"):
        check(cells, [1] * 28)


def test_describe_and_parse_are_inverse(bench201):
    assert describe(TWO, (0, 1, 2)) == {"a": ["x", "y"], "b": ["r"]}
    arch = (0, 1, 2, 3, 4, 0)
    named = {"cell": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "none"]}
    assert describe(bench201.choices, arch) == named
    assert parse(bench201, named) == arch


def test_parse_names_what_the_space_lacks(cells, bench201):
    with pytest.raises(ValueError, match=r"has the choices \['cell'\], got \['normal'\]"):
        parse(bench201, {"normal": []})
    with pytest.raises(ValueError, match=r"choice 'cell' has the options .* got 'conv'"):
        parse(bench201, {"cell": ["conv"] * 6})
    named = describe(cells.choices, random_arch(cells, random.Random(0)))
    shifted = {"normal": named["normal"][:-1], "reduce": ["none", *named["reduce"]]}
    with pytest.raises(ValueError, match="choice 'normal' has 14 decisions, got 13"):
        parse(cells, shifted)


def test_split_and_argmax():
    gates = split(TWO, [torch.tensor([0.1, 0.9]), torch.tensor([0.6, 0.4]), torch.tensor([0.2, 0.5, 0.3])])
    assert [tuple(matrix.shape) for matrix in gates] == [(2, 2), (1, 3)]
    assert argmax(gates) == (1, 0, 1)
    a = torch.tensor([[[0.9, 0.1]], [[0.0, 1.0]], [[0.4, 0.6]]])  # means 0.433 and 0.567
    assert argmax((a,)) == (1,)


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


def test_masks(bench201):
    full = full_mask(TWO)
    assert [tuple(m.shape) for m in full] == [(2, 2), (1, 3)] and all(m.all() for m in full)
    one = only(TWO, (0, 1, 2))
    assert [m.tolist() for m in one] == [[[True, False], [False, True]], [[False, False, True]]]
    assert allowed(None, (9, 9, 9)) and allowed(one, (0, 1, 2)) and not allowed(one, (0, 1, 1))
    assert check_mask(TWO, one) is one


def test_an_impossible_mask_is_refused(cells, bench201):
    with pytest.raises(ValueError, match=r"has the shapes \[\(2, 2\), \(1, 3\)\], got \[\(2, 2\)\]"):
        check_mask(TWO, full_mask(TWO)[:1])
    with pytest.raises(ValueError, match=r"a mask is boolean, that of choice 'a' is torch\.float32"):
        check_mask(TWO, tuple(m.float() for m in full_mask(TWO)))
    mask = full_mask(bench201.choices)
    mask[0][4] = False
    with pytest.raises(ValueError, match="leaves no option to decision 4 of choice 'cell'"):
        restrict(bench201, mask)
    mask = full_mask(cells.choices)
    mask[0][0, torch.tensor([op not in ZERO for op in cells.ops])] = False  # node 2 has only two edges, and needs both
    with pytest.raises(ValueError, match="Cells has no architecture that obeys its rules"):
        restrict(cells, mask)
    a, b = full_mask(bench201.choices), full_mask(bench201.choices)
    a[0][0, 2:] = False
    b[0][0, :2] = False
    with pytest.raises(ValueError, match="leaves no option to decision 0"):
        restrict(restrict(bench201, a), b)


def test_impossible_spaces_are_refused():
    with pytest.raises(ValueError, match=r"besides 'none' is needed, got \('none',\)"):
        Cells(ops=("none",))
    with pytest.raises(ValueError, match=r"must include 'none', got \('skip_connect', 'sep_conv_3x3'\)"):
        Cells(ops=("skip_connect", "sep_conv_3x3"))
    with pytest.raises(ValueError, match="nodes must be at least 1, got 0"):
        Cells(nodes=0)
    with pytest.raises(ValueError, match="channels must be at least 1, got 0"):
        Bench201(channels=0)
