"""Which evaluation is under way, in a file: so that one whose process died with it, again and again, is known."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from appnas.estimate import Evaluator, attempt, failed
from appnas.loop import Loop
from appnas.space import Arch
from appnas.strategy import Draw, Score
from appnas.support import TRIES, died, room

FILE = "underway.json"
ENDING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a search to end: Ctrl-C, and a scheduler's."""


class Underway:
    """Scores draws in this process, one after another, and notes each while it is evaluated.

    A process that is killed leaves its note behind. Whoever goes on counts that, and after three deaths the evaluation
    has failed without another try.

    Args:
        path: directory of the run.
        loop: the search, whose steps are noted.
        safe: says what is kept, if there is no room for a note.

    Raises:
        RoomError: there is none.
    """

    def __init__(self, path: Path, loop: Loop, safe: Callable[[], str] = str):
        self.path, self.loop, self.safe = path / FILE, loop, safe
        self.deaths: dict[tuple[int, Arch], int] = {}
        if self.path.exists():
            self._read()
        with room(self.path, safe):
            self.file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        self.length, self.process = 0, os.getpid()

    def _read(self) -> None:
        """What earlier processes left there; nothing if one was killed while it wrote."""
        try:
            found = json.loads(self.path.read_text("utf-8"))
            self.deaths = {(step, tuple(arch)): times for step, arch, times in found["died"]}
            if found["running"]:
                step, arch = found["running"]
                self._count(step, tuple(arch))
        except (ValueError, TypeError, LookupError):
            self.deaths = {}

    def _count(self, step: int, arch: Arch) -> None:
        self.deaths[step, arch] = self.deaths.get((step, arch), 0) + 1

    def _note(self, running: str = "null") -> None:
        text = f'{{"running": {running}, "died": {self._told()}}}'
        self.length = max(self.length, len(text))
        with room(self.path, self.safe):  # one call for all, and nothing old behind it
            os.pwrite(self.file, text.ljust(self.length).encode(), 0)

    def _told(self) -> str:
        return json.dumps([[step, arch, times] for (step, arch), times in self.deaths.items()]) if self.deaths else "[]"

    def __call__(self, evaluator: Evaluator, draws: Sequence[Draw]) -> Iterator[Score]:
        """The scores in the order of the draws."""
        for draw in draws:
            if draw.gates is not None:  # a step of shared weights is no single evaluation
                yield attempt(evaluator, draw)
                continue
            if self.deaths.get((self.loop.step, draw.arch), 0) >= TRIES:
                yield failed(evaluator, died())
                continue
            self._note(f"[{self.loop.step}, {list(draw.arch)}]")
            try:
                score = attempt(evaluator, draw)
            except SystemExit:  # this process ends, by the evaluation or by somebody's wish
                self._count(self.loop.step, draw.arch)
                raise
            self._note()
            yield score

    def asked_to_end(self, number: int) -> None:
        """A signal came. After a scheduler's SIGTERM the process may be killed, which the evaluation did not do.

        In a child that a fork made it ends the child, as it would without a search.
        """
        if number == signal.SIGTERM:
            if os.getpid() != self.process:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            self._note()

    def close(self) -> None:
        """The process ends by itself: nothing is under way. Deaths are kept as long as their step may come again."""
        self.deaths = {key: times for key, times in self.deaths.items() if key[0] >= self.loop.step}
        with suppress(OSError):  # no room for what a full disk has refused before
            self._note()
        os.close(self.file)
        if not self.deaths:
            self.path.unlink(missing_ok=True)
