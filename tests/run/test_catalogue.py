"""appnas.run.catalogue: names, and settings as plain data and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appnas.domains.images import Options
from appnas.estimate import Evaluator
from appnas.methods import METHODS
from appnas.run import catalogue
from appnas.space import Space
from appnas.spaces import Bench201, Cells
from appnas.strategy import Draw
from appnas.support.plain import from_plain, plain
from appnas.task import DifferentiableDomain, Domain, Recipe


def test_names_lead_to_things():
    assert catalogue.method("darts") is METHODS["darts"]
    assert catalogue.space_type("cells") is Cells and catalogue.space_type("bench201") is Bench201
    assert {"cells", "bench201", "encoder", "mlp", "cnn", "gnn"} <= set(catalogue.spaces())
    assert {"digits", "mnist5k", "cifar10", "folder", "hub", "bench201:cifar100"} <= set(catalogue.domains())
    assert catalogue.source("digits").options.flip is False


@pytest.mark.parametrize(
    ("look_up", "name", "match"),
    [
        (catalogue.method, "dart", r"there is no method 'dart', there are: .*darts, .*; did you mean 'darts'\?"),
        (catalogue.method, "DARTS", r"did you mean 'darts'\?"),
        (catalogue.method, "xyz", r"there is no method 'xyz', there are: (\w+, )*random, (\w+, )*zerocost$"),
        (catalogue.space_type, "cell", r"there is no space 'cell', .*; did you mean 'cells'\?"),
        (catalogue.source, "digit", r"there is no domain 'digit', .*; did you mean 'digits'\?"),
        (catalogue.domain, "bench201:cifar1O", r"did you mean 'bench201:cifar10'\?"),
    ],
)
def test_unknown_names_list_the_valid_ones_with_the_nearest(look_up, name, match):
    with pytest.raises(ValueError, match=match):
        look_up(name)


def test_every_method_says_what_it_is():
    for name, method in METHODS.items():
        assert method.needs in ("gates", "agent", "data", "scores") and "arXiv" in method.paper, name
        assert replace(method.config()) == method.config() and method.strategy and method.estimation


def test_every_space_has_defaults():
    for name, kind in catalogue.spaces().items():
        space = kind()
        assert isinstance(space, Space), name
        assert from_plain(kind, plain(space)) == space


def test_a_domain_carries_its_name_and_options():
    options = Options(batch=16, crop=0, flip=False, recipe=Recipe(lr=0.3))
    domain = catalogue.domain("digits", options)
    assert domain.catalogue_name == "digits" and domain.options is options
    assert isinstance(domain, Domain) and isinstance(domain, DifferentiableDomain)
    assert catalogue.domain("digits").options == catalogue.source("digits").options


def test_a_table_is_an_evaluator_that_withholds_test_results(data, monkeypatch):
    monkeypatch.setenv("APPNAS_DATA", str(data))
    table = catalogue.domain("bench201:cifar10")
    assert isinstance(table, Evaluator) and table.catalogue_name == "bench201:cifar10"
    score = table.score(Draw((3,) * 6))
    assert "test200" not in score.metrics and "valid200" not in score.metrics and "seconds12" in score.metrics
    assert set(table.test((3,) * 6)) == {"valid200", "test200"}


def test_a_table_that_is_not_there_says_where_it_was_sought(tmp_path, monkeypatch):
    monkeypatch.setenv("APPNAS_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"no NAS-Bench-201 table at {tmp_path}"):
        catalogue.domain("bench201:cifar10")
    with pytest.raises(FileNotFoundError, match=f"no NAS-Bench-201 table at {tmp_path / 'other'}"):
        catalogue.domain("bench201:cifar10", catalogue.TableOptions(path=str(tmp_path / "other")))


def test_table_space():
    assert catalogue.table_space("bench201:cifar10") == "bench201" and catalogue.table_space("digits") is None
