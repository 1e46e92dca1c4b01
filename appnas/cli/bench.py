"""What one step of a first-order search costs, in the fast and in the plain form, and where a run's time went."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn.functional import conv2d

from appnas.api import computing, preflight
from appnas.compute import CPU, device_of
from appnas.cost import macs, peak_bytes, saved_bytes
from appnas.loop import search_loop
from appnas.one_shot import Shared
from appnas.run import catalogue, load_config
from appnas.run.retrying import CHECKPOINT
from appnas.run.run import load_checkpoint
from appnas.strategy import Gradient
from appnas.supernet import plain, softmax
from appnas.support import RunError


class Step(NamedTuple):
    """A measured step.

    Attributes:
        parameters: weights of the supernet.
        saved: bytes that autograd keeps for the alpha step.
        peak: most bytes of tensors at once during a step, weights and optimisers excluded.
        seconds: CPU seconds of a whole step (alpha and weights), median; on an accelerator those of the clock.
        low, high: range of these seconds.
        plain_peak, plain_seconds: the same of the plain form, run in turn with the fast one.
        gflops: floating-point operations of the two forward passes, 1e9.
    """

    parameters: int
    saved: int
    peak: int
    seconds: float
    low: float
    high: float
    plain_peak: int
    plain_seconds: float
    gflops: float

    @property
    def rate(self) -> float:
        """GFLOP/s of a step, counted as five forward passes: two, two data gradients and one of the weights."""
        return 2.5 * self.gflops / self.seconds


def measure(space: str, sizes: Mapping[str, int], domain: str, batch: int, repeats: int, device: str = "cpu") -> Step:
    """Measure a space's supernet on a domain's data.

    Args:
        space: name in the catalogue.
        sizes: values for those fields of the space that it has.
        domain: name in the catalogue.
        batch: examples a batch.
        repeats: timed steps of either form, after one that is not. On an accelerator both are the plain one.
        device: of the supernet.

    Raises:
        ValueError: an unknown name, no step, or torch has no such device.
        TypeError: no data to train shared weights on.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    sized = _replaced(catalogue.space(space), sizes)
    options = catalogue.source(domain).options
    data = catalogue.domain(domain, options and _replaced(options, {"batch": batch}))
    data = computing.on(data, computing.chosen(device), device)
    preflight.check(sized, data, "darts", catalogue.method("darts").config())
    evaluator = Shared(sized, data)
    strategy = Gradient(sized, torch.Generator().manual_seed(0), softmax)
    saved = saved_bytes(lambda: evaluator.score(strategy.ask()).value)
    gates = tuple(matrix.detach() for matrix in strategy.ask().gates or ())
    forward = 2 * macs(partial(evaluator.supernet, gates=gates), data.example(1)) * batch
    times: dict[Any, list[float]] = {nullcontext: [], plain: []}
    peaks: dict[Any, int] = {}
    for form in times:
        with form():
            peaks[form] = peak_bytes(lambda: search_loop(strategy, evaluator, 1))  # also warms up
    for _ in range(repeats):
        for form, seconds in times.items():
            with form():
                before = _now(device)
                search_loop(strategy, evaluator, 1)
                seconds.append(_now(device) - before)
    ours = times[nullcontext]
    return Step(
        parameters=sum(weight.numel() for weight in evaluator.supernet.parameters()),
        saved=saved,
        peak=peaks[nullcontext],
        seconds=statistics.median(ours),
        low=min(ours),
        high=max(ours),
        plain_peak=peaks[plain],
        plain_seconds=statistics.median(times[plain]),
        gflops=2 * forward / 1e9,
    )


def _now(device: str) -> float:
    """CPU seconds, or those of the clock once an accelerator has done all that was asked of it."""
    if device_of(device) == CPU:
        return time.process_time()
    torch.accelerator.synchronize(device_of(device))
    return time.perf_counter()


@torch.no_grad()
def convolution_peak(repeats: int = 5, device: str = "cpu") -> float:
    """GFLOP/s of this machine's fastest of a few dense convolutions: 3x3, 128 channels, channels last."""
    there = device_of(device)
    x = torch.randn(16, 128, 32, 32).to(there, memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3).to(there, memory_format=torch.channels_last)
    best = float("inf")
    for _ in range(repeats + 1):
        before = _now(device)
        conv2d(x, weight, padding=1)
        best = min(best, _now(device) - before)
    return 2 * x.numel() * 128 * 9 / best / 1e9


def _replaced(settings: Any, values: Mapping[str, int]) -> Any:
    """The dataclass with those of the values that it has a field for; anything else as it is."""
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        return settings
    fields = {field.name for field in dataclasses.fields(settings)}
    return dataclasses.replace(settings, **{name: value for name, value in values.items() if name in fields})


def where(path: Path) -> tuple[dict[str, float], int, dict[str, Any]]:
    """Seconds by part of a run, finished or not, as its last checkpoint tells; its steps; its config.

    Args:
        path: directory of a run; of several seeds all are added up.

    Raises:
        RunError: no run there, or nothing that tells.
    """
    config, seconds, steps = load_config(path), {}, 0  # type: dict[str, Any], dict[str, float], int
    states = [folder / CHECKPOINT for folder in (path, *sorted(path.glob("seed-*"))) if (folder / CHECKPOINT).exists()]
    for state in map(load_checkpoint, states):
        steps += state["step"]
        for part, spent in state.get("spent", {}).items():
            seconds[part] = seconds.get(part, 0.0) + spent
    if not seconds:
        found = "a checkpoint of a version that did not count" if states else "no checkpoint yet"
        raise RunError(f"{path} does not say where its time went: it has {found}; searches count since this version")
    return seconds, steps, config
