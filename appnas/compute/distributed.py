"""Several processes that train one network: how they find each other, and the few things that they say to one another.

They are started by torchrun, or as a Ray Train job, and speak through `torch.distributed`: gloo between CPUs, NCCL
between CUDA devices. All of them do the same, with the same draws and the same weights; of every batch each has its
rows. A gradient then is a sum over the processes. In a graph of tensors two functions keep that right, to any order:
`copied` where what all have alike meets a process's own rows, `total` where own sums become what all have alike. The
backward pass of each is the other.
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import partial, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

P = ParamSpec("P")
T = TypeVar("T")
TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others."""
STARTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun puts into the environment of every process."""
PLACES = r"\[/[^\]]*\]"
"""Lines of gloo's source, in its errors."""
_groups: list[Any] = []


class PeerError(ConnectionError):
    """Another process of the same search ended, failed, or does not answer."""


class Share(NamedTuple):
    """Which of several processes this is.

    Attributes:
        rank: from 0; the first one leads: it writes, and its numbers count.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether it is the first, or the only one."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """Its rows of a batch of so many."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)


def started() -> int:
    """How many processes there are, as whoever started this one tells; 1 if nobody does."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    return int(os.environ.get("WORLD_SIZE", "1"))


def joined(processes: int, kind: str = "cpu") -> Share:
    """Meet the other processes; a second time nothing is done.

    Args:
        processes: how many there must be.
        kind: of device that networks are trained on.

    Raises:
        ValueError: this process was not started by torchrun, or with another number of them, or devices of this kind
            have no way to speak to each other.
    """
    right = f"torchrun --nproc-per-node={processes} script.py, or torchrun --nproc-per-node={processes} -m appnas.cli"
    there = dist.is_available() and dist.is_initialized()
    lacking = [] if there else [name for name in STARTED if name not in os.environ]
    found = dist.get_world_size() if there else started()
    if processes == 1:
        if found > 1 and not lacking:
            raise ValueError(
                f"{found} processes were started, and with processes=1 each would search by itself: give"
                f" processes={found} (--processes {found}), or start one"
            )
        return Share()
    if lacking:
        raise ValueError(
            f"processes={processes} are started by torchrun, this one was not (the environment has no"
            f" {', '.join(lacking)}); the right command: {right}"
        )
    if found != processes:
        raise ValueError(f"processes={processes}, but {found} were started; the right command: {right}")
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"several processes train on CPUs or CUDA devices, got the device {kind!r}: take processes=1")
    if not _groups:
        _meet(there, kind)
    return Share(dist.get_rank(), found)


def _meet(there: bool, kind: str) -> None:
    backend = "gloo" if kind == "cpu" else "cpu:gloo,cuda:nccl"
    if not there:
        _spoken(lambda: dist.init_process_group(backend, timeout=TIMEOUT))
        atexit.register(_part)
    _groups.append(_spoken(lambda: dist.new_group(backend=backend, timeout=TIMEOUT)))


def _part() -> None:
    """End the groups before Python ends: a group that is still held then ends in the midst of its threads."""
    _groups.clear()
    dist.destroy_process_group()


def _spoken(do: Callable[[], T]) -> T:
    """What a call of `torch.distributed` gives.

    Raises:
        PeerError: somebody did not answer.
    """
    try:
        return do()
    except RuntimeError as error:
        who = f"process {dist.get_rank()} of {dist.get_world_size()}" if dist.is_initialized() else "this process"
        raise PeerError(
            f"another process of this search ended or does not answer ({who} waited for it:"
            f" {' '.join(re.sub(PLACES, '', str(error)).split())[:100]})"
        ) from error


def summed(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The sums over all processes, in one message for each type of numbers. Shapes: as given."""
    found: list[Tensor] = [*tensors]
    kinds: dict[tuple[Any, ...], list[int]] = {}
    for i, tensor in enumerate(tensors):
        kinds.setdefault((tensor.dtype, tensor.device), []).append(i)
    for places in kinds.values():
        flat = torch.cat([tensors[i].detach().reshape(-1) for i in places])
        _spoken(partial(dist.all_reduce, flat, group=_groups[0]))
        for i, part in zip(places, torch.split(flat, [tensors[i].numel() for i in places]), strict=True):
            found[i] = part.view(tensors[i].shape)
    return found


