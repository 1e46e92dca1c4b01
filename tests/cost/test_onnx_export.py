"""appnas.cost.onnx_export: networks as ONNX, checked, and run by onnxruntime."""

import pytest
import torch
from torch import nn

pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

from appnas.cost import require, to_onnx
from appnas.cost.onnx_export import runner


def test_a_network_that_onnx_computes_otherwise_is_refused():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    with pytest.raises(ValueError, match="ONNX differs from torch by"):
        to_onnx(Noisy().eval(), (torch.zeros(2, 3),), (torch.zeros(5, 3),))


def test_the_runner_computes_what_torch_does():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh()).eval()
    x = torch.randn(1, 3)
    data = to_onnx(model, (x,), (x,))
    (out,) = runner(data, (x,), threads=1)()
    torch.testing.assert_close(torch.from_numpy(out), model(x).detach())


def test_a_missing_package_names_the_extra():
    with pytest.raises(ImportError, match=r"'no_such_package': pip install 'appnas\[export\]'"):
        require("no_such_package")
