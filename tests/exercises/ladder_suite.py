"""appnas.spaces.images.ladder: the suites."""

import pytest

from appnas.space import IO
from appnas.spaces import Ladder
from appnas.testing import SpaceSuite, SupernetSuite


@pytest.fixture
def io() -> IO:
    return IO((1, 4, 4), (3,))


@pytest.fixture
def space() -> Ladder:
    return Ladder(width=4)


class TestSpace(SpaceSuite):
    pass


class TestSupernet(SupernetSuite):
    def coincides(self, space, arch):
        return True
