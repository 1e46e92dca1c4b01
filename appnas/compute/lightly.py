"""Optimisers that import no compiler: that is most of what the first training of a process takes, and for nothing.

Torch's optimisers import its compiler (`torch._dynamo`, 850 modules, some 3 CPU seconds) when they are made and at
their first step, in every worker anew, only to say that it shall leave them alone. Nothing can be compiled before it is
imported: until then, what it shall leave alone is called as it is. Where another version of torch does this otherwise,
all is as torch has it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch

MARK = "__dynamo_disable"
"""Where torch keeps the form of a method that the compiler leaves alone (`torch._compile._disable_dynamo`)."""


def compiler() -> bool:
    """Whether anything may have been compiled."""
    return "torch._dynamo" in sys.modules


def lighten(kind: type) -> None:
    """Let a class's methods that the compiler leaves alone not import it.

    Args:
        kind: `torch.optim.Optimizer`, whose methods have the plain one in `__wrapped__`.
    """
    for name in ("state_dict", "load_state_dict", "zero_grad", "add_param_group"):
        plain = getattr(getattr(kind, name), "__wrapped__", None)
        if plain is not None and not hasattr(plain, MARK):
            setattr(plain, MARK, _until_compiled(plain))


def _until_compiled(plain: Callable[..., Any]) -> Callable[..., Any]:
    """The method itself; torch's own form of it from the first call on after which something may be compiled."""

    @functools.wraps(plain)
    def called(*args: Any, **more: Any) -> Any:
        if not compiler():
            return plain(*args, **more)
        kept: Any = torch.compiler.disable(plain)  # type: ignore[no-untyped-call]
        setattr(plain, MARK, kept)
        return kept(*args, **more)

    return called


class Light(torch.optim.Optimizer):
    """Comes before an optimiser of torch's among the bases of a class, and takes its step without the compiler."""

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


lighten(torch.optim.Optimizer)
