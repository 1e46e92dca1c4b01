"""Domains and spaces that are small enough for a device on paper, each of whose operations takes a while."""

import math
import random
from dataclasses import replace
from functools import partial

import torch
from chip_examples import on_nets
from conftest import ring_data
from sklearn.datasets import load_digits
from test_eda_domain import made
from test_matrix import GRAPHS, ON_NETS, RECURRENT, TINY_SPACES
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from appnas.compute import Compute
from appnas.domains.eda import data as eda_data
from appnas.domains.graphs import Graphs
from appnas.domains.graphs.domain import Options as GraphOptions
from appnas.domains.images import Images, Options
from appnas.domains.labelled import Labelled
from appnas.domains.labelled import Options as LabelledOptions
from appnas.domains.text import Options as TextOptions
from appnas.domains.text import Text
from appnas.domains.text.domain import RECIPE
from appnas.space import random_arch
from appnas.spaces import SPACES
from appnas.support import seeded
from appnas.task import Recipe, placed

QUICK = Recipe("adam", lr=0.1, lr_min=0.1, clip=0.0)


def images():
    """Digits: 64 to train and validate, 32 held out; 2 batches an epoch."""
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8).astype("float32")
    return Images(x[:64], y[:64], x[300:332], y[300:332], Options(batch=16, crop=1, cutout=0.3, smoothing=0.1))


def one_graph(**options):
    return Graphs(ring_data(), options=GraphOptions(normalise=True, recipe=QUICK, **options))


def several_graphs():
    graphs = []
    for i in range(10):
        graph = ring_data(12 + i)
        graph.y = torch.tensor([i % 2])
        graph.edge_weight = torch.ones(graph.edge_index.shape[1]) + i
        for name in ("train_mask", "val_mask", "test_mask"):
            delattr(graph, name)
        graphs.append(graph)
    return Graphs(graphs, options=GraphOptions(batch=3, recipe=QUICK))


def text():
    """2 batches of 4 sequences of about 5 tokens."""
    tokens = torch.arange(120) * torch.arange(120) % 7
    options = TextOptions(
        bptt=5, batch=4, train_batch=4, score_batch=2, test_batch=2, recipe=replace(RECIPE, lr=5.0, lr_min=5.0)
    )
    return Text(tokens[:48], tokens[48:88], tokens[88:], list("abcdefg"), options)


def placements():
    """What the package ships, few of them."""
    return eda_data.shipped(eda_data.SMALL)


def labelled(kind):
    """Classes, sets of labels, numbers, or a class a pixel, of 48 small images; 2 batches an epoch."""
    x = torch.randn(48, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    y = {
        "classes": x[:, 0, 0, :3].argmax(1),
        "label sets": (x[:, 0, 0, :3] > 0).float(),
        "numbers": 300 + 50 * x.mean((1, 2, 3)),
        "pixels": (x.sum(1) > 0).long(),
    }[kind]
    weights = {"classes": "balanced", "label sets": [1.0, 2.0, 3.0]}.get(kind)
    metric = {"classes": "balanced_accuracy", "numbers": "rmse"}.get(kind)
    options = LabelledOptions(batch=16, final_batch=16, recipe=QUICK)
    return Labelled(x[:40], y[:40], x[40:], y[40:], options=options, weights=weights, metric=metric)


DOMAINS = {
    **{kind: partial(labelled, kind) for kind in ("classes", "label sets", "numbers", "pixels")},
    "digits": images,
    "graphs": one_graph,
    "graphs in parts": lambda: one_graph(loader="parts", parts=2),
    "graphs of a kind": several_graphs,
    "text": text,
    "hotspots": lambda: made("hotspots"),
    "violated nets": lambda: made("violated_nets"),
    "congestion": lambda: made("congestion"),
    "nets": on_nets,
}
"""A small domain of every class, for the matrix; the agents' have a matrix of their own."""


def domain_of(space):
    """The domain that a space of the catalogue is tried on."""
    of = {**dict.fromkeys(RECURRENT, text), **dict.fromkeys(GRAPHS, one_graph), **dict.fromkeys(ON_NETS, on_nets)}
    return of.get(space, images)()


def space_of(name):
    return SPACES[name](**TINY_SPACES[name])


def network(domain):
    """A small network of a domain, the same at every call."""
    name = {Graphs: "gnn", Text: "recurrent", Images: "bench201"}.get(type(domain))
    name = "net_map" if domain.io.nets else name
    if name is None:
        torch.manual_seed(0)
        sizes = math.prod(domain.io.inputs), math.prod(domain.io.outputs)
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(*sizes), nn.Unflatten(1, domain.io.outputs))
    space = space_of(name)
    return seeded(0, partial(space.build, random_arch(space, random.Random(3)), domain.io))


def there(domain):
    """The same domain on the other device."""
    return placed(domain, Compute(torch.device("other", 0)))


def on_cpu(values):
    """All tensors within a value on the CPU."""
    return tree_map(lambda x: x.detach().cpu() if isinstance(x, Tensor) else x, values)
