"""Measured latency: wall time of a forward pass, with the conditions that it holds under.

Networks that are compared are measured in turns, so that what disturbs the machine disturbs them alike; warm, with the
number of threads pinned, in evaluation mode; by torch or by onnxruntime.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from appnas.compute import CPU, home, moved
from appnas.cost import counts, energy
from appnas.cost.onnx_export import runner, to_onnx
from appnas.space import IO, Arch, Space
from appnas.support import Saved

Runtime = Literal["torch", "onnxruntime"]


class Latency(NamedTuple):
    """A measured latency.

    Attributes:
        median: ms of one forward pass.
        low, high: 10 % and 90 % quantiles, ms.
        repeats: timed passes.
        threads: of the runtime during the measurement.
        device, dtype: of the inputs.
        batch: examples a pass.
        runtime: what ran the network.
        processor: its name.
    """

    median: float
    low: float
    high: float
    repeats: int
    threads: int
    device: str
    dtype: str
    batch: int
    runtime: str
    processor: str

    @property
    def conditions(self) -> dict[str, Any]:
        """What the figures hold under, as plain values."""
        return {name: getattr(self, name) for name in self._fields[3:]}


def processor(device: str = "cpu") -> str:
    """The name of the processor behind a torch device, as its system tells it."""
    module = torch.get_device_module(torch.device(device).type)
    if hasattr(module, "get_device_name"):
        return str(module.get_device_name(device))
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Variables that keep torch and oneDNN from using all that a processor can."""


def machine(device: torch.device = CPU) -> str:
    """What figures, and the last bits of results, depend on: the processor, what torch uses of it, torch, threads."""
    if device != CPU:
        return f"{processor(str(device))}, torch {torch.__version__}"
    limits = "".join(f", {name}={os.environ[name]}" for name in LIMITS if name in os.environ)
    capability, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return f"{processor()}, {capability} in torch {torch.__version__}, threads: {threads}{limits}"


def placing(*devices: torch.device) -> dict[str, str]:
    """Devices and the machines behind them, as runs write down where something ran."""
    machines = dict.fromkeys(map(machine, devices))
    return {"device": ", ".join(map(str, devices)), "machine": "; ".join(machines)}


def latency(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    repeats: int = 50,
    warmup: int = 5,
    threads: int = 1,
    runtime: Runtime = "torch",
) -> Latency:
    """Median wall time of warm forward passes: see `latencies`."""
    return latencies([model], inputs, repeats, warmup, threads, runtime)[0]


@torch.no_grad()
def latencies(
    models: Sequence[nn.Module],
    inputs: tuple[Tensor, ...],
    repeats: int = 50,
    warmup: int = 5,
    threads: int = 1,
    runtime: Runtime = "torch",
) -> list[Latency]:
    """Median wall times of warm forward passes of several networks, one pass of each in turn.

    Args:
        models: run in evaluation mode where they live, all on one device, and left in the mode in which they were.
        inputs: of one pass.
        repeats: timed passes of each.
        warmup: passes before.
        threads: pinned.
        runtime: "onnxruntime" exports the networks first (on CPUs; extra `export`).

    Raises:
        ValueError: fewer than two repeats have no quantiles; an unknown runtime; a network that ONNX cannot hold.
        ImportError: onnxruntime is missing.
    """
    if repeats < 2:
        raise ValueError(f"repeats must be at least 2, got {repeats}")
    if runtime not in ("torch", "onnxruntime"):
        raise ValueError(f"runtime is 'torch' or 'onnxruntime', got {runtime!r}")
    inputs = moved(inputs, home(models[0])) if models else inputs
    before = torch.get_num_threads()
    times: list[list[float]] = [[] for _ in models]
    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, before)
        for model in models:
            stack.enter_context(counts.evaluating(model))
        runs = [_run(model, inputs, threads, runtime) for model in models]
        torch.set_num_threads(threads)
        for i in range(warmup + repeats):
            for run, kept in zip(runs, times, strict=True):
                took = _timed(run, inputs[0])
                if i >= warmup:
                    kept.append(took)
    x = inputs[0]
    conditions = repeats, threads, str(x.device), str(x.dtype), len(x), runtime, processor(str(x.device))
    found = []
    for kept in times:
        low, *_, high = statistics.quantiles(kept, n=10, method="inclusive")
        found.append(Latency(statistics.median(kept), low, high, *conditions))
    return found


