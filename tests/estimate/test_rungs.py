"""appnas.estimate.rungs: going on equals training straight through, whatever happened to the files."""

import pickle
import random
from pathlib import Path

import pytest
import torch

from appnas.estimate import Cached, ParamStore, Rewarded, Scratch, by_shape, keep_in
from appnas.estimate.rungs import FILE
from appnas.space import IO, random_arch
from appnas.strategy import Draw
from appnas.task import DivergedError, Locked
from appnas.testing import identical

LENGTH = 9


class Kept:
    """A domain that keeps a copy of the weights that it scores."""

    def __init__(self, domain):
        self.domain, self.io, self.weights, self.trained = domain, domain.io, [], []

    def fit(self, model, budget, *, on_epoch=None, **more):
        def told(done, loss):
            self.trained.append(done)
            return on_epoch(done, loss)

        self.domain.fit(model, budget, on_epoch=on_epoch and told, **more)

    def score(self, model):
        self.weights.append({name: value.clone() for name, value in model.state_dict().items()})
        return self.domain.score(model)


@pytest.fixture(params=["bench201", "cells"])
def arch(request, digits):
    """With batch norms; with drop-path, too."""
    space = request.getfixturevalue(request.param)
    return space, random_arch(space, random.Random(3))


def test_going_on_is_training_straight_through(arch, digits):
    """Momentum, cosine rates, augmentation and drop-path as in the first epochs of the whole: the same bits."""
    space, arch = arch
    rungs, straight = Kept(digits), Kept(digits)
    scratch = Scratch(space, rungs, LENGTH, seed=2)
    for since, budget in ((0, 1), (1, 3), (3, 4)):
        torch.manual_seed(budget)  # whatever else uses the global generator
        torch.rand(budget)
        found = scratch.score(Draw(arch, budget=budget, since=since))
        alone = Scratch(space, straight, LENGTH, seed=2).score(Draw(arch, budget=budget))
        assert float(found.value) == float(alone.value)
        assert (found.metrics["budget"], alone.metrics["budget"]) == (budget - since, budget)
    assert rungs.trained == [1, 1, 2, 3, 3, 4] and straight.trained == [1, 1, 2, 3, 1, 2, 3, 4]
    assert identical(rungs.weights, straight.weights)


def test_the_last_rung_is_the_whole_training(chain, regression):
    whole, rungs = Kept(regression), Kept(regression)
    alone = Scratch(chain, whole, 4).score(Draw((2, 3)))
    scratch = Scratch(chain, rungs, 4)
    scratch.score(Draw((2, 3), budget=1))
    found = scratch.score(Draw((2, 3), budget=4, since=1))
    assert identical(whole.weights[0], rungs.weights[1]) and float(found.value) == float(alone.value)
    assert alone.metrics["budget"] == 4 and found.metrics["budget"] == 3 and whole.trained == []


def test_a_rung_is_no_short_training(chain, regression):
    """The learning rates are those of the whole: one epoch of nine is not a training of one epoch (but its rate)."""
    rung, short = Kept(regression), Kept(regression)
    Scratch(chain, rung, 9).score(Draw((2, 3), budget=2))
    Scratch(chain, short, 2).score(Draw((2, 3)))
    assert not identical(rung.weights, short.weights)


def test_files_save_time_and_are_no_state(chain, regression, tmp_path):
    """One folder a training; gone on from, freed, lost, or left behind by a search that was killed: the same score."""
    domain = Kept(regression)
    scratch = Cached(Rewarded(Scratch(chain, domain, 9), lambda metrics: metrics["value"]))
    keep_in(scratch, tmp_path / "kept")
    inner, arch = scratch.evaluator.evaluator, (2, 4)
    first = float(scratch.score(Draw(arch, budget=3)).value)
    assert [path.name for path in tmp_path.glob("kept/*/*")] == [FILE]
    second = float(scratch.score(Draw(arch, budget=6, since=3)).value)
    assert not inner.paused.of(arch, 3).exists() and inner.paused.of(arch, 6).exists()
    assert scratch.score(Draw(arch, budget=3)).metrics["budget"] == 0 and scratch.hits == 1
    domain.trained.clear()
    again = Scratch(chain, domain, 9)  # the search was killed, and goes on from before both
    keep_in(again, tmp_path / "kept")
    assert float(again.score(Draw(arch, budget=3)).value) == first and domain.trained == [1, 2, 3]
    assert float(again.score(Draw(arch, budget=6, since=3)).value) == second and domain.trained == [1, 2, 3, 6]
    scratch.learn(Draw(arch, dropped=((arch, 6), (arch, 3), ((0, 0), 1))))
    assert list(tmp_path.glob("kept/*")) == []
    assert float(again.score(Draw(arch, budget=6, since=3)).value) == second
    assert scratch.state_dict()["evaluator"] == {"evaluator": {}}


