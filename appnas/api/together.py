"""A search by several processes: where they meet, who writes the run, how they stay in step, and what ends them.

| method | with `processes` above 1 |
| --- | --- |
| darts (all three orders), zarts, two_temperature, radars | as one process, gates and weights alike |
| fewshot, rlnas, gcn_fit, nao, routability with a shared supernet | likewise; scored on the whole validation data |
| random, evolution, reinforce, mnasnet, monas, ctnas, others that train architectures | each training likewise |
| freenas | no training: every process computes the same |
| unas | refused: its samples belong to pairs of examples |
| rl_darts | refused: an agent's loop is not the library's |
| anything on graphs | refused: a graph has no rows to share |
| anything on a table | refused: nothing is trained |

All is as in one process if batch norms are synchronised, but for rounding and for what dropout and drop-path draw.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import Any

import torch

from appnas.estimate import in_turn
from appnas.loop import Loop, Observer, Record
from appnas.run import InterruptedSearchError, Run, identity, load_config
from appnas.strategy import Score
from appnas.support import Compute, Share, alike, anyone, device_of, joined, led
from appnas.task import DifferentiableDomain, Domain, placed


def computing(device: str | torch.device, processes: int = 1, norms: str = "synchronised") -> Compute:
    """What networks are trained on; several processes meet here.

    Of several CUDA devices on a machine each process takes the one of its number there, unless one is named.

    Raises:
        ValueError: torch has no such device, the processes were not started so, or there are fewer devices than
            processes on a machine.
    """
    if norms not in ("own", "synchronised"):
        raise ValueError(f"norms is 'own' or 'synchronised', got {norms!r}")
    if processes < 1:
        raise ValueError(f"processes >= 1 must hold, got {processes}")
    chosen = device_of(device)
    share = joined(processes, chosen.type)
    if share.size > 1 and chosen.type != "cpu":
        chosen = _mine(chosen, str(device))
    return Compute(chosen, share.size, norms, share.rank)  # type: ignore[arg-type]


def _mine(device: torch.device, asked: str) -> torch.device:
    """The device of this process's number on its machine, which becomes torch's current one."""
    local, there = int(os.environ.get("LOCAL_RANK", "0")), torch.accelerator.device_count()
    if asked in ("auto", device.type):
        if local >= there:
            raise ValueError(
                f"each process takes a device of its own, this machine has {there} for process {local}, counted from"
                f" 0: start fewer, search on the CPU (device='cpu'), or say device='{device.type}:0' if every process"
                " sees one that the others do not"
            )
        device = torch.device(device.type, local)
    torch.accelerator.set_device_index(device.index)
    return device


def on(domain: Any, compute: Compute) -> Any:
    """A domain whose networks are trained so; a table as it is.

    Raises:
        ValueError: several processes cannot share what it trains.
    """
    if compute.processes > 1 and not isinstance(domain, DifferentiableDomain):
        raise ValueError(
            f"several processes share the batches of a domain with `batches` and `loss`, which {type(domain).__name__}"
            f" lacks: search with processes=1, got {compute.processes}"
        )
    return placed(domain, compute) if isinstance(domain, Domain) else domain


@contextmanager
def leading(share: Share, enter: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """The first process enters a context, a lock say; if it cannot, no process goes on."""
    with ExitStack() as held:
        led(share, lambda: held.enter_context(enter()) and None)
        yield


class Together(Observer):
    """Keeps processes in step: all see the first one's scores, and stop if one of them does.

    A value that carries a gradient is that of all processes already; what is measured (time, or a whole validation
    set) may differ between machines in its last digits.
    """

    def __init__(self, share: Share):
        self.share = share

    def start(self, loop: Loop) -> None:
        """Take over."""
        if self.share.size > 1:
            loop.heard, loop.agreed = self._heard, self._agreed

    def _heard(self, score: Score) -> Score:
        return score if score.value.requires_grad else led(self.share, lambda: score)

    def _agreed(self, stopped: bool) -> bool:
        return anyone(self.share, stopped)


class _Joint(Run):
    """What a run does alike in all processes: restore what is there, and stop after Ctrl-C in any of them."""

    def __init__(self, share: Share, *args: Any, **more: Any):
        super().__init__(*args, **more)
        self.share = share

    def _restore(self, loop: Loop) -> float:
        """Nobody writes before all have read."""
        found = super()._restore
        return alike(self.share, lambda: found(loop))


class Leading(_Joint):
    """The run that the first of several processes writes.

    What an evaluation does to its process is not counted: which of them died with it is not known.
    """

    def _start(self, loop: Loop, seconds: float) -> None:
        super()._start(loop, seconds)
        loop.each = in_turn if loop.each is self.underway else loop.each

    def step(self, loop: Loop, record: Record) -> None:
        """As a run does."""
        self.stopped = anyone(self.share, self.stopped)
        super().step(loop, record)


class Following(_Joint):
    """The run that the other processes read, and only at the start."""

    def start(self, loop: Loop) -> None:
        """Go on from what is there."""
        self.of = identity(load_config(self.path))
        self._restore(loop)
        if threading.current_thread() is threading.main_thread():
            self.handler = signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True

    def step(self, loop: Loop, record: Record) -> None:
        """Stop with the others.

        Raises:
            InterruptedSearchError: after Ctrl-C.
        """
        self.stopped = anyone(self.share, self.stopped)
        if self.stopped and not loop.pending:
            raise InterruptedSearchError(f"stopped at step {loop.step} of {loop.steps}; go on with: {self._resume()}")

    def end(self, loop: Loop) -> None:
        """Listen no more."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.handler)


def run_of(share: Share, *args: Any, **more: Any) -> Run:
    """The callback that keeps a run, or in other processes than the first, reads it."""
    if share.size == 1:
        return Run(*args, **more)
    return (Leading if share.leads else Following)(share, *args, **more)
