"""A U-Net of your own, searched: its depth, its width, the kernel of every level.

    python examples/own_unet.py            # four minutes on one core, no download
    python examples/own_unet.py --quick    # seconds, to see that everything runs

Every pixel of four noisy digits is background, or ink of an even digit, or of an odd one. Depth and width cannot be
mixed: evolution trains every network from scratch. The metric is the mean overlap (IoU) of the classes.
"""

import sys
from itertools import pairwise

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import interpolate, max_pool2d

import appnas
from appnas import pick
from appnas.domains import Labelled

QUICK = "--quick" in sys.argv


def conv(a, b, kernel):
    return nn.Sequential(nn.Conv2d(a, b, kernel, padding=kernel // 2), nn.BatchNorm2d(b), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, io):
        super().__init__()
        width = pick("width", [4, 8, 16])
        sizes = [io.inputs[0], *(width * 2**i for i in range(pick("depth", [1, 2, 3])))]
        kernels = [pick("kernel", [3, 5], each=True) for _ in sizes[1:]]  # of the levels that there are
        self.down = nn.ModuleList(map(conv, sizes, sizes[1:], kernels))
        self.up = nn.ModuleList(conv(a + b, a, 3) for a, b in pairwise(sizes[1:]))
        self.head = nn.Conv2d(width, io.outputs[0], 1)

    def forward(self, x):
        kept = []
        for layer in self.down:
            kept.append(layer(max_pool2d(kept[-1], 2) if kept else x))
        x = kept.pop()
        for layer in reversed(self.up):
            x = layer(torch.cat([interpolate(x, scale_factor=2), kept.pop()], 1))
        return self.head(x)


def scenes(count):
    x, y = map(torch.as_tensor, load_digits(return_X_y=True))
    chosen = torch.randint(len(x), (count, 2, 2))
    ink = (x[chosen].float() / 16).unflatten(-1, (8, 8)).transpose(2, 3).reshape(count, 1, 16, 16)
    kind = (1 + y[chosen] % 2).repeat_interleave(8, 1).repeat_interleave(8, 2)
    return ink + 0.3 * torch.randn(ink.shape), kind * (ink[:, 0] > 0.3)


if __name__ == "__main__":
    torch.set_num_threads(1), torch.manual_seed(0)
    train, test = scenes(72 if QUICK else 900), scenes(24 if QUICK else 300)
    domain = Labelled(*train, *test, metric="mean_iou")
    space = appnas.space_of(UNet, domain.io)
    few = {"evaluations": 3, "budget": 1} if QUICK else {"evaluations": 25, "budget": 3}
    result = appnas.search(space, domain, "evolution", population=3 if QUICK else 8, sample=2, progress=True, **few)
    print(space.values(result.best))
    print(result.retrain(1 if QUICK else 15, beside=["random"]))
