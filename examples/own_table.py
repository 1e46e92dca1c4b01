"""A network for a table of your own, searched: inputs, widths, activations, dropout; with `--quick` in seconds.

1,200 rows of ten numbers, of which five say something of the target and five nothing (Friedman's first function, with
noise of deviation 1, which no network can go below). Beside what is found: a random architecture, linear regression.
"""

import sys

import torch
from sklearn.datasets import make_friedman1
from sklearn.linear_model import LinearRegression
from torch import nn

from appnas import pick, search, space_of
from appnas.domains import Labelled

QUICK = "--quick" in sys.argv


class Waves(nn.Module):  # sines of learnt frequencies (Gorishniy et al., arXiv 2203.05556)
    def __init__(self, features, count):
        super().__init__()
        self.frequencies = nn.Parameter(pick("spread", [0.1, 0.3, 1.0]) * torch.randn(features, count))

    def forward(self, x):
        angles = x[..., None] * self.frequencies
        return torch.cat([x, angles.sin().flatten(1), angles.cos().flatten(1)], 1)


class Net(nn.Module):
    def __init__(self, io):
        super().__init__()
        features, waves = io.inputs[0], pick("waves", [0, 4, 8])  # the spread exists only where there are waves
        self.come_in = Waves(features, waves) if waves else nn.Identity()
        size, layers = features * (1 + 2 * waves), []
        for _ in range(pick("depth", [1, 2, 3])):
            width, act = pick("width", [8, 16, 32, 64], each=True), {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}
            layers += [nn.Linear(size, width), pick("act", act), nn.Dropout(pick("drop", [0.0, 0.2, 0.4]))]
            size = width  # every layer has its own width; they have one activation and one rate of dropout
        self.layers = nn.Sequential(*layers, nn.Linear(size, io.outputs[0]))

    def forward(self, x):
        return self.layers(self.come_in(x))


def main(seed=0):
    torch.set_num_threads(1)
    x, y = make_friedman1(1200, noise=1.0, random_state=0)
    domain = Labelled(x[:700], y[:700], x[700:], y[700:], metric="rmse")
    space = space_of(Net, domain.io)
    few = {"evaluations": 4, "budget": 2, "population": 4} if QUICK else {"evaluations": 60, "budget": 30}
    result = search(space, domain, "evolution", seed=seed, **{"population": 10, "sample": 3} | few)
    error = LinearRegression().fit(x[:700], y[:700]).predict(x[700:]) - y[700:]
    print(space.values(result.best), f"\nlinear regression: rmse {(error**2).mean() ** 0.5:.1f}")
    return result.retrain(2 if QUICK else 60, beside=["random"], seeds=1 if QUICK else 3)


if __name__ == "__main__":
    print(main())
