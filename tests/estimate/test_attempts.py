"""appnas.estimate.attempts: whatever one architecture does, the search goes on, and its history says what happened."""

import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from misbehaving import SAID, Few, InOrder, Misbehaves

import appnas
from appnas.estimate import Cached, Rewarded, Scratch, Stateless, attempt
from appnas.estimate.attempts import numbers
from appnas.loop import Observer, Workers, search_loop
from appnas.one_shot import OneShot
from appnas.run import Run, create, read_history
from appnas.spaces import Bench201
from appnas.strategy import Draw, Score, first
from appnas.support import DataError, FailuresError
from appnas.task import DivergedError, Locked, LockedError
from appnas.testing import identical

HERE = Path(__file__).parent.parent
INSIDE = ("raises", "nan", "none", "text", "infinite", "metric", "memory")  # what a process survives


@pytest.mark.parametrize("kind", INSIDE)
def test_an_evaluation_that_goes_wrong_has_failed(kind, tmp_path):
    score = attempt(Misbehaves(tmp_path / "log", {1: kind}), Draw((1,)))
    assert (score.failure.kind, score.failure.message) == SAID[kind]
    assert float(score.value) == -math.inf and score.metrics == {"failed": 1.0}
    assert score.failure.trace.startswith("Traceback") and SAID[kind][1] in score.failure.trace
    assert ("misbehaving.py" in score.failure.trace) == (kind in ("raises", "memory"))


def test_what_is_fine_stays_as_it_is(tmp_path):
    value = torch.tensor(3.0)
    assert numbers(Score(value, {"a": 1.0})) == Score(value, {"a": 1.0})
    assert attempt(Misbehaves(tmp_path / "log", {}), Draw((7,))) == Score(torch.tensor(7.0))
    plain = numbers(Score(2, {"a": torch.tensor(1.0), "b": True}))
    assert float(plain.value) == 2.0 and plain.metrics == {"a": 1.0, "b": 1.0}
    worst = numbers(Score(torch.tensor(-math.inf)))
    assert float(worst.value) == -math.inf and worst.failure is None
    for wrong in (Score(torch.ones(2)), Score(torch.tensor(1.0), None), 0.5):
        with pytest.raises(TypeError):
            numbers(wrong)


@pytest.mark.parametrize("error", [DataError("the split is empty"), LockedError("test data"), KeyboardInterrupt()])
def test_faults_of_data_and_of_the_user_at_the_keyboard_are_no_failed_candidates(error):
    class Raises(Stateless):
        def score(self, draw):
            raise error

    with pytest.raises(type(error)):
        attempt(Raises(), Draw((1,)))


def test_a_search_that_reaches_for_test_data_ends(digits, bench201):
    class Cheats(Stateless):
        def score(self, draw):
            return Score(torch.tensor(Locked(digits).test(None)["accuracy"]))

    with pytest.raises(LockedError, match="cannot read test data"):
        appnas.search(bench201, Cheats(), "random", evaluations=3)


def test_steps_of_shared_weights_are_no_candidates(digits, bench201):
    class Broken(Stateless):
        def score(self, draw):
            raise RuntimeError("no such pooling")

    with pytest.raises(RuntimeError, match="no such pooling"):
        attempt(Broken(), Draw((1,), gates=(torch.ones(1, 2),)))
    one = OneShot(bench201, digits, first(5))
    with torch.no_grad():
        next(one.supernet.parameters()).fill_(math.nan)
    with pytest.raises(DivergedError, match="training, step 0"):
        attempt(one, Draw((3,) * 6))


@dataclass(frozen=True)
class Fragile(Bench201):
    """Bench201 in which a cell that begins with a pooling cannot be built."""

    def build(self, arch, io):
        if arch[0] == 4:
            raise RuntimeError("pooling does not fit here")
        return super().build(arch, io)


def test_one_that_cannot_be_built_is_worth_guessing_and_never_wins(digits):
    space = Fragile(channels=2, repeats=1)
    found = Scratch(space, digits, 1)
    score = attempt(found, Draw((4, 0, 0, 0, 0, 0)))
    assert float(score.value) == digits.chance == 10.0 and score.failure.message == "pooling does not fit here"
    wrapped = Rewarded(Cached(found), lambda metrics: metrics["value"] - 50)
    assert float(wrapped.score(Draw((4, 0, 0, 0, 0, 0))).value) == -math.inf
    result = appnas.search(space, digits, "random", evaluations=12, budget=1, seed=1)
    assert 0 < len(result.failures) < 12 and result.best[0] != 4
    assert all(record.arch[0] == 4 and record.value == 10.0 for record in result.failures)
    assert f"; {len(result.failures)} evaluations failed" in str(result)


