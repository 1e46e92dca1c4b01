"""appnas.space.listed: a list as a space: nearest, near, drawn, under a mask, of a table; and fast."""

import pickle
import random
import time
from collections import Counter
from itertools import product

import pytest
import torch
from torch import nn

import appnas
from appnas import IO, Choice, Listed, Table
from appnas.space import Combinations, check, mutate, neighbours, random_arch, restrict, size, without
from appnas.spaces import Bench201
from appnas.support import ExhaustedError
from appnas.testing import SpaceSuite

CHOICES = (Choice("a", ("x", "y", "z"), 3), Choice("b", ("p", "q")))
ARCHS = [(0, 0, 0, 0), (0, 0, 1, 0), (2, 2, 2, 1), (1, 2, 0, 1)]


def network(arch, io):
    return nn.Sequential(nn.Linear(io.inputs[0], 2 + sum(arch)), nn.ReLU(), nn.Linear(2 + sum(arch), io.outputs[0]))


class TestSuite(SpaceSuite):
    """A list is a space like any other."""

    @pytest.fixture
    def space(self):
        return Listed(
            CHOICES, [arch for arch in product(range(3), range(3), range(3), range(2)) if sum(arch) == 3], network
        )

    @pytest.fixture
    def io(self):
        return IO((3,), (2,))


def test_nearest_by_scores():
    space = Listed(CHOICES, ARCHS)
    gates = (torch.tensor([[0.1, 0.5, 0.4], [0.1, 0.1, 0.9], [0.9, 0.0, 0.1]]), torch.tensor([[0.2, 0.8]]))
    assert space.discretise(gates) == (1, 2, 0, 1)  # 0.5 + 0.9 + 0.9 + 0.8; the others 2.2, 1.2, 0.6
    assert space.discretise(tuple(m.expand(5, -1, -1) for m in gates)) == (1, 2, 0, 1)
    low = (gates[0].clone(), gates[1])
    low[0][0, 1] = -1.0  # excluded by a mask
    assert space.discretise(low) == (2, 2, 2, 1)


def test_near_ones():
    space, rng = Listed(CHOICES, ARCHS), random.Random(0)
    assert list(neighbours(space, ARCHS[0])) == [ARCHS[1]]
    assert {mutate(space, ARCHS[0], rng) for _ in range(9)} == {ARCHS[1]}
    assert list(neighbours(space, ARCHS[2])) == []
    assert {mutate(space, ARCHS[2], rng) for _ in range(9)} == {
        (1, 2, 0, 1)
    }  # two decisions away, the others three and four
    with pytest.raises(ExhaustedError):
        mutate(Listed(CHOICES, ARCHS[:1]), ARCHS[0], rng)
    inner = restrict(space, without(CHOICES, ["q"]))
    assert size(inner) == 2 and {mutate(inner, ARCHS[0], rng) for _ in range(9)} == {ARCHS[1]}
    assert Counter(random_arch(inner, rng) for _ in range(50)).keys() == set(ARCHS[:2])


def test_what_is_no_list_is_refused():
    with pytest.raises(ValueError, match="have 4 decisions, and a list has one architecture or more"):
        Listed(CHOICES, [(0, 0, 0)])
    with pytest.raises(ValueError, match="have 4 decisions"):
        Listed(CHOICES, [])
    with pytest.raises(ValueError, match="architecture 1: decision 3 has 2 options, got index 2"):
        Listed(CHOICES, [(0, 0, 0, 0), (0, 0, 0, 2)])
    with pytest.raises(ValueError, match="1 of 3 architectures are listed before"):
        Listed(CHOICES, [ARCHS[0], ARCHS[1], ARCHS[0]])
    with pytest.raises(TypeError, match=r"give Listed\(..., build=f\)"):
        Listed(CHOICES, ARCHS).build(ARCHS[0], IO((3,), (2,)))
    with pytest.raises(ValueError, match="breaks the rules of Listed"):
        check(Listed(CHOICES, ARCHS), (1, 1, 1, 1))


def test_the_rows_of_a_table():
    table = Table(ARCHS, {"v": [1.0, None, 3.0, 2.0]}, "v")
    space = Listed.of(table)
    assert space.count() == 3 and not space.valid(ARCHS[1])
    assert [len(choice.options) for choice in space.choices] == [3, 3, 3, 2]
    assert appnas.search(space, table, "random", evaluations=20).best == (2, 2, 2, 1)
    with pytest.raises(AttributeError, match="no attribute 'graph'"):
        space.graph  # noqa: B018


def test_of_a_space_it_has_what_that_has(bench201):
    whole = Bench201(channels=2, repeats=1)
    space = Listed(whole.choices, [(3,) * 6, (2,) * 6, (1, 3, 0, 2, 4, 1)], space=whole)
    assert space.edges is whole.edges and space.graph((3,) * 6).keys() == {"cell"}
    assert space.build((3,) * 6, IO((1, 8, 8), (2,)))(torch.zeros(2, 1, 8, 8)).shape == (2, 2)
    again = pickle.loads(pickle.dumps(space))
    assert again.valid((2,) * 6) and not again.valid((0,) * 6) and "3 architectures of Bench201" in repr(again)


def test_many_rows_are_quick():
    """The nearest of 200,000, by one matrix product, and a mutant: some 10 to 30 ms."""
    codes = torch.arange(200_000)
    rows = torch.stack([codes // 3**d % 3 for d in range(12)], 1)
    space = Listed((Choice("a", ("x", "y", "z"), 12),), rows)
    gates, rng = (torch.rand(12, 3),), random.Random(0)
    space.discretise(gates)
    for ask in (lambda: space.discretise(gates), lambda: mutate(space, (0,) * 12, rng)):
        begun = time.perf_counter()
        assert space.valid(ask())
        assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("archs", [[(0, 0), (0,)], ["ab"], None, (0, 1), [(0.5, 1)], torch.rand(3, 2), [(True, False)]])
def test_what_are_no_architectures(archs):
    with pytest.raises(TypeError, match=r"^(a list holds architectures|architectures hold indices)"):
        Listed([Choice("a", ("x", "y"), 2)], archs)


def test_one_choice_and_whole_floats():
    choice = Choice("a", ("x", "y"), 2)
    assert Listed(choice, [(0.0, 1.0)]).choices == (choice,) and Listed(choice, [(0.0, 1.0)]).rows.tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="0 decisions"):
        Listed((), [()])


def test_choices_alone_are_a_space_that_is_never_built():
    space = Combinations([Choice("a", ("x", "y", "z"), 2), Choice("b", ("p", "q"))])
    assert size(space) == 18 and space.mask is None
    assert space.valid((2, 0, 1)) and not space.valid((2, 0, 2)) and not space.valid((2, 0))
    assert space.discretise((torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.0, 0.4]]), torch.tensor([[0.1, 0.9]]))) == (1, 0, 1)
    assert sorted(neighbours(space, (0, 0, 0))) == [(0, 0, 1), (0, 1, 0), (0, 2, 0), (1, 0, 0), (2, 0, 0)]
    for make in (lambda: space.build((0, 0, 0), IO((1,), (1,))), lambda: space.supernet(IO((1,), (1,)))):
        with pytest.raises(TypeError, match="these choices are of no network"):
            make()
