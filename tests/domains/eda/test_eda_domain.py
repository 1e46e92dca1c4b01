"""appnas.domains.eda.domain: the suite for each task; splits by design; what a perfect prediction scores; bad input."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from chip_examples import on_nets, with_nets
from test_placements import some
from torch import nn

from appnas.domains.eda import Options, Placements, Routability
from appnas.domains.eda.domain import ADAM, split_designs
from appnas.domains.eda.flow import CAPACITY, DEFAULT, PAPER
from appnas.domains.eda.metrics import roc_auc
from appnas.testing import DomainSuite


def synthetic(n=24, side=12):
    """Six designs; hotspots are where there are many pins, open nets are many where pins are."""
    rng = np.random.default_rng(1)
    x = rng.random((n, 2, side, side)).astype(np.float32)
    x[:, 0] *= np.linspace(0.5, 2, n)[:, None, None]
    names = tuple(f"p{i}" for i in range(n))
    labels = {"drc": (x[:, 0] > 0.7) * 3.0, "congestion": x[:, 0] / 2}
    counts = np.round(100 * x[:, 0].mean((1, 2))).astype(int)
    return Placements(x, ("pin", "RUDY"), tuple("abcdef"[i % 6] for i in range(n)), names, labels, counts)


def made(task, channels=("pin", "RUDY"), **more):
    recipe = replace(ADAM, lr=0.01)
    return Routability(synthetic(), Options(task=task, channels=channels, batch=8, recipe=recipe, **more))


class TestHotspots(DomainSuite):
    budget = 2

    @pytest.fixture
    def domain(self):
        return made("hotspots")

    def identify(self, domain, split):
        return [domain.data.names[i] for i in domain._of[split]]


class TestCounts(TestHotspots):
    budget = 8

    @pytest.fixture
    def domain(self):
        return made("violated_nets")


class TestCountsByNumber(TestCounts):
    budget = 3

    @pytest.fixture
    def domain(self):
        return made("violated_nets", head="mean")


class TestCongestion(TestHotspots):
    @pytest.fixture
    def domain(self):
        return made("congestion")


class OfNets(nn.Module):
    """Maps, and how many pins a gcell has, by the second input."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, x, pins):
        gcells = x.new_zeros(len(x), 65).scatter_add(1, pins[..., 0] % 65, x.new_ones(pins.shape[:2]))
        return self.conv(torch.cat([x, gcells[:, :64].view(-1, 1, 8, 8)], 1))[:, 0]


class TestNets(TestHotspots):
    def network(self, domain):
        torch.manual_seed(0)
        return OfNets()

    @pytest.fixture
    def domain(self):
        """Hotspots are where there are two pins or more."""
        return on_nets(target="congestion", threshold=1.0)


def test_pins_go_with_their_maps():
    """Mirrored or not, the channel `pin` counts the pins that come beside it."""
    domain = on_nets(scale="train")
    pin = torch.from_numpy(domain.data.of(["pin"]))
    for x, pins, _ in [b for seed in range(3) for b in domain.batches("train", torch.Generator().manual_seed(seed))]:
        for own, rows in zip(x, pins, strict=True):
            there = rows[rows[:, 0] >= 0]
            found = torch.bincount(there[:, 0], minlength=64).view(8, 8).float()
            torch.testing.assert_close(own[0], (found - domain.scaling.mean[0]) / domain.scaling.std[0])
            assert len(there) >= 38 and there[:, 1:].max() < pins.shape[1]
    assert pin.sum() == sum(map(len, domain.data.netlists)) and domain.io.nets and not made("hotspots").io.nets
    with pytest.raises(ValueError, match="packed without their netlists"):
        made("hotspots", netlist=True)
    assert on_nets().fingerprint != Routability(with_nets(), on_nets(netlist=False).options).fingerprint


class Oracle(nn.Module):
    """Says what the first channel says."""

    def __init__(self, sign=1.0, mean=False):
        super().__init__()
        self.sign, self.mean = sign, mean

    def forward(self, x):
        y = self.sign * x[:, 0]
        return y.mean((1, 2))[:, None] if self.mean else y


