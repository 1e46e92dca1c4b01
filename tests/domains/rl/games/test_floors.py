import importlib.util

import pytest

from appnas.domains import FAMILIES, GAMES
from appnas.domains.rl.games import FLOORS, about
from appnas.run import catalogue


def test_every_game_has_a_line():
    known = GAMES
    assert set(FLOORS) <= set(known) and len(known) == sum(map(len, FAMILIES.values()))
    assert "the best single one 17.5" in known["minatar:freeway"].about == about("minatar", "freeway")
    assert known["procgen:maze"].options.game == "maze" and "without sight" not in known["procgen:maze"].about
    assert set(known) <= set(catalogue.domains()) and not catalogue.is_own("minatar:anything")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_package_that_is_missing_is_named_with_its_extra(family, monkeypatch):
    """Before anything else is asked of it."""
    find = importlib.util.find_spec
    package = {"atari": "ale_py"}.get(family, family)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == package else find(name, *more))
    with pytest.raises(ImportError, match=rf"'{package}': pip install 'appnas\[{family}\]'"):
        catalogue.domain(f"{family}:{FAMILIES[family][0]}")
