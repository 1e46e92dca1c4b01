"""Evaluations in parallel: processes on this machine, or a Ray cluster, with the same results.

    appnas.search("bench201", "digits", "random", workers=2, asks=8)

A strategy is asked for a batch of draws, which are trained side by side and told in the order asked. So a result
depends on the seed and on the size of the batch, never on the number of workers or on which was faster.
"""

from __future__ import annotations

import math
import os
import pickle
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import Any

import torch

from appnas.compute import CPU, spent
from appnas.estimate import Evaluator, failed
from appnas.loop.loop import Loop, Observer
from appnas.loop.processes import Actor, Process, guard, packed
from appnas.strategy import Draw, Score
from appnas.support import TRIES, died, late, typed

LOOK = 2.0
"""Seconds between two looks at whether the workers live, where none of them answers."""


UNGUARDED = (
    "worker processes read this script again, and each came to a search there, which would start workers of its own."
    ' Let the script search only where it is the program:\n\n    if __name__ == "__main__":\n'
    "        result = appnas.search(...)\n\nWhat follows the search belongs there, too"
)
"""What to do about a script whose workers start a search."""


class WorkerError(RuntimeError):
    """Workers that do not start, or what they need cannot be sent to them."""


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers(Observer):
    """A callback that scores the draws of a search in parallel.

    A worker that dies (killed, out of memory) is replaced and its evaluation repeated, up to three times, also one that
    dies while it starts; scores that were finished are kept, none is counted twice. Workers use one torch thread each.

    Args:
        count: workers, at most so many evaluations run at once.
        asks: draws asked for at once; 0 for `count`. Name it to get the same result from any number of workers.
        cluster: run on Ray (extra `ray`), on the cluster that RAY_ADDRESS or `ray.init` names, else on this machine.
        timeout: seconds after which an evaluation is ended, its worker replaced, and it has failed; 0 for no limit.
        devices: of the workers' networks: each gets the one that fewest others have. None named: the evaluator's own.
            On a cluster only their kind counts: Ray gives every worker an accelerator, or a share if there are fewer.

    Raises:
        TypeError: something else than a number.
        ValueError: a number out of range, or more processes than this machine has processors.
    """

    def __init__(
        self,
        count: int,
        asks: int = 0,
        cluster: bool = False,
        timeout: float = 0.0,
        devices: Sequence[torch.device] = (),
    ):
        typed("workers", int, count)
        typed("asks", int, asks)
        typed("timeout", float, timeout)
        if not 0 <= timeout < math.inf:
            raise ValueError(f"timeout is a number of seconds, 0 for no limit, got {timeout}")
        if count < 1 or asks < 0:
            raise ValueError(f"workers >= 1 and asks >= 0 must hold, got workers={count}, asks={asks}")
        if count > processors() and not cluster:
            raise ValueError(
                f"this machine has {processors()} processors, each worker takes one: workers={count} would only wait"
            )
        guard()
        self.count, self.asks = count, asks or count
        self.pool: Processes = (Ray if cluster else Processes)(count, timeout, devices)

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
            " the next (shared or inherited weights): leave out `workers` and `timeout`, or use a method that"
            " trains from scratch"
        )
    return evaluator


