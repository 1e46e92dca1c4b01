"""appnas.task.checkpoint: files of another training, files cut short, networks told apart."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from appnas.space import IO
from appnas.spaces import Cells
from appnas.support import seeded
from appnas.task import Recipe, fit
from appnas.task.checkpoint import fingerprint

IMAGES = IO((1, 8, 8), (10,))


def small(drop_path=0.5):
    space = Cells(width=2, depth=3, nodes=2, drop_path=drop_path, auxiliary=False)
    arch = space.discretise(tuple(torch.rand(5, 8, generator=torch.Generator().manual_seed(k)) for k in range(2)))
    return lambda: seeded(0, lambda: space.build(arch, IMAGES))


def test_a_checkpoint_of_another_training_is_refused(digits, tmp_path):
    file = tmp_path / "train.pt"
    make = small(0.0)
    fit(make(), digits, "train", digits.loss, 1, Recipe(), 0, checkpoint=file)
    kept = file.read_bytes()
    with pytest.raises(ValueError, match=r"is of another training \(epochs 1, now 2\): delete it"):
        fit(make(), digits, "train", digits.loss, 2, Recipe(), 0, checkpoint=file)
    with pytest.raises(ValueError, match=r"\(seed 0, now 1; lr 0.025, now 0.1\)"):
        fit(make(), digits, "train", digits.loss, 1, Recipe(lr=0.1), 1, checkpoint=file)
    other = Cells(width=2, depth=3, nodes=2)
    arch = other.discretise(tuple(torch.rand(5, 8, generator=torch.Generator().manual_seed(9)) for _ in range(2)))
    with pytest.raises(ValueError, match="network"):
        fit(other.build(arch, IMAGES), digits, "train", digits.loss, 1, Recipe(), 0, checkpoint=file)
    assert file.read_bytes() == kept


def test_a_truncated_checkpoint_is_one_clear_error(digits, tmp_path):
    file = tmp_path / "train.pt"
    make = small(0.0)
    fit(make(), digits, "train", digits.loss, 1, Recipe(), 0, checkpoint=file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"train\.pt is damaged .* delete it to train again"):
        fit(make(), digits, "train", digits.loss, 1, Recipe(), 0, checkpoint=file)


def test_a_fingerprint_is_of_names_types_and_shapes():
    """Weights do not count: a network after training is the same network."""
    one = fingerprint(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    assert one == fingerprint(nn.Sequential(nn.Linear(2, 3), nn.ReLU())) and len(one) == 64
    others = [nn.Sequential(nn.Linear(2, 3), nn.Tanh()), nn.Sequential(nn.Linear(3, 2), nn.ReLU()), nn.Linear(2, 3)]
    assert len({one, *map(fingerprint, others)}) == 4


class Noisy(nn.Module):
    """Draws from numpy's and Python's generators."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(x.flatten(1) * (random.random() + np.random.rand()))


def test_what_numpy_and_python_draw_is_repeated_and_goes_on(digits, tmp_path):
    """Whatever was drawn before: twice the same, and the same with a stop in between."""
    found = []
    for stop in (None, None, 1):
        random.seed(len(found))
        np.random.seed(len(found))
        for until in filter(None, (stop, 2)):
            ends = lambda done, loss, until=until: done >= until  # noqa: E731
            model, file = seeded(0, Noisy), tmp_path / f"{len(found)}.pt"
            losses = fit(model, digits, "train", digits.loss, 2, Recipe(), 0, checkpoint=file, on_epoch=ends)
        found.append(losses)
    assert found[0] == found[1] == found[2]
