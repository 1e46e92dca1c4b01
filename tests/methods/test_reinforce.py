import pytest

from appnas.methods import reinforce
from appnas.spaces import Bench201
from appnas.strategy import LSTM, Independent
from appnas.testing import MethodSuite, planted


class TestIndependent(MethodSuite):
    method = "reinforce"
    settings = {"evaluations": 7, "budget": 1, "lr": 0.05}  # noqa: RUF012


class TestPPO(TestIndependent):
    settings = {"evaluations": 7, "budget": 1, "controller": "lstm", "hidden": 8, "per_update": 2, "clip": 0.2}  # noqa: RUF012


class TestOnAnOracle(MethodSuite):
    """Rules bind here: of an invalid sample the space makes another architecture."""

    method = "reinforce"
    settings = {"evaluations": 12, "per_update": 5, "entropy": 0.01, "pick": "mode"}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


def test_settings_of_the_benchmark():
    """Dong and Yang: Adam with 1e-3, a moving baseline of 0.9, one sample an update."""
    config = reinforce.Config()
    assert (config.lr, config.momentum, config.per_update, config.clip, config.controller) == (
        1e-3,
        0.9,
        1,
        0,
        "independent",
    )


@pytest.mark.parametrize(("name", "kind"), [("independent", Independent), ("lstm", LSTM)])
def test_controllers(bench201, name: str, kind: type):
    result = reinforce.search(bench201, planted(bench201), reinforce.Config(2, controller=name))
    assert isinstance(result.strategy.controller, kind)


def test_learns_on_the_oracle():
    """The most probable architecture after 300 samples is far above the space's mean, 0.47."""
    space = Bench201()
    oracle = planted(space)
    result = reinforce.search(space, oracle, reinforce.Config(300, lr=0.05, pick="mode"))
    assert oracle.of(result.best) > 0.9
