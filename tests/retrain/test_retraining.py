"""appnas.retrain: training after the search, beside controls, and the first look at test data."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from torch import nn

import appnas
from appnas.compute import CPU, home
from appnas.cost import counts
from appnas.domains import Labelled
from appnas.domains.images import Images, Options
from appnas.estimate import Table
from appnas.loop import search_loop
from appnas.methods.baselines import RandomConfig
from appnas.retrain import Row, controls, load_rows, retrain
from appnas.retrain.retraining import _slug
from appnas.run import catalogue, read_json
from appnas.space import constant_arch, random_arch
from appnas.spaces import Bench201, Cells
from appnas.support import RunError, seeded
from appnas.task import Domain

TINY = Bench201(channels=2, repeats=1)


class Counting:
    """A domain that writes down what is asked of it; its `fit` takes no more than the protocol says."""

    def __init__(self, domain):
        self.domain, self.io, self.log = domain, domain.io, []

    def fit(self, model, budget, *, final=False, seed=0, checkpoint=None, on_epoch=None):
        self.log.append(("fit", budget, final, seed))
        self.domain.fit(model, budget, final=final, seed=seed)

    def score(self, model):
        self.log.append(("score",))
        return self.domain.score(model)

    def test(self, model):
        self.log.append(("test", model.training))
        return self.domain.test(model)

    def example(self, count):
        return self.domain.example(count)


def found(domain, space=TINY, seed=3):
    """A search that costs nothing: one random architecture from a table of one value."""
    arch = random_arch(space, random.Random(seed))
    table = Table([arch], {"v": [1.0]}, "v")

    class One:
        def ask(self):
            return appnas.Draw(arch)

        def tell(self, draw, score):
            return None

        def best(self):
            return arch

    return appnas.Result(**vars(search_loop(One(), table, 1).of(space, domain, RandomConfig(), seed)))


def test_controls(cells, bench201):
    made = controls(bench201, ["random", "nor_conv_3x3"], seed=1)
    assert list(made) == ["random", "all nor_conv_3x3"]
    assert made["random"] == random_arch(bench201, random.Random(1)) and made["all nor_conv_3x3"] == (3,) * 6
    assert controls(cells, ["sep_conv_3x3"]) == {"all sep_conv_3x3": constant_arch(cells, "sep_conv_3x3")}
    assert controls(cells, []) == {}
    with pytest.raises(ValueError, match="no choice offers 'conv'"):
        controls(cells, ["conv"])


def test_all_are_trained_alike_and_tested_once(digits):
    domain = Counting(digits)
    assert isinstance(domain, Domain)
    trained = retrain(found(domain), 1, seeds=2, beside=["random", "skip_connect"])
    assert domain.log == [("fit", 1, True, 0), ("test", False), ("fit", 1, True, 1), ("test", False)] * 3
    assert [row.name for row in trained.rows] == ["found", "random", "all skip_connect"]
    assert [len(row.tests) for row in trained.rows] == [2, 2, 2] and trained.epochs == 1
    for row in trained.rows:
        model = TINY.build(row.arch, digits.io)
        assert (row.parameters, row.macs) == (counts.parameters(model), counts.macs(model, digits.example(1)))
        assert 0 < row.latency < 1000
    assert not trained.model.training and digits.test(trained.model) == trained.rows[0].tests[0]
    assert trained.rows[0].tests[0] != trained.rows[0].tests[1]


def test_the_model_is_the_found_one_trained_by_hand(digits):
    result = found(digits)
    trained = result.retrain(2)
    model = seeded(0, lambda: TINY.build(result.best, digits.io))
    digits.fit(model, 2, final=True, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), trained.model.parameters(), strict=True))


def test_an_interrupted_retraining_goes_on(digits, tmp_path, monkeypatch):
    result = found(digits)
    alone = retrain(result, 2, beside=["random"])
    calls = iter(range(1000))

    def loss(self, model, batch, whole=Images.loss):
        if next(calls) == 10:  # three steps an epoch: in the second epoch of the second training
            raise KeyboardInterrupt
        return whole(self, model, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Images, "loss", loss)
        with pytest.raises(KeyboardInterrupt):
            retrain(result, 2, beside=["random"], out=tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    kept = [".lock", "places.jsonl", "train-found-2-0.pt", "train-random-2-0.pt"]
    assert sorted(p.name for p in folder.iterdir()) == kept
    resumed = retrain(result, 2, beside=["random"], out=folder)
    assert [row.tests for row in resumed.rows] == [row.tests for row in alone.rows]
    saved = read_json(folder / "retrain.json")
    assert saved["latency"]["threads"] == saved["latency"]["batch"] == 1 and saved["latency"]["processor"]
    assert saved["epochs"] == 2 and load_rows(folder) == [
        Row(r.name, r.arch, r.parameters, r.macs, list(r.tests), r.latency, r.metric) for r in resumed.rows
    ]
    assert load_rows(tmp_path) == []


def test_more_epochs_are_another_training(digits, tmp_path):
    result = found(digits)
    first = retrain(result, 1, out=tmp_path)
    second = retrain(result, 2, out=tmp_path)
    assert second.rows[0].tests == retrain(result, 2).rows[0].tests != first.rows[0].tests
    assert read_json(tmp_path / "retrain.json")["epochs"] == 2


class Reads(nn.Module):
    """Of every feature a power: options that are no modules, so that all networks look alike."""

    def __init__(self, io):
        super().__init__()
        self.powers = [appnas.pick("power", [1, 2], each=True) for _ in range(io.inputs[0])]
        self.last = nn.Linear(io.inputs[0], io.outputs[0])

    def forward(self, x):
        return self.last(torch.stack([x[:, k] ** power for k, power in enumerate(self.powers)], 1))


def test_trainings_of_another_architecture_are_not_taken_for_one_s_own(tmp_path):
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 4, generator=rng), torch.arange(60) % 2
    data = Labelled(x[:40], y[:40], x[40:], y[40:])
    space = appnas.space_of(Reads, data.io)
    results = [appnas.search(space, data, "random", evaluations=1, budget=1, seed=seed) for seed in range(2)]
    assert results[0].best != results[1].best
    results[0].retrain(1, out=tmp_path / "both")
    with pytest.raises(ValueError, match=r"is of another training \(arch .*, now .*\): delete it"):
        results[1].retrain(1, out=tmp_path / "both")
    runs = [
        appnas.search(space, data, "random", evaluations=1, budget=1, seed=seed, out=tmp_path / f"run-{seed}")
        for seed in range(2)
    ]
    with pytest.raises(RunError, match="is of another search, which found another architecture"):
        runs[1].retrain(1, out=tmp_path / "run-0")


def test_another_working_directory_is_noticed(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = appnas.search(TINY, digits, "random", evaluations=1, budget=1, out="here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    with pytest.raises(RunError, match=r"the run's directory here is not here, in .*elsewhere: go back"):
        result.retrain(1)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_control_with_a_slash_in_its_name():
    assert _slug("all a/b c_d-1") == "all-a-b-c_d-1"


def test_a_domain_that_keeps_no_checkpoint_is_trained_all_the_same(digits, tmp_path):
    trained = retrain(found(Counting(digits)), 1, out=tmp_path)
    assert len(trained.rows) == 1 and load_rows(tmp_path)[0].name == "found"
    assert not list(tmp_path.glob("*.pt"))


def test_a_run_keeps_its_retraining(tmp_path):
    small = catalogue.domain("digits", Options(batch=32, limit=128, crop=0, flip=False))
    result = appnas.search(TINY, small, "random", evaluations=1, budget=1, seed=6, out=tmp_path / "run")
    trained = result.retrain(1, beside=["random"])
    assert (tmp_path / "run" / "retrain.json").exists()
    assert trained.rows[1].arch == random_arch(TINY, random.Random(6))


def test_what_cannot_be_retrained_says_so(digits):
    result = found(digits)
    with pytest.raises(ValueError, match="epochs and seeds must be at least 1, got 0 and 1"):
        result.retrain(0)
    with pytest.raises(ValueError, match="at least 1, got 1 and 0"):
        result.retrain(1, seeds=0)
    table = Table([result.best], {"v": [1.0]}, "v")
    with pytest.raises(ValueError, match="a table has its own `test`"):
        found(table).retrain(1)
    untested = Images(torch.zeros(8, 1, 8, 8), torch.arange(8) % 2, options=Options(batch=4, crop=0))
    with pytest.raises(ValueError, match="without held-out data, so that nothing"):
        found(untested).retrain(1)


def test_auxiliary_heads_train_and_do_not_count(digits):
    space = Cells(width=2, depth=3, nodes=2, auxiliary=True, drop_path=0.2)
    result = found(digits, space)
    trained = retrain(result, 1)
    plain = Cells(width=2, depth=3, nodes=2)
    assert trained.rows[0].parameters == counts.parameters(plain.build(result.best, digits.io))
    assert isinstance(trained.model, nn.Module) and trained.model(digits.example(2)[0]).shape == (2, 10)


def test_the_domain_says_how_long_unless_told():
    x, y = torch.rand(40, 1, 8, 8), torch.arange(40) % 2
    domain = Images(x[:24], y[:24], x[24:], y[24:], Options(batch=4, crop=0, epochs=3))
    trained = found(domain).retrain()
    assert trained.epochs == 3 and "trained for 3 epochs" in str(trained) and "found" in str(trained)

    class Silent(Images):
        budget = property(lambda self: None, lambda self, value: None)

    with pytest.raises(ValueError, match="Silent does not say how long to train: give epochs"):
        found(Silent(x[:24], y[:24], x[24:], y[24:])).retrain()


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    def images(limit, width=2):
        domain = catalogue.domain("digits", Options(batch=32, limit=limit, crop=0, flip=False))
        return found(domain, Bench201(channels=width, repeats=1))

    retrain(images(128), 1, out=tmp_path)
    for other in (images(96), images(128, width=3)):
        with pytest.raises(ValueError, match="is of another training"):
            retrain(other, 1, out=tmp_path)


class NoSkips(Bench201):
    """Bench201 in which nothing but skips cannot be built."""

    def build(self, arch, io):
        if set(arch) == {1}:
            raise RuntimeError("no weights")
        return super().build(arch, io)


def test_a_control_that_fails_is_left_out(tmp_path):
    space, beside = NoSkips(channels=2, repeats=1), ["skip_connect", "random"]
    result = appnas.search(space, "digits", "random", evaluations=1, budget=1, out=tmp_path / "run")
    with pytest.warns(UserWarning, match=r"control 'all skip_connect', \(1, .*\), failed.*RuntimeError: no weights"):
        trained = result.retrain(epochs=1, beside=beside)
    assert (
        [row.name for row in trained.rows] == [row.name for row in load_rows(tmp_path / "run")] == ["found", "random"]
    )
    with pytest.raises(RuntimeError, match="no weights"):
        replace(result, best=(1,) * 6).retrain(epochs=1, out=tmp_path / "other")


def test_it_can_be_trained_elsewhere(digits):
    result = found(digits)
    assert home(retrain(result, 1, device="cpu").model) == CPU
    with pytest.raises(ValueError, match="torch has no device 'gpu' here"):
        retrain(result, 1, device="gpu")
