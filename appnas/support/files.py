"""Files that are never half written, and never unpickled."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from appnas.support.dotted import AbsentError
from appnas.support.memory import out_of_memory

FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of this user is used up",
    errno.EFBIG: "it would be larger than files may be here (ulimit -f)",
}


TORCH = ("PytorchStreamWriter", "inline_container")
"""What the errors of torch's writer name; the cause is not among it."""
DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, AssertionError)
"""What content that another program, or a torn write, left in a file makes of the code that uses it."""


class RunError(ValueError):
    """A run directory that cannot be used as asked."""


class RoomError(OSError):
    """A file that cannot be written any more: no room, or its folder is gone."""


@contextmanager
def room(path: Path, kept: str | Callable[[], str] = "") -> Iterator[None]:
    """Write to a file; if there is no room for it, the error names it, and what is safe.

    Args:
        path: the file.
        kept: what is safe and how to go on, for the message; or what says so.

    Raises:
        RoomError: the disk or a quota is full, the file is too large, or its folder was deleted.
    """
    try:
        yield
    except RoomError:
        raise
    except (OSError, RuntimeError) as error:  # torch.save tells neither the number of the fault nor the file
        why = FULL.get(getattr(error, "errno", None) or 0)
        if not path.parent.is_dir():
            gone = f"{path.parent} was deleted or moved while it was written to, and {path.name} could not be kept"
            raise RoomError(
                f"{gone}: leave the directory where it is, or go on where it is now; make it if it never was"
            ) from error
        if why is None and isinstance(error, RuntimeError) and any(sign in str(error) for sign in TORCH):
            why = "the disk is full, or it would be larger than files may be here"
        if why is None:
            raise
        safe = (kept() if callable(kept) else kept) or "what it held before is safe: make room, and repeat the command"
        raise RoomError(f"{path} cannot be written: {why}; {safe}") from error


def still_there(file: IO[str]) -> None:
    """Whether the file that is open is the one of its name: an open one can be written to after it was deleted.

    Raises:
        OSError: there is none any more.
        RoomError: there is another one.
    """
    there, ours = os.stat(file.name), os.fstat(file.fileno())
    if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
        raise RoomError(
            f"{file.name} is another file by now: its directory was deleted or moved while it was written to, and"
            " another run has its place, which is left alone; begin in a directory of its own"
        )


@contextmanager
def whole(path: Path, kept: str | Callable[[], str] = "") -> Iterator[Path]:
    """Another path to write to, renamed to `path` at the end: a reader never sees half a file.

    Args:
        path: the file.
        kept: see `room`.

    Raises:
        RoomError: see `room`; what was written is removed.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with room(path, kept):
            yield partial
            partial.replace(path)
    except RoomError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def digest(*parts: Tensor | str) -> str:
    """A digest of texts, and of the bytes of tensors: other data have another one, whatever their sums are."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            sha.update(f"{part.dtype} {tuple(part.shape)}".encode())
            sha.update(part.detach().cpu().contiguous().numpy().tobytes())
        else:
            sha.update(f"{len(part)} {part}".encode())
    return sha.hexdigest()


@contextmanager
def reading(file: Path, remedy: str = "") -> Iterator[None]:
    """Use what a file holds: a fault in that is told as one of the file.

    Args:
        file: where the content is from.
        remedy: what to do then, for the message.

    Raises:
        RunError: the content is not what the code inside can use.
        AbsentError: it names something of the user's own that is not there: no fault of the file.
    """
    try:
        yield
    except (RunError, AbsentError):
        raise
    except DAMAGE as cause:
        if out_of_memory(cause):
            raise
        known = isinstance(cause, ValueError | TypeError)
        text = " ".join(str(cause).split()) if known else f"{type(cause).__name__}: {cause}"
        raise RunError(f"{file} is damaged: {text[:400]}{remedy and '; ' + remedy}") from cause


def load_state(path: Path, remedy: str, error: type[Exception] = ValueError) -> dict[str, Any]:
    """Tensors and plain containers that `torch.save` wrote.

    Args:
        path: the file.
        remedy: what to do if it is damaged, for the message.
        error: what to raise then.

    Raises:
        ValueError: truncated, or something else than tensors and containers.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as cause:  # a truncated file fails in many ways inside torch
        raise error(f"{path} is damaged ({type(cause).__name__}): {remedy}") from cause


def check_state(file: Path, state: dict[str, Any], kind: Callable[[Any, str], None], remedy: str) -> dict[str, Any]:
    """What `torch.save` wrote, if it is of a kind (`appnas.support.kinds`).

    Raises:
        RunError: it is not.
    """
    with reading(file, remedy):
        kind(state, "")
    return state
