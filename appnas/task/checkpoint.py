"""The file that a training goes on from: what it holds, and whether it is of this training."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.amp import GradScaler

from appnas.compute import home
from appnas.support import RunError, check_state, device_random, load_state, reading, set_device_random, whole
from appnas.support.kinds import ANY_NUMBER, OBJECT, anything, mapping, random_state, record, several, tensor
from appnas.support.seeding import kept_states, restore_states
from appnas.task.averaging import Best

STATE = record(
    {
        "plan": OBJECT, "model": OBJECT, "optimiser": OBJECT, "rng": random_state, "global_rng": random_state,
        "losses": several(ANY_NUMBER), "best": several(anything, 2),
    },
    {"device_rng": mapping(tensor), "other_rng": several(anything, 2), "scaler": OBJECT, "best_at": ANY_NUMBER},
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
    scaler: GradScaler,
) -> None:
    """Write all that a training goes on from."""
    state = {
        "plan": plan,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "rng": rng.get_state(),
        "global_rng": torch.get_rng_state(),
        "device_rng": device_random(home(model)),
        "other_rng": kept_states(),
        "losses": losses,
        "best": [best.number, best.weights],
        "best_at": best.at,
        "scaler": scaler.state_dict(),
    }
    with whole(path) as partial:
        torch.save(state, partial)


def restore(
    path: Path,
    plan: dict[str, Any],
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    rng: torch.Generator,
    best: Best,
    scaler: GradScaler,
) -> list[float]:
    """Put model, optimiser, generators, best epoch and loss scale where a checkpoint has them; return its losses.

    Raises:
        RunError: damaged.
        ValueError: it is of another training.
    """
    remedy = "delete it to train again"
    state = check_state(path, load_state(path, remedy, RunError), STATE, remedy)
    then = {"precision": "32", "every": 1, "stop_after": 0, "arch": plan.get("arch"), **state["plan"]}
    if other := [f"{key} {then.get(key)}, now {value}" for key, value in plan.items() if then.get(key) != value]:
        raise ValueError(f"{path} is of another training ({'; '.join(other)}): delete it, or keep this one elsewhere")
    with reading(path, remedy):
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        rng.set_state(state["rng"])
        torch.set_rng_state(state["global_rng"])
        set_device_random(home(model), state.get("device_rng", {}))
        if "other_rng" in state:  # else it is of a version that knew torch's alone
            restore_states(state["other_rng"])
        best.number, best.weights = state["best"]
        best.at = int(state.get("best_at", 0))
        scaler.load_state_dict(state.get("scaler", {}))
    return list(state["losses"])
