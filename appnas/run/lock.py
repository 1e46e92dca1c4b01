"""One writer a run: a lock that says who holds it, and that goes with the process that holds it.

The lock is the operating system's own (`flock`, through the package filelock) on the file `.lock` in the run's
directory: it ends with its process, however that dies, and a copy of the directory is not locked. `writer.json` beside
it tells whoever is refused who writes. Readers need neither.

On network file systems: NFS (Linux since 2.6.12) and SMB (since 5.5) pass the lock on to the server, unless mounted
with nolock or local_lock; then, as on Lustre mounted with localflock, it holds among the processes of one machine only.
What a machine that crashed held is free once the server has given it up (NFSv4: after its lease, 90 s by default).
A file system without such locks gets filelock's `SoftFileLock`: the mere existence of the file, which a later process
on the same machine takes away if its owner died; on another machine somebody has to delete it.
"""

from __future__ import annotations

import getpass
import json
import os
import shlex
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from appnas.support import RunError, room

LOCK, WRITER = ".lock", "writer.json"
OURS = (LOCK, WRITER)
"""Files in a run's directory that say nothing of the run."""
WAIT = 0.2
"""Seconds that a writer waits for another to finish."""
_held: dict[tuple[int, int, int], int] = {}
"""(process, device and number of a directory) -> the thread that writes there: a thread may lock what it holds."""
_changing = threading.Lock()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Be the only one that writes to a run's directory; the directory is there already.

    A thread that has the lock gets it again at once.

    Raises:
        RunError: somebody else writes there.
        OSError: the directory is missing, or nothing can be written to it.
    """
    place = path.stat()
    key, me = (os.getpid(), place.st_dev, place.st_ino), threading.get_ident()
    with _changing:
        other = _held.get(key)
        mine = other == me
        if other is None:
            _held[key] = me
    if mine:
        yield
        return
    if other is not None:
        raise RunError(f"{_refused(path)}, in another thread of this process: wait for it, or give another directory")
    try:
        with _locked(path):
            yield
    finally:
        del _held[key]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = FileLock(path / LOCK)
    try:
        with warnings.catch_warnings():  # of the soft lock: see above
            warnings.simplefilter("ignore", UserWarning)
            with room(path / LOCK):
                lock.acquire(timeout=WAIT, poll_interval=WAIT / 4)
    except Timeout:
        raise RunError(f"{_refused(path)}: wait for it, stop it, or give another directory") from None
    try:
        with suppress(OSError):  # on a full disk nobody tells who writes, and still only one does
            (path / WRITER).write_text(json.dumps(_me()) + "\n", "utf-8")
        yield
    finally:
        with suppress(OSError):  # the directory may be gone
            (path / WRITER).unlink(missing_ok=True)
        lock.release()


def _me() -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        user = str(os.getuid())
    name = Path(sys.argv[0]).name if sys.argv else ""
    words = ["appnas" if name == "__main__.py" else name or "python", *sys.argv[1:]]
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"process": os.getpid(), "machine": socket.gethostname(), "user": user, "since": now,
            "command": shlex.join(words)}  # fmt: skip


def writer(path: Path) -> dict[str, Any] | None:
    """Who writes, or wrote last before a kill, to a run's directory; None if nobody tells."""
    try:
        told = json.loads((path / WRITER).read_text("utf-8"))
        return {key: told[key] for key in ("process", "machine", "user", "since", "command")}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _refused(path: Path) -> str:
    who = writer(path)
    if who is None:
        return f"{path} is being written by another process"
    since = _since(str(who["since"]))
    text = f"{path} is being written by process {who['process']} on {who['machine']} since {since} ({who['command']})"
    if who["machine"] != socket.gethostname():
        text += f" (if that machine is gone for good, delete {path / LOCK})"
    return text


def _since(stamp: str) -> str:
    """The time of day, with the day unless that is today."""
    try:
        then = datetime.fromisoformat(stamp).astimezone()
    except ValueError:
        return stamp
    return then.strftime("%H:%M" if then.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M")
