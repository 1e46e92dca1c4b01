"""appnas.space.space: choices and architectures, by number and by name."""

from __future__ import annotations

import random

import pytest
import torch

from appnas.space import (
    IO,
    Choice,
    Space,
    active,
    argmax,
    canonical,
    check,
    decisions,
    describe,
    full_mask,
    legal,
    mutate,
    neighbours,
    parse,
    random_arch,
    restrict,
    size,
    split,
)
from appnas.spaces import Bench201, Cells

TWO = (Choice("a", ("x", "y"), 2), Choice("b", ("p", "q", "r")))


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


def test_impossible_spaces_are_refused():
    with pytest.raises(ValueError, match=r"besides 'none' is needed, got \('none',\)"):
        Cells(ops=("none",))
    with pytest.raises(ValueError, match=r"must include 'none', got \('skip_connect', 'sep_conv_3x3'\)"):
        Cells(ops=("skip_connect", "sep_conv_3x3"))
    with pytest.raises(ValueError, match="nodes must be at least 1, got 0"):
        Cells(nodes=0)
    with pytest.raises(ValueError, match="channels must be at least 1, got 0"):
        Bench201(channels=0)


@pytest.mark.parametrize(
    ("member", "found", "said"),
    [
        ("sample", None, "TypeError sample of Own gives an architecture, a tuple of indices, got None"),
        ("sample", (1, 0), "ValueError sample of Own gives 3 indices, each below its number of options"),
        ("sample", (1, 0, 9), "ValueError sample of Own gives 3 indices"),
        ("mutate", None, "TypeError mutate of Own gives an architecture"),
        ("mutate", (0, 0), "ValueError mutate of Own gives 3 indices"),
        ("canonical", None, "TypeError canonical of Own gives an architecture"),
        ("canonical", (0,), "ValueError canonical of Own gives 3 indices"),
        ("neighbours", None, "TypeError neighbours of Own gives architectures, got None"),
        ("neighbours", [(0,)], "ValueError neighbours of Own gives 3 indices"),
        ("active", None, "ValueError active of Own gives one truth value a decision, 3 of them, got None"),
        ("active", (True,), "ValueError active of Own gives one truth value a decision, 3 of them"),
    ],
)
def test_what_hooks_give_is_checked(member, found, said):
    class Own:
        mask, choices = None, (Choice("op", ("a", "b"), 3),)

        def valid(self, arch):
            return True

    setattr(Own, member, lambda *args: found)
    call = {
        "sample": lambda: random_arch(Own(), random.Random(0)),
        "mutate": lambda: mutate(Own(), (0, 0, 0), random.Random(0)),
        "canonical": lambda: canonical(Own(), (0, 0, 0)),
        "neighbours": lambda: list(neighbours(Own(), (0, 0, 0))),
        "active": lambda: active(Own(), (0, 0, 0)),
    }[member]
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert f"{caught.type.__name__} {caught.value}".startswith(said)


def test_hooks_may_give_lists_and_arrays():
    class Own:
        mask, choices = None, (Choice("op", ("a", "b"), 3),)
        sample = staticmethod(lambda rng: torch.tensor([0, 1, 1]))
        neighbours = staticmethod(lambda arch: iter([[0, 0, 1], arch, (0, 0, 1)]))

        def valid(self, arch):
            return True

    assert random_arch(Own(), random.Random(0)) == (0, 1, 1)
    assert list(neighbours(Own(), (0, 0, 0))) == [(0, 0, 1)]
