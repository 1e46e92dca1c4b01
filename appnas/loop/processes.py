"""One worker: a process on this machine, or an actor on a Ray cluster. Each has one evaluation at a time.

Both have `ready`, `score`, `alive`, `unguarded` and `end`, so whoever gives them work knows who died, and can end the
one that hangs.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from appnas.compute import CPU, Compute
from appnas.estimate import Evaluator, attempt
from appnas.strategy import Draw, Score
from appnas.task import placed

UNGUARDED = 78
"""How a process ends that is to become a worker, and starts a search instead: by the script that it reads first."""


def guard() -> None:
    """End this process if it is such a one: it cannot start others, and whoever started it says so.

    A new process reads the program's script before anything else (`multiprocessing` tells it by this attribute); what
    that does without `if __name__ == "__main__":`, it does once more there.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


def _evaluate(evaluator: Evaluator, draw: Draw) -> Score:
    torch.set_num_threads(1)
    score = attempt(evaluator, draw)
    return score._replace(value=score.value.detach(), metrics=dict(score.metrics))


class Packer(pickle.Pickler):
    """What is on an accelerator is sent from the CPU, and arrives on the accelerator of whoever unpacks it.

    So no worker touches the device of the search, or of another worker, because something lay there.
    """

    def reducer_override(self, value: Any) -> Any:
        """A domain is sent as it is on the CPU, with what it is to be placed on; a tensor likewise."""
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):  # which is sent as its tensor
            there = value.device.type not in ("cpu", "meta")
            return (_arrived, (value.detach().to(CPU), value.device)) if there else NotImplemented
        compute = getattr(value, "__dict__", {}).get("compute") if not isinstance(value, type) else None
        if isinstance(compute, Compute) and compute.device != CPU:
            return _placed, (placed(value, replace(compute, device=CPU)), compute)
        return NotImplemented


def packed(evaluator: Evaluator) -> bytes:
    """An evaluator, pickled for workers."""
    file = io.BytesIO()
    Packer(file).dump(evaluator)
    return file.getvalue()


_device: torch.device | None = None
"""Of this worker; None for the one that was sent."""


def _arrived(value: Tensor, device: torch.device) -> Tensor:
    return value.to(_device or device)


def _placed(domain: Any, compute: Compute) -> Any:
    return placed(domain, replace(compute, device=_device or compute.device))


def unpacked(sent: bytes, device: torch.device | None) -> Evaluator:
    """An evaluator that `packed` made, with its networks on a device, which is in use from now on."""
    global _device
    _device = device
    if device is not None and device != CPU:
        torch.accelerator.set_device_index(device.index or 0)
    found: Evaluator = pickle.loads(sent)
    return found


def _starting() -> BaseContext:
    """How worker processes start: not from this one, whose threads and accelerators do not survive a fork.

    On Linux they are forked from a server, a fresh interpreter that has imported torch and does nothing else: each but
    the first is there in a tenth of a second instead of seconds; elsewhere each is a fresh interpreter. The server is
    the one that `multiprocessing` keeps: where a program started it before, what that imported is there.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["appnas"])
    return context


_mine: Evaluator
"""The evaluator of a worker process."""


def _begin(environment: dict[str, str]) -> None:
    os.environ.clear()  # the server has that of its own start
    os.environ.update(environment)
    np.random.seed()  # as in a fresh interpreter: all that are forked from one server begin with one state
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the search, which dismisses its workers
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # whatever an evaluation starts ends with its worker
    threading.Thread(target=_follow, daemon=True).start()


def _receive(sent: bytes, device: torch.device | None) -> None:
    """Take the evaluator; a worker that cannot is none, and another is tried."""
    global _mine
    try:
        _mine = unpacked(sent, device)
    except Exception:
        traceback.print_exc()
        os._exit(1)


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


def _followed(first: Future[None], then: Callable[[], Future[None]]) -> Future[None]:
    """What is done when both are, the second of which begins after the first; fails with either."""
    both: Future[None] = Future()

    def begun(done: Future[None], last: bool = False) -> None:
        error = CancelledError() if done.cancelled() else done.exception()
        try:
            if error is None and not last:
                then().add_done_callback(partial(begun, last=True))
            elif error is None:
                both.set_result(None)
        except (BrokenExecutor, RuntimeError) as late:  # it ended between the two
            error = late
        if error is not None:
            both.set_exception(error)

    first.add_done_callback(begun)
    return both


class Process:
    """A worker process on this machine: an executor of one, so that who died or hangs is known.

    Args:
        sent: what `packed` gave.
        device: of its networks; None for the evaluator's own.
    """

    def __init__(self, sent: bytes, device: torch.device | None = None):
        self.sent, self.device = sent, device
        self.executor = ProcessPoolExecutor(1, _starting(), _begin, (dict(os.environ),))

    def ready(self) -> Future[None]:
        """Done once it is there and has its evaluator.

        That is sent to a process that has begun: who writes much to one that ends at its start hears of a broken pipe,
        not of how it ended.
        """
        return _followed(self.executor.submit(_ready), lambda: self.executor.submit(_receive, self.sent, self.device))

    def score(self, draw: Draw) -> Future[Score]:
        """Its answer; BrokenExecutor if it dies."""
        return self.executor.submit(_work, draw)

    def alive(self) -> bool:
        """Whether it still runs: its executor does not hear of a death before all that it started have ended."""
        return all(process.is_alive() for process in list((self.executor._processes or {}).values()))

    def unguarded(self) -> bool:
        """Whether it died as `guard` has it."""
        return any(process.exitcode == UNGUARDED for process in list((self.executor._processes or {}).values()))

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

    def __init__(self, sent: bytes, device: torch.device | None):
        self.evaluator = unpacked(sent, device)

    def ready(self) -> None:
        """As `_ready`."""

    def score(self, draw: Draw) -> Score:
        """The score of a draw."""
        return _evaluate(self.evaluator, draw)


class Actor:
    """A worker on a Ray cluster, with the members of `Process`.

    Args:
        ray: the package.
        sent: what `packed` gave, stored on the cluster.
        device: of its networks, among those that Ray lets it see; None for the evaluator's own.
        share: of an accelerator, which Ray keeps for it.
    """

    def __init__(self, ray: Any, sent: Any, device: torch.device | None = None, share: float = 0.0):
        self.device = device
        needs = {"num_cpus": 1, **({"num_gpus": share} if share else {})}
        self.ray, self.actor = ray, ray.remote(**needs)(_Remote).remote(sent, device)

    def ready(self) -> Future[None]:
        """Done once it is there."""
        return self.actor.ready.remote().future()  # type: ignore[no-any-return]

    def score(self, draw: Draw) -> Future[Score]:
        """Its answer; RayActorError or OutOfMemoryError if it dies."""
        return self.actor.score.remote(draw).future()  # type: ignore[no-any-return]

    def alive(self) -> bool:
        """Ray tells of every death by itself."""
        return True

    def unguarded(self) -> bool:
        """Ray does not read the script again."""
        return False

    def end(self) -> None:
        """End it, at once."""
        self.ray.kill(self.actor)
