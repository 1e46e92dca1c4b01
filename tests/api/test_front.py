"""appnas.api.front: the one-line way in, and going on from a directory."""

from __future__ import annotations

import itertools
import math
import os
import signal
import statistics
import warnings

import pytest
import torch

import appnas
from appnas.api import computing
from appnas.compute import Compute, compute_of
from appnas.domains.images import Images, Options
from appnas.estimate import Table
from appnas.loop import Budget, CollapseWarning, Observer
from appnas.methods import baselines, darts, reinforce
from appnas.run import KEYS, LATER, InterruptedSearchError, catalogue, load_config, read_history, read_json, write_json
from appnas.space import decisions, full_mask, restrict
from appnas.spaces import Bench201, Cells
from appnas.support import RunError, memory

ARCHS = [(a, b, 0, 0, c, 0) for a in range(5) for b in range(5) for c in range(5)]
FEW = dict(evaluations=6, budget=1)


@pytest.fixture(scope="module")
def table():
    every = [(*a[:2], d, e, a[4], f) for a in ARCHS for d in range(5) for e in range(5) for f in range(5)]
    return Table(every, {"value": [float(sum(a)) for a in every]}, "value")


@pytest.fixture(scope="module")
def small():
    """The digits by name, small: what a run's directory can hold."""
    return catalogue.domain("digits", Options(batch=32, limit=128, crop=0, flip=False))


class Stop(Observer):
    """Ctrl-C after so many steps."""

    def __init__(self, step):
        self.at = step

    def step(self, loop, record):
        if loop.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def test_names_are_enough(table):
    result = appnas.search("bench201", table, "random", evaluations=30, seed=4)
    assert len(result.history) == 30 and result.value == sum(result.best)
    assert result.space == Bench201() and result.domain is table
    assert result.info["method"] == "random" and result.info["seed"] == 4 and result.info["path"] is None
    assert result.info["config"]["evaluations"] == 30


def test_one_seed_one_result(table):
    first, again, other = (appnas.search("bench201", table, "evolution", evaluations=150, seed=s) for s in (1, 1, 2))
    assert first.history == again.history and first.best == again.best
    assert first.history != other.history


def test_settings_and_configurations(table):
    config = reinforce.Config(evaluations=5, lr=0.5)
    assert len(appnas.search("bench201", table, "reinforce", config=config).history) == 5
    result = appnas.search("bench201", table, "reinforce", config=config, evaluations=3)
    assert len(result.history) == 3 and result.info["config"]["lr"] == 0.5
    with pytest.raises(ValueError, match=r"no setting of 'reinforce' 'evaluation', .*did you mean 'evaluations'\?"):
        appnas.search("bench201", table, "reinforce", evaluation=3)
    with pytest.raises(TypeError, match=r"'reinforce' is a appnas\.methods\.reinforce\.Config, got Config\(lr"):
        appnas.search("bench201", table, "reinforce", config=darts.Config())


def test_bad_requests_are_refused_before_anything_is_written(table, digits, tmp_path, monkeypatch):
    out = tmp_path / "run"
    for kind, match, call in (
        (ValueError, "no method 'dats'.*mean 'darts'", lambda: appnas.search("bench201", table, "dats", out=out)),
        (ValueError, "no space 'bench'", lambda: appnas.search("bench", table, "random", out=out)),
        (ValueError, "no domain 'digit'", lambda: appnas.search("bench201", "digit", "random", out=out)),
        (ValueError, "seeds must be at least 1", lambda: appnas.search("bench201", table, "random", seeds=0, out=out)),
        (TypeError, "shared weights, and Table has no `batches` and `loss`; methods for it: agnn, bananas, ctnas",
         lambda: appnas.search("bench201", table, "darts", out=out)),
    ):  # fmt: skip
        with pytest.raises(kind, match=match):
            call()
        assert not out.exists()
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10_000)
    with pytest.raises(MemoryError, match="0 MiB are free: use a smaller batch"):
        appnas.search(Bench201(channels=4, repeats=1), digits, "darts", out=out, epochs=1)
    assert not out.exists()


def test_darts_watches_for_collapse(small):
    space = Bench201(channels=2, repeats=1)
    with pytest.warns(CollapseWarning, match="no probability has moved"):
        appnas.search(space, small, "darts", epochs=25, order="first", alpha_lr=1e-6)


