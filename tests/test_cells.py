import dataclasses

import pytest
import torch
from torch import nn

from appnas import cost
from appnas.encode import one_hot
from appnas.space import IO, Arch, check, constant_arch, describe, random_arch, size
from appnas.spaces import Cells
from appnas.spaces.cells import DARTS_OPS, DARTS_V1, DARTS_V2
from appnas.testing import SpaceSuite, SupernetSuite

CIFAR, IMAGENET = IO((3, 32, 32), (10,)), IO((3, 224, 224), (1000,))


@pytest.fixture
def io() -> IO:
    return IO((1, 8, 8), (10,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self, cells: Cells) -> Cells:
        return cells


class TestSupernet(SupernetSuite):
    @pytest.fixture
    def space(self, cells: Cells) -> Cells:
        return cells

    def coincides(self, space: Cells, arch: Arch) -> bool:
        """Derived networks have no batch norm after pooling; nothing else differs before the first step."""
        return not any("pool" in option for cell in describe(space.choices, arch).values() for option in cell)