def test_a_cost_that_cannot_be_found_fails_its_architecture_alone():
    class Fine(Stateless):
        diverged = 10.0

        def score(self, draw):
            return Score(torch.tensor(50.0))

    def cost(arch):
        if arch == (1,):
            raise RuntimeError("cannot be measured")
        return {"ms": 2.0}

    rewarded = Rewarded(Fine(), lambda metrics: metrics["value"] / metrics["ms"], cost)
    fine, wrong = rewarded.scores([Draw((0,)), Draw((1,))], lambda e, draws: map(e.score, draws))
    assert float(fine.value) == 25.0 and fine.failure is None
    assert float(wrong.value) == -math.inf and wrong.failure.message == "cannot be measured"


class Stop(Observer):
    def __init__(self, at):
        self.at = at

    def step(self, loop, record):
        return record.step + 1 == self.at


def run(path, evaluator, steps=14, stop=0, callbacks=()):
    """A search in a run's directory, from its beginning or from where it was stopped."""
    if not path.exists():
        create(path, {"method": "in order"})
    stops = [Stop(stop)] if stop else []
    return search_loop(InOrder(), evaluator, steps, callbacks=[Run(path, every=0), *callbacks, *stops])


def history_of(path, kinds, log, makers=(lambda: [], lambda: [])):
    """The history of a search left alone, after seeing that a resumed one has the same."""
    whole = run(path / "whole", Misbehaves(log, kinds), callbacks=makers[0]())
    run(path / "cut", Misbehaves(log, kinds), stop=7, callbacks=makers[1]())
    assert len(read_history(path / "cut")) in (7, 8)
    again = run(path / "cut", Misbehaves(log, kinds), callbacks=makers[1]())
    assert identical(whole.history, again.history)
    for name in ("history.jsonl", "failures"):
        assert written(path / "whole" / name) == written(path / "cut" / name)
    assert identical(read_history(path / "whole"), list(whole.history))
    return whole


def written(path):
    return {p.name: p.read_text() for p in sorted(path.iterdir())} if path.is_dir() else path.read_text()


def check(result, kinds):
    assert {r.arch[0]: r.failure.kind for r in result.failures} == {k: SAID[kind][0] for k, kind in kinds.items()}
    said = {r.arch[0]: r.failure.message.replace(f"got {r.arch[0]}", "got 1") for r in result.failures}
    assert said == {k: SAID[kind][1] for k, kind in kinds.items()}
    assert [r.value for r in result.history if not r.failure] == [k for k in range(14) if k not in kinds]
    assert all(r.value == -math.inf for r in result.failures) and result.best == (13,)


def test_a_search_goes_on_and_its_history_says_what_happened(tmp_path):
    kinds = dict(zip((1, 2, 4, 5, 7, 8, 10), INSIDE, strict=True))
    result = history_of(tmp_path, kinds, tmp_path / "log")
    check(result, kinds)
    assert (tmp_path / "log").read_text().split() == [str(k) for k in range(14)] * 2  # nothing was tried again
    kept = written(tmp_path / "whole/failures")
    assert len(kept) == 7 and "RuntimeError" in kept["000001.txt"] and "architecture [1]" in kept["000001.txt"]


IN_WORKERS = {1: "raises", 3: "dies", 4: "none", 6: "hangs", 8: "infinite", 9: "memory", 11: "dead end"}


def test_two_processes_bear_the_same_and_more(tmp_path):
    makers = lambda: [Workers(2, 2, timeout=2)], lambda: [Workers(1, 2, timeout=2)]
    evaluator = tmp_path / "log"
    result = history_of(tmp_path, IN_WORKERS, evaluator, makers)
    check(result, IN_WORKERS)
    tries = Misbehaves(evaluator, {})
    assert [tries.tries(k) for k in (0, 1, 3, 6, 11)] == [2, 2, 6, 2, 6]  # of two searches; whoever kills has three


