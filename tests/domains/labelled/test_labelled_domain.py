"""appnas.domains.labelled.domain on arrays: every kind of target, splits, loss and metrics."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.task import Recipe
from appnas.testing import DomainSuite

QUICK = Options(batch=16, final_batch=16, recipe=Recipe("adam", lr=0.02, lr_min=0.02), epochs=3)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def inputs(*shape, seed=0):
    return torch.randn(*shape, generator=rng(seed))


X = inputs(96, 5)


def classes(**more):
    return Labelled(X, X[:, :3].argmax(1), X[:20], X[:20, :3].argmax(1), options=QUICK, **more)


def sets(**more):
    return Labelled(X, (X[:, :3] > 0).float(), X[:20], X[:20, :3] > 0, options=QUICK, **more)


def numbers(**more):
    y = 300 + 50 * X[:, 0] + 10 * X[:, 1]
    return Labelled(X, y.numpy(), X[:20].numpy(), y[:20], options=QUICK, **more)


def several_numbers(**more):
    y = X[:, :2] * torch.tensor([1.0, 100.0]) + 5
    return Labelled(X, y, X[:20], y[:20], options=QUICK, **more)


IMAGES = inputs(48, 2, 4, 4)


def pixels(**more):
    y = (IMAGES.sum(1) > 0).long() + (IMAGES[:, 0] > 1).long()
    return Labelled(IMAGES, y, IMAGES[:10], y[:10], options=QUICK, **more)


def maps(**more):
    y = IMAGES[:, :1] * 3 + 7
    return Labelled(IMAGES, y, IMAGES[:10], y[:10], options=QUICK, **more)


def sequences(**more):
    y = (inputs(48, 6, seed=2) > 0).long() + 1
    y[:, 4:] = 0
    x = functional.one_hot(y, 3).float() + 0.1 * inputs(48, 6, 3)
    options = replace(QUICK, ignore=0)
    return Labelled(x, y, x[:10], y[:10], options=options, outputs=(3, 6), **more)


def two_inputs(**more):
    x = X, X[:, :2].numpy()
    return Labelled(x, X[:, :3].argmax(1), (X[:20], X[:20, :2]), X[:20, :3].argmax(1), options=QUICK, **more)


KINDS = {
    "classes": classes, "sets": sets, "numbers": numbers, "several numbers": several_numbers, "pixels": pixels,
    "maps": maps, "sequences": sequences, "two inputs": two_inputs,
    "balanced": lambda: classes(loss="cross_entropy", weights="balanced", metric="balanced_accuracy"),
    "own": lambda: numbers(
        loss=lambda outputs, y: (outputs - y / 300).abs(), metric=lambda outputs, y: float((outputs - y).abs().mean()),
        higher=False, unit="K",
    ),
    "torchmetrics": lambda: sets(metric="MultilabelF1Score"),
}  # fmt: skip


class Both(nn.Module):
    """A network of several inputs."""

    def __init__(self, domain):
        super().__init__()
        sizes = [x[0].numel() for x in domain.example(1)]
        self.first, self.rest = nn.Linear(sizes[0], 3), nn.Linear(sizes[1], 3)

    def forward(self, x, more):
        return self.first(x) + self.rest(more)


@pytest.mark.parametrize("kind", KINDS)
class TestSuite(DomainSuite):
    budget = 2

    @pytest.fixture
    def domain(self, kind):
        return KINDS[kind]()

    def network(self, domain):
        if len(domain.example(1)) == 2:
            torch.manual_seed(0)
            return Both(domain)
        return super().network(domain)

    def identify(self, domain, split):
        x, _ = domain._split(split)
        return [row.numpy().tobytes() for row in (x if isinstance(x, torch.Tensor) else x.parts[0])]
