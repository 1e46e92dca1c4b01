import pytest

from appnas.space import IO, Arch
from appnas.spaces import Bench201
from appnas.testing import SpaceSuite, SupernetSuite


@pytest.fixture
def io() -> IO:
    return IO((1, 8, 8), (10,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201


class TestSupernet(SupernetSuite):
    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    def coincides(self, space: Bench201, arch: Arch) -> bool:
        return True
