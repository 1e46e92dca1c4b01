"""Where networks are trained, and how tensors get there and back."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import nn

from appnas.compute import (
    CPU,
    Compute,
    compute_of,
    derived,
    device_of,
    devices,
    fetched,
    gates_on,
    home,
    moved,
    read,
    same_kind,
)  # fmt: skip
from appnas.compute import placement as compute


def test_devices_by_name_and_what_is_wrong_with_others():
    assert devices()[0] == "cpu"
    assert device_of("cpu") == CPU and device_of(CPU) == CPU
    with pytest.raises(ValueError, match="torch has no device 'gpu' here, it has cpu"):
        device_of("gpu")
    with pytest.raises(TypeError, match="device is a name such as"):
        device_of(0)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="torch has an accelerator here")
def test_without_an_accelerator_auto_is_the_cpu():
    assert device_of("auto") == CPU
    with pytest.raises(ValueError, match="torch has no device 'cuda:0' here, it has cpu"):
        device_of("cuda:0")


def test_a_network_lives_where_its_weights_or_buffers_are():
    assert home(nn.Linear(1, 1)) == CPU == home(nn.ReLU())
    assert home(nn.Linear(1, 1, device="meta")) == torch.device("meta")
    assert home(nn.BatchNorm2d(1, affine=False, device="meta")) == torch.device("meta")


class Pair(NamedTuple):
    x: object
    y: object


def test_batches_of_all_kinds_move_and_keep_their_kind():
    there, x = torch.device("meta"), torch.zeros(2)
    found = moved(Pair([x, 3], {"a": (x, None)}), there)
    assert isinstance(found, Pair) and found.x[0].device == there == found.y["a"][0].device
    assert found.x[1] == 3 and found.y["a"][1] is None
    assert moved(x, CPU) is x
    assert moved(nn.Linear(1, 1), there).weight.device == there


def test_gates_go_together_and_remember_their_values():
    gates = torch.tensor([[0.25, 0.75]], requires_grad=True), torch.tensor([[1.0], [0.0]])
    assert gates_on(gates, CPU) is gates
    there = gates_on(gates, torch.device("meta"))
    assert [tuple(g.shape) for g in there] == [(1, 2), (2, 1)]
    assert torch.equal(there[1].host, gates[1]) and not there[0].host.requires_grad and there[0].requires_grad


def test_numbers_on_the_cpu_are_fetched_as_they_are():
    values = [torch.tensor(1.0), torch.tensor(2.0)]
    assert all(a is b for a, b in zip(fetched(values), values, strict=True))


def test_what_says_nothing_of_it_is_on_the_cpu():
    assert compute_of(SimpleNamespace()) == Compute(CPU)


def test_a_name_without_a_number_stands_for_all_of_its_kind(monkeypatch):
    assert same_kind("cpu") == same_kind(CPU) == [CPU]
    monkeypatch.setattr(compute, "devices", lambda: ["cpu", "cuda:0", "cuda:1"])
    monkeypatch.setattr(compute, "device_of", lambda name: torch.device("cuda:1"))
    assert [str(device) for device in same_kind("auto")] == ["cuda:1", "cuda:0"] == [str(d) for d in same_kind("cuda")]
    assert [str(device) for device in same_kind("cuda:1")] == ["cuda:1"]


def test_a_device_that_holds_no_numbers_is_refused():
    with pytest.raises(ValueError, match=r"the device 'meta' holds no numbers: give one that can train, cpu"):
        device_of("meta")


def test_what_is_derived_from_gates_remembers_its_values():
    gates = (torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, 3.0]]))
    doubled = lambda given: [2 * matrix for matrix in given]  # noqa: E731
    assert not any(hasattr(matrix, "host") for matrix in derived(doubled, gates))
    away = gates_on(gates, torch.device("meta"))
    found = derived(doubled, away)
    assert [matrix.device.type for matrix in found] == ["meta", "meta"]
    assert [read(matrix).tolist() for matrix in found] == [[[0.0, 2.0]], [[4.0, 6.0]]]
    assert read(gates[0]) is not gates[0] and torch.equal(read(gates[0]), gates[0])
