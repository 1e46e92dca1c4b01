"""appnas.domains.eda.held_out: designs that are drawn, and named."""

import pytest

from appnas.domains.eda import Options
from appnas.domains.eda.held_out import split_designs

DESIGNS = tuple("abcdef") * 2


def test_every_placement_of_a_design_is_in_one_split():
    found = split_designs(DESIGNS, Options(test=("a",), valid=("b", "c")))
    assert found["test"].tolist() == [0, 6] and found["valid"].tolist() == [1, 2, 7, 8]
    assert found["train"].tolist() == [3, 4, 5, 9, 10, 11] and len(found["all"]) == 10
    drawn = [{DESIGNS[i] for i in split_designs(DESIGNS, Options(seed=seed))["test"]} for seed in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1] and len(set(map(frozenset, drawn))) > 1 and all(len(some) == 2 for some in drawn)
    with pytest.raises(ValueError, match="there is no 'z'"):
        split_designs(DESIGNS, Options(test=("z",)))
    with pytest.raises(ValueError, match="give three"):
        split_designs(("a", "b"), Options())
