"""What goes on between devices, on the device on paper: runs, files, predictors, masks, angles, costs, agents."""

import copy
import os
import pickle
import random
import signal
from functools import partial

import pytest
import torch
from device_fixtures import images, network, on_cpu, text, there
from test_matrix import TINY_SETTINGS
from torch import nn

import appnas
from appnas.agent.in_loop import ArchAdam, Resident, Tempered
from appnas.compute import Compute, compute_of, home
from appnas.cost import Meter, latency
from appnas.cost.counts import macs, parameters, saved_bytes
from appnas.domains.images import classes, few
from appnas.loop import Observer
from appnas.methods import METHODS
from appnas.one_shot import Angles
from appnas.predict import AutoEncoder, Comparator, GCNRegressor
from appnas.prune import masks, transfer
from appnas.prune.indicators import SelfMasked, Sourced
from appnas.retrain import export, load
from appnas.run import InterruptedSearchError
from appnas.space import constant_arch, random_arch
from appnas.spaces import CNN, MLP, Bench201, Maskable
from appnas.strategy import Draw
from appnas.supernet import SelfGated, SelfSampled, gumbel_sample, plain, softmax
from appnas.supernet.relaxations import gumbel
from appnas.support import seeded
from appnas.task import DivergedError, Recipe, Stream, fit, placed
from appnas.testing import identical, round_trip

SPACE = Bench201(channels=2, repeats=1)


class Stop(Observer):
    """Ctrl-C after so many steps."""

    def __init__(self, step):
        self.at = step

    def step(self, loop, record):
        if loop.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


SEARCHED = [name for name, method in METHODS.items() if method.needs == "gates"] + ["evolution"]


@pytest.mark.parametrize("method", SEARCHED)
def test_a_run_goes_on_elsewhere(method, other, tmp_path):
    """Begun on the CPU and ended on the device, and the other way round: as one that stayed where it was."""
    settings = TINY_SETTINGS[method] | ({"draws": 3} if method == "freenas" else {})
    with plain():
        whole = appnas.search(SPACE, images(), method, device="cpu", **settings)
        for first, then in (("cpu", "other"), ("other", "cpu")):
            out = tmp_path / first
            with pytest.raises(InterruptedSearchError):
                appnas.search(SPACE, images(), method, device=first, out=out, callbacks=[Stop(1)], **settings)
            result = appnas.resume(out, domain=images(), device=then)
            assert result.best == whole.best and len(result.history) == len(whole.history)
            found, wanted = ([record.value for record in run.history] for run in (result, whole))
            assert found == pytest.approx(wanted, rel=1e-4), (first, then)
            state = round_trip(result.evaluator.state_dict())
            assert identical(on_cpu(state).keys(), whole.evaluator.state_dict().keys())


def test_a_result_is_retrained_exported_and_loaded(other, tmp_path):
    """On the device; the export computes the same on the CPU."""
    out = tmp_path / "run"
    result = appnas.search(SPACE, images(), "random", evaluations=2, budget=1, device="other", out=out)
    trained = result.retrain(2, beside=["random"])
    assert home(trained.model) == other.device and len(trained.rows) == 2
    files = export(out, tmp_path / "export", onnx=False, space=SPACE, domain=images())
    assert files.keys() == {"weights", "arch"}
    loaded = load(tmp_path / "export", space=SPACE)
    x = images().example(3)[0]
    assert home(loaded) == torch.device("cpu")
    torch.testing.assert_close(loaded(x), trained.model(x.to("other")).cpu(), rtol=1e-5, atol=1e-6)
    on_the_cpu = appnas.resume(out, domain=images(), device="cpu").retrain(2, out=tmp_path / "again")
    assert on_the_cpu.rows[0].tests == trained.rows[0].tests


class Interrupted(Exception):
    """A training that is cut off."""


@pytest.mark.parametrize("make", [images, text])
def test_a_training_goes_on_where_it_stopped(make, other, tmp_path):
    """On the device to the last bit, dropout included; and what began on the CPU goes on there."""
    domain, net = there(make()), partial(network, make())
    if make is images:
        net = lambda: seeded(0, lambda: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10)))  # noqa: E731

    def stop(epoch, loss):
        if epoch == 2:
            raise Interrupted

    whole = net().to("other")
    domain.fit(whole, 3, checkpoint=tmp_path / "whole.pt")
    for first in ("other", "cpu"):
        file = tmp_path / f"{first}.pt"
        with pytest.raises(Interrupted):
            make_ = domain if first == "other" else make()
            make_.fit(net().to(first), 3, checkpoint=file, on_epoch=stop)
        again = net().to("other")
        domain.fit(again, 3, checkpoint=file)
        if first == "other":
            assert identical(on_cpu(again.state_dict()), on_cpu(whole.state_dict()))
        assert home(again) == other.device
    back = net()
    make().fit(back, 3, checkpoint=tmp_path / "whole.pt")  # a finished one is read anywhere
    assert identical(back.state_dict(), on_cpu(whole.state_dict()))


