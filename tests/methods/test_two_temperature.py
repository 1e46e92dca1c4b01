import dataclasses

import pytest

import appnas
from appnas.domains import DOMAINS
from appnas.methods import two_temperature
from appnas.prune import density
from appnas.space import IO
from appnas.spaces import CNN, MLP, Bench201, Encoder, Maskable
from appnas.support.plain import from_plain
from appnas.testing import MethodSuite


class TestOnVectors(MethodSuite):
    """Categorical decisions: the parts are operations, the space's rule makes an architecture of them."""

    method = "two_temperature"
    settings = {"epochs": 2, "theta_lr": 0.1, "source": "joint"}  # noqa: RUF012


class TestResampled(TestOnVectors):
    settings = {"epochs": 2, "theta_lr": 0.1, "source": "resample", "low": 0.02, "cost": "parameters"}  # noqa: RUF012


class TestPretrained(TestOnVectors):
    settings = {"epochs": 2, "theta_lr": 0.1, "source": "pretrained", "pretrain": 1}  # noqa: RUF012


class TestMasksOfUnits(MethodSuite):
    """Binary decisions: the result is a mask."""

    method = "two_temperature"
    settings = {"epochs": 3, "theta_lr": 0.1}  # noqa: RUF012

    @pytest.fixture
    def space(self) -> MLP:
        return MLP(width=6)

    @pytest.fixture
    def domain(self, digits):
        return digits


class TestMasksOfOperations(TestMasksOfUnits):
    settings = {"epochs": 2, "theta_lr": 0.1, "source": "joint"}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201: Bench201) -> Maskable:
        return Maskable(bench201)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="high must be above 0"):
        two_temperature.Config(high=0.0)
    with pytest.raises(ValueError, match="did you mean 'resample'"):
        two_temperature.Config(source="resampled")


@pytest.mark.parametrize("source", ["fixed", "joint"])
def test_a_larger_penalty_keeps_less(digits, source):
    found = []
    for penalty in (0.0, 0.3, 100.0):
        result = appnas.search(
            MLP(width=16), digits, "two_temperature", epochs=12, penalty=penalty, source=source, theta_lr=0.05
        )
        found.append(density(result.space, result.best))
    assert found[0] > found[1] > found[2] == pytest.approx(4 / 32)


def test_the_relaxed_solution_dies_of_one_high_temperature_and_freezes_at_one_low(digits):
    """Card and benchmark in small: benchmarks/pruning.py has the figures."""
    space, kept = MLP(width=16, parts="weights", floor=1), {}
    for name, low, high in (("high", 0.5, 0.5), ("low", 0.02, 0.02), ("two", 0.0, 0.5)):
        config = two_temperature.Config(epochs=30, low=low, high=high, penalty=3.0, source="fixed")
        result = two_temperature.search(space, digits, config)
        last = result.history[-1].metrics
        kept[name] = density(space, result.best), last["complexity"]
    assert kept["low"][0] > 2 * kept["two"][0]  # frozen
    assert kept["high"][1] > 2 * kept["high"][0]  # what is relaxed is not what is left
    assert kept["two"][0] == pytest.approx(kept["two"][1], abs=0.02)  # a hard forward has no gap


def test_it_prunes_real_supernets_of_every_domain(digits, chain, regression):
    """A mask, a smaller network, one more training: wherever there is a supernet."""
    runs = [(Maskable(Bench201(channels=2, repeats=1)), digits), (Maskable(chain), regression), (CNN((3, 4)), digits)]
    for space, domain in runs:
        result = appnas.search(space, domain, "two_temperature", epochs=2, penalty=5.0, source="joint", theta_lr=0.1)
        assert 0 < density(space, result.best) < 1
        trained = result.retrain(1, beside=["keep"])
        found, whole = trained.rows
        assert found.parameters < whole.parameters


def test_from_the_command_line_s_names():
    """Names and plain values are all that a run's file holds."""
    space = appnas.run.catalogue.space_type("mlp")()
    assert space == MLP() and "digits" in DOMAINS
    config = from_plain(two_temperature.Config, dataclasses.asdict(two_temperature.Config()))
    assert config == two_temperature.Config()
    assert space.build((1,) * 128, IO((1, 8, 8), (10,)))


def test_masks_inside_an_agent(catch):
    """Weights and indicators move, what is kept falls with its price, and a seed repeats itself."""
    space = Maskable(Encoder(nodes=2, channels=(2, 2), cells=1, width=(2, 2), depth=1, hidden=8))
    config = two_temperature.Config(source="joint", theta_lr=0.1, penalty=30.0, scale=0.3)
    runs = [two_temperature.inside(space, catch, 4 * 64, config, seed=1) for _ in range(2)]
    assert runs[0].best == runs[1].best and space.valid(runs[0].best)
    free = two_temperature.inside(space, catch, 4 * 64, dataclasses.replace(config, penalty=0.0), seed=1)
    assert density(space, runs[0].best) < density(space, free.best)
    assert len(free.history) == 4 and free.history[-1].metrics["steps"] == 4 * 64
    with pytest.raises(ValueError, match="source='joint', got 'fixed'"):
        two_temperature.inside(space, catch, 64, two_temperature.Config())
