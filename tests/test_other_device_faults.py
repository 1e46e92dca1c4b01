"""What the device on paper is for: a tensor left behind in any of the loops, or a value asked for too often, is found.

Every case breaks one place of the package and runs the loop that goes through it, which works unbroken. A single gate
is a number, which may be on the CPU; what tells is then how often its gradient has to come from the device.
"""

import contextlib
import random
from functools import partial

import pytest
import torch
from device_fixtures import DOMAINS, images, network, space_of, text, there
from torch import nn

import appnas
from appnas.cost import latency
from appnas.one_shot import Angles, OneShot
from appnas.prune import masks
from appnas.prune.indicators import Sourced
from appnas.space import constant_arch, random_arch
from appnas.spaces import MLP, Bench201
from appnas.strategy import Draw, first
from appnas.supernet import Gated
from appnas.support import seeded
from appnas.task import Stream

SPACE = Bench201(channels=2, repeats=1)
STAYS = lambda value, device: value  # noqa: E731


def search(method, **settings):
    appnas.search(SPACE, images(), method, device="other", **settings)


def read(method, **settings):
    """A search in a space whose gates are more than numbers where they are used."""
    appnas.search(space_of("recurrent"), text(), method, device="other", **settings)


def single_path():
    """What a search would count as an architecture that failed."""
    space = space_of("recurrent")
    OneShot(space, there(text()), first(0)).measure(random_arch(space, random.Random(0)))


def trained(name):
    domain = there(DOMAINS[name]())
    domain.fit(network(domain).to("other"), 1)


def measured(name):
    domain = there(DOMAINS[name]())
    domain.score(network(domain).to("other"))


def streamed():
    domain = there(images())
    return domain.loss(network(domain).to("other"), next(Stream(domain, "train", 0)))


def sourced():
    evaluator = Sourced(MLP(width=4), there(images()), "fixed", masks.dense(MLP(width=4)), 0.1)
    evaluator.score(Draw(constant_arch(MLP(width=4), "keep")))


def supernet():
    return seeded(0, partial(SPACE.supernet, images().io), torch.device("other", 0))


def gated():
    space, domain = space_of("recurrent"), text()
    net = seeded(0, partial(space.supernet, domain.io), torch.device("other", 0))
    return Gated(net, masks.dense(space))(domain.example(2)[0].to("other"))


def angles():
    net = supernet()
    Angles(SPACE, net, {name: weight.detach() for name, weight in net.named_parameters()}, images().example(2))


RLNAS = {"epochs": 1, "generations": 1, "population": 2, "mutants": 1, "crossed": 1}
MOVED = "appnas.task.training.moved appnas.domains.reading.examples.moved"
"""Images are brought there by their domain, and by the loop if it did not."""
LEFT = {
    "a training's batches": (MOVED, STAYS, partial(trained, "digits")),
    "a training's sequences": ("appnas.task.training.moved", STAYS, partial(trained, "text")),
    "a training's graphs": ("appnas.task.training.moved", STAYS, partial(trained, "graphs of a kind")),
    "a training's maps": ("appnas.task.training.moved", STAYS, partial(trained, "hotspots")),
    "a stream's batches": (MOVED, STAYS, streamed),
    "shared weights' gates": ("appnas.one_shot.weight_sharing.gates_on", STAYS, partial(read, "darts", epochs=1)),
    "shared weights' batches": (MOVED, STAYS, partial(search, "darts", order="first", epochs=1)),
    "samples' losses": (
        "appnas.one_shot.generalisation_gap.moved", STAYS, partial(search, "unas", epochs=2, warmup=1),
    ),
    "single paths' gates": ("appnas.supernet.supernet.gates_on", STAYS, single_path),
    "images to score": ("appnas.domains.reading.examples.moved", STAYS, partial(measured, "digits")),
    "graphs to score": ("appnas.domains.graphs.domain.moved", STAYS, partial(measured, "graphs of a kind")),
    "sequences to score": ("appnas.domains.text.domain.moved", STAYS, partial(measured, "text")),
    "maps to score": ("appnas.domains.eda.domain.moved", STAYS, partial(measured, "hotspots")),
    "inputs of a proxy": ("appnas.one_shot.zero_cost.moved", STAYS, partial(search, "freenas")),
    "gates of a proxy": ("appnas.one_shot.zero_cost.gates_on", STAYS, partial(read, "freenas", proxy="snip")),
    "batches of a proxy": (MOVED, STAYS, partial(search, "freenas", proxy="snip")),
    "indicators": ("appnas.one_shot.weight_sharing.gates_on", STAYS, sourced),
    "fixed gates": ("appnas.supernet.supernet.gates_on", STAYS, gated),
    "inputs that tell operations": ("appnas.one_shot.angle_metric.moved", STAYS, angles),
    "inputs that are timed": (
        "appnas.cost.timing.moved", STAYS,
        lambda: latency(nn.Linear(64, 2).to("other"), (torch.zeros(1, 64),), repeats=2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_was_left_behind_is_found(name, other, monkeypatch):
    places, broken, run = LEFT[name]
    run()
    for place in places.split():
        monkeypatch.setattr(place, broken)
    with pytest.raises((RuntimeError, TypeError), match=r"same device|indices should be|numpy"):
        run()


def impatient(losses, *more):
    return [loss.cpu() for loss in losses]


OFTEN = {
    "losses of a training": ("appnas.task.training.FETCH", 1, partial(trained, "hotspots"), 2),
    "losses of a training, one by one": ("appnas.task.training.fetched", impatient, partial(trained, "hotspots"), 2),
    "gates left behind, whose gradients come one by one": (
        "appnas.one_shot.weight_sharing.gates_on", STAYS, partial(search, "darts", order="first", epochs=1), 4,
    ),
    "gates of a proxy left behind": ("appnas.one_shot.zero_cost.gates_on", STAYS, partial(search, "freenas"), 2),
    "gates that forgot their values": (
        "appnas.supernet.supernet.read", lambda gates: gates.detach(),
        partial(search, "rlnas", **RLNAS), 12,
    ),
    "gates fetched one by one": (
        "appnas.one_shot.weight_sharing.gates_on", lambda gates, device: tuple(g.to(device) for g in gates),
        partial(search, "darts", order="finite", epochs=1), 4,
    ),
}  # fmt: skip
"""What is broken, by what, and the most that the host waits unbroken."""


@pytest.mark.parametrize("name", OFTEN)
def test_what_is_asked_too_often_is_counted(name, other, monkeypatch):
    place, broken, run, most = OFTEN[name]
    run()
    assert len(other.transfers) <= most
    other.transfers.clear()
    monkeypatch.setattr(place, broken)
    with contextlib.suppress(ValueError):
        run()
    assert len(other.transfers) > most
    assert all(transfer.line.startswith("appnas.") for transfer in other.transfers if transfer.line)
