"""What a traced module computes, as lines of Python: operations of torch by their usual names, parts by their place."""

from __future__ import annotations

import builtins
import math
import operator
import re
from collections import Counter
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.nn import functional
from torch.utils import _pytree as pytree

from appnas.retrain.plain.plain_trace import own_path

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "matmul": "@", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and_": "&", "or_": "|",
    "bitwise_and": "&", "bitwise_or": "|",
}  # fmt: skip
PREFIX = {"neg": "-", "bitwise_not": "~", "logical_not": "~"}
CHECKS = ("_assert_scalar", "_assert_tensor_metadata", "sym_constrain_range", "sym_constrain_range_for_size")
"""What torch writes down for itself."""
SAME = ("lift_fresh_copy", "alias")
LARGEST = 4096
"""Numbers of a constant that is written into the source."""
END = 2**63 - 1


class Body:
    """The lines of one module's forward.

    Args:
        training: the mode in which it was traced: an argument that says so becomes `self.training`.
        traced: the module as `torch.export.unflatten` has it.
        module: the module itself.
        result: the structure of what it returns; by default what the graph has. Inputs have the graph's names then.

    Raises:
        ValueError: something that has no source.
    """

    def __init__(self, training: bool, traced: Any, module: nn.Module, result: Any = None):
        self.training = training
        self.said: dict[fx.Node, str] = {}
        self.used: Counter[str] = Counter(("torch", "nn", "functional", "math", "operator", "self"))
        known = sizes(traced.graph)
        given = [node for node in traced.graph.nodes if node.op == "placeholder" and node not in known]
        names = ["x"] if len(given) == 1 else [f"x{i}" for i in range(len(given))]
        self.inputs = [self._name(node.name if result else name) for node, name in zip(given, names, strict=True)]
        self.said.update(zip(given, self.inputs, strict=True))
        self.said |= {node: f"{self.said[x]}.shape[{axis}]" for node, (x, axis) in known.items()}
        tensors = [self.said[node] for node in given if isinstance(node.meta.get("val"), Tensor)]
        self.device = f"{tensors[0]}.device" if tensors else None
        self.lines: list[str] = []
        last = self._graph(traced, module, "")
        if result:
            last = pytree.tree_unflatten(list(last), result)
        said = self.value(last)
        if self.lines and self.lines[-1].startswith(f"{said} = "):
            self.lines[-1] = f"return {self.lines[-1].removeprefix(f'{said} = ')}"
        else:
            self.lines.append(f"return {said}")

    def _graph(self, traced: Any, module: nn.Module, prefix: str) -> Any:
        """Write down what a graph computes, and return its output."""
        wanted = needed(traced.graph)
        for node in traced.graph.nodes:
            if node.op == "output":
                return node.args[0]
            if node in wanted and node.op != "placeholder":
                self._node(node, traced, module, prefix)
        return None

    def _node(self, node: fx.Node, traced: Any, module: nn.Module, prefix: str) -> None:
        path = own_path(str(node.target).split("@")[0])
        if node.op == "get_attr":
            self.said[node] = self._attribute(traced, module, str(node.target), prefix)
            return
        if node.op == "call_module":
            part, name = module.get_submodule(path), path.split(".")[-1]
            inside = traced.get_submodule(str(node.target))
            entering = [inner for inner in inside.graph.nodes if inner.op == "placeholder"]
            if isinstance(part, nn.ModuleList | nn.ModuleDict):  # what holds options: no class of its own
                self.said.update(zip(entering, map(self.value, node.args), strict=True))
                self.said[node] = self.value(self._graph(inside, part, f"{prefix}{_place(module, path)}"))
                return
            known = sizes(inside.graph)
            args = [self.value(x) for x, inner in zip(node.args, entering, strict=True) if inner not in known]
            said = f"self{prefix}{_place(module, path)}({', '.join(args)})"
        else:
            said, name = self._function(node), _operation(node.target).strip("_")
        if node.target is operator.getitem or name in (*SAME, "sym_size") or said in self.said.values():
            self.said[node] = said
        elif not node.users:
            self.lines.append(said)
        else:
            name = re.sub(r"\W", "_", name)
            self.said[node] = self._name(f"y{name}" if not name.isidentifier() or iskeyword(name) else name)
            self.lines.append(f"{self.said[node]} = {said}")

    def _name(self, wanted: str) -> str:
        wanted += "_" * hasattr(builtins, wanted)
        self.used[wanted] += 1
        return wanted if self.used[wanted] == 1 else self._name(f"{wanted}_{self.used[wanted]}")

    def _attribute(self, traced: Any, module: nn.Module, path: str, prefix: str) -> str:
        """A weight by its name, a constant by its numbers."""
        owner, _, name = own_path(path).rpartition(".")
        holder = module.get_submodule(owner) if _has(module, owner) else module
        buffer = name in holder._buffers and name not in holder._non_persistent_buffers_set
        if name in holder._parameters or buffer:
            return f"self{prefix}{_place(module, owner)}.{name}"
        there: Any = traced
        for part in path.split("."):
            there = getattr(there, part)
        if not isinstance(there, Tensor) or there.numel() > LARGEST:
            raise ValueError(f"{path} is no weight, and no constant that is small enough for source")
        device = f", device={self.device}" if self.device else ""
        return f"torch.tensor({there.tolist()}, dtype={there.dtype}{device})"

    def _function(self, node: fx.Node) -> str:
        args, kwargs = list(node.args), dict(node.kwargs)
        name, target = _operation(node.target), node.target
        if target is operator.getitem:
            return f"{self.value(args[0])}[{self.value(args[1])}]"
        if len(args) == 2 and not kwargs and name in INFIX:
            left, right = map(self.value, args)
            return f"{f'({left})' if left[0] == '-' else left} {INFIX[name]} {right}"
        if len(args) == 1 and not kwargs and name in PREFIX:
            return f"{PREFIX[name]}{self.value(args[0])}"
        if isinstance(target, OpOverload):
            return self._special(name, args) or self._named(target, name, self._arguments(target, args, kwargs))
        where = getattr(target, "__module__", "").lstrip("_")
        if where not in ("operator", "math", "torch"):
            raise ValueError(f"{target} has no plain source")
        return f"{where}.{name}({', '.join(map(self.value, args))})"

    def _named(self, target: OpOverload, name: str, said: list[str]) -> str:
        """An operation by the name that most know it by."""
        if target.namespace != "aten":
            return f"torch.ops.{target}({', '.join(said)})"
        if hasattr(torch, name):
            return f"torch.{name}({', '.join(said)})"
        if hasattr(functional, name):
            return f"functional.{name}({', '.join(said)})"
        if hasattr(Tensor, name):
            return f"{said[0]}.{name}({', '.join(said[1:])})"
        return f"torch.ops.{target}({', '.join(said)})"

    def _special(self, name: str, args: list[Any]) -> str | None:
        """What Python writes with brackets and dots."""
        say = self.value
        if name in SAME:
            return say(args[0])
        if name == "sym_size":
            return f"{say(args[0])}.shape[{say(args[1])}]"
        if name == "slice":
            given: list[Any] = [*args[1:], *(0, None, None, 1)[len(args) - 1 :]]
            dim, start, end, step = given
            bounds = ["" if x in (None, 0, END) else say(x) for x in (start, end)] + ([say(step)] if step != 1 else [])
            if not any(bounds):
                return say(args[0])
            if dim >= 0:
                return f"{say(args[0])}[{', '.join([':'] * dim + [':'.join(bounds)])}]"
        if name == "index":
            return f"{say(args[0])}[{', '.join(':' if x is None else say(x) for x in args[1])}]"
        return None

    def _arguments(self, target: OpOverload, args: list[Any], kwargs: dict[str, Any]) -> list[str]:
        said = []
        for argument, x in zip(target._schema.arguments, args, strict=False):
            mode = argument.name in ("train", "training") and x is self.training
            said.append("self.training" if mode else self.value(x))
        for name, x in kwargs.items():
            if x is None or x is torch.strided or (name == "pin_memory" and not x):
                continue
            said.append(f"{name}={self.value(x)}")
        return said

    def value(self, x: Any) -> str:
        """Anything that an operation takes, as source."""
        if isinstance(x, fx.Node):
            return self.said[x]
        if isinstance(x, list | tuple):
            inside = ", ".join(map(self.value, x))
            return f"[{inside}]" if isinstance(x, list) else f"({inside}{',' * (len(x) == 1)})"
        if isinstance(x, Mapping):
            return f"{{{', '.join(f'{name!r}: {self.value(y)}' for name, y in x.items())}}}"
        if isinstance(x, torch.device):
            return self.device or f"torch.device({x.type!r})"
        if isinstance(x, float) and not math.isfinite(x):
            return f'float("{x}")'
        if isinstance(x, torch.dtype | torch.memory_format | torch.layout | int | float | str | bool | None):
            return str(x) if str(x).startswith("torch.") else repr(x)
        raise ValueError(f"{x!r} has no plain source")


