"""Every space, domain and method on a device on paper: no mixture, the CPU's numbers, and what the host waits for.

Elsewhere there is only the plain form of supernets: the CPU computes it here, too.
"""

import math
import random
from functools import partial

import pytest
import torch
from device_fixtures import DOMAINS, domain_of, images, network, on_cpu, placements, space_of, there
from test_matrix import SAMPLED, TINY_SETTINGS

import appnas
from appnas.compute import CPU, gates_on, moved
from appnas.domains import DOMAINS as CATALOGUE
from appnas.methods import METHODS
from appnas.space import one_hot, random_arch
from appnas.spaces import SPACES, Bench201, Maskable
from appnas.supernet import plain
from appnas.support import seeded
from appnas.task import DifferentiableDomain
from appnas.testing.parts import soft_gates

EXACT = {"rtol": 0.0, "atol": 0.0}
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
"""Of what has an LSTM in it: the CPU's is of one piece."""


def passes(domain, net, batch, gates, device):
    """Loss of a batch and all its gradients. Gates are on the CPU, where gradients come back to."""
    net, leaves = net.to(device), gates and tuple(matrix.float().requires_grad_() for matrix in gates)
    call = net if leaves is None else partial(net, gates=gates_on(leaves, device))
    torch.manual_seed(1)
    loss = domain.loss(call, moved(batch, device)).mean()
    if loss.requires_grad:
        loss.backward()
    found = [loss, [weight.grad for weight in (*net.parameters(), *(leaves or ()))], list(net.buffers())]
    net.zero_grad()
    return found


ASKS = {"nasbenchgraph": 24, "nasbenchgraph-proteins": 24}
"""Layers of torch_geometric ask how many edges are loops, in every pass; so often at most."""


MORE = {
    "maskable": Maskable(Bench201(channels=2, repeats=1)),
    "recomputed": Bench201(channels=2, repeats=1, recompute="cells"),
}
"""Spaces that are made of others, and ways of theirs."""


@pytest.mark.parametrize("name", [*SPACES, *MORE])
def test_a_space(name, other):
    """A network, and a supernet under soft gates and an architecture's: the host waits for the gates' gradient."""
    space = MORE[name] if name in MORE else space_of(name)
    domain = domain_of(name)
    arch = random_arch(space, random.Random(1))
    nets = [(seeded(0, partial(space.build, arch, domain.io)), None)]
    if name not in SAMPLED:
        supernet = seeded(0, partial(space.supernet, domain.io))
        nets += [(supernet, soft_gates(space.choices)), (supernet, one_hot(space.choices, arch))]
    for net, gates in nets:
        first, again = (next(iter(domain.batches("train", torch.Generator().manual_seed(0)))) for _ in range(2))
        with plain():
            wanted = passes(domain, net, first, gates, CPU)
        batch = moved(again, other.device)
        passes(domain, net, batch, gates, other.device)  # which learns what is kept of a graph
        other.transfers.clear()
        found = passes(domain, net, batch, gates, other.device)
        assert len(other.transfers) <= (gates is not None) + ASKS.get(name, 0), other.transfers
        torch.testing.assert_close(on_cpu(found[:2]), on_cpu(wanted[:2]), **(CLOSE if name == "graphmix" else EXACT))


def test_single_paths_run_what_they_hold(other):
    """Gates without a gradient are read where they came from: nothing is asked of the device."""
    for name in sorted(SPACES.keys() - SAMPLED.keys() - ASKS.keys()):
        space, domain = space_of(name), domain_of(name)
        supernet = seeded(0, partial(space.supernet, domain.io), other.device)
        gates = gates_on(one_hot(space.choices, random_arch(space, random.Random(1))), other.device)
        batch = moved(next(iter(domain.batches("train", torch.Generator()))), other.device)
        loss = partial(domain.loss, partial(supernet, gates=gates), batch)
        with torch.no_grad():
            loss()
            other.transfers.clear()
            loss()
        assert other.transfers == [], name


@pytest.mark.parametrize("name", DOMAINS)
def test_a_domain(name, other):
    """Training, scores, held-out metrics, examples, random labels: those of the CPU."""
    domain = DOMAINS[name]()
    models, found = {}, {}
    for place, data in (("cpu", domain), ("other", there(domain))):
        model = models[place] = network(domain).to(place)
        losses = []
        with plain():
            data.fit(model, 2, seed=3, on_epoch=lambda epoch, loss, losses=losses: losses.append(loss))
            told = [data.score(model), data.test(model)]
            if hasattr(data, "random_labels") and name not in ("numbers", "pixels"):
                random_ = data.random_labels(4)
                random_.fit(model, 1, seed=5)
                told += [random_.score(model)]
            example = model(*moved(data.example(3), torch.device(place)))
        found[place] = [losses, told, on_cpu(example), on_cpu(model.state_dict())]
    assert {x.device for x in models["other"].state_dict().values()} == {other.device}
    torch.testing.assert_close(found["other"], found["cpu"], **EXACT)
    assert getattr(domain, "fingerprint", 0) == getattr(there(domain), "fingerprint", 0)


