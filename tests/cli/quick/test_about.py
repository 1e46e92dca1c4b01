"""What `appnas show` says of one thing."""

import pytest

from appnas.cli import main
from appnas.cli.quick.about import meant


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            "method darts",
            ["1806.09055", "min_alpha L_val", "when to use it: options", "--alpha-lr", "0.0003", "Adam on"],
        ),
        ("random", ["1902.07638", "uniformly drawn", "--no-distinct"]),
        ("space bench201", ["15,625 architectures", "--space.repeats", "three stages"]),
        ("domain digits", ["1,797", "--domain.recipe.lr", "0.1"]),
        ("domains nasbenchgraph:cora", ["NAS-Bench-Graph", "(space nasbenchgraph)"]),
    ],
)
def test_paper_equation_use_and_settings(args, said, capsys):
    assert main(["show", *args.split()]) == 0
    out = capsys.readouterr().out
    assert [words for words in said if words not in out] == []


def test_the_kind_may_be_left_out():
    assert meant(("darts",)) == ("methods", "darts") and meant(("space", "gnn")) == ("spaces", "gnn")
    with pytest.raises(ValueError, match=r"there is no space 'darts': see appnas list"):
        meant(("space", "darts"))
    with pytest.raises(ValueError, match="a kind and a name"):
        meant(("a", "b", "c"))
