"""appnas.support.kinds: what a kind takes, and how it says what is wrong."""

import math

import pytest
import torch

from appnas.support.kinds import (
    COUNT,
    FLAG,
    SEED,
    TEXT,
    Unfit,
    anything,
    integer,
    mapping,
    maybe,
    named,
    number,
    random_state,
    record,
    several,
)

RIGHT = [
    (COUNT, 0), (SEED, -5), (SEED, 2**63 - 1), (integer(1, 3), 3), (number(), 1), (number(), 1.5),
    (number(finite=False), math.nan), (number(finite=False), -math.inf), (FLAG, True), (TEXT, ""), (maybe(TEXT), None),
    (several(TEXT), []), (mapping(COUNT), {"a": 1}), (record({"a": COUNT}), {"a": 1, "b": 2}), (anything, object()),
    (record({}, {"a": COUNT}), {}), (random_state, torch.get_rng_state()), (named("x"), {"name": None, "repr": "y"}),
    (named("x"), {"name": "z", "x": {}}),
]  # fmt: skip
WRONG = [
    (COUNT, -1, "k must be an integer of at least 0, got -1"), (COUNT, True, "k must be an integer"),
    (COUNT, 1.0, "k must be an integer"), (SEED, 2**63, "k must be an integer of 64 bits"),
    (integer(1, 3), 4, "k must be an integer of at least 1 and of at most 3, got 4"),
    (number(), math.nan, "k must be a finite number, got nan"),
    (number(0), -1, "k must be a finite number of at least 0"),
    (number(), "1", "k must be a finite number, got '1'"), (number(), True, "k must be a finite number"),
    (FLAG, 1, "k must be true or false, got 1"), (maybe(TEXT), 1, "k must be a text"),
    (several(COUNT), [1, "a"], r"k\[1\] must be an integer"), (several(TEXT, 1), [], "k must be a list of at least 1"),
    (several(TEXT), {}, "k must be a list, got {}"), (mapping(COUNT), {"a": ""}, r"k\.a must be"),
    (mapping(COUNT), [], "k must be an object"), (record({"a": COUNT}), {"a": None}, r"k\.a must be an integer"),
    (record({"a": COUNT}), None, "k must be an object with a"),
    (random_state, torch.ones(3), "got a tensor of torch.float32"),
    (named("x"), {"name": 3, "x": {}}, r"k\.name must be a text"),
    (named("x"), "y", "k must be an object with name, x"),
    (TEXT, ["x" * 1000], "k must be a text"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), RIGHT)
def test_right(kind, value):
    kind(value, "k")


@pytest.mark.parametrize(("kind", "value", "match"), WRONG)
def test_wrong(kind, value, match):
    with pytest.raises(Unfit, match=f"^{match}" if match.startswith("k") else match) as caught:
        kind(value, "k")
    assert len(str(caught.value)) < 200


def test_what_is_missing_is_listed():
    with pytest.raises(ValueError, match="k does not tell a, b"):
        record({"a": COUNT, "b": TEXT, "c": TEXT})({"c": ""}, "k")
    with pytest.raises(ValueError, match="it does not tell a"):
        record({"a": COUNT})({}, "")