def test_a_run_says_what_was_asked_for(table, small, tmp_path):
    appnas.search(Bench201(channels=2), small, "random", evaluations=1, budget=1, seed=3, out=tmp_path / "a")
    saved = load_config(tmp_path / "a")
    asked = {"evaluations": 1, "budget": 1, "distinct": True}
    assert saved["method"] == "random" and saved["config"].items() >= asked.items() and saved["config"]["repeats"] == 0
    assert saved["space"]["name"] == "bench201" and saved["space"]["fields"]["channels"] == 2
    assert saved["domain"]["name"] == "digits" and saved["domain"]["options"]["limit"] == 128
    assert (saved["seed"], saved["seeds"], saved["rank_epochs"], saved["control"]) == (3, 1, 0, False)
    with pytest.raises(RunError, match="is not empty: resume it, or give another directory"):
        appnas.search("bench201", table, "random", evaluations=1, out=tmp_path / "a")


def test_a_run_from_before_a_setting_goes_on_with_its_default(small, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(InterruptedSearchError):
        appnas.search(Bench201(channels=2), small, "random", out=out, callbacks=[Stop(2)], **FEW)
    saved = load_config(out)
    write_json(out / "config.json", {name: value for name, value in saved.items() if name not in LATER})
    assert load_config(out, KEYS) == saved and len(appnas.resume(out).history) == FEW["evaluations"]
    write_json(out / "config.json", {name: value for name, value in saved.items() if name != "method"})
    with pytest.raises(RunError, match=r"config\.json is damaged: it does not tell method"):
        appnas.resume(out)


def test_an_interrupted_search_goes_on_from_its_directory_alone(small, tmp_path):
    space, settings = Bench201(channels=2, repeats=1), dict(epochs=3, order="first", alpha_lr=0.02, seed=5)
    alone = appnas.search(space, small, "darts", **settings)
    out = tmp_path / "run"
    with pytest.raises(InterruptedSearchError, match=f"appnas resume {out}"):
        appnas.search(space, small, "darts", out=out, callbacks=[Stop(2)], **settings)
    assert len(read_history(out)) == 3 and not (out / "result.json").exists()
    resumed = appnas.resume(out)
    assert resumed.best == alone.best and resumed.history == alone.history
    for name, weight in alone.evaluator.supernet.state_dict().items():
        assert torch.equal(weight, resumed.evaluator.supernet.state_dict()[name]), name
    assert resumed.space == space and resumed.domain.catalogue_name == "digits" and resumed.info["path"] == str(out)
    assert read_json(out / "result.json")["best"] == list(alone.best)
    loaded = appnas.resume(out)  # finished: nothing runs
    assert loaded.history == resumed.history and loaded.best == resumed.best


def test_several_seeds_with_mean_and_spread(table, tmp_path):
    result = appnas.search("bench201", table, "random", evaluations=6, seed=2, seeds=3, out=tmp_path / "run")
    ones = [appnas.search("bench201", table, "random", evaluations=6, seed=seed) for seed in (2, 3, 4)]
    values = [one.value for one in ones]
    assert [run["value"] for run in result.info["runs"]] == values
    assert [run["seed"] for run in result.info["runs"]] == [2, 3, 4]
    assert [tuple(run["best"]) for run in result.info["runs"]] == [one.best for one in ones]
    assert result.info["mean"] == pytest.approx(sum(values) / 3)
    assert result.info["spread"] == pytest.approx(statistics.stdev(values))
    assert result.value == max(values) and result.best == ones[values.index(max(values))].best
    saved = read_json(tmp_path / "run" / "result.json")
    assert saved["best"] == list(result.best) and saved["mean"] == result.info["mean"]
    for seed, one in zip((2, 3, 4), ones, strict=True):
        assert read_history(tmp_path / "run" / f"seed-{seed}") == one.history
    again = appnas.resume(tmp_path / "run", domain=table)
    assert again.best == result.best and again.history == result.history and again.info["runs"] == result.info["runs"]


def test_several_seeds_go_on_where_they_stopped(table, tmp_path):
    settings = dict(evaluations=20, population=5, sample=2, seeds=2)
    alone = appnas.search("bench201", table, "evolution", **settings)
    out = tmp_path / "run"

    class StopSecond(Stop):
        def start(self, loop):
            self.at = 7 if (out / "seed-1").exists() else 0

    with pytest.raises(InterruptedSearchError, match=f"appnas resume {out}$"):
        appnas.search("bench201", table, "evolution", out=out, callbacks=[StopSecond(0)], **settings)
    resumed = appnas.resume(out, domain=table)
    assert resumed.best == alone.best and resumed.info["runs"] == alone.info["runs"]
    part = appnas.resume(out / "seed-1", domain=table)
    assert part.best == tuple(alone.info["runs"][1]["best"]) and "runs" not in part.info


def test_seeds_are_ranked_by_training_from_scratch(small, tmp_path):
    space = Bench201(channels=2, repeats=1)
    settings = dict(epochs=1, order="first", seeds=2, rank_epochs=1, control=True)
    result = appnas.search(space, small, "darts", out=tmp_path / "run", **settings)
    values = [run["value"] for run in result.info["runs"]]
    assert all(0 <= value <= 100 for value in values)  # accuracies, not losses
    winner = result.info["runs"][values.index(max(values))]
    assert result.best == tuple(winner["best"]) and result.info["seed"] == winner["seed"]
    control = result.info["control"]  # as many steps as 2 searches of 1 epoch and 2 trainings of 1 epoch
    assert control["method"] == "random" and control["evaluations"] == 4 and 0 <= control["value"] <= 100
    assert read_json(tmp_path / "run" / "result.json")["control"]["value"] == control["value"]
    again = appnas.resume(tmp_path / "run")
    assert again.info["runs"] == result.info["runs"] and again.info["control"] == control


def test_random_search_beside_at_equal_budget(table):
    result = appnas.search("bench201", table, "evolution", evaluations=40, population=5, sample=2, control=True)
    beside = appnas.search("bench201", table, "random", evaluations=40, seed=10_000)
    assert result.info["control"]["value"] == beside.value and result.info["control"]["evaluations"] == 40


def test_things_of_your_own_are_asked_for_on_resume(chain, regression, table, tmp_path):
    class Mine(type(chain)):
        """Made in a function, so that nothing can import it."""

    chain = Mine()
    own = appnas.search(chain, regression, "random", out=tmp_path / "run", **FEW)
    with pytest.raises(ValueError, match=r"^this run used a space of your own, .*Mine\(.*\(path, space="):
        appnas.resume(tmp_path / "run")
    with pytest.raises(ValueError, match=r"a domain of your own, Regression: .*appnas.resume\(path, domain="):
        appnas.resume(tmp_path / "run", space=chain)
    again = appnas.resume(tmp_path / "run", space=chain, domain=regression)
    assert again.best == own.best and again.history == own.history
    mask = full_mask(Bench201().choices)
    mask[0][:, 0] = False
    inner = restrict(Bench201(), mask)
    found = appnas.search(inner, table, "random", evaluations=20, out=tmp_path / "masked")
    assert all(0 not in record.arch for record in found.history)
    with pytest.raises(ValueError, match=r"a space of your own, Restricted\("):
        appnas.resume(tmp_path / "masked", domain=table)


def test_a_run_is_not_resumed_on_other_data(tmp_path):
    """Images in another order have the same sums."""
    images, labels = torch.rand(64, 1, 8, 8), torch.arange(64) % 4
    mine = Images(images, labels, options=Options(batch=16, crop=0, flip=False))
    turned = Images(images.flip(0), labels, options=Options(batch=16, crop=0, flip=False))
    appnas.search(Bench201(channels=2, repeats=1), mine, "random", out=tmp_path / "run", **FEW)
    assert appnas.resume(tmp_path / "run", domain=mine).history
    with pytest.raises(RunError, match="was run on another domain: the data or the options of this Images differ"):
        appnas.resume(tmp_path / "run", domain=turned)


def test_random_search_beside_trains_as_many_epochs_and_ranks_alike(chain, regression, monkeypatch):
    """Some trainings of AGNN are short, as they inherit weights; an architecture that comes again costs nothing."""
    epochs, fit = [], type(regression).fit
    monkeypatch.setattr(
        type(regression), "fit", lambda d, m, budget, **more: epochs.append(budget) or fit(d, m, budget, **more)
    )
    settings = dict(evaluations=30, start=5, budget=8, warmup=2, top=2, repeats=3)
    appnas.search(chain, regression, "agnn", **settings)
    alone = sum(epochs)
    assert 6 * 8 < alone < 36 * 8
    result = appnas.search(chain, regression, "agnn", **settings, control=True)
    control = result.info["control"]
    assert control["evaluations"] == math.ceil(alone / 8)
    assert 0 <= sum(epochs) - 3 * alone + 8 <= 8  # the third of them is the control, but for architectures drawn twice
    assert result.value == pytest.approx(statistics.fmean(result.strategy.ranked()))
    assert len(result.strategy.ranked()) == 3 and "the mean of 3 trainings in the last of 36 steps" in str(result)


def test_a_search_cannot_reach_test_data(small, tmp_path, monkeypatch):
    seen = []

    def spying(space, domain, config, *, seed=0, callbacks=()):
        seen.append(domain)
        return METHODS_RANDOM(space, domain, config, seed=seed, callbacks=callbacks)

    METHODS_RANDOM = baselines.random
    monkeypatch.setattr(baselines, "random", spying)
    result = appnas.search(Bench201(channels=2, repeats=1), small, "random", evaluations=1, budget=1)
    with pytest.raises(PermissionError, match="cannot read test data"):
        seen[0].test(result.model())
    assert result.domain is small and set(small.test(result.model())) == {"accuracy", "loss"}


def test_resume_of_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match=r"has no config\.json"):
        appnas.resume(tmp_path)
    with pytest.raises(RunError, match=r"has no config\.json"):
        appnas.resume(tmp_path / "nowhere")


