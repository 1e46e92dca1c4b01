"""Second-order DARTS: where its toy problem ends, and how far finite differences are from the exact gradient.

The toy is the DARTS paper's (arXiv 1806.09055, section 2.3): L_val = a w - 2 a + 1, L_train = w^2 - 2 a w + a^2, from
a = 2, w = -2. With w kept at its optimum, the look-ahead's fixed point is 2 / (1 + 2 xi): 2 in first order, the true
optimum 1 at xi = 0.5. Then both forms on a real supernet (cells, digits, float64), with ReLU and max-pooling as
published, and with both replaced by smooth operations.

    python benchmarks/bilevel.py --seeds 5
"""

import argparse
import statistics

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from appnas.domains.images import digits
from appnas.spaces import Cells
from appnas.spaces.images import DARTS_OPS
from appnas.supernet import SGDStep, lookahead_exact, lookahead_finite

LOOKS = {"exact": lookahead_exact, "finite difference": lookahead_finite}


def toy(look, xi, steps=100):
    """The architecture parameter at the end."""
    a, w = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.0, -2.0))
    for _ in range(steps):
        value = look(
            lambda v, g: v["w"] ** 2 - 2 * g[0] * v["w"] + g[0] ** 2,
            lambda v, g: g[0] * v["w"] - 2 * g[0] + 1,
            {"w": w},
            (a,),
            SGDStep(xi),
        )
        (slope,) = torch.autograd.grad(value, [a])
        with torch.no_grad():
            a -= 0.3 * slope
            w.copy_(a)
    return float(a.detach())


def smooth(module):
    """Replace every ReLU by tanh, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU):
            setattr(module, name, nn.Tanh())
        else:
            smooth(child)


def errors(seed, is_smooth, epsilon):
    """Relative error of the whole gradient and of its second-order term."""
    torch.manual_seed(seed)
    domain = digits()
    ops = tuple(o for o in DARTS_OPS if not (is_smooth and o == "max_pool_3x3"))
    net = Cells(ops=ops, channels=4, cells=3).supernet(domain.io).double()
    if is_smooth:
        smooth(net)
    batches = domain.batches("train", torch.Generator().manual_seed(seed))
    (x, y), (u, v) = ((x[:32].double(), y[:32]) for x, y in (next(batches), next(batches)))
    gates = tuple(torch.randn(14, len(ops)).double().softmax(-1).requires_grad_() for _ in range(2))
    weights = dict(net.named_parameters())

    def train(w, g):
        return cross_entropy(functional_call(net, w, (x,), {"gates": g}), y)

    def valid(w, g):
        return cross_entropy(functional_call(net, w, (u,), {"gates": g}), v)

    def slope(look, **more):
        value = look(train, valid, weights, gates, SGDStep(0.025), **more)
        return torch.cat([s.flatten() for s in torch.autograd.grad(value, gates)])

    exact, finite = slope(lookahead_exact), slope(lookahead_finite, epsilon=epsilon)
    step = SGDStep(0.025)
    gradients = torch.autograd.grad(train(weights, gates), list(weights.values()))
    stepped = {name: w.detach() for name, w in step(weights, gradients).items()}
    direct = torch.cat([s.flatten() for s in torch.autograd.grad(valid(stepped, gates), gates)])
    gap = (exact - finite).norm()
    return float(gap / exact.norm()), float(gap / (exact - direct).norm())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("toy: xi        " + "".join(f"{xi:>9}" for xi in (0.0, 0.1, 0.25, 0.5)))
    for name, look in LOOKS.items():
        print(f"  {name:<18}" + "  ".join(f"{toy(look, xi):.4f} " for xi in (0.0, 0.1, 0.25, 0.5)))
    print(f"supernet, finite difference against exact, {args.seeds} seeds, relative error (mean, largest)")
    for epsilon in (1e-2, 1e-3, 1e-4):
        for name, is_smooth in (("tanh, no max-pooling", True), ("ReLU, as published", False)):
            found = [errors(seed, is_smooth, epsilon) for seed in range(args.seeds)]
            for part, column in zip(("whole gradient", "second-order term"), zip(*found, strict=True), strict=True):
                spread = f"{statistics.fmean(column):.1e}  {max(column):.1e}"
                print(f"  epsilon {epsilon:<8}{name:<22}{part:<19}{spread}")


if __name__ == "__main__":
    main()
