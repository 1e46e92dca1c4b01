"""appnas.methods.hillclimb: the suite."""

import pytest

from appnas.testing import MethodSuite


class TestHillclimb(MethodSuite):
    method = "hillclimb"
    settings = {"evaluations": 8, "budget": 1, "memory": 3}  # noqa: RUF012

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def domain(self, regression):
        return regression