def test_cut_off_on_the_way_to_a_rung(chain, regression):
    """What a killed worker had trained is not trained again."""

    class Dying(Kept):
        def score(self, model):
            if len(self.trained) == 4:
                raise KeyboardInterrupt
            return super().score(model)

    domain = Dying(regression)
    scratch = Scratch(chain, domain, 9)
    with pytest.raises(KeyboardInterrupt):
        scratch.score(Draw((1, 4), budget=4))
    found = scratch.score(Draw((1, 4), budget=4))
    assert domain.trained == [1, 2, 3, 4, 4]
    assert float(found.value) == float(Scratch(chain, regression, 9).score(Draw((1, 4), budget=4)).value)


def test_temporary_folders_go_and_workers_share_them(chain, regression):
    scratch = Scratch(chain, regression, 9)
    assert scratch.paused.folder is None
    sent = pickle.loads(pickle.dumps(scratch.paused))
    scratch.score(Draw((1, 4), budget=4))
    folder = Path(scratch.paused.folder)
    assert sent.folder == folder and sent.of((1, 4), 4).exists()
    del sent
    assert folder.exists()
    del scratch
    assert not folder.exists()


def test_looks_stop_a_curve_that_stays_below(chain, regression):
    """The best value so far counts, looks before `since` never; and what was looked at is in the metrics."""
    arch = (2, 4)
    values = [float(Scratch(chain, regression, 6).score(Draw(arch, budget=b)).value) for b in (1, 2, 3, 4)]
    free = Scratch(chain, regression, 6).score(Draw(arch, looks=((1, -1e9), (2, -1e9), (4, -1e9))))
    assert [free.metrics[f"at_{b}"] for b in (1, 2, 4)] == [values[0], values[1], values[3]]
    assert "stopped" not in free.metrics and free.metrics["budget"] == 6
    assert float(free.value) == float(Scratch(chain, regression, 6).score(Draw(arch)).value)  # looking changes nothing
    stopped = Scratch(chain, regression, 6).score(Draw(arch, looks=((1, values[0]), (2, 1e9), (3, 1e9))))
    assert stopped.metrics["stopped"] == 1 and stopped.metrics["budget"] == 2 and float(stopped.value) == values[1]
    assert stopped.metrics["at_2"] == values[1] and "at_3" not in stopped.metrics
    best = max(values[:3]) - 1e-6
    assert "stopped" not in Scratch(chain, regression, 6).score(Draw(arch, budget=3, looks=((3, best),))).metrics
    scratch, since = Scratch(chain, regression, 6), ((1, 1e9), (2, -1e9), (3, -1e9))
    scratch.score(Draw(arch, budget=1))
    for trainer in (scratch, Scratch(chain, regression, 6)):  # gone on, and begun anew
        found = trainer.score(Draw(arch, budget=3, since=1, looks=since))
        assert "stopped" not in found.metrics and found.metrics["budget"] == 2
        assert {name for name in found.metrics if name.startswith("at_")} == {"at_2", "at_3"}


def test_refusals(chain, regression):
    scratch = Scratch(chain, regression, 9)
    for wrong in (Draw((0, 0), budget=10), Draw((0, 0), budget=3, since=3), Draw((0, 0), budget=0)):
        with pytest.raises(ValueError, match="since < budget <= 9"):
            scratch.score(wrong)
    store = Scratch(chain, regression, 9, store=ParamStore(by_shape))
    with pytest.raises(ValueError, match="inherited weights have budgets of their own"):
        store.score(Draw((0, 0), budget=3))


class Deaf:
    """A domain that does not stop, or does not even call."""

    io = IO((3,), (1,))

    def __init__(self, calls, diverges=False):
        self.calls, self.diverges = calls, diverges

    def fit(self, model, budget, *, final=False, seed=0, checkpoint=None, on_epoch=None):
        if self.diverges:
            raise DivergedError("the loss is nan")
        for done in self.calls:
            on_epoch(done, 0.0)

    def score(self, model):
        return {"value": 1.0}


def test_a_domain_that_cannot_stop_says_so(chain):
    with pytest.raises(TypeError, match="told to stop at 2, and has trained to 3"):
        Scratch(chain, Locked(Deaf([1, 2, 3])), 9).score(Draw((0, 0), budget=2))
    with pytest.raises(TypeError, match="Deaf does not"):
        Scratch(chain, Locked(Deaf([])), 9).score(Draw((0, 0), budget=2))
    folds = Deaf([1, 2, 1, 2])
    assert Scratch(chain, folds, 9).score(Draw((0, 0), budget=2)).metrics["budget"] == 2
    with pytest.raises(TypeError, match="several"):
        Scratch(chain, folds, 9).score(Draw((0, 0), budget=2, looks=((1, 0.0),)))


def test_a_rung_that_diverges_has_cost_what_was_asked(chain):
    score = Scratch(chain, Deaf([], True), 9, diverged=-5.0).score(Draw((0, 0), budget=6, since=2))
    assert float(score.value) == -5.0 and score.metrics["diverged"] == 1 and score.metrics["budget"] == 4
