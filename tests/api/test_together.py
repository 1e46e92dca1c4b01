"""What several processes are refused, and how they are kept in step; two are in tests/test_several_processes.py."""

import pytest
import torch

from appnas.api import computing, together
from appnas.api.plan import Plan
from appnas.compute import Compute, Share, compute_of
from appnas.loop import Loop
from appnas.methods import unas
from appnas.one_shot import Paired
from appnas.run import Run
from appnas.strategy import Score
from appnas.task import Locked, placed
from appnas.testing import planted

TWO = Compute(processes=2)


def test_numbers_and_words_are_checked():
    with pytest.raises(ValueError, match="norms is 'own' or 'synchronised', got 'batch'"):
        computing.chosen("cpu", norms="batch")
    with pytest.raises(ValueError, match="processes >= 1 must hold, got 0"):
        computing.chosen("cpu", processes=0)
    assert computing.chosen("cpu") == Compute()


def test_workers_and_processes_exclude_each_other():
    for more in ({"workers": 2}, {"timeout": 3.0}, {"cluster": True}):
        with pytest.raises(ValueError, match="workers evaluate one each: give processes or workers"):
            Plan(method="random", config=None, processes=2, **more)


def test_tables_and_agents_are_refused(bench201, digits):
    class Alone:
        io, fit, score, test, example = digits.io, digits.fit, digits.score, digits.test, digits.example

    for domain in (planted(bench201), Alone()):
        with pytest.raises(ValueError, match="share the batches of a domain with `batches` and `loss`, which"):
            computing.on(domain, TWO, "cpu")
        assert compute_of(computing.on(domain, Compute(), "cpu")) == Compute()
    assert compute_of(computing.on(digits, TWO, "cpu")) == TWO and compute_of(digits) == Compute()


def test_unas_is_refused(bench201, digits):
    domain = Locked(placed(digits, TWO))
    with pytest.raises(ValueError, match=r"several processes cannot share: search with processes=1, got 2"):
        Paired(bench201, domain)
    with pytest.raises(ValueError, match=r"several processes cannot share: search with processes=1, got 2"):
        unas.search(bench201, domain, unas.Config(epochs=1, warmup=0))


def test_each_process_takes_a_device_of_its_own(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    chosen = []
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setattr(torch.accelerator, "set_device_index", chosen.append)
    assert computing._mine(torch.device("cuda:0"), "auto") == torch.device("cuda:1") and chosen == [1]
    assert computing._mine(torch.device("cuda:0"), "cuda") == torch.device("cuda:1")
    assert computing._mine(torch.device("cuda:0"), "cuda:0") == torch.device("cuda:0") and chosen == [1, 1, 0]
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="this machine has 1 for process 1, counted from 0: start fewer"):
        computing._mine(torch.device("cuda:0"), "auto")


def test_one_process_keeps_a_run_as_ever(tmp_path):
    assert type(together.run_of(Share(), tmp_path)) is Run
    assert type(together.run_of(Share(0, 2), tmp_path)) is together.Leading
    assert type(together.run_of(Share(1, 2), tmp_path)) is together.Following
    loop = Loop(None, None, 1)
    together.Together(Share()).start(loop)
    score = Score(torch.tensor(1.0))
    assert loop.heard(score) is score and loop.agreed(True) is True and loop.agreed(False) is False