def test_progress_on_request(table, capsys):
    result = appnas.search("bench201", table, "random", evaluations=3, progress=True)
    assert len(result.history) == 3 and len(decisions(result.space.choices)) == 6
    assert capsys.readouterr().out == ""  # a live line goes to standard error, and only if that is a terminal


def test_a_finished_run_stays_finished(tmp_path):
    """A callback stopped it; resuming without that callback loads it instead of searching on."""
    every = list(itertools.product(range(5), repeat=6))
    table = Table(every, {"value": [float(sum(a)) for a in every], "seconds12": [100.0] * len(every)}, "value")
    stop = Budget("seconds12", 2000.0)
    first = appnas.search("bench201", table, "random", evaluations=500, out=tmp_path / "run", callbacks=[stop])
    assert len(first.history) == 20
    again = appnas.resume(tmp_path / "run", domain=table)
    assert again.best == first.best and again.history == first.history
    assert read_json(tmp_path / "run" / "result.json")["steps"] == len(first.history)


def test_weight_sharing_needs_trainings_to_be_compared(small, table):
    with pytest.raises(ValueError, match="a method with shared or untrained weights needs rank_epochs"):
        appnas.search(Bench201(2, 1), small, "darts", control=True)
    with pytest.raises(ValueError, match="rank_epochs trains networks"):
        appnas.search("bench201", table, "random", rank_epochs=2)


