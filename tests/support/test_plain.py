"""appnas.support.plain: settings as plain data and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from appnas.methods import METHODS
from appnas.run import catalogue
from appnas.support.plain import code_of, from_plain, plain


class Kind(Enum):
    SMALL = 1
    LARGE = 2


def test_paths_and_enumerations_are_texts():
    assert plain((Path("a/b"), Kind.LARGE)) == ["a/b", "LARGE"]
    assert from_plain(Path, "a/b") == Path("a/b") and from_plain(Kind, "SMALL") is Kind.SMALL
    with pytest.raises(ValueError, match="one of SMALL, LARGE is right, got 'huge'"):
        from_plain(Kind, "huge")


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    betas: tuple[float, float] = (0.5, 0.9)
    names: tuple[str, ...] = ()
    maybe: Inner | None = None
    count: int = 3


@pytest.mark.parametrize(
    "value",
    [
        Outer(),
        Outer(Inner(0.2, "b"), (0.1, 0.2), ("x", "y"), Inner(), 4),
        *(method.config() for method in METHODS.values()),
        *(source.options for source in catalogue.domains().values()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_settings_survive_json(value):
    assert from_plain(type(value), json.loads(json.dumps(plain(value)))) == value


def test_plain_by_hand():
    assert plain(Outer(names=("x",))) == {
        "inner": {"rate": 0.1, "kind": "a"}, "betas": [0.5, 0.9], "names": ["x"], "maybe": None, "count": 3,
    }  # fmt: skip
    assert plain({1: (torch.tensor([1, 2]), Inner)}) == {"1": [[1, 2], "test_plain:Inner"]}


def scaled(by):
    return lambda x: x * by


class Own:
    """A loss or an augmentation as an object; `_seen` is its own affair."""

    def __init__(self, by, then=None):
        self.by, self.then, self.me, self._seen = by, then, self, 0

    def __call__(self, x):
        self._seen += 1
        return x * self.by

    def method(self, x):
        return x * self.by


def raised(x, to=2, *, by=1):
    return by * x**to


def of_default(k):
    return lambda x, k=k: x * k


@pytest.mark.parametrize(
    "make",
    [
        lambda k: partial(raised, to=k),
        lambda k: partial(raised, k),
        lambda k: partial(partial(raised, to=k), by=3),
        Own,
        lambda k: Own([1, {"a": (k,)}]),
        lambda k: Own(1, then=partial(raised, to=k)),
        lambda k: Own(torch.tensor([1.0, k])),
        lambda k: Own(Inner(k)),
        lambda k: Own(k).method,
        of_default,
        lambda k: scaled(np.array([k])),
        lambda k: scaled(partial(raised, to=k)),
    ],
)
def test_partials_objects_and_defaults_are_told_apart_by_what_they_hold(make):
    one, other, same = (code_of(make(k)) for k in (1, 2, 1))
    assert one == same != other


def test_an_object_without_state_is_its_name_and_what_it_counts_changes_nothing():
    own = Own(3)
    before = code_of(own)
    own(1)
    assert code_of(own) == before and code_of(object()) == "object" and code_of(Own) == "Own"


CODES = """
from appnas.support.plain import code_of
print(code_of(lambda x: x in {"a", "b", "c", "d", "e"}), [code_of(lambda x: x + k) for k in range(2)])
"""


def test_functions_are_told_apart_by_what_they_do():
    """In every process alike, whatever its hashes are."""
    texts = [code_of(f) for f in (scaled(1), scaled(2), lambda x: x + 1, lambda x: x + 2, "rmse", None, Inner())]
    assert len(set(texts)) == 7 and code_of(scaled(1)) == texts[0] and texts[4:6] == ["rmse", ""]
    said = {
        subprocess.run(
            [sys.executable, "-c", CODES], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "123"
    }
    assert len(said) == 1


def test_unknown_fields_are_refused():
    with pytest.raises(ValueError, match=r"Inner has the fields \['kind', 'rate'\], got \['speed'\]"):
        from_plain(Outer, {"inner": {"speed": 1}})