def sizes(graph: fx.Graph) -> dict[fx.Node, tuple[fx.Node, int]]:
    """Inputs of a graph that are the size of another one along an axis."""
    given = [(node, node.meta.get("val")) for node in graph.nodes if node.op == "placeholder"]
    axes = {
        str(size): (node, axis)
        for node, x in reversed(given)
        if isinstance(x, Tensor)
        for axis, size in reversed([*enumerate(x.shape)])
        if isinstance(size, torch.SymInt)
    }
    return {node: axes[str(x)] for node, x in given if isinstance(x, torch.SymInt) and str(x) in axes}


def _has(module: nn.Module, path: str) -> bool:
    """Whether a module has such a part."""
    return not path or any(name == path for name, _ in module.named_modules())


def _place(module: nn.Module, path: str) -> str:
    """`blocks.0.norm` -> `.blocks[0].norm`."""
    said, there = "", module
    for name in path.split(".") if path else []:
        key = name if name.isdigit() and not isinstance(there, nn.ModuleDict) else repr(name)
        said += f".{name}" if name.isidentifier() else f"[{key}]"
        there = there.get_submodule(name)
    return said


def _operation(target: Any) -> str:
    if isinstance(target, OpOverload):
        return target._schema.name.split("::")[1]
    return str(getattr(target, "__name__", target))


def needed(graph: fx.Graph) -> set[fx.Node]:
    """What is computed for a result, or changes something: not what torch only checks sizes with.

    None of it where nothing is taken and nothing given: what torch left of a part that nobody reads.
    """
    found: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        target = node.target
        check = _operation(target) in CHECKS or target == "_guards_fn"
        changes = isinstance(target, OpOverload) and target._schema.is_mutable
        acts = (node.op == "output" and bool(node.args[0])) or (node.op == "call_module" and bool(node.args)) or changes
        if (acts and not check) or any(user in found for user in node.users):
            found.add(node)
    ends = {node for node in graph.nodes if node.op == "placeholder"} | {node for node in found if node.op == "output"}
    return found if ends else set()
