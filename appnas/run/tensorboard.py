"""Values for TensorBoard, beside a run's own files: their writer fails when these do, and says nothing more."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appnas.support import room


class Events:
    """The events of a run.

    Args:
        folder: the run's directory.
        step: events from there on are written again.

    Raises:
        RoomError: no room for the file.
    """

    def __init__(self, folder: Path, step: int):
        from torch.utils.tensorboard import SummaryWriter

        if not isinstance(threading.excepthook, Quiet):
            threading.excepthook = Quiet(threading.excepthook)
        self.file = folder / "events.*"
        with room(self.file, "make room, and repeat the command"):
            self.writer: Any = SummaryWriter(str(folder), purge_step=step)

    def add(self, value: float, step: int, safe: Callable[[], str]) -> None:
        """Write a value.

        Args:
            value: of a score.
            step: of the search.
            safe: says what is kept if there is no room.

        Raises:
            RoomError: no room for it.
        """
        with room(self.file, safe):
            self.writer.add_scalar("value", value, step)

    def close(self) -> None:
        """Write what is left, if there is room for it."""
        with contextlib.suppress(OSError):
            self.writer.close()


class Quiet:
    """A hook for errors of threads that leaves out those of TensorBoard's: the search is told of them as well.

    Args:
        before: the hook for all others.
    """

    def __init__(self, before: Callable[[Any], Any]):
        self.before = before

    def __call__(self, args: threading.ExceptHookArgs) -> None:
        """Handle an error."""
        if not (isinstance(args.exc_value, OSError) and type(args.thread).__name__ == "_AsyncWriterThread"):
            self.before(args)
