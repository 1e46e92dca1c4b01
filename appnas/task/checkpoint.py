"""The file that a training goes on from: what it holds, and whether it is of this training."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from appnas.support import CPU, RunError, check_state, home, load_state, reading, whole
from appnas.support.kinds import ANY_NUMBER, OBJECT, anything, random_state, record, several
from appnas.task.averaging import Best

STATE = record(
    {
        "plan": OBJECT, "model": OBJECT, "optimiser": OBJECT, "rng": random_state, "global_rng": random_state,
        "losses": several(ANY_NUMBER), "best": several(anything, 2),
    },
    {"device_rng": several(anything, 2)},
)  # fmt: skip
"""What a checkpoint of a training holds."""


def fingerprint(model: nn.Module) -> str:
    """A digest of all modules' names and types and all weights' shapes: equal for equal networks."""
    modules = [f"{name} {type(module).__name__}" for name, module in model.named_modules()]
    parts = "\n".join([*modules, *(f"{name} {tuple(w.shape)}" for name, w in model.state_dict().items())])
    return hashlib.sha256(parts.encode()).hexdigest()


def save(
    path: Path,
    plan: dict[str, Any],
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    rng: torch.Generator,
    losses: list[float],
    best: Best,
) -> None:
    """Write all that a training goes on from."""
    state = {
        "plan": plan,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "rng": rng.get_state(),
        "global_rng": torch.get_rng_state(),
        "losses": losses,
        "best": [best.number, best.weights],
    }
    if (device := home(model)) != CPU:
        state["device_rng"] = [device.type, torch.get_device_module(device).get_rng_state(device)]
    with whole(path) as partial:
        torch.save(state, partial)


def restore(
    path: Path,
    plan: dict[str, Any],
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    rng: torch.Generator,
    best: Best,
) -> list[float]:
    """Put model, optimiser, generators and the best epoch where a checkpoint has them, and return its losses.

    Raises:
        RunError: damaged.
        ValueError: it is of another training.
    """
    remedy = "delete it to train again"
    state = check_state(path, load_state(path, remedy, RunError), STATE, remedy)
    then = state["plan"]
    if other := [f"{key} {then.get(key)}, now {value}" for key, value in plan.items() if then.get(key) != value]:
        raise ValueError(f"{path} is of another training ({'; '.join(other)}): delete it, or keep this one elsewhere")
    with reading(path, remedy):
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        rng.set_state(state["rng"])
        torch.set_rng_state(state["global_rng"])
        best.number, best.weights = state["best"]
        kind, drawn = state.get("device_rng", ["", None])
        if (device := home(model)).type == kind:  # what began on another kind of device goes on with the seed's
            torch.get_device_module(device).set_rng_state(drawn, device)
    return list(state["losses"])
