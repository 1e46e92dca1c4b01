"""Lists of all things, or of those with a word."""

import json

from appnas.cli import main
from appnas.cli.quick.listing import entries
from appnas.run import catalogue
from appnas.space import size
from appnas.spaces import SPACES


def test_the_catalogue_says_the_sizes_of_the_spaces():
    assert {name: kind.size for name, kind in SPACES.said.items()} == {n: size(SPACES[n]()) for n in SPACES}


def test_all_domains_and_tables_are_listed():
    assert [*entries()["domains"]] == [*catalogue.domains()]
    assert all(catalogue.domains()[name].about == said["about"] for name, said in entries()["domains"].items())


def test_a_kind_and_words_narrow_the_list(capsys):
    assert main(["list", "domains", "cora", "table", "--json"]) == 0
    assert [*json.loads(capsys.readouterr().out)["domains"]] == ["nasbenchgraph:cora"]
    assert main(["list", "space", "MASKS"]) == 0
    out = capsys.readouterr().out
    assert "mlp" in out and "10^38.5" in out and "bench201" not in out and "methods" not in out
    assert main(["list", "cora"]) == 0
    out = capsys.readouterr().out
    assert "methods (" in out and "domains (" in out and "spaces (" not in out