class _Copied(Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The same."""
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """The sums."""
        return _Total.apply(*grads)  # type: ignore[no-untyped-call]


class _Total(Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The sums."""
        return tuple(summed(tensors))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """The same."""
        return _Copied.apply(*grads)  # type: ignore[no-untyped-call]


def copied(tensors: Sequence[Tensor], share: Share) -> tuple[Tensor, ...]:
    """What all processes have alike, for use with a process's own rows: gradients are summed over the processes."""
    attached = [i for i, tensor in enumerate(tensors) if tensor.requires_grad]
    if share.size == 1 or not attached or not torch.is_grad_enabled():
        return tuple(tensors)
    found = list(tensors)
    for i, tensor in zip(attached, _Copied.apply(*(tensors[i] for i in attached)), strict=True):  # type: ignore[no-untyped-call]
        found[i] = tensor
    return tuple(found)


def total(tensor: Tensor, share: Share) -> Tensor:
    """The sum of the processes' own tensors, which all have alike. Shapes: as given."""
    return tensor if share.size == 1 else _Total.apply(tensor)[0]  # type: ignore[no-untyped-call]


def mean_over(values: Tensor, share: Share) -> tuple[Tensor, int | Tensor]:
    """The mean of what all processes have a part of, and the number; of several processes, as a tensor beside it.

    Shapes:
        values: [own rows]. returns: [].
    """
    if share.size == 1:
        return values.mean(), len(values)
    values = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    found, count = total(torch.stack([values.sum(), values.new_tensor(len(values))]), share).unbind()
    return found / count, count.detach()


def sum_gradients(weights: Iterable[Tensor], share: Share) -> None:
    """Replace all gradients by their sums over the processes, in one message."""
    if share.size == 1:
        return
    learned = [weight for weight in weights if weight.grad is not None]
    for weight, grad in zip(learned, summed([weight.grad for weight in learned]), strict=True):  # type: ignore[misc]
        weight.grad = grad


def gathered(own: Tensor, count: int, share: Share) -> Tensor:
    """All rows, of which each process has its own. Shapes: own [rows, ...]; returns [count, ...]."""
    if share.size == 1:
        return own
    every = own.new_zeros(count, *own.shape[1:])
    every[share.rows(count)] = own
    return summed([every])[0]


def led(share: Share, do: Callable[[], T]) -> T:
    """What the first process finds, or its error, in all of them; the others do nothing."""
    if share.size == 1:
        return do()
    told: list[Any] = [_tried(do) if share.leads else None]
    _spoken(lambda: dist.broadcast_object_list(told, src=0, group=_groups[0], device=torch.device("cpu")))
    value, error = told[0]
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]


def by_one(write: Callable[P, T]) -> Callable[P, T]:
    """A function that the first of all processes that met here calls alone; the others get what it returns."""

    @wraps(write)
    def write_once(*args: P.args, **more: P.kwargs) -> T:
        share = Share(dist.get_rank(), dist.get_world_size()) if _groups else Share()
        return led(share, lambda: write(*args, **more))

    return write_once


def alike(share: Share, do: Callable[[], T]) -> T:
    """What each process finds by itself; if one of them fails, all do.

    Raises:
        PeerError: another one failed, the message says why.
    """
    if share.size == 1:
        return do()
    value, error = _tried(do)
    told: list[str | None] = [None] * share.size
    mine = error and f"{type(error).__name__}: {error}"
    _spoken(lambda: dist.all_gather_object(told, mine, group=_groups[0]))
    if error is not None:
        raise error
    for rank, text in enumerate(told):
        if text is not None:
            raise PeerError(f"process {rank} of {share.size} cannot begin: {text}")
    return value  # type: ignore[no-any-return]


def _tried(do: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return do(), None
    except Exception as error:
        return None, error


def anyone(share: Share, flag: bool) -> bool:
    """Whether a flag is set in any process."""
    return flag if share.size == 1 else bool(summed([torch.tensor(int(flag))])[0])


synchronised_by: ContextVar[Share | None] = ContextVar("synchronised_by", default=None)
"""The processes that batch norms have common statistics with; None for a batch of one's own."""


@contextmanager
def synchronising(share: Share | None) -> Iterator[None]:
    """Batch norms that were told to (`appnas.task.norms`) have the statistics of all processes inside."""
    before = synchronised_by.set(share)
    try:
        yield
    finally:
        synchronised_by.reset(before)


@contextmanager
def parted(safe: Callable[[], str]) -> Iterator[None]:
    """Let the error that another process ended say how to go on.

    Raises:
        PeerError: it did.
    """
    try:
        yield
    except PeerError as error:
        raise PeerError(f"{error}. {safe()}") from error
