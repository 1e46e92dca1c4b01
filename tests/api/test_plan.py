"""api.plan: the numbers are checked; the command line has the same options with the same defaults."""

import dataclasses

import pytest

from appnas.api import SearchOptions
from appnas.api.plan import Plan
from appnas.cli import flags
from appnas.run import LATER


def test_numbers_are_checked():
    with pytest.raises(ValueError, match=r"Plan.seeds must be at least 1, got 0"):
        Plan(method="random", config=None, seeds=0)
    with pytest.raises(ValueError, match=r"between -2\^62 and 2\^62"):
        Plan(method="random", config=None, seed=2**63 - 1)


def test_one_list_of_options_with_one_list_of_defaults():
    options = {field.name: field.default for field in dataclasses.fields(SearchOptions)}
    assert {name: list(x) if isinstance(x, tuple) else x for name, x in options.items() if name != "seed"} == LATER
    assert {field.name for field in dataclasses.fields(flags.Options)} == {*options, "out", "threads", "tune", "watch"}
