"""appnas.picked.asking: what may be asked, and who answers."""

import numpy as np
import pytest
import torch
from torch import nn

from appnas.picked import Refused, pick
from appnas.picked.asking import answering, explained


class Fixed:
    """Answers with what was asked."""

    def answer(self, asked):
        return asked


def asked(*args, **more):
    with answering(Fixed()):
        return pick(*args, **more)


def test_what_is_asked():
    width = asked("width", [4, 8, 16])
    assert width.options == ("4", "8", "16") and width.values == (4, 8, 16) and width.makers is None
    assert width.ordered and not width.each
    op = asked("op", {"relu": nn.ReLU, "tanh": nn.Tanh}, each=True)
    assert op.options == ("relu", "tanh") and op.values is None and op.each and not op.ordered


@pytest.mark.parametrize(
    ("options", "ordered"),
    [([1, 2], True), ([0.5, 0.1], True), (range(3), True), ([1, 3, 2], False), ([True, False], False), ([1], False),
     (["a", "b"], False), ((1, 2), True)],
)  # fmt: skip
def test_numbers_that_rise_or_fall_are_ordered(options, ordered):
    assert asked("x", options).ordered is ordered
    assert asked("x", options, ordered=not ordered).ordered is not ordered


def test_nobody_answers():
    with pytest.raises(RuntimeError, match=r"pick\('width', .*nobody makes it here.*appnas.space_of\(Model"):
        pick("width", [4, 8])


def test_answers_are_nested_and_end():
    class One(Fixed):
        def answer(self, asked):
            return 1

    with answering(Fixed()):
        with pytest.raises(KeyError), answering(One()):
            assert pick("x", [1, 2]) == 1
            raise KeyError
        assert pick("x", [1, 2]).name == "x"


@pytest.mark.parametrize(
    ("name", "options", "kind", "said"),
    [
        (3, [1], TypeError, "the name of a choice is a text, got 3"),
        ("", [1], TypeError, "the name of a choice is a text"),
        ("x", "abc", TypeError, "the options of the choice 'x' are factories by name.* got 'abc'"),
        ("x", [], ValueError, "the choice 'x' has no options"),
        ("x", {}, ValueError, "the choice 'x' has no options"),
        ("x", [1, "1"], ValueError, "must differ, 1 comes twice"),
        ("x", [nn.ReLU], TypeError, "options in a list are numbers, texts or truth values"),
        ("x", [None], TypeError, "options in a list are numbers, texts or truth values"),
        ("x", {3: nn.ReLU}, TypeError, "options are named by texts, the choice 'x' has 3"),
        ("x", {"a.b": nn.ReLU}, ValueError, "'a.b' of the choice 'x' has a name that no part"),
        ("x", {"": nn.ReLU}, ValueError, "has a name that no part"),
        ("x", {"keys": nn.ReLU}, ValueError, "'keys' of the choice 'x' has a name that no part"),
        ("x", {"training": nn.ReLU}, ValueError, "has a name that no part"),
        ("x", {"forward": nn.ReLU}, ValueError, "has a name that no part"),
        ("x", {"row": nn.ReLU}, ValueError, "has a name that no part"),
        ("x", {"relu": nn.ReLU()}, TypeError, r"is a module that is made already.*lambda: ReLU\(\.\.\.\)"),
        ("x", {"relu": 3}, TypeError, r"must be a factory.*got 3.*pick\('x', \[16, 32\]\)"),
    ],
)
def test_what_cannot_be_asked(name, options, kind, said):
    with pytest.raises(kind, match=said):
        asked(name, options)


def test_what_a_factory_raises_is_told_with_its_choice():
    def broken():
        raise KeyError("no such layer")

    with pytest.raises(Refused, match=r"factory of option 'b' of the choice 'op' raised KeyError: 'no such layer'$"):
        explained(asked("op", {"b": broken}), "b")
    for option, maker in {"relu": torch.relu, "conv": nn.Conv2d, "two": lambda a, b: nn.ReLU()}.items():
        with pytest.raises(Refused, match=f"{option!r} of the choice 'op' raised TypeError.*say lambda: torch.relu"):
            explained(asked("op", {option: maker}), option)
    with pytest.raises(Refused, match=r"raised TypeError: unsupported operand[^;]*$"):
        explained(asked("op", {"b": lambda: 1 + "1"}), "b")
    with pytest.raises(Refused, match=r"makes a module or a function, it gave 3; .*pick\('op', \[16, 32\]\)"):
        explained(asked("op", {"b": lambda: 3}), "b")


def test_numbers_of_numpy_are_plain_ones():
    assert [type(x) for x in asked("x", [np.int64(1), np.float32(0.5)]).values] == [int, float]
    assert asked("x", list(np.arange(3))).values == (0, 1, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [([1, True], "1 comes twice"), ([2, 2.0], "2 comes twice"), ([float("nan"), 1], "truth values.*has nan"),
     ([None, 1], "has None: write others as texts and look them up"), ([(3, 3)], r"has \(3, 3\): write others as"),
     ([nn.ReLU], "as factories by name"), (range(2000), "has 2,000 options, 1,000 are the most")],
)  # fmt: skip
def test_options_that_are_equal_too_many_or_no_values(options, said):
    with pytest.raises(Refused, match=said):
        asked("x", options)
