"""A trained network as one file of plain torch: no appnas to read, to run or to train it further.

`torch.export` writes down what every module of the network computes, once in either mode; layers of torch's own, and
modules that compute the same as one, stay these layers. So there are no gates, options and fast forms in the file, and
names of weights are the network's. What a network decides by sizes other than its free ones is decided in the file.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from appnas.cost import TOLERANCE, Inputs, shaped
from appnas.retrain.plain.plain_graph import Body, needed
from appnas.retrain.plain.plain_layers import calls, layer
from appnas.retrain.plain.plain_trace import Traced, traced

WIDTH = 116
HEAD = '''"""{about}"""

from pathlib import Path

{imports}


class Part(nn.Module):
    """Parts by their names: modules, parameters, buffers."""

    def __init__(self, *listed, **named):
        super().__init__()
        for name, part in {{**{{str(i): part for i, part in enumerate(listed)}}, **named}}.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def __getitem__(self, name):
        return self._modules[str(name)]
'''
TAIL = '''

def network():
    """The network before it is given its weights."""
{network}


def load(weights=Path(__file__).with_name("model.safetensors")):
    """The trained network, in evaluation mode."""
    from safetensors.torch import load_file

    model = network()
    model.load_state_dict(load_file(weights))
    return model.eval()
'''


def plain_source(model: nn.Module, small: Inputs, large: Inputs, about: str = "A network in plain torch.") -> str:
    """The network as the text of a module with `network()` and `load(weights)`, checked against it.

    A network whose forward is a loop over moments may have a method `by_moment` that computes the same by calls of
    `self.step`, with `one_moment(*inputs)`, the inputs of such a call: then the step is written down, and the loop.

    Args:
        model: in evaluation mode.
        small: inputs to trace with.
        large: inputs of another size; as in `appnas.cost.to_onnx`, what differs is free.
        about: the file's docstring.

    Raises:
        ValueError: it cannot be written down, or what was written computes something else.
    """
    writer = _Writer(model, small, large)
    named = writer.expression("", model)
    tied = _tied(model)
    lines = [f"return {named}" if not tied else f"model = {named}", *tied, *["return model"] * bool(tied)]
    classes = "".join(f"\n\n{made}" for _, made in writer.classes.values())
    imports = [f"import {name}" for name in ("math", "operator") if re.search(rf"\b{name}\.", classes)]
    imports += ["", "import torch", "from torch import nn"] + ["from torch.nn import functional"] * (
        "functional." in classes
    )
    text = HEAD.format(about=about, imports="\n".join(imports).strip()) + classes
    text += TAIL.format(network=textwrap.indent("\n".join(lines), "    "))
    _compare(model, text, shaped(model, small, large)[3])
    return text


def _compare(model: nn.Module, text: str, checks: Sequence[Inputs]) -> None:
    """Run both.

    Raises:
        ValueError: they differ.
    """
    there: dict[str, Any] = {"__name__": "plain", "__file__": "plain.py"}
    exec(compile(text, "plain.py", "exec"), there)
    made = there["network"]().eval()
    made.load_state_dict(model.state_dict())
    for inputs in checks:
        with torch.no_grad():
            pairs = zip(pytree.tree_leaves(model(*inputs)), pytree.tree_leaves(made(*inputs)), strict=True)
        for x, y in pairs:
            difference = float((x - y).abs().max() / x.abs().max().clamp_min(1.0))
            if not difference <= TOLERANCE:
                raise ValueError(f"plain source differs from the network by {difference:.1e}, {TOLERANCE} is allowed")


class _Method(NamedTuple):
    """A forward: names of its inputs, lines."""

    inputs: list[str]
    lines: list[str]


class _Writer:
    """Classes of a network, and the expressions that make its modules."""

    def __init__(self, model: nn.Module, small: Inputs, large: Inputs):
        self.model, self.loops = model, hasattr(model, "by_moment")
        told: Any = model
        one, other = (told.one_moment(*x) if self.loops else x for x in (small, large))
        self.modes: dict[bool, Traced] = {False: traced(model, one, other, False)}
        self.untrained = ""
        try:
            self.modes[True] = traced(model, one, other, True)
        except ValueError as error:
            self.untrained = str(error)
        self.calls = calls(model, one, list(self.modes))
        self.classes: dict[tuple[str, str], tuple[str, str]] = {}

    def expression(self, path: str, module: nn.Module) -> str:
        """What makes a module."""
        made = layer(module, self.calls[path])
        if made is not None and made != "nn.Sequential":
            return made
        children = {name: self.expression(f"{path}.{name}".strip("."), part) for name, part in _children(module)}
        if made is not None:
            return _call(made, list(children.values()))
        own = {name: f"nn.Parameter({_empty(x)})" for name, x in module._parameters.items() if x is not None}
        own |= {name: _empty(x) for name, x in module._buffers.items() if x is not None and _kept(module, name)}
        methods = {mode: method for mode in self.modes if (method := self._method(path, module, mode))}
        if not methods and not own:
            if isinstance(module, nn.ModuleList | nn.Sequential):
                return _call("nn.ModuleList", list(children.values()), "[]")
            if isinstance(module, nn.ModuleDict):
                return _call("nn.ModuleDict", [f"{name!r}: {made}" for name, made in children.items()], "{}")
            if not children or not module.state_dict():
                return "nn.Identity()"
        if list(children) == [str(i) for i in range(len(children))]:
            parts = list(children.values())
        elif all(map(str.isidentifier, children)):
            parts = [f"{name}={made}" for name, made in children.items()]
        else:
            parts = [_call("**", [f"{name!r}: {made}" for name, made in children.items()], "{}")]
        return _call(self._class(path, module, methods), parts + [f"{name}={made}" for name, made in own.items()])

    def _method(self, path: str, module: nn.Module, mode: bool) -> _Method | None:
        """What a module computes, if it is called, and its parent does not write it down itself."""
        if path and isinstance(module, nn.ModuleList | nn.ModuleDict):
            return None
        forms = [form for form in self.modes[mode].parts[path] if needed(form.graph)]
        bodies = [Body(mode, form, module, None if path else self.modes[mode].result) for form in forms]
        found = [_Method(body.inputs, body.lines) for body in bodies]
        if any(other != found[0] for other in found):
            raise ValueError(f"{path} is called more than once and computes something else every time")
        return found[0] if found else None

    def _class(self, path: str, module: nn.Module, methods: dict[bool, _Method]) -> str:
        """The class of a module; those that compute the same have the same."""
        if not methods:
            return "Part"
        kind, lines = type(module).__name__, list[str]()
        step = "step" if self.loops and not path else "forward"
        for mode in (True, False):
            if mode not in methods:  # it is not called then, or does nothing
                inputs = methods[not mode].inputs
                methods[mode] = _Method(inputs, [f"return {inputs[0] if inputs else None}"])
        if methods[True] == methods[False] or len(self.modes) == 1:
            lines = [f"def {step}(self, {', '.join(methods[False].inputs)}):", *_in(methods[False].lines)]
        else:
            alike = methods[True].inputs == methods[False].inputs
            taken = ", ".join(methods[False].inputs) if alike else "*inputs"
            named = {mode: [f"{', '.join(method.inputs)}, = inputs"] * (not alike) for mode, method in methods.items()}
            lines = [f"def {step}(self, {taken}):", *_in(["if self.training:"])]
            lines += _in(_in([*named[True], *methods[True].lines])) + _in([*named[False], *methods[False].lines])
        if not path and self.loops:
            told: Any = getattr(type(module), "by_moment")  # noqa: B009  (of those with loops)
            copied = textwrap.dedent(inspect.getsource(told)).replace("def by_moment(", "def forward(", 1)
            lines += ["", *copied.splitlines()]
        if not path and self.untrained:
            said = f"this network can be run, not trained: {self.untrained}"
            lines += ["", "def train(self, mode=True):", *_in(["if mode:", f"    raise RuntimeError({said!r})"])]
            lines += _in(["return super().train(mode)"])
        body = "\n".join(_in(lines))
        if (kind, body) not in self.classes:
            count = sum(other == kind for other, _ in self.classes)
            name = f"{kind}{count + 1 if count else ''}"
            about = (inspect.getdoc(type(module)) or "").split("\n")[0].replace("\\", "/").replace('"""', "")
            about = f'    """{about}"""\n\n' if about and not about.startswith(f"{type(module).__name__}(") else ""
            self.classes[kind, body] = name, f"class {name}(Part):\n{about}{body}\n"
        return self.classes[kind, body][0]


