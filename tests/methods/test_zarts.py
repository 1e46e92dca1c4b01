import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from appnas.methods import zarts
from appnas.strategy import Descent, MLEGuided, RandomDirections
from appnas.testing import MethodSuite


class TestGuided(MethodSuite):
    method = "zarts"
    settings = {"epochs": 2, "warmup": 1, "inner": 2, "candidates": 2}  # noqa: RUF012


class TestRandomDirections(TestGuided):
    settings = {"epochs": 1, "warmup": 0, "inner": 3, "candidates": 2, "estimator": "rs"}  # noqa: RUF012


class TestDescent(TestGuided):
    settings = {"epochs": 1, "warmup": 0, "inner": 3, "radii": 3, "estimator": "gld"}  # noqa: RUF012


def test_settings_of_the_code():
    config = zarts.Config()
    expected = {
        "epochs": 50, "warmup": 10, "inner": 10, "candidates": 4, "temperature": 0.01, "mixture": 1e-3, "radius": 0.025,
        "lr": 0.025, "lr_min": 0.001, "momentum": 0.9, "weight_decay": 3e-4, "clip": 5.0,
    }  # fmt: skip
    assert expected.items() <= dataclasses.asdict(config).items()
    assert config.made() == MLEGuided(4, 0.025, 0.01, 1e-3, "none")
    rs, gld = (dataclasses.replace(config, estimator=name).made() for name in ("rs", "gld"))
    assert rs == RandomDirections(4, 0.1, 1e-4) and gld == Descent(15, 0.13)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"epochs": 10}, "more than 10"), ({"mixture": 1.5}, "share"), ({"radius": 0.0}, "above 0"),
        ({"estimator": "es"}, "one of"), ({"inner": 0}, "at least 1"),
    ],
)  # fmt: skip
def test_wrong_settings(wrong, words):
    with pytest.raises(ValueError, match=words):
        zarts.Config(**wrong)


def test_budget_of_a_search(chain, regression):
    """6 batches an epoch, M = 4: 2 rounds of warm-up (of 1 draw) and 3 of search (of 1 + 2 draws)."""
    config = zarts.Config(epochs=3, warmup=1, inner=4, candidates=2)
    result = zarts.search(chain, regression, config)
    assert len(result.history) == 2 + 3 * 3
    assert result.evaluator.step == 5 * 4 and result.evaluator.tried == 3 * 2 * 4
    assert 1 <= result.info["effective"] <= 2 and len(result.strategy.effective) == math.ceil(2 * 6 / 4)


@pytest.mark.parametrize("estimator", ["mgs", "rs", "gld"])
def test_alpha_moves_and_the_loss_falls(chain, regression, estimator):
    wide = {"radius": 0.2, "mixture": 0.5, "rate": 2.0, "largest": 0.5, "radii": 6}
    config = zarts.Config(estimator, epochs=12, warmup=2, inner=3, lr=0.05, **wide)
    result = zarts.search(chain, regression, config)
    values = [record.value for record in result.history]
    assert sum(values[-20:]) / 20 > sum(values[:8]) / 8 + 0.2
    moved = torch.stack([m.max() for m in result.strategy.distribution()])
    assert float(moved.max()) > 0.23


def benchmark(*args):
    command = [sys.executable, str(Path(__file__).parents[2] / "benchmarks" / "zarts.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_zero_order_solves_the_toy_that_first_order_does_not():
    out = benchmark("toy", "--seeds", "1", "--inner", "10")
    ends = {line[:26].strip(): float(line[26:].split("+-")[0]) for line in out.splitlines()}
    assert ends["RS"] == ends["GLD"] == 1.057 and ends["RS, weights of now"] == 2.0
    assert ends["MGS, mixture 0.001"] > 1.9 and ends["MGS, mixture 0.5"] < 1.15


@pytest.mark.slow
def test_the_runs_of_zarts_and_darts_are_kept(data, tmp_path):
    small = ("cells", "--seeds", "1", "--kinds", "s2", "--epochs", "1", "--out", str(tmp_path / "runs"))
    assert benchmark(*small) == benchmark(*small) and len((tmp_path / "runs").read_text().splitlines()) == 5
