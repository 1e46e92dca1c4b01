"""Both conformance suites on models that pick: flat and nested choices, shared names, functions."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

import appnas
from appnas import pick
from appnas.space import IO
from appnas.testing import SpaceSuite, SupernetSuite


class Flat(nn.Module):
    """Choices in an nn.Sequential, one name in two places, and one in `forward`."""

    def __init__(self, io: IO, width: int = 4):
        super().__init__()
        self.stem = nn.Conv2d(io.inputs[0], width, 3, padding=1)

        def block(i: int) -> nn.Module:
            return pick(
                f"block{i}",
                {
                    "conv3x3": lambda: nn.Conv2d(width, width, 3, padding=1),
                    "normed": lambda: nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width)),
                    "skip": nn.Identity,
                },
            )

        self.blocks = nn.Sequential(*(nn.Sequential(block(i), self.activation()) for i in range(2)))
        self.head = nn.Linear(width, io.outputs[0])

    @staticmethod
    def activation() -> nn.Module:
        return pick("activation", {"tanh": nn.Tanh, "silu": nn.SiLU})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.stem(x))
        x = pick("pool", {"mean": lambda: torch.mean, "amax": lambda: torch.amax})(x, (2, 3))
        return self.head(x)


class Inner(nn.Module):
    """A block with a choice of its own."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.act = pick("act", {"tanh": nn.Tanh, "silu": nn.SiLU, "softplus": nn.Softplus}, each=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.first(x))


class Nested(nn.Module):
    """Blocks that have choices only where they are chosen."""

    def __init__(self, io: IO, width: int = 4):
        super().__init__()
        self.stem = nn.Linear(io.inputs[0], width)
        self.blocks = nn.ModuleList(
            pick("op", {"inner": lambda: Inner(width), "linear": lambda: nn.Linear(width, width)}, each=True)
            for _ in range(2)
        )
        self.head = nn.Linear(width, io.outputs[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class TestFlatSpace(SpaceSuite):
    @pytest.fixture
    def io(self) -> IO:
        return IO((1, 6, 6), (3,))

    @pytest.fixture
    def space(self, io: IO) -> appnas.Picked:
        return appnas.space_of(Flat, io)


class TestFlatSupernet(SupernetSuite):
    @pytest.fixture
    def io(self) -> IO:
        return IO((1, 6, 6), (3,))

    @pytest.fixture
    def space(self, io: IO) -> appnas.Picked:
        return appnas.space_of(Flat, io)


class TestNestedSpace(SpaceSuite):
    @pytest.fixture
    def io(self) -> IO:
        return IO((5,), (3,))

    @pytest.fixture
    def space(self, io: IO) -> appnas.Picked:
        return appnas.space_of(Nested, io)

    def test_random_architectures_are_roughly_uniform(self, space: appnas.Picked) -> None:
        """All 16 architectures come as often, by a chi-squared test; the options of a decision do not."""
        counts = Counter(self.archs(space, 9600))
        assert set(counts) == set(space.every()) and len(counts) == 16
        assert sum((n - 600) ** 2 / 600 for n in counts.values()) < 15 + 5 * 30**0.5


class TestNestedSupernet(SupernetSuite):
    @pytest.fixture
    def io(self) -> IO:
        return IO((5,), (3,))

    @pytest.fixture
    def space(self, io: IO) -> appnas.Picked:
        return appnas.space_of(Nested, io)