@pytest.mark.parametrize("name", DOMAINS)
def test_a_retraining_seldom_waits(name, other):
    """Twice an epoch, and once for every 50 steps; twice for every validation of the weights that are kept."""
    domain = there(DOMAINS[name]())
    model = network(domain).to("other")
    domain.fit(model, 1)
    other.transfers.clear()
    epochs, steps = 2, domain.epoch(domain.trained_on(False))
    domain.fit(model, epochs)
    watched = 3 * (domain.watched() is not None)
    new_graphs = 6 * steps * (name in ("graphs in parts", "graphs of a kind"))  # how many loops each has
    assert len(other.transfers) <= epochs * (steps // 50 + 2 + watched + new_graphs), other.transfers


def test_every_class_of_domains_is_tried():
    """All that the catalogue makes are of these classes; agents are tried elsewhere."""
    tried = {type(make()) for make in DOMAINS.values()}
    agents = {"catch", "procgen", "gym"}
    makers = {source.make for name, source in CATALOGUE.items() if name not in agents}
    assert {cls.__name__ for cls in tried} == {"Graphs", "Images", "Labelled", "Routability", "Text"}
    assert len(makers) > 15
    assert all(isinstance(make(), DifferentiableDomain) for make in DOMAINS.values())


def test_what_the_package_ships(other):
    """The placements by their own name."""
    domain = there(placements())
    model = network(domain).to("other")
    assert math.isfinite(domain.score(model)["value"]) and domain.test(model).keys() >= {"roc_auc"}
    assert len(domain.showcase(model, 2)) == 2


MEASURED = {"mnasnet": {"cost": "macs"}}
"""Costs that are not latencies, which are never the same twice."""


def searched(method, device, **more):
    """A tiny search, in plain form, so that the CPU computes what others do."""
    settings = TINY_SETTINGS[method] | MEASURED.get(method, {})
    with plain():
        return appnas.search(Bench201(channels=2, repeats=1), images(), method, device=device, **settings, **more)


WAITS = {
    "darts": (2, 0), "two_temperature": (2, 0), "unas": (3, 2), "zarts": (2, 0), "rlnas": (1, 3), "fewshot": (2, 2),
    "radars": (2, 3), "freenas": (2, 0), "zerocost": (4, 12),
}  # fmt: skip
"""The most that the host waits for a search step, and besides for a whole search; others train architectures."""


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.needs != "agent"])
def test_a_method(method, other):
    """The search of the CPU, to the last bit, then its result trained; and how often it waited."""
    wanted = searched(method, "cpu")
    found = searched(method, "other")
    steps = len(found.history)
    each, once = WAITS.get(method, (4, 0))
    assert len(other.transfers) <= each * steps + once, other.transfers
    assert [record.arch for record in found.history] == [record.arch for record in wanted.history]
    assert found.best == wanted.best
    torch.testing.assert_close(
        [[record.value, dict(record.metrics)] for record in found.history],
        [[record.value, dict(record.metrics)] for record in wanted.history], rtol=1e-4, atol=1e-6,
    )  # fmt: skip
    supernet = getattr(found.evaluator, "supernet", None)
    if supernet is not None:
        assert {weight.device for weight in supernet.parameters()} == {other.device}


def test_every_way_of_darts_and_unas(other):
    """Orders and estimators that the matrix leaves out."""
    ways = [("darts", {"order": order}) for order in ("first", "second", "finite")]
    ways += [("unas", {"estimator": e, "samples": "example"}) for e in ("unified", "reinforce", "gumbel", "gdas")]
    for method, more in ways:
        settings = TINY_SETTINGS[method] | more
        space = Bench201(channels=2, repeats=1)
        with plain():
            wanted = appnas.search(space, images(), method, device="cpu", **settings)
        other.transfers.clear()
        found = appnas.search(space, images(), method, device="other", **settings)
        most = len(found.history) * (2 if method == "darts" else 3) + (method == "unas") * 2
        assert len(other.transfers) <= most, (more, other.transfers)
        assert found.best == wanted.best, more
        values = [[record.value for record in result.history] for result in (found, wanted)]
        assert values[0] == pytest.approx(values[1], rel=1e-4), more