def test_a_perfect_prediction():
    hot = made("hotspots")
    assert hot.score(Oracle())["value"] == 1 and hot.test(Oracle())["precision_pooled"] == pytest.approx(1)
    assert hot.score(Oracle(-1))["value"] == 0
    count = made("violated_nets")
    assert count.score(Oracle(mean=True))["tau"] == pytest.approx(1, abs=0.05)
    assert count.score(Oracle(-1, mean=True))["tau"] == pytest.approx(-1, abs=0.05)
    congested = made("congestion", scale="sample")
    assert congested.score(Oracle())["value"] == pytest.approx(0, abs=0.01)
    assert congested.test(Oracle())["ssim"] > 0.99


def test_hotspots_of_several_routings_are_probabilities():
    """Learnt by cross entropy with the probability, which is then best, and scored against all routings at once."""
    data = synthetic()
    share = np.clip(data.x[:, 0], 0, 1).round(1)
    data = replace(data, labels={"drc": share * 8, "hotspot": share})
    options = Options(channels=("pin", "RUDY"), batch=8, scale="sample")
    soft = Routability(data, options)
    ((x, y),) = [next(iter(soft.batches("train", torch.Generator()))) for _ in range(1)]
    assert set(y.unique().tolist()) > {0.5} and soft.loss(lambda x: torch.logit(y, 1e-6), (x, y)).mean() == (
        pytest.approx(float(torch.distributions.Bernoulli(y).entropy().mean()), abs=1e-3)
    )
    best = soft.score(Oracle())["value"]
    rows = soft._of["valid"]
    assert 0.6 < best < 1 and best == pytest.approx(np.mean([roc_auc(share[i], share[i]) for i in rows]), abs=0.01)
    often = Routability(data, replace(options, target="hotspot", threshold=0.7))
    assert set(np.unique(often._truth)) == {False, True} and often.score(Oracle())["value"] == pytest.approx(
        1, abs=0.01
    )
    assert Routability(data, replace(options, threshold=4.0))._truth.mean() == (share * 8 > 4).mean()


def test_channels_by_the_name_of_their_group():
    assert Options().channels == DEFAULT and Options(channels=("paper",)).channels == PAPER and len(PAPER) == 17
    assert Options(channels=("capacity", "RUDY")).channels == (*CAPACITY, "RUDY")
    with pytest.raises(ValueError, match="different names"):
        Options(channels=("paper", "rudy_large"))


