"""loop.workers: the same results from any number of workers, from processes and from Ray, and when workers die."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch

import appnas
from appnas.estimate import Cached, Rewarded, Scratch, Stateless
from appnas.loop import Observer, WorkerError, Workers, search_loop
from appnas.loop.workers import Processes, independent
from appnas.one_shot import Shared
from appnas.spaces import Bench201
from appnas.strategy import Draw, Random, Score
from appnas.testing import identical, planted

ARCHS = [(i, 0, 0, 0, 0, 0) for i in range(5)]


class Slow(Stateless):
    """Sums an architecture; the first draws take longest, each evaluation leaves a line."""

    def __init__(self, log: Path):
        self.log = log

    def score(self, draw):
        time.sleep(0.05 * (4 - draw.arch[0]))
        with self.log.open("a") as file:
            file.write(f"{draw.arch[0]} {os.getpid()}\n")
        return Score(torch.tensor(float(sum(draw.arch))), {"threads": float(torch.get_num_threads())})


class Deadly(Slow):
    """Kills its own process at one architecture, the first so many times."""

    def __init__(self, log: Path, times: int):
        super().__init__(log)
        self.times = times

    def score(self, draw):
        killed = self.log.with_suffix(".killed")
        deaths = len(killed.read_text()) if killed.exists() else 0
        if draw.arch[0] == 2 and deaths < self.times:
            killed.write_text("x" * (deaths + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score(draw)


class Broken(Stateless):
    def score(self, draw):
        raise ValueError("no such pooling")


def draws(archs=ARCHS):
    return [Draw(arch) for arch in archs]


@pytest.fixture(scope="module")
def two():
    pool = Processes(2)
    yield pool
    pool.close()


def test_scores_come_in_the_order_of_the_draws(two, tmp_path):
    found = list(two(Slow(tmp_path / "log"), draws()))
    assert [float(score.value) for score in found] == [0, 1, 2, 3, 4]
    assert all(score.metrics == {"threads": 1.0} for score in found)
    lines = (tmp_path / "log").read_text().split()
    assert sorted(lines[::2]) == list("01234")
    assert 1 <= len(set(lines[1::2])) <= 2 and str(os.getpid()) not in lines[1::2]


def test_a_dead_worker_is_replaced_and_nothing_counted_twice(two, tmp_path):
    found = list(two(Deadly(tmp_path / "log", 1), draws()))
    assert [float(score.value) for score in found] == [0, 1, 2, 3, 4]
    assert (tmp_path / "log.killed").read_text() == "x"


def test_an_evaluation_that_always_kills_is_given_up(two, tmp_path):
    (score,) = two(Deadly(tmp_path / "log", 99), draws(ARCHS[2:3]))
    assert score.failure.kind == "Died" and (tmp_path / "log.killed").read_text() == "xxx"


def test_an_error_of_the_evaluator_fails_its_architecture(two):
    (score,) = two(Broken(), draws(ARCHS[:1]))
    assert str(score.failure) == "ValueError: no such pooling" and "test_workers.py" in score.failure.trace


class Unborn(Stateless):
    """Cannot be made again in a worker."""

    def __reduce__(self):
        return os._exit, (1,)


def test_workers_that_do_not_start_are_said(two):
    with pytest.raises(WorkerError, match=r"no worker starts: .*__main__"):
        list(two(Unborn(), draws()))


class Stillborn(Slow):
    """Cannot be made in a worker the first time."""

    def __reduce__(self):
        return _born, (self.log,)


def _born(log):
    if not log.exists():
        log.touch()
        os._exit(1)
    return Slow(log)


def test_a_worker_that_dies_while_it_starts_is_replaced(two, tmp_path):
    """Killed by hand or for memory: the next one may live."""
    found = list(two(Stillborn(tmp_path / "log"), draws()))
    assert [float(score.value) for score in found] == [0, 1, 2, 3, 4]


def test_more_workers_than_processors_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"this machine has \d+ processors, .*workers=100000000"):
        Workers(100_000_000)
    with pytest.raises(ValueError, match="timeout is a number of seconds, 0 for no limit, got -1"):
        Workers(1, timeout=-1)


def test_what_cannot_be_sent_is_said(two):
    class Hidden(Stateless):
        def score(self, draw):
            return Score(torch.tensor(0.0))

    with pytest.raises(WorkerError, match=r"cannot be pickled.*top of a module"):
        list(two(Hidden(), draws()))


def test_evaluators_that_learn_are_refused(bench201, digits):
    with pytest.raises(TypeError, match="Shared learns from one to the next"):
        independent(Shared(bench201, digits))
    with pytest.raises(TypeError, match="Shared learns from one to the next"):
        appnas.search(bench201, digits, "darts", epochs=1, workers=2)
    assert independent(planted(bench201)) is not None


@pytest.mark.parametrize(("count", "asks"), [(0, 1), (1, -1)])
def test_counts_are_checked(count, asks):
    with pytest.raises(ValueError, match=f"workers={count}, asks={asks}"):
        Workers(count, asks)


def test_a_cache_asks_once_for_what_a_batch_draws_twice(two, tmp_path):
    cache = Cached(Slow(tmp_path / "log"))
    batch = draws([ARCHS[3], ARCHS[1], ARCHS[3]])
    found = [float(s.value) for s in cache.scores(batch, two)]
    assert found == [3, 1, 3] and (cache.queries, cache.hits) == (3, 1)
    assert len((tmp_path / "log").read_text().splitlines()) == 2
    reward = Rewarded(cache, lambda metrics: -metrics["value"])
    assert [float(s.value) for s in reward.scores(batch, two)] == [-3, -1, -3]
    assert cache.hits == 4


def test_results_do_not_depend_on_the_number_of_workers(bench201):
    """The same asks, so the same history; batches change what a strategy knew when it was asked."""
    settings = {"evaluations": 12, "population": 4, "sample": 2, "asks": 4}
    oracle = planted(bench201)
    runs = [appnas.search(bench201, oracle, "evolution", workers=workers, **settings) for workers in (1, 2)]
    assert identical(runs[0].history, runs[1].history) and runs[0].best == runs[1].best


def test_real_trainings_in_parallel_equal_those_in_turn(bench201, digits):
    """With batches of one, a search with workers is the search without."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    plain, parallel = (
        appnas.search(bench201, digits, "random", evaluations=2, budget=1, workers=workers, asks=2 * bool(workers))
        for workers in (0, 2)
    )
    torch.set_num_threads(threads)
    assert identical(plain.history, parallel.history)


