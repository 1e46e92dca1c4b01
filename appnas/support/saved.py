"""State of objects by the names of their attributes, for checkpoints that hold tensors and plain containers alone."""

from __future__ import annotations

import copy
import random
from typing import Any

import torch
from torch import Tensor

from appnas.support.seeding import rng_state, set_rng


class Saved:
    """Attributes that are named are the state.

    Generators, and what has a state of its own (modules, optimisers, strategies, evaluators), are put into it where
    they are, and so are tensors with a gradient; everything else is replaced by a copy.

    Attributes:
        saved: names of attributes.
    """

    saved: tuple[str, ...] = ()

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {name: state_of(getattr(self, name)) for name in self.saved}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name in self.saved:
            setattr(self, name, restored(getattr(self, name), state[name]))


def state_of(value: Any) -> Any:
    """A value as tensors and plain containers; named tuples become tuples, sets sorted lists."""
    if isinstance(value, random.Random):
        return rng_state(value)
    if isinstance(value, torch.Generator):
        return value.get_state()
    if hasattr(value, "state_dict"):
        return value.state_dict()
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: state_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(state_of, value))
    return sorted(value) if isinstance(value, set) else value


def restored(now: Any, saved: Any) -> Any:
    """What an attribute becomes, from what `state_of` gave."""
    if isinstance(now, random.Random):
        set_rng(now, saved)
    elif isinstance(now, torch.Generator):
        now.set_state(saved)
    elif hasattr(now, "load_state_dict"):
        now.load_state_dict(saved)
    elif isinstance(now, Tensor) and now.requires_grad:
        with torch.no_grad():
            now.copy_(saved)
    elif isinstance(now, list) and any(hasattr(x, "load_state_dict") or getattr(x, "requires_grad", 0) for x in now):
        return [restored(mine, other) for mine, other in zip(now, saved, strict=True)]
    elif isinstance(now, Tensor) and isinstance(saved, Tensor):
        return saved.clone().to(now.device)
    else:
        kind = next((kind for kind in (set, dict) if isinstance(now, kind)), None)
        return type(now)(copy.deepcopy(saved)) if kind else copy.deepcopy(saved)
    return now