def test_a_loss_that_is_no_number_is_found_on_the_device(other):
    domain = there(images())
    model = network(domain).to("other")
    bad = lambda net, batch: domain.loss(net, batch) * torch.nan  # noqa: E731
    with pytest.raises(DivergedError, match="nan at epoch 0, step 0 of training"):
        fit(model, domain, "train", bad, 1, domain.options.recipe, 0)


def test_averaged_weights(other):
    """Means that take the weights' place and give it back, on the device as on the CPU."""
    found = {}
    for device in ("cpu", "other"):
        domain = placed(images(), Compute(torch.device(device)))
        model = seeded(0, lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10))).to(device)
        numbers = iter([3.0, 2.0, 4.0, 5.0, 1.0])
        recipe = Recipe("asgd", lr=0.5, lr_min=0.5, momentum=0.0, patience=1)
        fit(model, domain, "train", domain.loss, 5, recipe, 0, select=lambda net, numbers=numbers: next(numbers))
        found[device] = on_cpu(model.state_dict())
    assert identical(found["other"], found["cpu"])


@pytest.mark.parametrize("proxy", ["freeflow", "synflow", "snip", "grasp"])
def test_proxies(proxy, other):
    """The scores of the CPU, with one value and one gradient fetched a draw (two gradients for GraSP)."""
    with plain():
        wanted = appnas.search(SPACE, images(), "freenas", proxy=proxy, draws=2, device="cpu")
    found = appnas.search(SPACE, images(), "freenas", proxy=proxy, draws=2, device="other")
    assert len(other.transfers) <= 2 * (3 if proxy == "grasp" else 2)
    torch.testing.assert_close(found.strategy.scores, wanted.strategy.scores, rtol=1e-4, atol=1e-6)


def labelled(count=8):
    rng = random.Random(0)
    archs = [random_arch(SPACE, rng) for _ in range(count)]
    return archs, [float(sum(arch)) for arch in archs]


