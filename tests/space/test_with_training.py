"""space.with_training: the product of a space and choices of the training, on spaces of every kind; the suite."""

import pickle
import random
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch

from appnas.space import (
    IO,
    Choice,
    Listed,
    WithTraining,
    active,
    argmax,
    canonical,
    drawing,
    mutate,
    neighbours,
    only,
    random_arch,
    restrict,
    size,
)
from appnas.spaces import GuideDag
from appnas.testing import SpaceSuite

TUNE = {"lr": [0.1, 0.001, 0.01], "optimiser": ["sgd", "adam"]}


class TestChain(SpaceSuite):
    @pytest.fixture
    def space(self, chain):
        return WithTraining(chain, TUNE)

    @pytest.fixture
    def io(self):
        return IO((3,), (2,))


@dataclass(frozen=True)
class Towers:
    """The widths of one or two layers."""

    mask = None
    choices = (Choice("layers", ("1", "2")), Choice("width", ("2", "3"), 2))

    def active(self, arch):
        return (True, True, arch[0] == 1)

    def valid(self, arch):
        return arch[0] == 1 or arch[2] == 0

    def discretise(self, gates):
        arch = argmax(gates)
        return arch if arch[0] else (*arch[:2], 0)

    def build(self, arch, io):
        widths = [io.inputs[0], *(2 + k for k in arch[1 : 2 + arch[0]])]
        hidden = [torch.nn.Linear(a, b) for a, b in pairwise(widths)]
        return torch.nn.Sequential(*hidden, torch.nn.Linear(widths[-1], io.outputs[0]))


class TestConditional(SpaceSuite):
    @pytest.fixture
    def space(self):
        return WithTraining(Towers(), TUNE)

    @pytest.fixture
    def io(self):
        return IO((3,), (2,))


def test_numbers_are_in_order_and_ordered(chain):
    space = WithTraining(chain, TUNE)
    *_, lr, optimiser = space.choices
    assert lr == Choice("training.lr", ("0.001", "0.01", "0.1"), 1, "training", True)
    assert optimiser == Choice("training.optimiser", ("sgd", "adam"), 1, "training", False)
    assert space.training((1, 1, 0, 1)) == {"lr": 0.001, "optimiser": "adam"}
    assert space.trained_as((1, 1, 0, 1), (2, 2, 2, 0)) == (1, 1, 2, 0)
    rng = random.Random(0)
    children = {mutate(space, (1, 1, 0, 1), rng) for _ in range(300)}
    assert {child[2] for child in children} == {0, 1}  # not from 0.001 to 0.1
    assert (1, 1, 2, 1) not in set(neighbours(space, (1, 1, 0, 1))) and (1, 1, 1, 1) in set(
        neighbours(space, (1, 1, 0, 1))
    )


def test_the_network_is_that_of_the_space(chain):
    space, io = WithTraining(chain, TUNE), IO((3,), (2,))
    built = [str(one.build(arch, io)) for one, arch in ((chain, (2, 3)), (space, (2, 3, 0, 0)), (space, (2, 3, 2, 1)))]
    assert len(set(built)) == 1
    with pytest.raises(TypeError, match="lr, optimiser cannot be chosen with the architecture there: take a method"):
        space.supernet(io)


def test_draws_are_uniform(chain):
    rng = random.Random(0)
    space = WithTraining(chain, TUNE)
    counts = Counter(random_arch(space, rng)[2:] for _ in range(1200))
    assert len(counts) == 6 and all(abs(count - 200) < 60 for count in counts.values())
    assert size(space) == 25 * 6


def test_hooks_are_those_of_the_space(bench201):
    space = WithTraining(bench201, TUNE)
    for name in ("active", "mutate", "neighbours", "reached", "signature", "count", "paths_only"):
        assert hasattr(space, name) == hasattr(bench201, name), name
    arch = (1, 0, 3, 0, 2, 4)
    assert canonical(space, (*arch, 2, 1)) == (*canonical(bench201, arch), 2, 1)
    assert "training:\n  lr 0.1\n  optimiser adam" in drawing(space, (*arch, 2, 1))
    assert active(space, (*arch, 2, 1)) == (True,) * 8
    assert pickle.loads(pickle.dumps(space)) == space
    dag = GuideDag(width=2, strides=(2,), branches=1, vertices=("conv", "mix"), kernels=(3,), dense=2)
    edges = random_arch(dag, random.Random(0))
    assert WithTraining(dag, TUNE).reached((*edges, 1, 1)) == (*dag.reached(edges), 1, 1)


def test_spaces_that_move_by_themselves():
    listed = Listed([Choice("op", ("a", "b", "c"), 2)], [(0, 0), (0, 1), (2, 2)])
    space, rng = WithTraining(listed, TUNE), random.Random(0)
    assert size(space) == 3 * 6
    arch = random_arch(space, rng)
    kinds = Counter()
    for _ in range(200):
        child = mutate(space, arch, rng)
        assert space.valid(child) and child != arch and (child[:2] == arch[:2]) != (child[2:] == arch[2:])
        kinds[child[:2] == arch[:2]] += 1
    assert min(kinds.values()) > 50
    assert all(space.valid(other) for other in neighbours(space, arch))


def test_under_a_mask(chain):
    mask = only(WithTraining(chain, TUNE).choices, (1, 2, 0, 1))
    mask[1][0, 1] = True
    space = restrict(WithTraining(chain, TUNE), mask)
    assert {random_arch(space, random.Random(seed)) for seed in range(20)} == {(1, 2, 0, 1), (1, 2, 1, 1)}
    inside = WithTraining(restrict(chain, only(chain.choices, (1, 2))), TUNE)
    assert {random_arch(inside, random.Random(seed))[:2] for seed in range(20)} == {(1, 2)}


def test_what_is_no_choice(chain):
    with pytest.raises(ValueError, match="tune names what to choose"):
        WithTraining(chain, {})
    for values, error, words in (
        ([], ValueError, "one or more different values for each name, 'lr' has"),
        ([0.1, 0.1], ValueError, "different values"),
        (0.1, TypeError, "a list of values for each name, 'lr' has 0.1"),
        ("adam", TypeError, "give \\['adam'\\]"),
        ([None], TypeError, "numbers, texts, True or False"),
    ):
        with pytest.raises(error, match=words):
            WithTraining(chain, {"lr": values})
    with pytest.raises(ValueError, match="holds choices of the training already"):
        WithTraining(WithTraining(chain, TUNE), TUNE)
