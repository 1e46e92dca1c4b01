"""appnas.support.settings: a mistyped or impossible setting is refused when it is made."""

import pytest

from appnas.methods import baselines, ctnas, darts, gcn_fit, nao, reinforce, rlnas, unas
from appnas.spaces import Cells
from appnas.task import Recipe


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Recipe(optimiser="adamw"),
            r"Recipe\.optimiser is one of \('sgd', 'adam', 'asgd'\), got 'adamw'; did you mean",
        ),
        (lambda: Recipe(clip=-5.0), r"Recipe\.clip must be at least 0, got -5\.0"),
        (lambda: reinforce.Config(controller="lsmt"), r"controller is one of .* did you mean 'lstm'\?"),
        (lambda: reinforce.Config(budget=0), r"budget must be at least 1, got 0"),
        (lambda: Cells(stem="imagnet"), r"stem is one of .* did you mean 'imagenet'\?"),
        (lambda: Cells(cells=2), r"cells must be at least 3, got 2"),
        (lambda: darts.Config(order="frist"), r"order is one of .* did you mean 'first'\?"),
        (lambda: darts.Config(clip=-1), r"clip must be at least 0"),
        (lambda: darts.Config(lr=float("nan")), r"lr must be at least 0, got nan"),
        (lambda: baselines.RandomConfig(budget=-3), r"budget must be at least 1, got -3"),
        (lambda: baselines.EvolutionConfig(evaluations=0), r"evaluations must be at least 1, got 0"),
    ],
)
def test_impossible_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_the_papers_settings_pass():
    assert darts.Config().epochs == 50 and Recipe().lr == 0.025 and Cells().cells == 8


@pytest.mark.parametrize(("kind", "name"), [
    (nao.Config, "start"), (nao.Config, "new"), (ctnas.Config, "labels"), (gcn_fit.Config, "pairs"),
    (gcn_fit.Config, "samples"), (rlnas.Config, "population"), (unas.Config, "fitted"),
])  # fmt: skip
def test_counts_that_would_take_all_memory_are_refused(kind, name):
    with pytest.raises(ValueError, match=rf"Config\.{name} counts arch.* at most 1,000,000, got 1,000,000,000"):
        kind(**{name: 10**9})
