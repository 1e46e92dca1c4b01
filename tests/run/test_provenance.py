"""appnas.run.provenance: spaces and domains, written down and made again."""

import json

import pytest

from appnas.run import catalogue, describe_domain, describe_space, load_domain, load_space
from appnas.spaces import Bench201


def test_both_come_back_from_json():
    space, domain = Bench201(channels=4), catalogue.domain("digits")
    saved = json.loads(json.dumps({"space": describe_space(space), "domain": describe_domain(domain)}))
    assert load_space(saved) == space
    again = load_domain(saved)
    assert type(again) is type(domain) and again.options == domain.options and again.catalogue_name == "digits"


class Mine(Bench201):
    """A space that no catalogue knows."""


def test_what_has_no_name_must_be_given():
    saved = {"space": describe_space(Mine()), "domain": describe_domain(object())}
    assert saved["space"]["name"] is None and saved["domain"] == {"name": None, "repr": "object"}
    with pytest.raises(ValueError, match=r"space of your own, Mine.*space=\.\.\."):
        load_space(saved)
    with pytest.raises(ValueError, match=r"domain of your own, object.*domain=\.\.\."):
        load_domain(saved)
