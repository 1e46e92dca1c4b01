"""appnas.loop.processes: one worker, of which it is known whether it died."""

import copy
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest
import torch
from misbehaving import Misbehaves
from torch import nn

from appnas.compute import CPU, Compute
from appnas.estimate import Scratch
from appnas.loop.processes import Process, packed, unpacked
from appnas.loop.workers import Processes
from appnas.strategy import Draw
from appnas.task import Locked, placed


def test_a_process_answers_dies_and_is_ended(tmp_path):
    worker = Process(pickle.dumps(Misbehaves(tmp_path / "log", {1: "raises", 2: "dies"})))
    assert worker.ready().result(60) is None
    assert float(worker.score(Draw((7,))).result(60).value) == 7.0
    assert worker.score(Draw((1,))).result(60).failure.kind == "RuntimeError"
    with pytest.raises(BrokenExecutor):
        worker.score(Draw((2,))).result(60)
    worker.end()


def test_one_that_hangs_is_ended_at_once(tmp_path):
    worker = Process(pickle.dumps(Misbehaves(tmp_path / "log", {3: "hangs"})))
    worker.ready().result(60)
    hanging = worker.score(Draw((3,)))
    time.sleep(0.2)
    began = time.monotonic()
    worker.end()
    assert time.monotonic() - began < 5 and isinstance(hanging.exception(10), BrokenExecutor)


class Forks(Misbehaves):
    """What it starts outlives it, and holds what tells of its death."""

    def __init__(self, log, kinds, children):
        super().__init__(log, kinds)
        self.children = children

    def score(self, draw):
        if draw.arch[0] and not (child := os.fork()):
            time.sleep(600)
        if draw.arch[0]:
            self.children.write_text(str(child))
        return sys.exit() if draw.arch == (9,) else super().score(draw)


def alive(pid):
    """Whether a process runs; its new parent may not have asked for its end yet."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def running(child):
    """Whether the process that a file names runs."""
    return alive(child.read_text())


def offspring(pid):
    """The processes that one started, and those that they did."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    return [*children, *(other for child in children for other in offspring(child))]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_an_evaluation_started_ends_with_its_worker(tmp_path):
    worker = Process(pickle.dumps(Forks(tmp_path / "log", {}, tmp_path / "child")))
    worker.ready().result(60)
    assert float(worker.score(Draw((7,))).result(60).value) == 7.0 and worker.alive()
    assert running(tmp_path / "child")
    worker.end()
    time.sleep(0.2)
    assert not running(tmp_path / "child")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_death_is_seen_even_if_a_child_lives_on(tmp_path):
    evaluator = Forks(tmp_path / "log", {2: "dies"}, tmp_path / "child")
    pool = Processes(1)
    found = list(pool(evaluator, [Draw((2,)), Draw((0,)), Draw((9,))]))
    pool.close()
    assert [score.failure and score.failure.kind for score in found] == ["Died", None, "Died"]
    time.sleep(0.2)
    assert not running(tmp_path / "child")


SCRIPT = """
import sys
from pathlib import Path
from misbehaving import Misbehaves
from appnas.strategy import Draw
from appnas.loop.workers import Processes
if __name__ == "__main__":
    list(Processes(1)(Misbehaves(Path(sys.argv[1]), {3: "hangs"}), [Draw((3,))]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_a_search_that_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    search = subprocess.Popen([sys.executable, tmp_path / "script.py", tmp_path / "log"], env=environment)
    while not (tmp_path / "log").exists():
        assert search.poll() is None, "the search ended before its worker began"
        time.sleep(0.1)
    started = offspring(search.pid)
    assert len(started) >= 3  # the server that forks, what keeps track of semaphores, and the worker
    search.kill()
    search.wait()
    end = time.monotonic() + 20  # the server takes its time to end; the worker hangs for minutes, if it is let
    while left := [pid for pid in started if alive(pid)]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


class Kept:
    """A domain that keeps a tensor on its device."""

    def __init__(self, device):
        self.compute, self.log = Compute(device), [str(device)]

    def placed(self, compute):
        other = copy.copy(self)
        other.compute, other.log = compute, [*self.log, str(compute.device)]
        return other


@pytest.mark.parametrize(("device", "arrived"), [("cpu", "cpu"), (None, "meta")])
def test_a_domain_is_sent_as_on_the_cpu_and_placed_where_it_arrives(device, arrived):
    sent = packed({"domain": [Kept(torch.device("meta"))], "weights": nn.Linear(1, 1), "compute": Compute})
    try:
        found = unpacked(sent, device and torch.device(device))
    finally:
        unpacked(packed({}), None)
    (domain,) = found["domain"]
    assert domain.compute == Compute(torch.device(arrived)) and domain.log[:2] == ["meta", "cpu"]
    assert found["compute"] is Compute and isinstance(found["weights"].weight, nn.Parameter)


def test_a_locked_domain_is_placed_inside_too(digits, other):
    locked = Locked(placed(digits, Compute(other.device)))
    try:
        found = unpacked(packed(locked), torch.device("cpu"))
    finally:
        unpacked(packed({}), None)
    assert found.compute == found._domain.compute == Compute(CPU)


def test_what_is_on_the_cpu_is_sent_as_it_always_was(digits, bench201):
    evaluator = Scratch(bench201, Locked(digits), 1)
    assert packed(evaluator) == pickle.dumps(evaluator)


UNGUARDED = """
import appnas
appnas.search("bench201", "digits", "random", evaluations=2, budget=1, workers=2)
"""


def test_a_script_that_its_workers_would_run_again_is_told_the_two_lines(tmp_path):
    """One error; nothing of the workers' own."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=280)
    assert done.returncode == 1 and done.stderr.count("Traceback") == 1 and "multiprocessing" not in done.stderr
    assert 'if __name__ == "__main__":\n        result = appnas.search(...)' in done.stderr
