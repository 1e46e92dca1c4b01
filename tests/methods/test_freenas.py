import pytest
import torch

from appnas.methods import freenas
from appnas.methods.freenas import Saliency
from appnas.space import constant_arch, describe
from appnas.spaces import Bench201, Cells
from appnas.strategy import Draw, Score
from appnas.supernet import connection_sensitivity, flow_of_gradient
from appnas.testing import MethodSuite, StrategySuite


class TestFreeFlow(MethodSuite):
    method = "freenas"
    settings = {"draws": 3, "rounds": 2}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    @pytest.fixture
    def domain(self, digits):
        return digits


class TestSynFlow(TestFreeFlow):
    settings = {"draws": 6, "proxy": "synflow"}  # noqa: RUF012


class TestGraSP(TestFreeFlow):
    settings = {"draws": 6, "proxy": "grasp", "scale": 0.5}  # noqa: RUF012


class TestSNIPOnVectors(TestFreeFlow):
    settings = {"draws": 6, "proxy": "snip", "scale": 0.5}  # noqa: RUF012

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def domain(self, regression):
        return regression


class TestSaliency(StrategySuite):
    """A round ends within the suite's thirteen steps."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        return lambda space, seed: Saliency(space, torch.Generator().manual_seed(seed), draws=6)


def test_settings_of_the_notebooks():
    config = freenas.Config()
    assert (config.proxy, config.draws, config.rounds, config.scale) == ("freeflow", 1, 1, 1e-3)


def test_scores_by_hand():
    """V = a^2 b: dV/da = 2ab, dV/db = a^2; H s with s = (2ab, a^2): (2b 2ab + 2a a^2, 2a 2ab)."""
    a, b = (torch.tensor([x], requires_grad=True) for x in (3.0, -2.0))
    value = (a.square() * b).sum()
    assert [float(s) for s in connection_sensitivity(value, (a, b))] == [36, 18]
    value = (a.square() * b).sum()
    expected = [3 * (2 * -2 * -12 + 6 * 9), -2 * (6 * -12)]
    assert [float(s) for s in flow_of_gradient(value, (a, b))] == expected


def tell(strategy, weights):
    draw = strategy.ask()
    strategy.tell(draw, Score((draw.gates[0] * weights).sum()))


def test_rounds_take_the_weakest_and_never_keep_none(chain):
    strategy = Saliency(chain, torch.Generator(), scale=0.0)
    weights = torch.tensor([[9.0, 1.0, 2.0, 4.0, 3.0], [9.0, 4.0, 3.0, 2.0, 1.0]], dtype=torch.float64)
    left = []
    for _ in range(5):
        tell(strategy, weights)
        left.append([row.nonzero().flatten().tolist() for row in strategy.live[0]])
        assert strategy.best() == (3, 1)
    assert left == [[[2, 3, 4], [1, 2, 3]], [[3, 4], [1, 2]], [[3], [1]], [[3], [1]], [[3], [1]]]


def test_negative_scores_are_ranked_too(chain):
    strategy = Saliency(chain, torch.Generator(), draws=2, scale=0.0, second=True)
    draw = strategy.ask()
    weights = torch.tensor([0.0, -2.0, -1.0, -3.0, -4.0], dtype=torch.float64)
    strategy.tell(draw, Score((0.5 * draw.gates[0].square() * weights).sum() * draw.gates[0].sum()))
    assert all(index != 0 for index in strategy.best())


@pytest.mark.parametrize(("factor", "word"), [(0.0, "all zero"), (float("nan"), "nan"), (float("inf"), "not finite")])
def test_scores_that_say_nothing_are_errors(chain, factor, word):
    with pytest.raises(ValueError, match=word):
        tell(Saliency(chain, torch.Generator()), factor)


def test_a_value_without_a_gradient_is_refused(chain):
    with pytest.raises(ValueError, match="AtInit"):
        Saliency(chain, torch.Generator()).tell(Draw((1, 1)), Score(torch.tensor(1.0)))


def test_clean_flow_is_the_count_of_parameters(bench201, digits):
    """In float64, without norms and with gates of 1, the largest convolution wins everywhere."""
    config = freenas.Config(proxy="synflow", scale=0.0)
    for seed in range(2):
        assert freenas.search(bench201, digits, config, seed=seed).best == constant_arch(bench201, "nor_conv_3x3")


def test_cells_of_darts(cells: Cells, digits):
    arch = freenas.search(cells, digits, freenas.Config()).best
    assert cells.valid(arch) and set(describe(cells.choices, arch)) == {"normal", "reduce"}
