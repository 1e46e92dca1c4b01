"""appnas.run.retrying: evaluations that failed are tried again, and what did not fail is not."""

import json
import random

import pytest
import torch
from misbehaving import Few, Misbehaves

import appnas
from appnas.estimate import Cached
from appnas.loop import Observer, search_loop
from appnas.run import Run, create, read_history, retry
from appnas.run.retrying import memories
from appnas.strategy import Random
from appnas.testing import identical
from appnas.testing.parts import round_trip

FAILS = dict.fromkeys(range(0, 40, 3), "raises")
SETTINGS = {"evaluations": 30, "population": 5, "sample": 2}


def cached(path, kinds):
    return Cached(Misbehaves(path / "log", kinds))


def lines(path):
    return (path / "log").read_text().split()


@pytest.mark.parametrize("method", ["random", "evolution"])
def test_a_search_tried_again_is_as_if_nothing_had_failed(method, tmp_path):
    settings = SETTINGS if method == "evolution" else {"evaluations": 30}
    never = appnas.search(Few(), cached(tmp_path, {}), method, **settings)
    (tmp_path / "log").unlink()
    failed = appnas.search(Few(), cached(tmp_path, FAILS), method, out=tmp_path / "run", **settings)
    tried = set(lines(tmp_path))
    assert failed.failures and not identical(list(failed.history), list(never.history))

    same = appnas.resume(tmp_path / "run", space=Few(), domain=cached(tmp_path, {}))
    assert identical(list(same.history), list(failed.history))  # it is finished: nothing is tried again

    (tmp_path / "log").unlink()
    again = appnas.resume(tmp_path / "run", space=Few(), domain=cached(tmp_path, {}), retry_failed=True)
    assert identical(list(again.history), list(never.history)) and again.best == never.best
    new = {str(r.arch[0]) for r in again.history} - tried
    assert set(lines(tmp_path)) == new | {str(r.arch[0]) for r in failed.failures if r.arch in seen(again)}
    aside = tmp_path / "run/before-retry-1"
    assert json.loads((aside / "result.json").read_text())["best"] == list(failed.best)
    assert len(list((aside / "failures").iterdir())) == len(failed.failures)
    assert not (tmp_path / "run/failures").exists() and not (tmp_path / "run/memory.pt").exists()


def seen(result):
    return {record.arch for record in result.history}


class Stop(Observer):
    def step(self, loop, record):
        return record.step == 20


def test_what_fails_again_fails_again_and_may_be_tried_once_more(tmp_path):
    oracle, path = cached(tmp_path, FAILS), tmp_path / "run"
    cut = appnas.search(Few(), oracle, "random", evaluations=30, out=path, callbacks=[Stop()])
    assert len(cut.history) == 21 and cut.failures
    (path / "result.json").unlink()
    second = appnas.resume(path, space=Few(), domain=cached(tmp_path, FAILS), retry_failed=True)
    whole = appnas.search(Few(), cached(tmp_path, FAILS), "random", evaluations=30)
    assert identical(list(second.history), list(whole.history)) and second.failures
    third = appnas.resume(path, space=Few(), domain=cached(tmp_path, {}), retry_failed=True)
    assert not third.failures and len(third.history) == 30
    assert sorted(p.name for p in path.glob("before-retry-*")) == ["before-retry-1", "before-retry-2"]


def test_several_seeds_are_tried_again_together(tmp_path):
    path = tmp_path / "run"
    appnas.search(Few(), cached(tmp_path, FAILS), "random", evaluations=20, seeds=2, out=path)
    failures = [record for k in (0, 1) for record in read_history(path / f"seed-{k}") if record.failure]
    assert failures
    again = appnas.resume(path, space=Few(), domain=cached(tmp_path, {}), retry_failed=True)
    never = appnas.search(Few(), cached(tmp_path, {}), "random", evaluations=20, seeds=2)
    assert again.info["runs"] == [dict(run) for run in never.info["runs"]]
    assert (path / "before-retry-1/result.json").exists()


def test_nothing_failed_nothing_changes(tmp_path):
    path = tmp_path / "run"
    appnas.search(Few(), cached(tmp_path, {}), "random", evaluations=5, out=path)
    before = {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}
    assert retry(path) == 0
    assert {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()} == before


def test_a_failure_is_remembered_across_a_restart(tmp_path):
    first = cached(tmp_path, {3: "raises"})
    draw = Random(Few(1), __import__("random").Random(0)).ask()._replace(arch=(3,))
    score = first.score(draw)
    again = cached(tmp_path, {})
    again.load_state_dict(round_trip(first.state_dict()))
    assert again.score(draw).failure == score.failure and lines(tmp_path) == ["3"]
    again.recall(first.state_dict())
    assert again.recalled == {} and torch.isinf(again.score(draw).value)


def test_a_run_killed_before_it_went_on_remembers_all_the_same(tmp_path):
    """Put back, killed, put back once more: the state from before the failure knows less than the last one."""
    path = tmp_path / "run"
    create(path, {"method": "random"})

    def run(kinds):
        callbacks = [Run(path, every=0, events=False)]
        return search_loop(Random(Few(), random.Random(8)), cached(tmp_path, kinds), 30, callbacks=callbacks)

    failed = run(FAILS)
    assert (path / "before-failure.pt").exists()
    (tmp_path / "log").unlink()
    assert retry(path) == retry(path) == len(failed.failures)
    assert len(memories(path)) == 2
    again = run({})
    assert not again.failures and not memories(path)
    assert set(lines(tmp_path)) == {str(record.arch[0]) for record in failed.failures}
