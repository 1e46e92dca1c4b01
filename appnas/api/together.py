"""A search by several processes: where they meet, who writes the run, how they stay in step, and what ends them.

| method | with `processes` above 1 |
| --- | --- |
| darts (all three orders), zarts, two_temperature, radars | as one process, gates and weights alike |
| fewshot, rlnas, gcn_fit, nao, routability with a shared supernet | likewise; scored on the whole validation data |
| random, evolution, reinforce, mnasnet, monas, ctnas, others that train architectures | each training likewise |
| freenas | no training: every process computes the same |
| zerocost | proxies of the first process's rows; each training as one process |
| unas | refused: its samples belong to pairs of examples |
| rl_darts | refused: an agent's loop is not the library's |
| anything on graphs | refused: a graph has no rows to share |
| anything on a table | refused: nothing is trained |

All is as in one process if batch norms are synchronised, but for rounding and for what dropout and drop-path draw.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import Any

from appnas.compute import Share, alike, anyone, led
from appnas.estimate import in_turn
from appnas.loop import Loop, Observer, Record
from appnas.run import InterruptedSearchError, Run, identity, load_config
from appnas.strategy import Score


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
