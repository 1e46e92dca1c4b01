"""What the command line does before a search: threads, the directory of its run, and what counts as a mistake."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import torch

from appnas.compute import CompileError, Share, led
from appnas.loop import WorkerError
from appnas.run import reserve
from appnas.task import DivergedError

MISTAKES = (ValueError, TypeError, OSError, ImportError, MemoryError, DivergedError, CompileError, WorkerError)
"""Errors of which one line tells a user enough."""


@contextlib.contextmanager
def directory(out: Path | None, stem: str, share: Share) -> Iterator[Path]:
    """The given directory, or the next free one below runs/, which goes again if the search cannot start."""
    first = out is None and not Path("runs").exists()
    path = out or led(share, lambda: reserve(Path("runs", stem)))
    try:
        yield path
    except (*MISTAKES, KeyboardInterrupt):
        if out is None and share.leads and not any(path.iterdir()):
            path.rmdir()
            if first and not any(path.parent.iterdir()):
                path.parent.rmdir()
        raise


def quoted(path: Path) -> str:
    """A path as a shell reads it."""
    return shlex.quote(str(path))


def threads(count: int) -> None:
    """Let torch use so many threads.

    Raises:
        ValueError: none, or more than its libraries survive.
    """
    if count < 1:
        raise ValueError(f"threads must be at least 1, got {count}")
    if count > (most := max(4 * (os.cpu_count() or 1), 256)):
        raise ValueError(f"threads must be at most {most} on this machine, got {count}: give --threads")
    torch.set_num_threads(count)
