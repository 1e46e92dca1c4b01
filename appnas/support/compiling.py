"""Networks compiled by torch, one after another, without a silent way back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch


class CompileError(RuntimeError):
    """Torch could not compile a network."""


def compiled(network: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A network that is compiled at its first call: the same weights, and one compilation of its own.

    It is compiled once more where its inputs have other sizes (from then on for all sizes), and where it goes over to
    evaluation. What torch cannot compile, or would have to compile again and again, is an error; it never runs as it
    is instead.

    Args:
        network: a module, or a function that calls one.
        options: of `torch.compile`.

    Raises:
        CompileError: from a call.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what torch itself imports
        from torch._dynamo import config as settings  # half a second, which others need not wait
        from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

    def _call(*inputs: Any, **more: Any) -> Any:
        return network(*inputs, **more)

    # torch counts compilations by code object, and gives up after a few: every network has its own
    own = FunctionType(_call.__code__.replace(), _call.__globals__, "network", None, _call.__closure__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = torch.compile(own, **options)

    def _run(*inputs: Any, **more: Any) -> Any:
        try:
            with settings.patch(fail_on_recompile_limit_hit=True):
                return made(*inputs, **more)
        except (TorchDynamoException, FailOnRecompileLimitHit) as error:
            said = " ".join([line.strip() for line in str(error).splitlines() if line.strip()][:2])
            raise CompileError(f"torch could not compile the network ({said}): leave compile out") from error

    return _run
