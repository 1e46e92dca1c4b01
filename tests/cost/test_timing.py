"""appnas.cost.timing: wall times with their conditions, in turns; the meter of named costs."""

import random
import time

import pytest
import torch
from torch import nn

from appnas.cost import Meter, counts, latencies, latency, survey
from appnas.cost.timing import COSTS, LIMITS, machine, processor
from appnas.space import random_arch


def test_machine_says_what_results_depend_on(monkeypatch):
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)
    capability = torch.backends.cpu.get_cpu_capability()
    assert machine() == f"{processor()}, {capability} in torch {torch.__version__}, threads: {torch.get_num_threads()}"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert machine().endswith(", ONEDNN_MAX_CPU_ISA=AVX2")


def test_latency_pins_threads_and_puts_everything_back():
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    model[1].eval()
    before = torch.get_num_threads()
    measured = latency(model, (torch.zeros(3, 8),), repeats=20, warmup=1, threads=before + 1)
    assert 0 < measured.low <= measured.median <= measured.high
    assert measured[3:] == (20, before + 1, "cpu", "torch.float32", 3, "torch", processor())
    assert torch.get_num_threads() == before
    assert model.training and model[0].training and not model[1].training


def test_latency_runs_in_evaluation_mode_and_cleans_up_after_an_error():
    class Picky(nn.Module):
        def forward(self, x):
            if self.training:
                raise AssertionError("training mode")
            if len(x) > 1:
                raise RuntimeError("one example only")
            return x

    model, before = Picky(), torch.get_num_threads()
    assert latency(model, (torch.zeros(1),), repeats=2).repeats == 2
    with pytest.raises(RuntimeError, match="one example only"):
        latency(model, (torch.zeros(2),), threads=before + 1)
    assert torch.get_num_threads() == before and model.training


def test_latency_needs_two_repeats():
    with pytest.raises(ValueError, match="repeats must be at least 2, got 1"):
        latency(nn.Identity(), (torch.zeros(1),), repeats=1)


def test_latency_grows_with_the_work():
    small, large = nn.Linear(16, 16), nn.Linear(1024, 1024)
    a = latency(small, (torch.zeros(1, 16),), repeats=20)
    b = latency(large, (torch.zeros(256, 1024),), repeats=20)
    assert b.median > 5 * a.median


class Sleepy(nn.Module):
    """Takes as long as told, and writes down who ran when."""

    def __init__(self, name, seconds, log):
        super().__init__()
        self.name, self.seconds, self.log = name, seconds, log

    def forward(self, x):
        self.log.append(self.name)
        time.sleep(self.seconds)
        return x


def test_networks_are_measured_in_turns():
    log: list[str] = []
    models = [Sleepy("a", 0.001, log), Sleepy("b", 0.003, log)]
    a, b = latencies(models, (torch.zeros(1),), repeats=3, warmup=1)
    assert log == ["a", "b"] * 4
    assert 1 <= a.low <= a.median <= a.high and 3 <= b.median
    assert latencies([], (torch.zeros(1),)) == []


def test_onnxruntime_runs_the_same_network():
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    found = latency(model, (torch.zeros(1, 8),), repeats=5, runtime="onnxruntime")
    assert found.median > 0 and found.runtime == "onnxruntime"
    assert model.training


def test_an_unknown_runtime_is_refused():
    with pytest.raises(ValueError, match="'torch' or 'onnxruntime', got 'tensorrt'"):
        latency(nn.Identity(), (torch.zeros(1),), runtime="tensorrt")


def test_a_survey_measures_every_architecture(bench201, digits):
    rng = random.Random(0)
    archs = [random_arch(bench201, rng) for _ in range(3)]
    found = survey(bench201, digits.io, archs, digits.example(2), group=2, repeats=2, warmup=0)
    assert len(found) == 3 and all(one.batch == 2 and one.repeats == 2 for one in found)


def test_the_meter_measures_what_it_is_asked_for():
    model, x = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Dropout()), torch.zeros(2, 8)
    meter = Meter((x,), [name for name in COSTS if name != "energy_J"], repeats=3)
    found = meter(model)
    assert found["parameters"] == 36 and found["macs"] == 32
    linear = nn.Sequential(model[0], nn.ReLU()).requires_grad_(False)  # no dropout in evaluation
    assert found["peak_bytes"] == counts.peak_bytes(lambda: linear(x))
    assert 0 < found["latency_low_ms"] <= found["latency_ms"] <= found["latency_high_ms"]
    assert found["estimated_J"] >= 0 and model.training
    assert meter.conditions["batch"] == 2 and meter.conditions["processor"] == processor()
    with pytest.raises(ValueError, match=r"latency_ms.*got power"):
        Meter((x,), ["power"])
