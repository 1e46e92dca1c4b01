"""One worker: a process on this machine, or an actor on a Ray cluster. Each has one evaluation at a time.

Both have `ready`, `score`, `alive` and `end`, so whoever gives them work knows who died, and can end the one that
hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from typing import Any

import torch

from appnas.estimate import Evaluator, attempt
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
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # whatever an evaluation starts ends with its worker
    threading.Thread(target=_follow, daemon=True).start()
    _mine = pickle.loads(sent)


def _follow() -> None:
    """End with the search, even if that is killed and cannot say so."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    _kill_group(os.getpid())
    os._exit(1)


def _kill_group(worker: int) -> None:
    """Kill a worker and what its evaluations started; nothing happens if it has no group yet, or none is left."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker, signal.SIGKILL)


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

    def alive(self) -> bool:
        """Whether it still runs: its executor does not hear of a death before all that it started have ended."""
        return all(process.is_alive() for process in list((self.executor._processes or {}).values()))

    def end(self) -> None:
        """End it and whatever it started, at once."""
        processes = list((self.executor._processes or {}).values())  # a public way to end them comes with Python 3.14
        self.executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            if process.pid:
                _kill_group(process.pid)
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

    def alive(self) -> bool:
        """Ray tells of every death by itself."""
        return True

    def end(self) -> None:
        """End it, at once."""
        self.ray.kill(self.actor)
