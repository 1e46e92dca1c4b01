"""appnas.compute.precision: what a device has is asked for at once, passes are lowered, losses and flags are not."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from appnas.compute import CPU, Compute, check_precision, exact, float32_flags, float32_products
from appnas.compute import precision as module


def test_what_a_device_lacks_is_one_clear_error(monkeypatch):
    check_precision("32", CPU)
    with pytest.raises(ValueError, match="precision is one of 32, tf32, bf16, 16, got 'half'"):
        check_precision("half", CPU)
    with pytest.raises(
        ValueError, match=r"'tf32' is of NVIDIA's cards from Ampere on .* not of 'cpu': leave it at '32'"
    ):
        check_precision("tf32", CPU)
    with pytest.raises(ValueError, match="'bf16' is not to be had on 'meta'"):
        check_precision("bf16", torch.device("meta"))
    card = torch.device("cuda:0")
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda kind: True)
    for capability, lacks in (((7, 5), ("tf32", "bf16")), ((8, 0), ())):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, now=capability: now)
        for precision in ("tf32", "bf16", "16"):
            if precision in lacks:
                with pytest.raises(ValueError, match=f"precision '{precision}'"):
                    check_precision(precision, card)
            else:
                check_precision(precision, card)


def test_processors_without_bfloat16_are_warned_of(monkeypatch):
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    with pytest.warns(UserWarning, match=r"'bf16' on this processor: it has no instructions .*8 times .*'32' is right"):
        check_precision("bf16", CPU)
    with pytest.warns(UserWarning, match=r"'16' on this processor: .*float16 convolutions"):
        check_precision("16", CPU)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_precision("bf16", CPU)


@pytest.mark.parametrize(("precision", "inside"), [("32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_pass_is_lowered_and_its_outputs_are_not(precision, inside):
    net, seen = nn.Linear(3, 2), []
    net.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    called = Compute(precision=precision).prepared(lambda x: {"scores": (net(x), x)})
    (y, x), weight = called(torch.randn(4, 3))["scores"], net.weight
    assert seen == [inside] and y.dtype == x.dtype == torch.float32
    y.sum().backward()
    assert weight.grad.dtype == weight.dtype == torch.float32


def test_in_32_the_network_itself_is_called():
    net = nn.Linear(3, 2)
    assert Compute().prepared(net) is net


def test_what_is_exact_computes_in_float32_under_autocast_alone():
    seen = []

    @exact
    def product(a, b):
        seen.append((a.dtype, torch.is_autocast_enabled("cpu")))
        return a @ b

    a = torch.randn(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (a @ a).dtype == torch.bfloat16
        assert product(a.bfloat16(), b=a).dtype == torch.float32
    assert product(a.double(), a.double()).dtype == torch.float64
    assert seen == [(torch.float32, False), (torch.float64, False)]


def test_tf32_is_set_for_a_while_and_torchs_own_flags_come_back():
    before = float32_flags()
    with pytest.raises(KeyError), float32_products("tf32"):
        assert set(float32_flags().values()) == {"tf32"}
        raise KeyError
    assert float32_flags() == before
    for precision in ("32", "bf16"):
        with float32_products(precision):
            assert float32_flags() == before
