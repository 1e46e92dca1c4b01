"""Memory that runs out, recognised in all its forms, and told in one line; what is free."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from appnas.compute.placement import CPU

MIB = 2**20
SIGNS = ("can't allocate memory", "out of memory", "cannot allocate memory", "not enough memory", "bad_alloc")
"""What the messages of torch, of its libraries and of the operating system have in common."""

VAGUE = ("could not create a primitive", "could not create a memory", "could not execute a primitive")
"""What oneDNN says when it gets no memory, and at other times too."""

SCARCE = 2**28
"""Free bytes below which that is taken for a lack of memory."""

LESS = (
    "half the batch (--domain.batch), half the channels or half the cells (--space.channels, --space.cells) need about"
    " half; so do half the --workers, each of which holds a network"
)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in this process or in one that it started."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if not isinstance(error, RuntimeError | OSError):
        return False
    text = str(error).lower()
    return any(sign in text for sign in SIGNS) or (any(sign in text for sign in VAGUE) and _scarce())


def _scarce() -> bool:
    free = free_bytes()
    return free is not None and free < SCARCE


def explained(error: BaseException, need: int | None = None, safe: str = "", device: torch.device | None = None) -> str:
    """One line: what was asked for, the estimate, what is free, and what needs half of it; as it is, if it says so.

    Args:
        error: one that `out_of_memory` knows.
        need: the estimate of a step in bytes, if there is one.
        safe: what is kept, and how to go on.
        device: that networks are trained on; by default torch's accelerator, whose own errors are known by their type.
    """
    first = (str(error).strip() or "no more could be allocated").splitlines()[0]
    if isinstance(error, MemoryError) and "MiB" in first:  # an estimate of ours, or this very line
        return str(error)
    first = first.partition("DefaultCPUAllocator: ")[2] or first
    there = CPU
    if isinstance(error, torch.OutOfMemoryError):
        first = first.partition(" GPU ")[0]  # before its own account of who holds how much
        there = (torch.accelerator.current_accelerator() if device in (None, CPU) else device) or CPU
    try:
        free = free_bytes(there)
    except MemoryError:  # not even enough to read how much is free
        free = None
    estimate = f"one step was estimated at {need / MIB:,.0f} MiB, " if need else ""
    where = "" if there == CPU else f" on {there}"
    now = f"MiB free{where} are unknown" if free is None else f"{max(free, 0) / MIB:,.0f} MiB are free{where} now"
    return f"memory ran out ({first}); {estimate}{now}: {LESS}" + (f". {safe}" if safe else "")


@contextmanager
def told(need: int | None, safe: Callable[[], str] = str, device: torch.device | None = None) -> Iterator[None]:
    """Let memory that runs out inside be told with the estimate.

    Args:
        need: see `explained`.
        safe: says, once it has run out, what is kept and how to go on.
        device: see `explained`.

    Raises:
        MemoryError: `explained`.
    """
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise MemoryError(explained(error, need, safe(), device)) from error


def free_bytes(device: torch.device = CPU) -> int | None:
    """Memory that is free now: what system, control group or `ulimit -v` still grants, or a device; None if unknown."""
    if device != CPU:
        try:
            return int(torch.accelerator.get_memory_info(device)[0])
        except (RuntimeError, NotImplementedError):  # torch cannot tell it of every accelerator
            return None
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    found += _group_bytes(Path("/sys/fs/cgroup")) + _limit_bytes(Path("/proc/self/statm"))
    return min(found) if found else None


def _group_bytes(group: Path) -> list[int]:
    """What a control group still grants, if it has a limit; file pages that can be dropped count as free."""
    limit, used, stat = group / "memory.max", group / "memory.current", group / "memory.stat"
    if not (limit.exists() and used.exists()) or limit.read_text().strip() == "max":
        return []
    fields = dict(line.split() for line in stat.read_text().splitlines()) if stat.exists() else {}
    return [int(limit.read_text()) - int(used.read_text()) + int(fields.get("inactive_file", 0))]


def _limit_bytes(statm: Path) -> list[int]:
    """What the limit on this process's address space (`ulimit -v`) still grants, if there is one."""
    try:
        import resource
    except ImportError:  # Windows
        return []
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY or not statm.exists():
        return []
    return [limit - int(statm.read_text().split()[0]) * resource.getpagesize()]
