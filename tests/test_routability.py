"""appnas.methods.routability: the suite on maps, with and without shared weights, and on a table."""

import pytest
from test_eda import made

from appnas.methods.routability import Config, search
from appnas.spaces import GuideDag
from appnas.testing import MethodSuite, planted

SPACE = GuideDag(width=2, strides=(2,), branches=1, vertices=("conv", "wide", "mix"), kernels=(3, 5), dense=2)
SCRATCH = {"evaluations": 5, "budget": 1, "top": 2}
SHARED = {"evaluations": 6, "budget": 1, "top": 1, "sharing": "supernet"}
TABLE = {"evaluations": 8}


class TestFromScratch(MethodSuite):
    method = "routability"
    settings = SCRATCH

    @pytest.fixture
    def space(self):
        return SPACE

    @pytest.fixture
    def domain(self):
        return made("hotspots")


class TestShared(TestFromScratch):
    settings = SHARED


class TestOnATable(TestFromScratch):
    settings = TABLE

    @pytest.fixture
    def domain(self, space):
        return planted(space)


def test_the_last_stage_chooses_by_other_seeds():
    """Five evaluations, then two of them again: the best is of those two."""
    result = search(SPACE, made("violated_nets"), Config(evaluations=5, budget=1, top=2))
    assert len(result.history) == 7
    again = [record.arch for record in result.history[5:]]
    assert result.best in again and set(again) <= {record.arch for record in result.history[:5]}


def test_darts_runs_on_its_space():
    import appnas

    result = appnas.search(SPACE, made("hotspots"), "darts", order="first", epochs=1, alpha_lr=0.02)
    assert SPACE.valid(result.best)