def test_a_space_that_cannot_take_the_data_says_so(tmp_path):
    tiny = Images(torch.rand(40, 1, 2, 2), torch.arange(40) % 2, options=Options(batch=4, crop=0))
    with pytest.raises(ValueError, match=r"sides are divisible by 4, got \(2, 2\)"):
        appnas.search(Bench201(2, 1), tiny, "darts", epochs=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_start_that_fails_leaves_no_trace(bench201, digits, tmp_path):
    class Broken(Observer):
        def start(self, loop):
            raise ValueError("no")

    for out in (tmp_path / "new", tmp_path):
        with pytest.raises(ValueError, match="no"):
            appnas.search(bench201, digits, "random", evaluations=1, budget=1, out=out, callbacks=[Broken()])
        assert list(tmp_path.iterdir()) == []

    class Late(Observer):
        def step(self, loop, record):
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        appnas.search(bench201, digits, "random", evaluations=2, budget=1, out=tmp_path / "new", callbacks=[Late()])
    assert (tmp_path / "new" / "history.jsonl").exists()


def test_classes_are_told_from_their_instances(digits):
    with pytest.raises(TypeError, match=r"the space is the class Cells: give an instance, Cells\(...\)"):
        appnas.search(Cells, digits)
    with pytest.raises(TypeError, match="the domain is the class Images"):
        appnas.search(Cells(), Images)


@pytest.mark.filterwarnings("ignore::appnas.loop.CollapseWarning")
def test_seeds_of_weight_sharing_are_ranked_by_the_median_of_their_last_tenth(bench201, digits):
    result = appnas.search(bench201, digits, "darts", order="first", epochs=5, alpha_lr=0.1, seeds=2)
    assert len(result.history) == 25
    last = [record.value for record in result.history[-3:]]
    assert statistics.median(last) == max(run["value"] for run in result.info["runs"])


def test_precision_is_an_option_of_a_search_and_of_what_follows(tmp_path, digits, bench201):
    """It is kept with the run, and goes on to retraining; a table has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of processors without bfloat16
        result = appnas.search(
            bench201, digits, "darts", epochs=1, order="first", precision="bf16", out=tmp_path / "run"
        )
        assert result.domain.compute.precision == "bf16" and digits.__dict__.get("compute") is None
        config = read_json(tmp_path / "run" / "config.json")
        assert (config["precision"], config["compile"]) == ("bf16", False)
        again = appnas.resume(tmp_path / "run", space=bench201, domain=digits, precision="32")
        assert again.best == result.best and compute_of(again.domain).precision == "32"
        result.retrain(1)
        assert read_json(tmp_path / "run" / "retrain.json")["precision"] == "bf16"
        with pytest.raises(ValueError, match=r"of another training .*precision bf16, now 32"):
            result.retrain(1, precision="32")
    with pytest.raises(ValueError, match="'tf32' is of NVIDIA's cards"):
        appnas.search(bench201, digits, precision="tf32")
    with pytest.raises(ValueError, match="a table trains no networks"):
        computing.on(object(), Compute(precision="bf16"), "cpu")
