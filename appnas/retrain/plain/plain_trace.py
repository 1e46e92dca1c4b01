"""A network as torch writes it down: the graphs of its modules, in one mode."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import torch
from torch import nn

from appnas.cost import Inputs, quiet, shaped

TAKEN = "graph__"
"""The name while it is traced of a part that is called graph, see `own_path`."""


class Traced:
    """What `torch.export` makes of a network.

    Attributes:
        parts: for every path of a module its forms, each with a `graph`; several if it is called more than once.
        result: the structure of the network's output.
    """

    def __init__(self, program: torch.export.ExportedProgram):
        _rename(program)
        self.result = program.call_spec.out_spec
        self.parts: dict[str, list[Any]] = defaultdict(list)
        for path, part in torch.export.unflatten(program).named_modules():
            if hasattr(part, "graph"):
                self.parts[".".join(name.split("@")[0] for name in own_path(path).split("."))].append(part)


def traced(model: nn.Module, small: Inputs, large: Inputs, training: bool) -> Traced:
    """A network in one mode; a batch has two examples or more in training.

    Args:
        model: stays as it is.
        small: inputs to trace with.
        large: inputs of another size, see `appnas.cost.shaped`.
        training: the mode.

    Raises:
        ValueError: torch cannot write the network down.
    """
    network = copy.deepcopy(model).train(training)
    args, named, free, _ = shaped(network, small, large, 2 if training else None)
    with quiet():
        try:
            program = torch.export.export(network, args, named, dynamic_shapes=free, strict=False)
        except (RuntimeError, TypeError, ValueError, NotImplementedError, AssertionError) as error:
            cause = " ".join(str(error).split()[:40])
            raise ValueError(f"this network cannot be written as plain source; torch says: {cause}") from error
        return Traced(program)


def _rename(program: Any) -> None:
    """Parts that have the name of an attribute of what torch makes of them get another one, see `own_path`."""

    def other(path: Any) -> Any:
        return path and ".".join(TAKEN if name == "graph" else name for name in path.split("."))

    for node in program.graph.nodes:
        if stack := node.meta.get("nn_module_stack"):
            node.meta["nn_module_stack"] = {key: (other(path), kind) for key, (path, kind) in stack.items()}
    signature = program.graph_signature
    for specification in [*signature.input_specs, *signature.output_specs]:
        specification.target = other(specification.target)
    for kept in (program.state_dict, program.constants):
        for name in [name for name in kept if other(name) != name]:
            kept[other(name)] = kept.pop(name)
    for entry in program.module_call_graph:
        entry.fqn = other(entry.fqn)


def own_path(path: str) -> str:
    """The path of a part by its own names."""
    return ".".join("graph" if name == TAKEN else name for name in path.split("."))
