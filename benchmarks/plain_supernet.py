"""The DARTS supernet as everybody writes it: one module an operation, all candidates run one by one, default layout.

The reference of `supernet_step.py`: the same mathematics as `Cells.supernet`, nothing shared, nothing skipped, and
independent of the library's operations. Parameters come in the same order, so weights can be copied across.
"""

import torch
from torch import nn

OPS = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
       "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")  # fmt: skip


def norm(c):
    return nn.BatchNorm2d(c, affine=False, track_running_stats=False)


def relu_conv_norm(c_in, c_out):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), norm(c_out))


def separable(c, k, stride, dilation=1):
    padding = dilation * (k - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(c, c, k, stride, padding, dilation, groups=c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        norm(c),
    ]


class Reduce(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, bias=False)
        self.norm = norm(c_out)

    def forward(self, x):
        x = torch.relu(x)
        return self.norm(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(x[:, :, 1::2, 1::2])], 1))


class Zero(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x[:, :, :: self.stride, :: self.stride] * 0.0


def op(name, c, stride):
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else Reduce(c, c)
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, stride, 1), norm(c))
    if name == "avg_pool_3x3":
        return nn.Sequential(nn.AvgPool2d(3, stride, 1, count_include_pad=False), norm(c))
    if name.startswith("sep"):
        return nn.Sequential(*separable(c, kernel, stride), *separable(c, kernel, 1))
    return nn.Sequential(*separable(c, kernel, stride, 2))


class MixedOp(nn.Module):
    def __init__(self, c, stride):
        super().__init__()
        self.ops = nn.ModuleList(op(name, c, stride) for name in OPS)

    def forward(self, x, weights):
        return sum(w * o(x) for w, o in zip(weights, self.ops, strict=True))


class Cell(nn.Module):
    def __init__(self, c_before, c_last, c, reduction, after_reduction):
        super().__init__()
        self.reduction = reduction
        self.first = Reduce(c_before, c) if after_reduction else relu_conv_norm(c_before, c)
        self.second = relu_conv_norm(c_last, c)
        self.edges = nn.ModuleList(
            MixedOp(c, 2 if reduction and j < 2 else 1) for node in range(2, 6) for j in range(node)
        )

    def forward(self, s0, s1, weights):
        states, offset = [self.first(s0), self.second(s1)], 0
        for node in range(2, 6):
            states.append(sum(self.edges[offset + j](h, weights[offset + j]) for j, h in enumerate(states)))
            offset += node
        return torch.cat(states[2:], 1)


class PlainSupernet(nn.Module):
    """forward(x, gates) with gates = (normal [14, 8], reduction [14, 8])."""

    def __init__(self, channels, cells, c_in, classes):
        super().__init__()
        c = channels
        self.stem = nn.Sequential(
            nn.Conv2d(c_in, 3 * c, 3, 1, 1, bias=False), nn.BatchNorm2d(3 * c, track_running_stats=False)
        )
        self.cells, before, last, after = nn.ModuleList(), 3 * c, 3 * c, False
        for i in range(cells):
            reduction = i in (cells // 3, 2 * cells // 3)
            c = 2 * c if reduction else c
            self.cells.append(Cell(before, last, c, reduction, after))
            before, last, after = last, 4 * c, reduction
        self.classifier = nn.Linear(last, classes)

    def forward(self, x, gates):
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1, gates[int(cell.reduction)])
        return self.classifier(s1.mean((2, 3)))


def affine(c):
    return nn.BatchNorm2d(c, track_running_stats=False)


def conv(c_in, c_out, k, stride=1):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, k, stride, k // 2, bias=False), affine(c_out))


class Edge201(nn.Module):
    def __init__(self, c):
        super().__init__()
        pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.ops = nn.ModuleList([Zero(1), nn.Identity(), conv(c, c, 1), conv(c, c, 3), pool])

    def forward(self, x, weights):
        return sum(w * o(x) for w, o in zip(weights, self.ops, strict=True))

    def forward_only(self, x, weights):
        """The chosen operation alone, as single-path methods write it."""
        k = int(weights.argmax())
        return weights[k] * self.ops[k](x)


class Cell201(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.edges = nn.ModuleList(Edge201(c) for _ in range(6))

    def forward(self, x, weights, single):
        states, e = [x], 0
        for node in range(1, 4):
            total = 0
            for source in states[:node]:
                edge = self.edges[e]
                total = total + (edge.forward_only if single else edge)(source, weights[e])
                e += 1
            states.append(total)
        return states[-1]


class Block201(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.first, self.second = conv(c_in, c_out, 3, 2), conv(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2, 0), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x):
        return self.shortcut(x) + self.second(self.first(x))


class Plain201(nn.Module):
    """forward(x, gates) with gates = ([6, 5],): edges (0,1) (0,2) (1,2) (0,3) (1,3) (2,3)."""

    def __init__(self, channels, repeats, c_in, classes):
        super().__init__()
        c = channels
        self.stem = nn.Sequential(nn.Conv2d(c_in, c, 3, 1, 1, bias=False), affine(c))
        self.stages = nn.ModuleList(nn.ModuleList(Cell201(c * w) for _ in range(repeats)) for w in (1, 2, 4))
        self.blocks = nn.ModuleList([Block201(c, 2 * c), Block201(2 * c, 4 * c)])
        self.last = nn.Sequential(affine(4 * c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(4 * c, classes)
        self.single = False

    def forward(self, x, gates):
        x = self.stem(x)
        for i, stage in enumerate(self.stages):
            x = self.blocks[i - 1](x) if i else x
            for cell in stage:
                x = cell(x, gates[0], self.single)
        return self.classifier(self.last(x))