SMALL = {
    "gcn": lambda: GCNRegressor(SPACE, width=8, layers=2, epochs=3),
    "comparator": lambda: Comparator(SPACE, width=8, layers=2, epochs=3),
    "autoencoder": lambda: AutoEncoder(SPACE, hidden=8, embedding=8, epochs=3),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_predictor_that_was_moved(name, other):
    """Answers on the CPU, as before it was moved."""
    predictor = SMALL[name]()
    archs, values = labelled()
    predictor.fit(archs, values)

    def answers():
        found = [predictor.predict(archs), predictor.compare(archs[:3], archs[3:6])]
        if name == "comparator":
            found.append(predictor.wins(archs))
        if name == "autoencoder":
            places = predictor.embed(archs)
            found += [places, *(predictor.step(places, 0.5, way) for way in ("gradient", "random"))]
            found.append(torch.tensor(predictor.decode(predictor.step(places, 0.5))))
        return found

    wanted = answers()
    predictor.fitted = predictor.net.to("other")
    found = answers()
    assert {x.device for x in found} == {torch.device("cpu")} and home(predictor.net) == other.device
    torch.testing.assert_close(found, wanted)
    predictor.fit(archs, values)
    assert home(predictor.net) == torch.device("cpu")


@pytest.mark.parametrize("space", [MLP(width=4), CNN(channels=(2, 3)), Maskable(SPACE)], ids=["mlp", "cnn", "maskable"])
def test_masks_and_their_way_to_another_task(space, other):
    """Magnitudes, SNIP, shrinking, and all controls: those of the CPU."""
    domain, found = images(), {}
    few_of = few(classes(domain, range(3)), 4)
    for place in (Compute(), Compute(other.device)):
        source, target = placed(classes(domain, range(5)), place), placed(few_of, place)
        with plain():
            trained = transfer.train_source(space, source, 1)
            learned = random_arch(space, random.Random(2))
            rows = transfer.compare(space, [learned], target, 4, trained, 1, 0)
            example = source.example(4)
            scores = [masks.magnitudes(space, trained, example)]
            loss = masks.mean_loss(trained, source, list(source.batches("train", torch.Generator()))[:1])
            scores.append(masks.snip(space, loss))
        small = masks.shrink(space, trained, learned, source.io)
        assert home(trained) == home(small) == place.device
        found[place] = [[row.test for row in rows], on_cpu(scores)]
    torch.testing.assert_close(*found.values(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("source", ["fixed", "resample", "resample_abs", "binary", "joint", "pretrained"])
def test_sources_of_weights(source, other):
    space, found = MLP(width=4), {}
    for place in (Compute(), Compute(other.device)):
        domain = placed(images(), place)
        evaluator = Sourced(space, domain, source, masks.dense(space), 0.1, pretrain=1)
        gates = tuple(matrix.requires_grad_() for matrix in masks.dense(space))
        values = []
        for _ in range(2):
            draw = Draw(constant_arch(space, "keep"), gates)
            other.transfers.clear()
            score = evaluator.score(draw)
            values += [score.value, *torch.autograd.grad(score.value, gates)]
            if source != "pretrained":
                assert len(other.transfers) <= 2
            evaluator.learn(draw)
        found[place] = on_cpu(values)
        assert home(evaluator.supernet) == place.device
    torch.testing.assert_close(*found.values())


HOSTED = {
    "gated": lambda space, net: SelfGated(space, net, softmax),
    "tempered": lambda space, net: SelfGated(space, net, Tempered(2.0)),
    "sampled": lambda space, net: SelfGated(space, net, lambda x: gumbel(x, torch.Generator().manual_seed(0))),
    "paths": lambda space, net: SelfSampled(space, net, softmax, torch.Generator().manual_seed(0), held=False),
    "masked": lambda space, net: SelfMasked(space, net, torch.Generator().manual_seed(0), masks.dense(space), 0.3),
}


@pytest.mark.parametrize("name", HOSTED)
def test_a_network_that_owns_its_logits(name, other):
    """What goes into an agent: moved, copied, pickled and trained there, its logits still known as such."""
    space, domain, found = MLP(width=4), images(), {}
    batch = next(iter(domain.batches("train", torch.Generator().manual_seed(0))))
    for device in ("cpu", "other"):
        net = HOSTED[name](space, seeded(0, partial(space.supernet, domain.io)))
        net = pickle.loads(pickle.dumps(copy.deepcopy(net.to(device)))) if name != "sampled" else net.to(device)
        assert all(logits.is_arch for logits in net.alpha)
        optimiser = ArchAdam(net.parameters(), lr=0.05, scale=3.0)
        assert len(optimiser.param_groups) == 2
        for _ in range(2):
            optimiser.zero_grad()
            domain.loss(net, tuple(part.to(device) for part in batch)).mean().backward()
            optimiser.step()
        resident = Resident(net, lambda step: 0.7)
        draw = resident.ask()
        assert {matrix.device for matrix in draw.gates} == {torch.device("cpu")}
        resident.load_state_dict(round_trip(on_cpu(resident.state_dict())))
        found[device] = [draw.arch, on_cpu(draw.gates), on_cpu(net.state_dict())]
    torch.testing.assert_close(found["other"], found["cpu"])


def test_samples_of_logits_elsewhere(other):
    alpha = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    wanted = gumbel_sample(alpha, 2, torch.Generator().manual_seed(1))
    found = gumbel_sample(alpha.to("other"), 2, torch.Generator().manual_seed(1))
    torch.testing.assert_close(on_cpu(tuple(found)), tuple(wanted))


def test_angles(other):
    domain, found = images(), []
    archs = [random_arch(SPACE, random.Random(i)) for i in range(4)]
    for device in ("cpu", "other"):
        net = seeded(0, partial(SPACE.supernet, domain.io))
        start = {name: weight.detach().clone() for name, weight in net.named_parameters()}
        with torch.no_grad():
            for weight in net.parameters():
                weight.add_(0.1 * weight.cos())
        other.transfers.clear()
        found.append(Angles(SPACE, net.to(device), start, domain.example(2))(archs))
    assert torch.equal(*found) and found[0].device == torch.device("cpu")
    assert len(other.transfers) == 2  # the products, and which decision every operation is of


def test_costs(other):
    """Counted costs are those of the CPU; a latency tells where it was measured."""
    domain = images()
    net = seeded(0, partial(SPACE.build, constant_arch(SPACE, "nor_conv_3x3"), domain.io))
    wanted = Meter(domain.example(2), ("parameters", "macs", "peak_bytes"))(net)
    kept = saved_bytes(lambda: net(*domain.example(2)))
    net.to("other")
    assert Meter(domain.example(2), ("parameters", "macs", "peak_bytes"))(net) == wanted
    assert macs(net, domain.example(2)) == 2 * wanted["macs"] and parameters(net) == wanted["parameters"]
    assert saved_bytes(lambda: net(domain.example(2)[0].to("other"))) == kept
    found = latency(net, domain.example(2), repeats=3, warmup=0)
    assert found.median > 0 and found.conditions["device"] == "other:0"
    assert Meter(domain.example(1), ("latency_ms",), repeats=3)(net)["latency_ms"] > 0


def test_a_device_is_found_and_named(other):
    from appnas.compute import device_of, devices

    assert devices() == ["cpu", "other:0"]
    assert device_of("auto") == device_of("other") == device_of("other:0") == other.device
    for wrong in ("other:1", "cuda", "nonsense"):
        with pytest.raises(ValueError, match=r"no device .* it has cpu, other:0"):
            device_of(wrong)
    result = appnas.search(SPACE, images(), "random", evaluations=1, budget=1)
    assert compute_of(result.domain).device == other.device


def test_a_stream_goes_on_elsewhere(other):
    """The same batches on every device, and from one's state on the other."""
    for make in (images, text):
        here, away = Stream(make(), "train", 0), Stream(there(make()), "train", 0)
        for _ in range(3):
            first, second = next(here), next(away)
            assert second[0].device == other.device and identical(on_cpu(second[:2]), list(first[:2]) or first[:2])
        again = Stream(make(), "train", 1)
        again.load_state_dict(round_trip(on_cpu(away.state_dict())))
        assert identical(next(again)[0], on_cpu(next(away)[0]))
