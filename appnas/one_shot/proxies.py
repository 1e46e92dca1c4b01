"""Zero-cost proxies: what a network is worth before any training, from one batch, or from none.

Each is a function of a `Probe`, the larger the better, with its equation beside it as a pure function. The nine of
Abdelfattah et al. (arXiv 2101.08134, section 3) and their sources: SynFlow (Tanaka et al., arXiv 2006.05467), SNIP (Lee
et al., arXiv 1810.02340), GraSP (Wang et al., arXiv 2002.07376), Fisher (Theis et al., arXiv 1801.05787; Turner et al.,
arXiv 1906.04113), Jacobian covariance and NASWOT (Mellor et al., arXiv 2006.04647, versions 1 and 3), the gradient's
norm; FreeFlow (Zhang et al., arXiv 2106.11542), and sizes, which every proxy has to beat.

Weights are the parameters with two axes or more: filters and matrices, not biases and not what norms have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from appnas.compute import moved
from appnas.cost import macs as macs_of
from appnas.cost import parameters
from appnas.one_shot.zero_cost import absolute, flow
from appnas.supernet import connection_sensitivity, flow_of_gradient


class Probe(NamedTuple):
    """What a proxy looks at.

    Attributes:
        network: untrained, as `appnas.one_shot.zero_cost.probing` leaves it; no proxy changes its weights.
        example: inputs of one or two examples, whose shapes alone matter.
        inputs: what it is called with for a batch.
        loss: network -> mean loss of that batch; None where there is none (an agent's).
        rows: examples at most that are compared with one another.
    """

    network: nn.Module
    example: tuple[Tensor, ...]
    inputs: tuple[Any, ...]
    loss: Callable[[nn.Module], Tensor] | None = None
    rows: int = 64


def weights_of(network: nn.Module) -> tuple[nn.Parameter, ...]:
    """Filters and matrices."""
    return tuple(w for w in network.parameters() if w.dim() > 1 and w.requires_grad)


def _loss(probe: Probe) -> Tensor:
    assert probe.loss is not None
    return probe.loss(probe.network)


def summed(parts: tuple[Tensor, ...]) -> float:
    """The sum of all entries, in double precision; the host waits once."""
    return float(torch.stack([part.double().sum() for part in parts]).sum()) if parts else 0.0


def snip(probe: Probe) -> float:
    """Sum |w dL / dw|."""
    return summed(connection_sensitivity(_loss(probe), weights_of(probe.network)))


def grasp(probe: Probe) -> float:
    """Sum -w (H g): Abdelfattah et al.'s sign."""
    return -summed(flow_of_gradient(_loss(probe), weights_of(probe.network)))


def grad_norm(probe: Probe) -> float:
    """Sum ||dL / dw|| over the layers, the Euclidean norm of each."""
    slopes = torch.autograd.grad(_loss(probe), weights_of(probe.network), materialize_grads=True)
    return summed(tuple(slope.double().norm() for slope in slopes))


def synflow(probe: Probe) -> float:
    """Sum |w dR / dw|, R = 1^T (prod_l |W_l|) 1 without norms, in double precision."""
    weights = absolute(probe.network, torch.float64)
    leaves = tuple(w.requires_grad_() for w in weights.values() if w.dim() > 1)
    return summed(
        connection_sensitivity(flow(probe.network, probe.example, None, norms=False, weights=weights), leaves)
    )


@torch.no_grad()
def freeflow(probe: Probe) -> float:
    """R with the norms as they are, in single precision. FreeNAS differentiates it by gates, which networks lack."""
    return float(flow(probe.network, probe.example, None, weights=absolute(probe.network, torch.float32)))


def fisher_of(activation: Tensor, slope: Tensor, channel: int) -> Tensor:
    """Sum over channels of 1/2 mean_n (sum a dL / da)^2, the inner sum over all places.

    Args:
        activation: a [n, ...].
        slope: dL / da.
        channel: axis of the channels.
    """
    product = (activation * slope).detach().double().movedim(channel, 1)
    return (product.flatten(2).sum(2) if product.dim() > 2 else product).square().mean(0).sum() / 2


def fisher(probe: Probe) -> float:
    """The sum of `fisher_of` over the outputs of all layers with weights."""
    with _outputs(probe.network) as found:
        loss = _loss(probe)
    used = [(x, channel) for x, channel in found if x.requires_grad]
    slopes = torch.autograd.grad(loss, [x for x, _ in used], materialize_grads=True)
    return summed(tuple(fisher_of(x, slope, channel) for (x, channel), slope in zip(used, slopes, strict=True)))


@contextmanager
def _outputs(network: nn.Module) -> Iterator[list[tuple[Tensor, int]]]:
    """The outputs of layers with weights, each with the axis of its channels; what follows works on copies."""
    found: list[tuple[Tensor, int]] = []

    def keep(module: nn.Module, inputs: Any, out: Any) -> Any:
        if not isinstance(out, Tensor) or not out.is_floating_point() or out.dim() < 2:
            return out
        filters = any(w is not None and w.dim() > 2 for w in module._parameters.values())
        found.append((out, 1 if filters else out.dim() - 1))
        return out.clone()  # so that what works in place does not change what was kept

    layers = [m for m in network.modules() if any(w is not None and w.dim() > 1 for w in m._parameters.values())]
    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def jacov_of(jacobian: Tensor) -> float:
    """-sum_i (log(v_i + k) + 1 / (v_i + k)), v the eigenvalues of the rows' correlations, k = 1e-5.

    NaN where a row is constant: outputs do not depend on that example.

    Shapes:
        jacobian: [n, D], of every example's outputs by its inputs.
    """
    alike = torch.corrcoef(jacobian.double())
    if not bool(alike.isfinite().all()):
        return math.nan
    values = torch.linalg.eigvalsh(alike) + 1e-5
    return -float((values.log() + 1 / values).sum())


def jacov(probe: Probe) -> float:
    """`jacov_of` the derivative of the summed outputs by the inputs; by what they are embedded to, of tokens."""
    first, *others = probe.inputs
    with _Embedded() as embedded:
        if first.is_floating_point():
            first = first.detach().clone().requires_grad_()
        out = probe.network(first, *others)
    point = first if first.is_floating_point() else embedded.first
    if point is None:
        raise ValueError("the Jacobian is by numbers, and these inputs are integers that no embedding reads")
    out = out[0] if isinstance(out, tuple) else out
    (slope,) = torch.autograd.grad(out.sum(), point, materialize_grads=True)
    return jacov_of(slope.flatten(1)[: probe.rows])


class _Embedded(TorchFunctionMode):
    """Keeps the first embedding that is looked up, and cuts it from what it comes from."""

    first: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in (functional.embedding, torch.embedding) and self.first is None:
            self.first = out = out.detach().requires_grad_()
        return out


def naswot_of(kernel: Tensor) -> float:
    """Log |det K|, K_ij = N_A - d_H(c_i, c_j): in how many units the codes of two examples agree.

    Shapes:
        kernel: [n, n].
    """
    return float(torch.linalg.slogdet(kernel.double()).logabsdet)


@torch.no_grad()
def naswot(probe: Probe) -> float:
    """`naswot_of` the codes of all activation functions, on where their input is above 0.

    Deviates: the authors' networks have rectifiers alone; here a unit of any activation function counts as one.
    """
    count = len(probe.inputs[0])
    with _Codes(count, min(count, probe.rows)) as codes:
        probe.network(*probe.inputs)
    return naswot_of(codes.kernel)


ACTIVATIONS = frozenset(
    "relu leaky_relu _prelu_kernel elu gelu silu mish hardtanh hardswish hardsigmoid softplus threshold clamp_min tanh"
    " sigmoid log_sigmoid_forward".split()
)
"""What torch calls activation functions inside, modules or not; those in place have a _ behind."""


class _Codes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up, over all activations with one row an example, in how many units the first examples agree."""

    def __init__(self, count: int, rows: int):
        super().__init__()  # type: ignore[no-untyped-call]
        self.count, self.rows = count, rows
        self.kernel = torch.zeros(rows, rows, dtype=torch.float64)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name.removesuffix("_") in ACTIVATIONS or name in ACTIVATIONS:
            x = args[0]
            if x.dim() > 1 and len(x) == self.count:
                code = (x[: self.rows].flatten(1) > 0).float()
                agree = code @ code.T + (1 - code) @ (1 - code).T
                self.kernel += moved(agree, self.kernel.device).double()
        return func(*args, **(kwargs or {}))


def params(probe: Probe) -> float:
    """Number of parameters."""
    return float(parameters(probe.network))


def macs(probe: Probe) -> float:
    """Multiply-adds on the example."""
    return float(macs_of(probe.network, probe.example))


PROXIES: dict[str, Callable[[Probe], float]] = {
    "synflow": synflow, "snip": snip, "grasp": grasp, "fisher": fisher, "jacov": jacov, "naswot": naswot,
    "grad_norm": grad_norm, "params": params, "macs": macs, "freeflow": freeflow,
}  # fmt: skip
"""By the names in Abdelfattah et al."""
OF_A_LOSS = frozenset({"snip", "grasp", "fisher", "grad_norm"})
"""Those that need a loss; the others look at inputs, or at nothing but the network."""
