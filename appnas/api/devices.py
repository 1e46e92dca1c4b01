"""Where the networks of a search are trained: what was asked for, who gets which device, and how it is said."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from appnas.cost import placing
from appnas.support import alike, compute_of, device_of
from appnas.task import Domain, placed


def settled(domain: Any, device: str | torch.device) -> Any:
    """A domain whose networks are trained on a device; a table as it is.

    One that says itself where (`domain.to`) is left there by "auto".

    Raises:
        ValueError: torch has no such device.
        TypeError: neither a name nor a device.
    """
    chosen = device_of(device)
    if not isinstance(domain, Domain) or (device == "auto" and hasattr(domain, "compute")):
        return domain
    return placed(domain, replace(compute_of(domain), device=chosen))


def settled_again(domain: Any, device: str | torch.device | None, saved: str, path: Path) -> Any:
    """The same for a run that goes on, perhaps on another machine.

    Args:
        domain: of the run.
        device: where to; None for where the run was asked for.
        saved: that.
        path: directory of the run.

    Raises:
        ValueError: torch has no such device.
        TypeError: neither a name nor a device.
    """
    if device is not None or not isinstance(domain, Domain):
        return settled(domain, "auto" if device is None else device)
    try:
        return settled(domain, saved)
    except ValueError as error:
        raise ValueError(f"{path} was asked for on another device: {error}. Go on with device= or --device") from error


def named(domain: Any, device: str | torch.device) -> str:
    """What a run remembers of the device that it was asked for: "auto" only if that is what chose it."""
    kept = device == "auto" and isinstance(domain, Domain) and hasattr(domain, "compute")
    return str(compute_of(domain).device if kept else device)


def employed(domain: Any, asked: str) -> list[torch.device]:
    """The devices that workers may use: all of the kind, if none was asked for by its number."""
    here = compute_of(domain).device
    return alike(asked) if device_of(asked) == here else [here]


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
