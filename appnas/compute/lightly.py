"""Optimisers that import no compiler: that is most of what the first training of a process takes, and for nothing.

Torch's optimisers import its compiler (`torch._dynamo`, 850 modules, some 3 CPU seconds) when they are made and at
their first step, in every worker anew, only to say that it shall leave them alone. Nothing can be compiled before it is
imported: until then, these call what is behind torch's decorators. Torch's own classes stay as they are, and where
another version of torch has no such decorators, all is as torch has it.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import torch


def compiler() -> bool:
    """Whether anything may have been compiled."""
    return "torch._dynamo" in sys.modules


def _lightly(name: str) -> Any:
    whole: Any = getattr(torch.optim.Optimizer, name)
    plain = inspect.unwrap(whole)

    def method(self: Any, *args: Any, **more: Any) -> Any:
        return (whole if compiler() else plain)(self, *args, **more)

    return method


class Light(torch.optim.Optimizer):
    """Comes before an optimiser of torch's among the bases of a class, and does without the compiler.

    None of torch's optimisers overrides these methods but `step` and, in part, `__setstate__`.
    """

    state_dict = _lightly("state_dict")
    load_state_dict = _lightly("load_state_dict")
    zero_grad = _lightly("zero_grad")
    add_param_group = _lightly("add_param_group")

    def step(self, closure: Any = None) -> Any:
        """The step of the optimiser behind: under `no_grad`, as torch's decorators have it."""
        whole: Any = super().step
        if compiler():
            return whole(closure)
        with torch.no_grad():
            return inspect.unwrap(whole.__func__)(self, closure)


class SGD(Light, torch.optim.SGD):
    """Torch's, lightly."""


class Adam(Light, torch.optim.Adam):
    """Torch's, lightly."""
