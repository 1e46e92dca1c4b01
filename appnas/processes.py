"""One worker: a process on this machine, or an actor on a Ray cluster. Each has one evaluation at a time.

Both have `ready`, `score` and `end`, so whoever gives them work knows who died, and can end the one that hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import torch

from appnas.attempt import attempt
from appnas.evaluate import Evaluator
from appnas.strategy import Draw, Score


def _evaluate(evaluator: Evaluator, draw: Draw) -> Score:
    torch.set_num_threads(1)
    score = attempt(evaluator, draw)
    return score._replace(value=score.value.detach(), metrics=dict(score.metrics))


_mine: Evaluator
"""The evaluator of a worker process."""


def _begin(sent: bytes) -> None:
    global _mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the search, which dismisses its workers
    _mine = pickle.loads(sent)


def _work(draw: Draw) -> Score:
    try:
        return _evaluate(_mine, draw)
    except SystemExit:  # would reach the search through its executor, and end that
        os._exit(1)


def _ready() -> None:
    """Answers once the worker is there: time limits begin with the evaluation."""


class Process:
    """A worker process on this machine: an executor of one, so that who died or hangs is known."""

    def __init__(self, sent: bytes):
        # Fresh interpreters: threads of torch do not survive a fork.
        self.executor = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin, (sent,))

    def ready(self) -> Future[None]:
        """Done once it is there."""
        return self.executor.submit(_ready)

    def score(self, draw: Draw) -> Future[Score]:
        """Its answer; BrokenExecutor if it dies."""
        return self.executor.submit(_work, draw)

    def end(self) -> None:
        """End it, at once."""
        processes = list((self.executor._processes or {}).values())  # a public way to end them comes with Python 3.14
        self.executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
            process.join()


class _Remote:
    """What lives on the cluster."""

    def __init__(self, sent: bytes):
        self.evaluator = pickle.loads(sent)

    def ready(self) -> None:
        """As `_ready`."""

    def score(self, draw: Draw) -> Score:
        """The score of a draw."""
        return _evaluate(self.evaluator, draw)


class Actor:
    """A worker on a Ray cluster, with the members of `Process`."""

    def __init__(self, ray: Any, sent: Any):
        self.ray, self.actor = ray, ray.remote(num_cpus=1)(_Remote).remote(sent)

    def ready(self) -> Future[None]:
        """Done once it is there."""
        return self.actor.ready.remote().future()  # type: ignore[no-any-return]

    def score(self, draw: Draw) -> Future[Score]:
        """Its answer; RayActorError or OutOfMemoryError if it dies."""
        return self.actor.score.remote(draw).future()  # type: ignore[no-any-return]

    def end(self) -> None:
        """End it, at once."""
        self.ray.kill(self.actor)
