"""appnas.processes: one worker, of which it is known whether it died."""

import pickle
import time
from concurrent.futures import BrokenExecutor

import pytest
from misbehaving import Misbehaves

from appnas.processes import Process
from appnas.strategy import Draw


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
