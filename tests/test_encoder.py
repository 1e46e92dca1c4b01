import pytest

from appnas.space import IO, Arch
from appnas.spaces import Encoder
from appnas.testing import SpaceSuite, SupernetSuite

TINY = {"nodes": 3, "channels": (2, 3), "cells": 1, "width": (2, 3), "depth": 1, "hidden": 8}


@pytest.fixture
def io() -> IO:
    return IO((3, 16, 16), (5,))


@pytest.fixture(params=["micro", "classic"])
def space(request) -> Encoder:
    return Encoder(request.param, **TINY)


class TestSpace(SpaceSuite):
    pass


class TestSupernet(SupernetSuite):
    def coincides(self, space: Encoder, arch: Arch) -> bool:
        """Sizes are equal here, and no norm has weights or statistics."""
        return True