def test_a_run_with_workers_resumes_at_a_batch(bench201, tmp_path):
    """Stopped in the middle of a batch, it ends the batch; what follows is the same as without the stop."""
    oracle = planted(bench201)
    settings = {"evaluations": 9, "population": 4, "sample": 2, "workers": 1, "asks": 4}
    whole = appnas.search(bench201, oracle, "evolution", **settings)

    class Stop(Observer):
        def step(self, loop, record):
            return record.step == 4

    cut = appnas.search(bench201, oracle, "evolution", out=tmp_path / "run", callbacks=[Stop()], **settings)
    assert len(cut.history) == 8
    (tmp_path / "run/result.json").unlink()
    again = appnas.resume(tmp_path / "run", space=bench201, domain=oracle)
    assert identical(again.history, whole.history)


class Killer:
    """A callback that kills a worker process after the first step."""

    def start(self, loop):
        self.killed = None

    def step(self, loop, record):
        if record.step == 0:
            ours = multiprocessing.get_context("forkserver").Process  # others' children may still be there
            self.killed = next(child for child in multiprocessing.active_children() if isinstance(child, ours))
            os.kill(self.killed.pid, signal.SIGKILL)

    def end(self, loop):
        pass


def test_a_worker_killed_in_mid_search_changes_nothing(bench201, tmp_path):
    killer = Killer()
    evaluator = Slow(tmp_path / "log")
    found = search_loop(Listed(), evaluator, 5, callbacks=[Workers(2, 5), killer])
    assert killer.killed is not None and [record.value for record in found.history] == [0, 1, 2, 3, 4]


class Listed(Random):
    """Walks through the architectures."""

    def __init__(self):
        self.left = list(ARCHS)
        super().__init__(Bench201(), None)

    def ask(self):
        return Draw(self.left.pop(0))


def test_ray_gives_the_same_and_survives_a_kill(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs the extra `ray`")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # where Ray's workers find this module
    pool = Workers(2, cluster=True).pool
    try:
        evaluator = Deadly(tmp_path / "log", 1)
        assert [float(score.value) for score in pool(evaluator, draws())] == [0, 1, 2, 3, 4]
        with pytest.raises(TypeError, match="learns from one to the next"):
            list(pool(Cached(evaluator), draws()))
    finally:
        pool.close()


def test_scratch_is_sent_with_its_domain(bench201, digits, two):
    (score,) = two(Scratch(bench201, digits, 0), draws([(3,) * 6]))
    assert 0 <= float(score.value) <= 100 and score.metrics["parameters"] > 0


class Employee:
    """A worker that does nothing."""

    def __init__(self, sent, device=None):
        self.device = device


def test_every_worker_gets_the_device_that_fewest_others_have(monkeypatch):
    monkeypatch.setattr("appnas.loop.workers.Process", Employee)
    two = [torch.device("cuda", i) for i in range(2)]
    pool = Processes(4, devices=two)
    pool.sent = b""
    for expected in (0, 1, 0, 1):
        pool.idle.append(pool.hire())
        assert pool.idle[-1].device == two[expected]
    pool.idle.pop(0)  # one that died
    assert pool.hire().device == two[0]
    assert Workers(1, devices=two[:1]).pool.devices == (two[0],)
    alone = Processes(1)
    alone.sent = b""
    assert alone.hire().device is None


class Cluster:
    """Ray, as far as it tells of its accelerators and hires."""

    def __init__(self, there):
        self.there, self.needs = there, {}

    def cluster_resources(self):
        return {"CPU": 8.0, **({"GPU": float(self.there)} if self.there else {})}

    def remote(self, **needs):
        self.needs = needs
        return lambda kind: self

    def __getattr__(self, name):
        raise AttributeError(name)


@pytest.mark.parametrize(("there", "count", "share"), [(4, 2, 1.0), (4, 6, 0.5), (1, 3, 1 / 3)])
def test_ray_keeps_an_accelerator_or_a_share_for_every_worker(monkeypatch, there, count, share):
    pytest.importorskip("ray", reason="needs the extra `ray`")
    pool = Workers(count, cluster=True, devices=[torch.device("cuda", 3)]).pool
    seen = []
    monkeypatch.setattr("appnas.loop.workers.Actor", lambda *given: seen.append(given))
    pool.ray, pool.sent = Cluster(there), b""
    pool.hire()
    assert seen[0][2:] == (torch.device("cuda", 0), share)  # of those that Ray lets it see
    pool.devices = (torch.device("cpu"),)
    pool.hire()
    assert seen[1][2:] == ()


def test_a_cluster_without_accelerators_is_told():
    pytest.importorskip("ray", reason="needs the extra `ray`")
    pool = Workers(2, cluster=True, devices=[torch.device("cuda", 0)]).pool
    pool.ray, pool.sent = Cluster(0), b""
    with pytest.raises(WorkerError, match=r"on cuda, and no machine of this Ray cluster .*device='cpu'"):
        pool.hire()
