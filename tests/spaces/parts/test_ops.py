import pytest
import torch
from torch import nn

from appnas.space import SKIP
from appnas.spaces.parts import FactorizedReduce, ReLUConvNorm, Style, norm, operation
from appnas.spaces.parts.ops import OPS, DropPath, Separable
from appnas.task.training import set_progress

SUPERNET = Style(affine=False, track=False, pool_norm=True)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("style", [Style(), SUPERNET], ids=["derived", "supernet"])
@pytest.mark.parametrize("side", [8, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPS)
def test_shapes(name: str, stride: int, side: int, style: Style):
    op = operation(name, 4, stride, style)
    out = op(torch.randn(3, 4, side, side))
    assert out.shape == (3, 4, -(-side // stride), -(-side // stride))
    assert torch.isfinite(out).all()


@pytest.mark.parametrize(
    ("name", "stride", "weights"),
    [
        ("max_pool_3x3", 1, 0),
        ("avg_pool_3x3", 2, 0),
        ("skip_connect", 1, 0),
        ("skip_connect", 2, 2 * 4 * 2),  # two 1x1 convolutions, 4 -> 2 channels
        ("sep_conv_3x3", 1, 2 * (4 * 9 + 4 * 4)),  # twice depthwise and pointwise
        ("sep_conv_5x5", 2, 2 * (4 * 25 + 4 * 4)),
        ("sep_conv_7x7", 1, 2 * (4 * 49 + 4 * 4)),
        ("dil_conv_3x3", 1, 4 * 9 + 4 * 4),
        ("dil_conv_5x5", 2, 4 * 25 + 4 * 4),
        ("nor_conv_1x1", 1, 4 * 4),
        ("nor_conv_3x3", 2, 4 * 4 * 9),
    ],
)
def test_weights(name: str, stride: int, weights: int):
    """Counted by hand for 4 channels; affine batch norms add two a channel."""
    assert count(operation(name, 4, stride, SUPERNET)) == weights
    norms = {"sep": 2, "max": 0, "avg": 0}.get(name[:3], 1) if (name, stride) != ("skip_connect", 1) else 0
    assert count(operation(name, 4, stride, Style())) == weights + 8 * norms


def test_unknown_operations_and_none():
    assert "none" not in OPS
    with pytest.raises(ValueError, match=r"no operation 'sep_conv_9x9'.*sep_conv_7x7"):
        operation("sep_conv_9x9", 4, 1, Style())


def test_average_pooling_leaves_padding_out():
    ones = torch.ones(1, 2, 5, 5)
    torch.testing.assert_close(operation("avg_pool_3x3", 2, 1, Style())(ones), ones)


def test_pools_are_normalised_in_supernets_only():
    x = torch.randn(8, 2, 6, 6)
    for name in ("max_pool_3x3", "avg_pool_3x3"):
        assert not any(isinstance(m, nn.BatchNorm2d) for m in operation(name, 2, 1, Style()).modules())
        pooled = operation(name, 2, 1, SUPERNET)(x)
        torch.testing.assert_close(pooled.mean((0, 2, 3)), torch.zeros(2), atol=1e-6, rtol=0)
        torch.testing.assert_close(pooled.var((0, 2, 3), unbiased=False), torch.ones(2), atol=1e-3, rtol=0)
        affine = operation(name, 2, 1, Style(affine=True, pool_norm=True))
        assert count(affine) == 0  # scale and shift after a pool would undo the gates


def footprint(op: nn.Module, side: int = 13) -> torch.Tensor:
    """Where the output's centre looks: non-zero gradients of the input."""
    x = torch.rand(1, 1, side, side, requires_grad=True)
    op.eval()(x)[0, 0, side // 2, side // 2].backward()
    return x.grad[0, 0] != 0


@pytest.mark.parametrize(
    ("name", "reach", "step"),
    [("dil_conv_3x3", 2, 2), ("dil_conv_5x5", 4, 2), ("nor_conv_3x3", 1, 1), ("nor_conv_1x1", 0, 1),
     ("sep_conv_3x3", 2, 1), ("sep_conv_5x5", 4, 1), ("avg_pool_3x3", 1, 1)],
)  # fmt: skip
def test_receptive_fields(name: str, reach: int, step: int):
    op = operation(name, 1, 1, Style())
    for parameter in op.parameters():
        nn.init.constant_(parameter, 1.0)  # no ReLU cuts a path
    expected = torch.zeros(13, 13, dtype=torch.bool)
    expected[6 - reach : 7 + reach : step, 6 - reach : 7 + reach : step] = True
    assert torch.equal(footprint(op), expected)


def test_convolutions_rectify_first():
    for op in (ReLUConvNorm(2, 2, 3, 1, Style()), Separable(2, 3, (1,), 1, Style()), FactorizedReduce(2, 2, Style())):
        out = op.eval()(-torch.rand(1, 2, 4, 4))
        assert not out.any()


@pytest.mark.parametrize("side", [4, 5])
def test_factorized_reduce_takes_even_and_odd_pixels(side: int):
    """Channel 0 holds the pixels at even places, channel 1 those one further down and right; an odd side is padded."""
    op = FactorizedReduce(1, 2, Style()).eval()
    nn.init.ones_(op.even.weight)
    nn.init.ones_(op.odd.weight)
    op.norm.eps = 0.0
    x = torch.arange(1.0, side * side + 1).reshape(1, 1, side, side)
    out = op(x)
    half = (side + 1) // 2
    odd = torch.zeros(half, half)
    odd[: side // 2, : side // 2] = x[0, 0, 1::2, 1::2]
    torch.testing.assert_close(out[0, 0], x[0, 0, ::2, ::2])
    torch.testing.assert_close(out[0, 1], odd)


def test_factorized_reduce_to_an_odd_width():
    op = FactorizedReduce(3, 5, Style())
    assert op(torch.randn(2, 3, 6, 6)).shape == (2, 5, 3, 3)


def test_norms_without_tracking_keep_no_state():
    op = operation("sep_conv_3x3", 2, 1, SUPERNET)
    assert not list(op.buffers())
    x = torch.randn(4, 2, 6, 6)
    assert torch.equal(op(x), op.eval()(x))
    assert norm(3, Style()).track_running_stats


class TestDropPath:
    def test_is_the_identity_in_evaluation_and_at_the_start(self):
        drop, x = DropPath(0.5), torch.randn(6, 2, 3, 3)
        assert drop(x) is x
        set_progress(drop, 1.0)
        assert drop.eval()(x) is x

    def test_drops_whole_examples_and_scales_up_the_others(self):
        torch.manual_seed(0)
        drop, x = DropPath(0.5), torch.randn(200, 2, 3, 3)
        set_progress(drop, 1.0)
        out = drop(x)
        dropped = (out == 0).flatten(1).all(1)
        assert 60 < dropped.sum() < 140
        torch.testing.assert_close(out[~dropped], 2 * x[~dropped])

    @pytest.mark.parametrize("progress", [0.25, 0.5, 1.0])
    def test_rate_grows_with_progress_and_the_mean_stays(self, progress: float):
        """Rate 0.2 at the end. 40,000 examples: 5 standard errors are 0.01 and 0.0125."""
        torch.manual_seed(0)
        drop = DropPath(0.2)
        set_progress(nn.Sequential(drop), progress)
        out = drop(torch.ones(40_000, 1))
        assert float((out == 0).float().mean()) == pytest.approx(0.2 * progress, abs=0.01)
        assert float(out.mean()) == pytest.approx(1.0, abs=0.0125)

    def test_wraps_everything_but_the_identity(self):
        style = Style(drop_path=0.2)
        for name in OPS:
            for stride in (1, 2):
                has = any(isinstance(m, DropPath) for m in operation(name, 2, stride, style).modules())
                assert has == (name not in SKIP or stride != 1)
                assert not any(isinstance(m, DropPath) for m in operation(name, 2, stride, Style()).modules())