def _children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Also those that are there twice."""
    return [(name, part) for name, part in module._modules.items() if part is not None]


def _kept(module: nn.Module, buffer: str) -> bool:
    return buffer not in module._non_persistent_buffers_set


def _empty(x: Tensor) -> str:
    dtype = "" if x.dtype is torch.float32 else f", dtype={x.dtype}"
    return f"torch.zeros({', '.join(map(str, x.shape)) or '()'}{dtype})"


def _call(name: str, parts: Sequence[str], brackets: str = "") -> str:
    """A call, on one line if it is short."""
    first, last = (f"({brackets[0]}", f"{brackets[1]})") if brackets else ("(", ")")
    if name == "**":
        first, last = brackets[0], brackets[1]
    short = ", ".join(parts)
    if len(short) < WIDTH - 40 and "\n" not in short:
        return f"{name}{first}{short}{last}"
    long = textwrap.indent(",\n".join(parts), "    ")
    return f"{name}{first}\n{long},\n{last}"


def _in(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def _tied(model: nn.Module) -> list[str]:
    """What gives a weight its second name."""
    first: dict[int, str] = {}
    lines = []
    for name, x in model.named_parameters(remove_duplicate=False):
        path, _, last = name.rpartition(".")
        there = first.setdefault(id(x), name)
        if there != name:
            lines.append(f"model.get_submodule({path!r}).{last} = model.get_parameter({there!r})")
    return lines
