"""spaces.parts.dropout: rates, scale and gradients; where torch's own takes its place."""

import pytest
import torch

from appnas.spaces.parts.dropout import dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.7])
def test_a_share_of_the_elements_is_zero_and_the_mean_stays(rate, dtype):
    torch.manual_seed(0)
    x = torch.ones(401, 999, dtype=dtype, requires_grad=True)
    y = dropout(x, rate, True)
    given, y = y, y.detach()
    assert y.dtype == dtype and y.shape == x.shape
    assert float((y == 0).float().mean()) == pytest.approx(rate, abs=3e-3)
    assert float(y.float().mean()) == pytest.approx(1.0, rel=2e-2)
    given.sum().backward()
    assert torch.equal(x.grad, y)  # dropped elements have no gradient, the others that of their scale


def test_elements_are_dropped_one_by_one():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(100_000, 4), 0.5, True) != 0).float()
    together = torch.corrcoef(kept.T) - torch.eye(4)
    assert float(together.abs().max()) < 0.02  # those of one draw of 64 bits, too
    again = (dropout(torch.ones(100_000, 4), 0.5, True) != 0).float()
    assert not torch.equal(kept, again)


def test_the_ends_and_what_does_not_train():
    x = torch.randn(3, 5)
    assert torch.equal(dropout(x, 0.5, False), x) and torch.equal(dropout(x, 0.0, True), x)
    assert not dropout(x, 1.0, True).any()
    assert dropout(torch.empty(0, 3), 0.5, True).shape == (0, 3)
    assert dropout(torch.empty(2, 3, device="meta"), 0.5, True).device.type == "meta"
    with pytest.raises(ValueError, match="dropout"):
        dropout(x, 1.5, True)
