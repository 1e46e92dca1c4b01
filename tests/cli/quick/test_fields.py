"""Settings as the command line shows them."""

import dataclasses

import pytest

from appnas.cli.quick.fields import Setting, documented, settings, written
from appnas.domains.images import Options
from appnas.methods.darts import Config


def test_settings_have_flags_defaults_and_words():
    found = {each.flag: each for each in settings(Config)}
    assert found["--alpha-betas"] == Setting("--alpha-betas", "0.5 0.999", "Of Adam (section A.1.1).")
    assert found["--order"].about.startswith("first|second|finite: First order")
    assert found["--zero"].value == "" and found["--lr"].about.startswith("SGD on the supernet")  # of the base


def test_settings_within_settings_and_other_defaults():
    found = {each.flag: each.value for each in settings(Options, Options(batch=7), "domain.")}
    assert found["--domain.batch"] == "7" and found["--domain.flip"] == "on (--domain.no-flip)"
    assert "--domain.recipe.lr" in found and "--domain.recipe" not in found


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (False, ""), ((1, 2.5), "1 2.5"), (3e-4, "0.0003"), ("a", "a")]
)
def test_values_are_written_as_one_types_them(value, text):
    assert written(value) == text


def test_a_class_without_source_has_no_words():
    assert documented(dataclasses.make_dataclass("Made", [("x", int, 3)])) == {}
