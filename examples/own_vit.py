"""A vision transformer of your own, searched: width, depth, each layer's heads and MLP; with `--quick` in seconds.

Widths and depths cannot be mixed: one supernet is trained on single paths, whose weights are parts of common ones (q, k
and v are layers of their own, so that such parts mean the same), and evolution searches on its scores.
"""

import sys
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from appnas import pick, search, space_of
from appnas.domains.images import digits
from appnas.domains.images.data import DIGITS
from appnas.task import Recipe

QUICK = "--quick" in sys.argv


class Layer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.heads, hidden = pick("heads", [1, 2, 4], each=True), dim * pick("ratio", [1, 2, 4], each=True)
        self.before, self.q, self.k, self.v, self.out = nn.LayerNorm(dim), *(nn.Linear(dim, dim) for _ in range(4))
        self.after, self.up, self.down = nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x):
        y = self.before(x)
        q, k, v = (f(y).unflatten(2, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        x = x + self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.after(x))))


class ViT(nn.Module):
    def __init__(self, io):
        super().__init__()
        self.patches = nn.Conv2d(io.inputs[0], dim := pick("dim", [16, 24, 32]), 2, 2)  # patches of 2 x 2
        self.place = nn.Parameter(0.02 * torch.randn(1, io.inputs[1] * io.inputs[2] // 4, dim))
        self.layers = nn.Sequential(*(Layer(dim) for _ in range(pick("depth", [1, 2, 3, 4]))))
        self.head = nn.Linear(dim, io.outputs[0])

    def forward(self, x):
        return self.head(self.layers(self.patches(x).flatten(2).transpose(1, 2) + self.place).mean(1))


def main(seed=0):
    torch.set_num_threads(1)
    domain = digits(replace(DIGITS, crop=0, recipe=Recipe("adam", lr=5e-3, lr_min=0.0, weight_decay=0.0)))
    space = space_of(ViT, domain.io)
    how = {"epochs": 1, "evaluations": 4} if QUICK else {"epochs": 60, "evaluations": 100}
    result = search(space, domain, "fewshot", split=(), seed=seed, progress=True, **how)
    print(space.values(result.best))
    return result.retrain(1 if QUICK else 40, beside=["random"])


if __name__ == "__main__":
    print(main())
