"""appnas.methods.routability: the suite on maps, with and without shared weights, and on a table."""

import pytest
from test_eda import made, synthetic

from appnas.domains.eda import Options, Routability
from appnas.evaluate import Scratch
from appnas.methods.routability import Config, search
from appnas.spaces import GuideDag
from appnas.strategy import Draw
from appnas.testing import MethodSuite, planted

SPACE = GuideDag(width=2, strides=(2,), branches=1, vertices=("conv", "wide", "mix"), kernels=(3, 5), dense=2)
SCRATCH = {"evaluations": 5, "budget": 1, "top": 2, "folds": 1}
SHARED = {"evaluations": 6, "budget": 1, "top": 1, "sharing": "supernet", "folds": 1}
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


def test_the_last_stage_is_cross_validation():
    """Five evaluations, then two of them on every fold: the best by the mean over the folds."""
    domain = made("violated_nets", test=("a",))
    result = search(SPACE, domain, Config(evaluations=5, budget=1, top=2, folds=3), seed=1)
    again = result.history[5:]
    assert len(again) == 6 and {record.arch for record in again} <= {record.arch for record in result.history[:5]}
    for k, record in enumerate(again):
        expected = Scratch(SPACE, domain.fold(k // 2, 3), 1, 2 + k // 2).score(Draw(record.arch)).value
        assert record.value == pytest.approx(float(expected))
    means = {a: sum(r.value for r in again if r.arch == a) for a in dict.fromkeys(r.arch for r in again)}
    assert result.best == max(means, key=means.get)


def test_a_fold_without_a_hotspot_is_refused_before_the_search():
    data = synthetic()
    data.labels["drc"][[i for i, design in enumerate(data.designs) if design == "f"]] = 0
    domain = Routability(data, Options(channels=("pin", "RUDY"), test=("a",), valid=("b",)))
    with pytest.raises(ValueError, match=r"fold . of 5: no placement of the split 'valid' \('f',\) .*folds=0"):
        search(SPACE, domain, Config(evaluations=5, budget=1))


def test_darts_runs_on_its_space():
    import appnas

    result = appnas.search(SPACE, made("hotspots"), "darts", order="first", epochs=1, alpha_lr=0.02)
    assert SPACE.valid(result.best)
