"""Strategies inside a foreign loop: an Optuna study owns the loop, the storage and the trials."""

import random

import pytest
import torch

from appnas import Draw, Evolution, PolicyGradient, Random, Score
from appnas.space import decisions
from appnas.strategy import Independent
from appnas.testing import planted

optuna = pytest.importorskip("optuna", reason="the extra optuna is not installed")


def named(space, arch):
    """An architecture as Optuna parameters: one categorical a decision."""
    return {f"edge{i}": names[k] for i, (names, k) in enumerate(zip(decisions(space.choices), arch, strict=True))}


def strategies(space):
    generator = torch.Generator().manual_seed(0)
    return {
        "random": Random(space, random.Random(0)),
        "evolution": Evolution(space, random.Random(0), population=8, sample=3),
        "policy": PolicyGradient(space, Independent(space.choices, generator), generator, lr=0.05),
    }


@pytest.mark.parametrize("name", ["random", "evolution", "policy"])
def test_a_study_drives_a_strategy(bench201, name):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    strategy, oracle = strategies(bench201)[name], planted(bench201, seed=0)
    study = optuna.create_study(direction="maximize")
    asked: list[Draw] = []

    def objective(trial):
        options = decisions(bench201.choices)
        taken = [trial.suggest_categorical(f"edge{i}", list(names)) for i, names in enumerate(options)]
        arch = tuple(names.index(t) for names, t in zip(options, taken, strict=True))
        return float(oracle.score(Draw(arch)).value)

    for _ in range(40):
        draw = strategy.ask()
        asked.append(draw)
        study.enqueue_trial(named(bench201, draw.arch))
        study.optimize(objective, n_trials=1)
        strategy.tell(draw, Score(torch.tensor(study.trials[-1].value)))
    assert [t.params for t in study.trials] == [named(bench201, d.arch) for d in asked]
    assert study.best_params == named(bench201, strategy.best())
    assert study.best_value == pytest.approx(max(t.value for t in study.trials))
