"""Layers of torch's own in a network: what they were made with, and modules that compute the same as one."""

from __future__ import annotations

import copy
import inspect
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

EXACT = 1e-5
"""Largest difference between a module and the layer that stands for it, relative to the largest output or to 1."""
CONTAINERS = (nn.Module, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)


class Call(NamedTuple):
    """One call of a module, and whether it was in training mode."""

    training: bool
    inputs: tuple[Any, ...]
    named: dict[str, Any]
    output: Any


def calls(model: nn.Module, inputs: Sequence[Tensor], modes: Sequence[bool]) -> dict[str, list[Call]]:
    """What every module was called with when the network ran once in each mode; the network stays as it was."""
    found: dict[str, list[Call]] = defaultdict(list)
    for training in modes:
        running = copy.deepcopy(model).train(training)

        def keep(path: str, mode: bool) -> Any:
            return lambda _, args, named, output: found[path].append(Call(mode, args, named, output))

        for path, module in running.named_modules():
            module.register_forward_hook(keep(path, training), with_kwargs=True)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            running(*inputs)
    return found


def layer(module: nn.Module, seen: Sequence[Call]) -> str | None:
    """What makes a layer of torch that computes what a module does, of a sequence only its name; None if none does."""
    kind = next(kind for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn.modules"))
    if kind in CONTAINERS or module._forward_pre_hooks or module._forward_hooks:
        return None
    if any(call.named or len(call.inputs) != 1 or not isinstance(call.output, Tensor) for call in seen):
        return None
    if type(module) is not kind and not (seen and all(_same(module, kind, call) for call in seen)):
        return None
    if kind is nn.Sequential:
        names = list(dict(module.named_children()))
        return "nn.Sequential" if names == [str(i) for i in range(len(names))] else None
    return _made(module, kind)


def _same(module: nn.Module, kind: type[nn.Module], call: Call) -> bool:
    """Whether a layer with the same attributes gives the same."""
    answers = []
    for as_layer in (False, True):
        one = copy.deepcopy(module).train(call.training)
        if as_layer:
            one.__class__ = kind
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                answers.append(one(*call.inputs))
            except (RuntimeError, TypeError, ValueError, AttributeError):
                return False
    plain, other = answers
    if not isinstance(other, Tensor) or plain.shape != other.shape or plain.dtype != other.dtype:
        return False
    return bool((plain - other).abs().max() <= EXACT * other.abs().max().clamp_min(1.0)) if plain.numel() else True


def _made(module: nn.Module, kind: type[nn.Module]) -> str | None:
    """The call that makes a layer: what differs from the defaults, read from its attributes."""
    given: dict[str, Any] = {}
    said: list[str] = []
    for name, parameter in inspect.signature(kind).parameters.items():
        if name in ("device", "dtype") or name.startswith("_") or not hasattr(module, name):
            continue
        if name == "bias" and not getattr(module, "affine", True):
            continue
        value = getattr(module, name)
        value = value is not None if isinstance(value, Tensor) or name == "bias" else value
        if isinstance(value, tuple) and len(value) > 1 and len(set(value)) == 1 and "Norm" not in kind.__name__:
            value = value[0]
        if value == parameter.default and type(value) is type(parameter.default):
            continue
        try:
            text = literal(value)
        except ValueError:
            return None
        given[name] = value
        first = parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        said.append(text if first and len(said) == len(given) - 1 and "=" not in "".join(said) else f"{name}={text}")
    try:
        with torch.device("meta"):
            other = kind(**given)
    except (TypeError, ValueError):
        return None
    alike = other.extra_repr() == kind.extra_repr(module) and _shapes(other) == _shapes(module)
    plain = (bool, int, float, str, tuple, type(None))
    alike = alike and all(
        getattr(module, name, None) == value
        for name, value in vars(other).items()
        if isinstance(value, plain) and name != "training"
    )
    return f"nn.{kind.__name__}({', '.join(said)})" if alike and hasattr(nn, kind.__name__) else None


def _shapes(module: nn.Module) -> dict[str, Any]:
    return {name: x.shape for name, x in module.state_dict().items()}


def literal(value: Any) -> str:
    """A plain value as source.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, tuple | list):
        inside = ", ".join(map(literal, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    raise ValueError(f"{value!r} is no plain value")
