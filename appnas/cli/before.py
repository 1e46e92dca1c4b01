"""What the command line does before a search: threads, the directory of its run, and what counts as a mistake."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from appnas.cli.quick.output import note
from appnas.compute import CompileError, Share, led
from appnas.cost import threads_worth
from appnas.loop import WorkerError
from appnas.loop.workers import processors
from appnas.run import reserve
from appnas.space import Space
from appnas.task import DivergedError, Domain

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


def worth(space: Space, domain: Any) -> int:
    """Threads for a search: one, or one a processor where a network of the space is trained sooner by them; says which.

    What is looked up in a table takes one.
    """
    if not isinstance(domain, Domain):
        return 1
    found = threads_worth(space, domain, processors())
    said = ", ".join(f"{1000 * seconds:.1f} ms on {count}" for count, seconds in found.seconds.items())
    note(f"threads: {found.number} (a pass of a network of this space, forward and back, takes {said})")
    return found.number


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
