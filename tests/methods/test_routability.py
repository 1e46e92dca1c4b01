"""appnas.methods.routability: the suite on maps, with and without shared weights, and on a table."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession
from test_eda_domain import made, synthetic
from test_lefdef import files  # noqa: F401

import appnas
from appnas.cli import main
from appnas.domains.eda import Options, Routability
from appnas.domains.eda.flow import features, read_def, read_lef
from appnas.estimate import Scratch
from appnas.methods.routability import Config, search
from appnas.retrain import export
from appnas.spaces import GuideDag
from appnas.strategy import Draw
from appnas.testing import MethodSuite, planted

SPACE = GuideDag(width=2, strides=(2,), branches=1, vertices=("conv", "wide", "mix"), kernels=(3, 5), dense=2)
SCRATCH = {"evaluations": 5, "budget": 1, "top": 2, "folds": 1}
SHARED = {"evaluations": 6, "budget": 1, "top": 1, "sharing": "supernet", "folds": 1}
TABLE = {"evaluations": 8}


class TestFromScratch(MethodSuite):
    method = "routability"
    settings = SCRATCH

    @pytest.fixture
    def space(self):
        return SPACE

    @pytest.fixture
    def domain(self):
        return made("hotspots")


class TestShared(TestFromScratch):
    settings = SHARED


class TestOnATable(TestFromScratch):
    settings = TABLE

    @pytest.fixture
    def domain(self, space):
        return planted(space)


def test_the_last_stage_is_cross_validation():
    """Five evaluations, then two of them on every fold: the best by the mean over the folds."""
    domain = made("violated_nets", test=("a",))
    result = search(SPACE, domain, Config(evaluations=5, budget=1, top=2, folds=3), seed=1)
    again = result.history[5:]
    assert len(again) == 6 and {record.arch for record in again} <= {record.arch for record in result.history[:5]}
    for k, record in enumerate(again):
        expected = Scratch(SPACE, domain.fold(k // 2, 3), 1, 2 + k // 2).score(Draw(record.arch)).value
        assert record.value == pytest.approx(float(expected))
    means = {a: sum(r.value for r in again if r.arch == a) for a in dict.fromkeys(r.arch for r in again)}
    assert result.best == max(means, key=means.get)


def test_a_fold_without_a_hotspot_is_refused_before_the_search():
    data = synthetic()
    data.labels["drc"][[i for i, design in enumerate(data.designs) if design == "f"]] = 0
    domain = Routability(data, Options(channels=("pin", "RUDY"), test=("a",), valid=("b",)))
    with pytest.raises(ValueError, match=r"fold . of 5: no placement of the split 'valid' \('f',\) .*folds=0"):
        search(SPACE, domain, Config(evaluations=5, budget=1))


def test_darts_runs_on_its_space():
    import appnas

    result = appnas.search(SPACE, made("hotspots"), "darts", order="first", epochs=1, alpha_lr=0.02)
    assert SPACE.valid(result.best)


@pytest.mark.parametrize("task", ["hotspots", "violated_nets"])
def test_from_a_search_to_a_prediction_for_a_placed_design(files, tmp_path, capsys, task):  # noqa: F811
    """As ONNX and as torch, from maps as measured."""
    side, channels = 12, ("cell", "pin")
    data = replace(synthetic(), channels=channels)
    domain = Routability(data, Options(task=task, channels=channels))
    space = replace(SPACE, strides=(1, 2))
    result = appnas.search(space, domain, "random", evaluations=1, budget=1, out=tmp_path / "run")
    model = result.retrain(epochs=1).model
    net = tmp_path / "net"
    export(tmp_path / "run", net, domain=domain)
    session = InferenceSession(net / "model.onnx", providers=["CPUExecutionProvider"])
    x = domain.scaling.inputs(torch.from_numpy(data.x[:3]))
    np.testing.assert_allclose(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0],
                               model.eval()(x).detach().numpy(), atol=1e-5)  # fmt: skip
    placed = [str(files / "cells.lef"), str(files / "three.def")]
    assert main(["eda", "predict", str(net), *placed, "--out", str(tmp_path / "map.npz")]) == 0
    maps = features(read_def(files / "three.def", read_lef([files / "cells.lef"])), side, side)
    expected = domain.scaling.predict(model, np.stack([maps[name] for name in channels])[None])[0]
    out = capsys.readouterr().out
    if task == "violated_nets":
        assert f"three: {max(expected, 0):.1f} of 4 nets" in out
    else:
        np.testing.assert_allclose(np.load(tmp_path / "map.npz")["prediction"], expected, rtol=1e-6)
        assert (tmp_path / "map.png").stat().st_size > 1000 and "probability of a hotspot from" in out
    assert main(["eda", "predict", str(net), placed[0]]) == 2
