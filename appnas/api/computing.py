"""What trains the networks of a search: what was asked for, who gets which device, and how it is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from appnas.api.plan import Plan
from appnas.compute import Compute, Precision, compute_of, device_of, joined, same_kind, started
from appnas.cost import placing
from appnas.cost.counts import SupernetMemory
from appnas.loop import Callback, Failures, Workers
from appnas.loop.processes import guard
from appnas.supernet import Recomputing, recomputing, said
from appnas.support import told
from appnas.task import DifferentiableDomain, Domain, placed


def chosen(
    device: str | torch.device = "auto",
    precision: Precision = "32",
    compiles: bool = False,
    *,
    processes: int = 1,
    norms: str = "synchronised",
) -> Compute:
    """What networks are trained on; several processes meet here.

    Of several CUDA devices on a machine each process takes the one of its number there, unless one is named.

    Raises:
        ValueError: torch has no such device, the processes were not started so, there are fewer devices than
            processes on a machine, or something is not for several processes.
        TypeError: the device is neither a name nor a device.
    """
    if norms not in ("own", "synchronised"):
        raise ValueError(f"norms is 'own' or 'synchronised', got {norms!r}")
    if processes < 1:
        raise ValueError(f"processes >= 1 must hold, got {processes}")
    if processes > 1 and (compiles or precision == "16"):
        raise ValueError(
            "networks that are compiled, or in float16, are trained by one process: with more leave compile"
            f" out and take precision 'bf16' or '32', got compile={compiles} and precision={precision!r}"
        )
    here = device_of(device)
    share = joined(processes, here.type)
    if share.size > 1 and here.type != "cpu":
        here = _mine(here, str(device))
    return Compute(here, precision, compiles, share.size, norms, share.rank)  # type: ignore[arg-type]


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


def again(
    saved: Mapping[str, Any],
    path: Path,
    device: str | torch.device | None = None,
    processes: int | None = None,
    precision: Precision | None = None,
    compiles: bool | None = None,
) -> Compute:
    """The same for a run that goes on, perhaps on another machine.

    Args:
        saved: its config.
        path: its directory.
        device: another than it was asked for.
        processes: another number; by default as many as were started.
        precision: another than it was asked for.
        compiles: likewise.

    Raises:
        ValueError, TypeError: see `chosen`.
    """
    if saved.get("workers") or saved.get("timeout"):
        guard()  # before the run is asked for, which the search that started this process holds
    if device is None:
        try:
            device_of(saved["device"])
        except ValueError as error:
            elsewhere = f"{path} was asked for on another device: {error}. Go on with device= or --device"
            raise ValueError(elsewhere) from error
    count = started() if processes is None else processes
    compiles = saved["compile"] if compiles is None else compiles
    how = precision or saved["precision"], compiles
    return chosen(device or saved["device"], *how, processes=count, norms=saved["norms"])


def on(domain: Any, compute: Compute, asked: str | torch.device) -> Any:
    """A domain whose networks are trained so; a table as it is.

    One that says itself on which device (`domain.to`) is left there if "auto" was asked for.

    Raises:
        ValueError: several processes cannot share what it trains, the device lacks the precision, or a table is to be
            computed otherwise than it is.
    """
    if compute.processes > 1 and not isinstance(domain, DifferentiableDomain):
        raise ValueError(
            f"several processes share the batches of a domain with `batches` and `loss`, which {type(domain).__name__}"
            f" lacks: search with processes=1, got {compute.processes}"
        )
    if not isinstance(domain, Domain):
        if compute.precision != "32" or compute.compile:
            raise ValueError(
                "a table trains no networks: precision and compile are of domains with data, got"
                f" precision={compute.precision!r}, compile={compute.compile}"
            )
        return domain
    kept = asked == "auto" and hasattr(domain, "compute")
    return placed(domain, replace(compute, device=compute_of(domain).device) if kept else compute)


def named(domain: Any, device: str | torch.device) -> str:
    """What a run remembers of the device that it was asked for: "auto" only if that is what chose it."""
    kept = device == "auto" and isinstance(domain, Domain) and hasattr(domain, "compute")
    return str(compute_of(domain).device if kept else device)


def employed(domain: Any, asked: str) -> list[torch.device]:
    """The devices that workers may use: all of the kind, if none was asked for by its number."""
    here = compute_of(domain).device
    return same_kind(asked) if device_of(asked) == here else [here]


def workers(plan: Plan, used: Sequence[torch.device]) -> list[Callback]:
    """Workers on these devices, if some are asked for; a time limit takes one."""
    wanted = plan.workers or plan.timeout  # a wrong limit, too, is told by them
    return [Workers(max(plan.workers, 1), plan.asks, plan.cluster, plan.timeout, used)] if wanted else []


def watching(plan: Plan, used: Sequence[torch.device] = ()) -> list[Callback]:
    """Who evaluates in parallel or within a time limit, and who counts what failed.

    Raises:
        ValueError: a number out of range.
    """
    return [*workers(plan, used), Failures(plan.max_failures, plan.max_failure_share)]


def place(used: Sequence[torch.device], cluster: bool = False) -> dict[str, str]:
    """Where steps run, as a run writes it down.

    Args:
        used: devices.
        cluster: they are of a Ray cluster, which alone knows their names.
    """
    if cluster:
        return {"device": used[0].type, "machine": "workers of a Ray cluster"}
    return placing(*used)


def announce(where: dict[str, str]) -> None:
    """Say on standard error where a search runs: the CPU, which needs no name, on terminals alone."""
    if where["device"] != "cpu" or sys.stderr.isatty():
        name = "" if where["device"] == "cpu" else f" {where['machine'].partition(',')[0]}"
        print(f"on {where['device']}{name}", file=sys.stderr)
    if plan := said():
        print(plan, file=sys.stderr)


@contextmanager
def fitting(
    need: SupernetMemory | None, safe: Callable[[], str] = str, device: torch.device | None = None
) -> Iterator[None]:
    """What a search runs in: supernets follow the plan of the check of memory; memory that runs out is told with it.

    Args:
        need: of the check; None without a supernet.
        safe: see `appnas.support.told`.
        device: likewise.
    """
    with recomputing(Recomputing(*(need.again if need else ()))), told(need and need.total, safe, device):
        yield