@pytest.mark.slow
def test_a_cluster_bears_the_same(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs the extra `ray`")
    monkeypatch.setenv("PYTHONPATH", str(HERE))  # where Ray's workers find the evaluator
    result = run(tmp_path / "run", Misbehaves(tmp_path / "log", IN_WORKERS), callbacks=[Workers(2, 2, True, 2)])
    check(result, IN_WORKERS)
    one = run(tmp_path / "plain", Misbehaves(tmp_path / "log", IN_WORKERS), callbacks=[Workers(2, 2, timeout=2)])
    assert identical(result.history, one.history)


SCRIPT = """
import sys
from pathlib import Path
from misbehaving import Misbehaves
from test_attempts import run
run(Path(sys.argv[1]), Misbehaves(Path(sys.argv[2]), {3: "dies", 5: "raises", 8: "dead end"}))
"""


def test_a_candidate_that_kills_the_search_itself_is_given_up_after_three_deaths(tmp_path):
    """Whoever resumes often enough gets past it."""
    codes = []
    found = {**os.environ, "PYTHONPATH": str(HERE / "estimate")}
    for _ in range(7):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "run"), str(tmp_path / "log")]
        codes.append(subprocess.run(command, cwd=HERE, env=found, capture_output=True, timeout=120).returncode)
    assert codes == [-9, -9, -9, 3, 3, 3, 0]
    check_kinds = {3: "dies", 5: "raises", 8: "dead end"}
    records = read_history(tmp_path / "run")
    assert {r.arch[0]: r.failure.kind for r in records if r.failure} == {k: SAID[v][0] for k, v in check_kinds.items()}
    assert [r.value for r in records if not r.failure] == [k for k in range(14) if k not in check_kinds]
    assert not (tmp_path / "run/underway.json").exists()


def test_a_time_limit_alone_takes_one_worker(tmp_path):
    result = appnas.search(
        Few(3), Misbehaves(tmp_path / "log", {0: "hangs", 1: "hangs"}), "random", evaluations=4, timeout=1.0, seed=3
    )
    assert {record.failure and record.failure.kind for record in result.history} == {None, "Timeout"}
    assert result.best == (2,) and result.failures[0].failure.message == "no score within 1 s"


def test_a_fault_of_every_architecture_ends_the_search_soon(tmp_path):
    kinds = dict.fromkeys(range(40), "raises")
    with pytest.raises(FailuresError, match=r"(?s)13 architectures failed one after another, the last \(\d+.*Trace"):
        appnas.search(Few(), Misbehaves(tmp_path / "log", kinds), "random", evaluations=100, out=tmp_path / "run")
    assert len(read_history(tmp_path / "run")) == len((tmp_path / "log").read_text().split()) < 25
    with pytest.raises(FailuresError, match="14 architectures failed one after another"):
        appnas.resume(tmp_path / "run", space=Few(), domain=Misbehaves(tmp_path / "log", kinds))


class TextlessError(Exception):
    def __str__(self):
        raise ValueError("no text")


class OutcomeError(BaseException):
    """As some libraries have it."""


ODD = {
    "no text": (TextlessError(), "TextlessError", "its text cannot be had, that raises ValueError"),
    "no Unicode": (OSError("no file a\udc80b"), "OSError", r"no file a\udc80b"),
    "long": (RuntimeError("x" * 10**6), "RuntimeError", "x" * 250 + " ... " + "x" * 250),
    "no Exception": (OutcomeError("failed"), "OutcomeError", "failed"),
    "a generator's end": (GeneratorExit(), "GeneratorExit", ""),
    "an iteration's end": (StopIteration(3), "StopIteration", "3"),
    "markup": (ValueError("[/x] <b>"), "ValueError", "[/x] <b>"),
}


class Raises(Stateless):
    def __init__(self, error):
        self.error = error

    def score(self, draw):
        if draw.arch == (1,):
            raise self.error
        return Score(torch.tensor(float(draw.arch[0])))


@pytest.mark.parametrize("name", ODD)
def test_an_error_may_be_of_any_kind(name, tmp_path):
    error, kind, message = ODD[name]
    result = run(tmp_path / "run", Raises(error), steps=3)
    assert [record.failure and record.failure[:2] for record in result.history] == [None, (kind, message), None]
    assert result.history[1].failure.trace.startswith("Traceback") and len(result.history[1].failure.trace) < 60_000
    assert identical(read_history(tmp_path / "run"), list(result.history))
    assert kind in (tmp_path / "run/failures/000001.txt").read_text(encoding="utf-8")


def test_what_would_be_infinite_in_single_precision_is_not():
    assert float(numbers(Score(1e300)).value) == 1e300 and numbers(Score(1.0)).value.dtype == torch.float32
    assert float(numbers(Score(-1e39)).value) == -1e39 and float(numbers(Score(-math.inf)).value) == -math.inf


def test_metrics_are_named_by_text_and_failures_are_failures():
    assert numbers(Score(torch.tensor(1.0), {1: 2.0})).metrics == {"1": 2.0}
    with pytest.raises(TypeError, match=r"a Failure\(kind, message\) or None, got 'too small'"):
        numbers(Score(torch.tensor(1.0), {}, "too small"))


def test_an_evaluation_that_ends_the_process_is_given_up_after_three_times(tmp_path):
    for _ in range(3):
        with pytest.raises(SystemExit):
            run(tmp_path / "run", Raises(SystemExit(2)), steps=3)
    result = run(tmp_path / "run", Raises(SystemExit(2)), steps=3)
    assert [record.failure and record.failure.kind for record in result.history] == [None, "Died", None]
