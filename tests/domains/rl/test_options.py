"""appnas.domains.rl.options: the settings of Procgen's authors, and what cannot be set."""

import dataclasses

import pytest

from appnas.domains.rl.options import Options


def test_settings_of_procgens_authors():
    expected = {"envs": 64, "rollout": 256, "batch": 2048, "epochs": 3, "lr": 5e-4, "gamma": 0.999, "gae": 0.95,
                "clip": 0.2, "entropy": 0.01, "value": 0.5, "max_grad": 0.5, "normalise": True}  # fmt: skip
    assert expected.items() <= dataclasses.asdict(Options()).items()


def test_bad_settings():
    with pytest.raises(ValueError, match="'ppo', 'dqn'"):
        Options(algorithm="sac")
    with pytest.raises(ValueError, match="shares, from 0 to 1"):
        Options(algorithm="dqn", epsilon=5.0)
    with pytest.raises(ValueError, match="envs"):
        Options(envs=0)
    with pytest.raises(ValueError, match="at least 2 transitions"):
        Options(envs=1, rollout=1)
