"""Evaluations in parallel: processes on this machine, or a Ray cluster, with the same results.

    appnas.search("bench201", "digits", "random", workers=2, asks=8)

A strategy is asked for a batch of draws, which are trained side by side and told in the order asked. So a result
depends on the seed and on the size of the batch, never on the number of workers or on which was faster.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from appnas.evaluate import Evaluator
from appnas.search import Loop, Observer
from appnas.strategy import Draw, Score

TRIES = 3
"""Deaths of its worker after which an evaluation is given up."""


class WorkerError(RuntimeError):
    """Workers died again and again, or what they need cannot be sent to them."""


class Workers(Observer):
    """A callback that scores the draws of a search in parallel.

    A worker that dies (killed, out of memory) is replaced and its evaluation repeated; scores that were finished are
    kept, none is counted twice. Workers use one torch thread each.

    Args:
        count: workers, at most so many evaluations run at once.
        asks: draws asked for at once; 0 for `count`. Name it to get the same result from any number of workers.
        cluster: run on Ray (extra `ray`), on the cluster that RAY_ADDRESS or `ray.init` names, else on this machine.
    """

    def __init__(self, count: int, asks: int = 0, cluster: bool = False):
        if count < 1 or asks < 0:
            raise ValueError(f"workers >= 1 and asks >= 0 must hold, got workers={count}, asks={asks}")
        self.count, self.asks = count, asks or count
        self.pool: Processes | Ray = Ray(count) if cluster else Processes(count)

    def start(self, loop: Loop) -> None:
        """Take over the scoring."""
        loop.batch, loop.each = self.asks, self.pool

    def end(self, loop: Loop) -> None:
        """Dismiss the workers."""
        self.pool.close()


def independent(evaluator: Evaluator) -> Evaluator:
    """The evaluator itself.

    Raises:
        TypeError: its scores depend on earlier ones.
    """
    if evaluator.state_dict():
        raise TypeError(
            f"workers evaluate architectures independently of each other, {type(evaluator).__name__} learns from one to"
            " the next (shared or inherited weights): leave out `workers`, or use a method that trains from scratch"
        )
    return evaluator


def _evaluate(evaluator: Evaluator, draw: Draw) -> Score:
    torch.set_num_threads(1)
    score = evaluator.score(draw)
    return Score(score.value.detach(), dict(score.metrics))


_mine: Evaluator
"""The evaluator of a worker process."""


def _begin(sent: bytes) -> None:
    global _mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the search, which dismisses its workers
    _mine = pickle.loads(sent)


def _work(draw: Draw) -> Score:
    return _evaluate(_mine, draw)


class Processes:
    """Worker processes on this machine.

    Args:
        count: how many.
    """

    def __init__(self, count: int):
        self.count = count
        self.evaluator: Evaluator | None = None
        self.executor: ProcessPoolExecutor | None = None

    def _running(self, evaluator: Evaluator) -> ProcessPoolExecutor:
        """Workers that hold this evaluator.

        Raises:
            WorkerError: it cannot be pickled.
        """
        if self.executor is None or self.evaluator is not evaluator:
            self.close()
            try:
                sent = pickle.dumps(independent(evaluator))
            except (pickle.PicklingError, AttributeError) as error:
                raise WorkerError(
                    f"worker processes are sent the space and the domain, which cannot be pickled: {error}. Define"
                    " their functions at the top of a module, not inside another function"
                ) from error
            # Fresh interpreters: threads of torch do not survive a fork.
            spawn = multiprocessing.get_context("spawn")
            self.executor = ProcessPoolExecutor(self.count, spawn, _begin, (sent,))
            self.evaluator = evaluator
        return self.executor

    def __call__(self, evaluator: Evaluator, draws: Sequence[Draw]) -> Iterator[Score]:
        """The scores in the order of the draws.

        Raises:
            WorkerError: the workers of one evaluation died three times.
        """
        futures: dict[int, Future[Score]] = {}
        deaths: Counter[int] = Counter()
        for index in range(len(draws)):
            while True:
                try:
                    for other in range(index, len(draws)):
                        if other not in futures:
                            futures[other] = self._running(evaluator).submit(_work, draws[other])
                    score = futures[index].result()
                    break
                except BrokenProcessPool as error:
                    self.close()
                    lost = [k for k in range(index, len(draws)) if k not in futures or _failed(futures[k])]
                    deaths.update(lost[: self.count])  # those that may have been at work
                    for k in lost:
                        futures.pop(k, None)
                    if deaths[index] >= TRIES:
                        raise WorkerError(
                            f"a worker died {TRIES} times on or beside {draws[index].arch}: killed, out of memory, or a"
                            ' script that starts a search without `if __name__ == "__main__":`'
                        ) from error
            yield score

    def close(self) -> None:
        """Stop the workers, at once."""
        if self.executor is None:
            return
        workers = list((self.executor._processes or {}).values())  # a public way to stop them comes with Python 3.14
        self.executor.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()
        self.executor = self.evaluator = None


def _failed(future: Future[Score]) -> bool:
    return not future.done() or future.cancelled() or isinstance(future.exception(), BrokenProcessPool)


class Ray:
    """Tasks on a Ray cluster. Ray itself replaces a worker that dies and repeats its task.

    Args:
        count: tasks at once.

    Raises:
        ImportError: Ray is not installed.
    """

    def __init__(self, count: int):
        try:
            import ray
        except ImportError as error:
            raise ImportError("workers on a cluster need the extra `ray`: pip install 'appnas[ray]'") from error
        self.ray: Any = ray
        self.count = count
        self.evaluator: Evaluator | None = None
        self.sent: Any = None
        self.own = False

    def __call__(self, evaluator: Evaluator, draws: Sequence[Draw]) -> Iterator[Score]:
        """The scores in the order of the draws.

        Raises:
            WorkerError: the workers of one evaluation died three times.
        """
        if not self.ray.is_initialized():
            self.own = True
            self.ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
        if self.evaluator is not evaluator:
            self.evaluator, self.sent = evaluator, self.ray.put(independent(evaluator))
        task = self.ray.remote(num_cpus=1, max_retries=TRIES - 1)(_evaluate)
        waiting, running, done = deque(range(len(draws))), dict[Any, int](), dict[int, Any]()
        for index in range(len(draws)):
            while index not in done:
                while waiting and len(running) < self.count:
                    following = waiting.popleft()
                    running[task.remote(self.sent, draws[following])] = following
                (first, *_), _ = self.ray.wait(list(running))
                done[running.pop(first)] = first
            try:
                yield self.ray.get(done.pop(index))
            except self.ray.exceptions.WorkerCrashedError as error:
                text = f"a worker died {TRIES} times on {draws[index].arch}: killed, or out of memory"
                raise WorkerError(text) from error

    def close(self) -> None:
        """Leave the cluster, if it was entered here."""
        self.evaluator = self.sent = None
        if self.own:
            self.ray.shutdown()
            self.own = False
