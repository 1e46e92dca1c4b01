"""A U-Net of your own, searched: depth, width, kernels; `python examples/own_unet.py`, or in seconds with `--quick`.

Every pixel of four noisy digits is background, or ink of an even digit, or of an odd one; the metric is their mean
overlap (IoU). Depth and width cannot be mixed: evolution trains every network from scratch.
"""

import sys
from itertools import pairwise

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import interpolate, max_pool2d

from appnas import pick, search, space_of
from appnas.domains import Labelled

QUICK = "--quick" in sys.argv


class UNet(nn.Module):
    def __init__(self, io):
        super().__init__()
        sizes = [io.inputs[0], *(pick("width", [4, 8, 16]) * 2**i for i in range(pick("depth", [1, 2, 3])))]
        self.down = nn.ModuleList(self.conv(a, b, pick("kernel", [3, 5], each=True)) for a, b in pairwise(sizes))
        self.up = nn.ModuleList(self.conv(a + b, a, 3) for a, b in pairwise(sizes[1:]))
        self.head = nn.Conv2d(sizes[1], io.outputs[0], 1)

    def conv(self, a, b, kernel):
        return nn.Sequential(nn.Conv2d(a, b, kernel, padding=kernel // 2), nn.BatchNorm2d(b), nn.ReLU())

    def forward(self, x):
        kept = [self.down[0](x)]
        for layer in self.down[1:]:
            kept.append(layer(max_pool2d(kept[-1], 2)))
        for layer in reversed(self.up):
            kept[-2:] = [layer(torch.cat([interpolate(kept[-1], scale_factor=2), kept[-2]], 1))]
        return self.head(kept[0])


def scenes(count):
    x, y = map(torch.as_tensor, load_digits(return_X_y=True))
    chosen = torch.randint(len(x), (count, 2, 2))
    ink = (x[chosen].float() / 16).unflatten(-1, (8, 8)).transpose(2, 3).reshape(count, 1, 16, 16)
    kind = (1 + y[chosen] % 2).repeat_interleave(8, 1).repeat_interleave(8, 2)
    return ink + 0.3 * torch.randn(ink.shape), kind * (ink[:, 0] > 0.3)


def main(seed=0):
    torch.set_num_threads(1), torch.manual_seed(0)
    domain = Labelled(*scenes(72 if QUICK else 900), *scenes(24 if QUICK else 300), metric="mean_iou")
    space, how = space_of(UNet, domain.io), {"evaluations": 4 if QUICK else 25, "budget": 1 if QUICK else 3}
    result = search(space, domain, "evolution", population=4 if QUICK else 8, sample=2, seed=seed, **how)
    print(space.values(result.best))
    return result.retrain(1 if QUICK else 15, beside=["random"])


if __name__ == "__main__":
    print(main())
