import pytest
import torch
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")
pytest.importorskip("ale_py", reason="the extra `atari` is not installed")

from appnas.domains.rl import Atari, AtariOptions
from appnas.run import catalogue


def test_frames_and_a_training():
    domain = Atari(AtariOptions(game="pong", envs=2, rollout=4, batch=4, epochs=1))
    assert domain.io.inputs == (4, 84, 84) and domain.io.outputs == (7,)
    (frames,) = domain.example(2)
    assert frames.shape == (2, 4, 84, 84) and 0 <= frames.min() < frames.max() <= 1
    net = nn.Sequential(nn.AvgPool2d(12), nn.Flatten(), nn.Linear(196, 7))
    before = net[2].weight.clone()
    domain.fit(net, 8)
    assert not torch.equal(before, net[2].weight)


def test_any_game_by_name():
    assert catalogue.domain_entry("atari:adventure").options.game == "adventure"
    with pytest.raises(ValueError, match=r"no game 'Pong'.*did you mean 'pong'"):
        catalogue.domain("atari:Pong")