def test_splits_are_by_design():
    domain = made("hotspots", test=("a", "c"), valid=("b",))
    assert domain.split["test"] == ("a", "c") and domain.split["valid"] == ("b",)
    assert domain.split["train"] == ("d", "e", "f") and domain.split["all"] == ("b", "d", "e", "f")
    drawn = [split_designs(("a", "b", "c", "d", "e", "f"), Options(seed=s))["test"].tolist() for s in (0, 0, 1)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 2


def test_folds_hold_out_every_design_once_and_never_one_of_the_test():
    domain = made("hotspots", test=("a", "c"))
    folds = [domain.fold(k, 2) for k in range(2)]
    assert [fold.split["test"] for fold in folds] == [("a", "c")] * 2
    assert sorted(folds[0].split["valid"] + folds[1].split["valid"]) == ["b", "d", "e", "f"]
    assert all(not set(fold.split["train"]) & set(fold.split["valid"]) for fold in folds)
    assert [len(domain.fold(k, 9).split["valid"]) for k in range(5)] == [1] * 5  # four designs: each is a part
    assert domain.fold(4, 9).split == domain.fold(0, 9).split


def test_mirrored_with_its_label():
    domain = made("hotspots")
    for x, y in domain.batches("train", torch.Generator().manual_seed(0)):
        back = x[:, 0] * float(domain.data.x[domain._of["train"], 0].std()) + float(
            domain.data.x[domain._of["train"], 0].mean()
        )
        assert torch.equal(back > 0.7, y > 0.5) or ((back > 0.7) == (y > 0.5)).float().mean() > 0.98


def test_scales():
    constant = synthetic()
    constant.x[:, 1] = 7.0
    for scale in ("train", "sample"):
        domain = Routability(constant, Options(task="congestion", channels=("pin", "RUDY"), scale=scale))
        (x,) = domain.example(8)
        assert not x[:, 1].any() and torch.isfinite(x).all()
    assert x.min() == 0 and x.max() == 1


class Broken(nn.Module):
    """Says NaN, or the same everywhere."""

    def __init__(self, value, numbers):
        super().__init__()
        self.value, self.numbers = value, numbers

    def forward(self, x):
        return torch.full_like(x[:, 0] if not self.numbers else x[:, 0, 0, :1], self.value)


@pytest.mark.parametrize("value", [float("nan"), 0.25])
def test_what_says_nothing_is_worth_chance(value):
    for task in ("hotspots", "violated_nets", "congestion"):
        domain = made(task)
        found = domain.score(Broken(value, task == "violated_nets"))
        assert all(np.isfinite(metric) for metric in found.values())
        if task != "congestion" or np.isnan(value):
            assert found["value"] == domain.chance
        if task == "congestion":
            assert found["value"] == -found["nrms"] < domain.score(Oracle())["value"] <= 0


def test_maps_of_any_number_type():
    wide = replace(synthetic(), x=synthetic().x.astype(np.float64))
    domain = Routability(wide, Options(channels=("pin", "RUDY")))
    assert domain.example(1)[0].dtype == torch.float32


def test_a_showcase():
    shown = made("hotspots").showcase(Oracle(), count=2)
    assert len(shown) == 2
    assert all(set(maps) == {"pin", "RUDY", "label", "prediction"} for maps in shown.values())
    assert made("violated_nets", head="mean").showcase(Oracle(mean=True)) == {}
    shown = made("violated_nets").showcase(Oracle())  # nets a gcell, beside the violations
    assert len(shown) == 2 and all(maps["prediction"].min() > 0 and maps["label"].max() == 3 for maps in shown.values())


def test_bad_input():
    with pytest.raises(ValueError, match="one split only"):
        Options(test=("a",), valid=("a",))
    with pytest.raises(ValueError, match="there is no 'z'"):
        made("hotspots", test=("z",))
    with pytest.raises(ValueError, match="lack the channels"):
        Routability(synthetic(), Options())
    with pytest.raises(ValueError, match=r"split by design .* give three, got \['a', 'b'\]"):
        Routability(some(), Options(channels=("pin",)))
    with pytest.raises(ValueError, match="'valid' is empty"):
        made("hotspots", test=tuple("abcdef"))
    with pytest.raises(ValueError, match="'train' is empty"):
        made("hotspots", test=("a", "b", "c"), valid=("d", "e", "f"))
    quiet = some(labels={"drc": np.zeros((4, 6, 8))}, designs=("a", "b", "c", "d"))
    with pytest.raises(ValueError, match=r"no placement of the split .* has a hotspot"):
        Routability(quiet, Options(channels=("pin",)))
    with pytest.raises(ValueError, match=r"'test' .* has congestion that differs"):
        flat = np.where(np.array(synthetic().designs)[:, None, None] == "a", 0.5, synthetic().labels["congestion"])
        data = replace(synthetic(), labels={"congestion": flat})
        Routability(data, Options(task="congestion", channels=("pin",), test=("a",)))
    with pytest.raises(ValueError, match=r"windows of 11 x 11 gcells, these maps have 10 x 10: make them with a finer"):
        Routability(synthetic(side=10), Options(task="congestion", channels=("pin",)))
    with pytest.raises(ValueError, match="counts of nets"):
        Routability(replace(synthetic(), counts=None), Options(task="violated_nets", channels=("pin",)))
    with pytest.raises(ValueError, match="different names"):
        Options(channels=("pin", "pin"))
