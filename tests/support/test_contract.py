"""appnas.support.contract: what spaces and domains lack, in one line."""

from types import SimpleNamespace

import pytest
import torch

from appnas.spaces import Bench201
from appnas.support import ExhaustedError, lacking, listed, offers, ruled, shaped, validated


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


@pytest.mark.parametrize(
    ("out", "outputs", "rows", "match"),
    [
        (torch.zeros(2, 10), (2,), 2, r"^net gives 10 outputs an example, the domain has 2 \(io.outputs = \(2,\)\):"
         " build the last layer from io.outputs, or, if the domain is of your own, mend its io$"),
        (torch.zeros(2, 1, 8, 8), (8, 8), 2, r"outputs of the shape \(2, 1, 8, 8\), the domain has \[examples, 8, 8"),
        (torch.zeros(2, 5, 7), (6, 7), 2, r"outputs of the shape \(2, 5, 7\), the domain has \[examples, 6, 7"),
        (torch.zeros(()), (), 2, r"outputs of the shape \(\)"),
        (torch.zeros(10, 3), (3,), 2, "net gives 10 rows of outputs for 2 examples: one each is right"),
        ((torch.zeros(2, 10), torch.zeros(2, 2)), (2,), 2, "10 outputs an example"),
    ],
)  # fmt: skip
def test_outputs_of_another_shape_are_named(out, outputs, rows, match):
    with pytest.raises(ValueError, match=match):
        shaped(out, outputs, rows, "net")


def test_outputs_that_fit_pass_whatever_they_hold():
    shaped(torch.full((2, 3), torch.nan), (3,), 2, "net")
    shaped((torch.zeros(2, 3), torch.zeros(2, 3)), [3], 2, "net")
    shaped(torch.zeros(60, 3), (3,), None, "net")
    shaped(torch.zeros(2, 8, 8), (8, 8), 2, "net")
    for wrong in ({"y": torch.zeros(2, 3)}, [torch.zeros(2, 3)], None, 0.5, ()):
        with pytest.raises(TypeError, match=rf"net gives a {type(wrong).__name__}; .* a tensor \[examples, 3\]"):
            shaped(wrong, (3,), 2, "net")


def test_a_rule_for_gates_keeps_the_rules():
    assert ruled(SimpleNamespace(valid=lambda arch: True), (1,)) == (1,)
    with pytest.raises(ValueError, match=r"that of SimpleNamespace gave \(1,\), which its `valid` refuses"):
        ruled(SimpleNamespace(valid=lambda arch: False), (1,))
    assert issubclass(ExhaustedError, ValueError)


@pytest.mark.parametrize(("names", "words"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_listed(names, words):
    assert listed(names) == words
