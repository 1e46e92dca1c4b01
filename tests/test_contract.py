"""appnas.contract: what spaces and domains lack, in one line."""

from types import SimpleNamespace

import pytest

from appnas.contract import lacking, listed, offers, validated
from appnas.spaces import Bench201


def test_what_is_there_is_not_asked_for_again():
    assert lacking(SimpleNamespace(a=1), ["a", "b", "c"]) == ["b", "c"]
    offers(Bench201(), ["choices", "mask", "valid", "discretise", "supernet", "build"], "darts")


def test_what_a_space_lacks_is_named_with_who_needs_it_and_what_checks_it():
    match = (
        "^darts needs choices, supernet and discretise of a space; SimpleNamespace lacks supernet and discretise;"
        " appnas.testing's SpaceSuite checks them$"
    )
    with pytest.raises(TypeError, match=match):
        offers(SimpleNamespace(choices=()), ["choices", "supernet", "discretise"], "darts")


def test_a_score_is_a_dictionary_with_a_value():
    assert validated({"value": 1, "loss": 2.5}) == {"value": 1.0, "loss": 2.5}
    for wrong, got in (({"acc": 1.0}, r"got \{'acc': 1.0\}"), (0.5, "got 0.5"), (None, "got None")):
        with pytest.raises(TypeError, match=f"a dictionary with 'value', which is maximised, {got}; .*DomainSuite"):
            validated(wrong)


@pytest.mark.parametrize(("names", "words"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_listed(names, words):
    assert listed(names) == words
