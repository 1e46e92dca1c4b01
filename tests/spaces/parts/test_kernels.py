import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.functional import batch_norm, conv2d

from appnas.spaces.parts import concatenate, depthwise_data_gradient, depthwise_weight_gradient
from appnas.spaces.parts.kernels import depthwise, even_pixels, odd_pixels, separable, separable_plain

SHAPES = [(k, s, d) for k in (3, 5, 7) for s in (1, 2) for d in (1, 2)]


def wide(*shape: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=rng, dtype=torch.float64)
    return (x.to(memory_format=torch.channels_last) if len(shape) == 4 else x).requires_grad_()


def reference(x, weight, stride, dilation):
    return conv2d(x, weight, None, stride, dilation * (weight.shape[-1] - 1) // 2, dilation, len(weight))


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (6, 5), (2, 4), (1, 1)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), SHAPES)
def test_both_gradients_are_torch_s(kernel, stride, dilation, size):
    x, weight = wide(3, 4, *size), wide(4, 1, kernel, kernel, seed=1)
    out = reference(x, weight, stride, dilation)
    torch.testing.assert_close(depthwise(x, weight, stride, dilation), out)
    grad = torch.randn_like(out)
    of_x, of_weight = torch.autograd.grad(out, (x, weight), grad)
    torch.testing.assert_close(depthwise_data_gradient(grad, x, weight, stride, dilation), of_x)
    torch.testing.assert_close(depthwise_weight_gradient(grad, x, kernel, stride, dilation), of_weight)


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (5, 1, 1), (3, 1, 2), (5, 1, 2), (5, 2, 1)])
def test_depthwise(check, kernel, stride, dilation):
    inputs = (wide(2, 2, 4, 5), wide(2, 1, kernel, kernel, seed=1))
    assert check(lambda x, w: depthwise(x, w, stride, dilation), inputs)


@pytest.mark.parametrize("kernel", [3, 5])
def test_stride_2_with_dilation_2_meets_even_pixels_only(kernel):
    for size in ((8, 8), (7, 5)):
        x, weight = wide(2, 3, *size), wide(3, 1, kernel, kernel, seed=1)
        torch.testing.assert_close(depthwise(even_pixels(x), weight), reference(x, weight, 2, 2))


def test_pixels_by_hand():
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert even_pixels(x).tolist() == [[[[0.0, 2.0], [6.0, 8.0]]]]
    assert odd_pixels(x).tolist() == [[[[4.0, 0.0], [0.0, 0.0]]]]


def stack(*kernels: int, channels: int = 2) -> list[torch.Tensor]:
    pairs = ((wide(channels, 1, k, k, seed=k), wide(channels, channels, 1, 1, seed=k + 10)) for k in kernels)
    return [weight for pair in pairs for weight in pair]


STACKS = {"sep": ((3, 5), ((1, 1), (1, 1))), "reduce": ((5, 3), ((2, 1), (1, 1))), "dil": ((5,), ((1, 2),))}


class TestSeparable:
    @pytest.mark.parametrize(("kernels", "shapes"), STACKS.values(), ids=STACKS)
    def test_is_its_modules_one_by_one(self, kernels, shapes):
        x, weights = wide(3, 4, 7, 6), stack(*kernels, channels=4)
        expected = x
        for i, shape in enumerate(shapes):
            if i:
                expected = batch_norm(expected, None, None, None, None, True).relu()
            expected = conv2d(reference(expected, weights[2 * i], *shape), weights[2 * i + 1])
        grad = torch.randn_like(expected)
        for out in (separable(x, weights, shapes), separable_plain(x, weights, shapes, 1e-5)):
            torch.testing.assert_close(out, expected)
            found, wanted = (torch.autograd.grad(y, [x, *weights], grad, retain_graph=True) for y in (out, expected))
            torch.testing.assert_close(found, wanted)

    @pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
    @pytest.mark.parametrize(("kernels", "shapes"), STACKS.values(), ids=STACKS)
    def test_gradients(self, check, kernels, shapes):
        assert check(lambda x, *weights: separable(x, weights, shapes), (wide(2, 2, 4, 4), *stack(*kernels)))

    def test_constant_weights_get_no_gradient_and_cost_nothing(self):
        x, weights = wide(2, 2, 4, 4), [w.detach() for w in stack(3, 3)]
        learned = [w.clone().requires_grad_() for w in weights]
        of_x, *_ = torch.autograd.grad(separable(x, learned, STACKS["sep"][1]).pow(2).sum(), [x, *learned])
        (alone,) = torch.autograd.grad(separable(x, weights, STACKS["sep"][1]).pow(2).sum(), [x])
        torch.testing.assert_close(alone, of_x)


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_concatenate(check):
    parts = (wide(2, 1, 3, 3), wide(2, 3, 3, 3, seed=1))
    assert torch.equal(concatenate(parts), torch.cat(parts, 1))
    assert check(lambda *x: concatenate(x), parts)


def test_parts_of_a_concatenation_get_dense_gradients():
    parts = [wide(2, 2, 4, 4, seed=k) for k in range(2)]
    for gradient in torch.autograd.grad(concatenate(parts).pow(2).sum(), parts):
        assert gradient.is_contiguous(memory_format=torch.channels_last)
