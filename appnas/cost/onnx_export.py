"""A network as ONNX, checked against torch: to take elsewhere, and to run with onnxruntime."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

TOLERANCE = 1e-4
"""Largest difference between ONNX and torch, relative to the largest output or to 1."""
Inputs = tuple[Tensor, ...]


def to_onnx(model: nn.Module, small: Inputs, large: Inputs) -> bytes:
    """The network as ONNX; every axis in which the two inputs differ in size is free.

    A network may say itself what is free: by `axes(*inputs)`, for each input in the order of `forward` its name and
    {axis: name}, and `smaller(*inputs)`, other inputs to check with. Graph networks do: theirs are numbers of nodes and
    edges, and both inputs may be one graph.

    Args:
        model: in evaluation mode: forward(*inputs).
        small: inputs to export with.
        large: inputs of another batch size, to check with.

    Raises:
        ImportError: a package of the extra `export` is missing.
        ValueError: the network cannot be written as ONNX, or computes something else there than in torch.
    """
    args, kwargs, free, checks = shaped(model, small, large)
    with quiet():
        try:
            program = torch.onnx.export(model, args, kwargs=kwargs, dynamo=True, dynamic_shapes=free, verbose=False)
        except torch.onnx.OnnxExporterError as error:
            cause = str(error.__cause__ or error).strip().splitlines()[0]
            raise ValueError(
                f"this network cannot be written as ONNX, export without it (--no-onnx); torch says: {cause}"
            ) from error
    assert program is not None
    data: bytes = program.model_proto.SerializeToString()
    for inputs in checks:
        _compare(model, data, inputs)
    return data


def shaped(
    model: nn.Module, small: Inputs, large: Inputs, least: int | None = None
) -> tuple[Inputs, dict[str, Tensor], Any, list[Inputs]]:
    """What torch writes a network down with: inputs, those with names, the free axes; and all inputs to check with.

    Args:
        model: in evaluation mode.
        small: inputs to export with.
        large: inputs of another size.
        least: smallest size of a free axis, if it is not 0: batch norms do not train on one example.
    """
    told: Any = model
    if not hasattr(told, "axes"):
        return small, {}, _differing(small, large, least), [small, large]
    axes = told.axes(*small)
    dims = {name: torch.export.Dim(name, min=least) for named in axes.values() for name in named.values()}
    free = {key: {axis: dims[name] for axis, name in named.items()} for key, named in axes.items()}
    return (), dict(zip(axes, small, strict=True)), free, [small, large, told.smaller(*small)]


def _differing(small: Inputs, large: Inputs, least: int | None) -> Any:
    """The axes in which two batches differ in size."""
    batch = torch.export.Dim("batch", min=least)
    return tuple(
        {axis: batch for axis, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)) if a != b}
        for x, y in zip(small, large, strict=True)
    )


def _compare(model: nn.Module, data: bytes, inputs: Inputs) -> None:
    """Run both.

    Raises:
        ValueError: they differ.
    """
    with torch.no_grad():
        expected = model(*inputs)
    answers = runner(data, inputs)()
    for x, y in zip([expected] if isinstance(expected, Tensor) else expected, answers, strict=True):
        difference = float((x - torch.from_numpy(y)).abs().max() / x.abs().max().clamp_min(1.0))
        if not difference <= TOLERANCE:
            raise ValueError(f"ONNX differs from torch by {difference:.1e}, at most {TOLERANCE} is allowed")


def runner(data: bytes, inputs: Inputs, threads: int = 1) -> Callable[[], list[Any]]:
    """A call that runs an ONNX network on the given inputs on a CPU, and returns its outputs as arrays.

    Raises:
        ImportError: onnxruntime is missing.
    """
    (runtime,) = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    feed = {x.name: given.numpy() for x, given in zip(session.get_inputs(), inputs, strict=True)}
    return partial(session.run, None, feed)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's own warnings and log, which do not concern its user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # torch prints what it cannot write
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def require(*packages: str) -> list[Any]:
    """The packages themselves.

    Raises:
        ImportError: one is missing; the message names the extra that brings it.
    """
    try:
        return [importlib.import_module(package) for package in packages]
    except ImportError as error:
        raise ImportError(
            f"ONNX needs the package {error.name!r}: pip install 'appnas[export]', or export without it (--no-onnx)"
        ) from error