class Processes:
    """Worker processes on this machine, each with one evaluation at a time.

    Args:
        count: how many at most.
        timeout: seconds an evaluation may take; 0 for any.
        devices: see `Workers`.
    """

    deadly: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, count: int, timeout: float = 0.0, devices: Sequence[torch.device] = ()):
        self.count, self.timeout, self.devices = count, timeout, tuple(devices)
        self.evaluator: Evaluator | None = None
        self.idle: list[Any] = []
        self.busy: dict[Future[Any], tuple[Any, int | None, float]] = {}  # worker, draw, since when
        self.unborn = 0
        """Workers in a row that died before they were ready."""

    def __call__(self, evaluator: Evaluator, draws: Sequence[Draw]) -> Iterator[Score]:
        """The scores in the order of the draws.

        Raises:
            WorkerError: no worker starts, or what they need cannot be pickled.
        """
        if self.evaluator is not evaluator:
            self.dismiss()
            self.evaluator, self.sent = evaluator, self.send(evaluator)
        waiting, done, deaths = deque(range(len(draws))), dict[int, Score](), Counter[int]()
        for index in range(len(draws)):
            while index not in done:
                while waiting and self._employ(draws, waiting):
                    continue
                for task, score in self._ended():
                    deaths[task] += score is None
                    if score is None and deaths[task] < TRIES:
                        waiting.appendleft(task)
                    else:
                        done[task] = score or failed(evaluator, died())
                done |= {task: failed(evaluator, late(self.timeout)) for task in self._late()}
            yield done.pop(index)

    def send(self, evaluator: Evaluator) -> Any:
        """What workers are made with.

        Raises:
            WorkerError: it cannot be pickled.
        """
        try:
            return packed(independent(evaluator))
        except (pickle.PicklingError, AttributeError) as error:
            raise WorkerError(
                f"worker processes are sent the space and the domain, which cannot be pickled: {error}. Define"
                " their functions at the top of a module, not inside another function"
            ) from error

    def hire(self) -> Any:
        """A new worker, on the device that fewest others have."""
        taken = Counter(worker.device for worker in [*self.idle, *(worker for worker, _, _ in self.busy.values())])
        return Process(self.sent, min(self.devices, key=taken.__getitem__, default=None))

    def _employ(self, draws: Sequence[Draw], waiting: deque[int]) -> bool:
        """Give the next draw to an idle worker, or start one more; False if all there may be have work."""
        starting = sum(task is None for _, task, _ in self.busy.values())
        if self.idle:
            worker, task = self.idle.pop(), waiting.popleft()
            try:
                self.busy[worker.score(draws[task])] = worker, task, time.monotonic()
            except self.deadly:  # it died while it was idle
                worker.end()
                waiting.appendleft(task)
        elif len(self.busy) < self.count and starting < len(waiting):
            worker = self.hire()
            self.busy[worker.ready()] = worker, None, math.inf
        else:
            return False
        return True

    def _ended(self) -> Iterator[tuple[int, Score | None]]:
        """What the next workers say: a score, or None if one died."""
        due = min(started for _, _, started in self.busy.values()) + self.timeout - time.monotonic()
        limit = min(max(due, 0.0), LOOK) if self.timeout else LOOK
        with spent("workers"):
            done = wait(self.busy, limit, FIRST_COMPLETED).done
        lost: tuple[type[BaseException], ...] = (*self.deadly, TimeoutError)
        for answer in done or {answer for answer, (worker, _, _) in self.busy.items() if not worker.alive()}:
            worker, task, _ = self.busy.pop(answer)
            try:
                score = answer.result(None if answer in done else 0)
            except lost as error:
                if worker.unguarded():
                    raise WorkerError(UNGUARDED) from None
                worker.end()
                self.unborn += task is None
                if self.unborn >= TRIES:
                    raise WorkerError(
                        f"no worker starts: the machine is out of memory, or this is a script that starts a search"
                        f' without `if __name__ == "__main__":` ({error})'
                    ) from error
                if task is not None:
                    yield task, None
                continue
            self.idle.append(worker)
            if task is None:
                self.unborn = 0
            else:
                yield task, score

    def _late(self) -> Iterator[int]:
        """The evaluations whose time is over; their workers end."""
        now = time.monotonic()
        for answer, (worker, task, started) in list(self.busy.items()):
            if task is not None and self.timeout and now - started >= self.timeout:
                del self.busy[answer]
                worker.end()
                yield task

    def dismiss(self) -> None:
        """End all workers."""
        for worker in [*self.idle, *(worker for worker, _, _ in self.busy.values())]:
            worker.end()
        self.evaluator, self.idle, self.busy, self.unborn = None, [], {}, 0

    def close(self) -> None:
        """End all workers: nothing follows."""
        self.dismiss()


class Ray(Processes):
    """Workers on a Ray cluster.

    Args:
        count: how many at most.
        timeout: seconds an evaluation may take; 0 for any.
        devices: see `Workers`.

    Raises:
        ImportError: Ray is not installed.
    """

    def __init__(self, count: int, timeout: float = 0.0, devices: Sequence[torch.device] = ()):
        try:
            import ray
        except ImportError as error:
            raise ImportError("workers on a cluster need the extra `ray`: pip install 'appnas[ray]'") from error
        super().__init__(count, timeout, devices)
        self.ray: Any = ray
        self.deadly = (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError)
        self.own = False

    def send(self, evaluator: Evaluator) -> Any:
        """What workers are made with, stored on the cluster, which is entered."""
        if not self.ray.is_initialized():
            self.own = True
            self.ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
        return self.ray.put(super().send(evaluator))

    def hire(self) -> Any:
        """A new worker; an accelerator that Ray gives it is the only one that it sees.

        Raises:
            WorkerError: accelerators are asked for, and the cluster has none.
        """
        if not self.devices or self.devices[0] == CPU:
            return Actor(self.ray, self.sent)
        there = int(self.ray.cluster_resources().get("GPU", 0))
        if not there:
            raise WorkerError(
                f"networks are to be trained on {self.devices[0].type}, and no machine of this Ray cluster has an"
                " accelerator (its resource GPU): give device='cpu' (--device cpu)"
            )
        return Actor(self.ray, self.sent, torch.device(self.devices[0].type, 0), 1 / math.ceil(self.count / there))

    def close(self) -> None:
        """End all workers, and leave the cluster if it was entered here."""
        self.dismiss()
        if self.own:
            self.ray.shutdown()
            self.own = False