def survey(
    space: Space, io: IO, archs: Sequence[Arch], inputs: tuple[Tensor, ...], group: int = 8, **conditions: Any
) -> list[Latency]:
    """Latencies of stand-alone networks with random weights, for `appnas.cost.fit_lookup`.

    Args:
        space: builds them.
        io: sizes of an example.
        archs: what to measure.
        inputs: of one pass.
        group: networks measured in turns, and held at once.
        conditions: see `latencies`.
    """
    found = []
    for start in range(0, len(archs), group):
        models = [space.build(arch, io) for arch in archs[start : start + group]]
        found += latencies(models, inputs, **conditions)
    return found


def _run(model: nn.Module, inputs: tuple[Tensor, ...], threads: int, runtime: Runtime) -> Callable[[], Any]:
    return partial(model, *inputs) if runtime == "torch" else runner(to_onnx(model, inputs, inputs), inputs, threads)


def _timed(run: Callable[[], Any], x: Tensor) -> float:
    _synchronise(x)
    start = time.perf_counter()
    run()
    _synchronise(x)
    return 1e3 * (time.perf_counter() - start)


def _synchronise(x: Tensor) -> None:
    if x.device != CPU:
        torch.accelerator.synchronize(x.device)


COSTS = ("parameters", "macs", "peak_bytes", "latency_ms", "energy_J", "estimated_J")
"""What a `Meter` can measure."""


class Meter(Saved):
    """Named costs of a network: what rewards, archives and reports read.

    parameters; macs, multiply-adds an example; peak_bytes, of the tensors of a forward pass; latency_ms, the median,
    with its 10 % and 90 % quantiles as latency_low_ms and latency_high_ms; energy_J, counted by RAPL; estimated_J, CPU
    seconds times watts. All but parameters and macs are of one pass over `inputs`.

    Args:
        inputs: to measure on, typically one example.
        names: some of `COSTS`.
        repeats: passes that are timed.
        threads: pinned.
        runtime: of the latency.
        watts: nominal power of one busy core, for estimated_J.

    Raises:
        ValueError: an unknown name.
    """

    saved = ("conditions",)

    def __init__(
        self,
        inputs: tuple[Tensor, ...],
        names: Sequence[str] = ("latency_ms",),
        repeats: int = 50,
        threads: int = 1,
        runtime: Runtime = "torch",
        watts: float = 10.0,
    ):
        unknown = set(names) - set(COSTS)
        if unknown:
            raise ValueError(f"what can be measured is {', '.join(COSTS)}, got {', '.join(sorted(unknown))}")
        self.inputs, self.names, self.repeats, self.threads, self.runtime = inputs, names, repeats, threads, runtime
        self.watts = watts
        self.conditions: dict[str, Any] = {}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The costs by name."""
        found: dict[str, float] = {}
        for name in self.names:
            found |= getattr(self, f"_{name}")(model)
        return found

    def _parameters(self, model: nn.Module) -> dict[str, float]:
        return {"parameters": float(counts.parameters(model))}

    def _macs(self, model: nn.Module) -> dict[str, float]:
        return {"macs": counts.macs(model, self.inputs) / len(self.inputs[0])}

    def _pass(self, model: nn.Module) -> Callable[[], Any]:
        inputs = moved(self.inputs, home(model))

        def run() -> Any:
            with torch.no_grad(), counts.evaluating(model):
                return model(*inputs)

        return run

    def _peak_bytes(self, model: nn.Module) -> dict[str, float]:
        return {"peak_bytes": float(counts.peak_bytes(self._pass(model)))}

    def _latency_ms(self, model: nn.Module) -> dict[str, float]:
        found = latency(model, self.inputs, self.repeats, threads=self.threads, runtime=self.runtime)
        self.conditions = found.conditions
        return {"latency_ms": found.median, "latency_low_ms": found.low, "latency_high_ms": found.high}

    def _energy_J(self, model: nn.Module) -> dict[str, float]:  # J is the unit's name
        return {"energy_J": energy.joules(self._pass(model), self.repeats)}

    def _estimated_J(self, model: nn.Module) -> dict[str, float]:
        return {"estimated_J": energy.estimate(self._pass(model), self.repeats, self.watts)}
