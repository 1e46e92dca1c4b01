"""Weights, arch.json and ONNX out of a run, and a module back from them."""

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import appnas
from appnas.compute import device_of, home
from appnas.domains.images import Images, Options
from appnas.retrain import export, load
from appnas.run import catalogue
from appnas.spaces import Bench201, Cells
from appnas.support import RunError

SPACES = {"cells": Cells(channels=2, cells=3, width=2, depth=3), "bench201": Bench201(channels=2, repeats=1)}


def small_domain():
    """64 digits of the catalogue."""
    options = dataclasses.replace(catalogue.source("digits").options, limit=64, batch=16)
    return catalogue.domain("digits", options)


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> dict[str, appnas.Result]:
    """A finished search in each space."""
    folder, domain = tmp_path_factory.mktemp("runs"), small_domain()
    return {
        name: appnas.search(space, domain, "random", evaluations=1, budget=1, seed=3, out=folder / name)
        for name, space in SPACES.items()
    }


@pytest.fixture(scope="module")
def runs(searched) -> dict[str, tuple[Path, nn.Module]]:
    """Their directories, and the networks retrained in them."""
    return {name: (Path(result.info["path"]), result.retrain(2).model) for name, result in searched.items()}


@pytest.fixture(scope="module")
def exported(runs, tmp_path_factory) -> tuple[Path, nn.Module]:
    """One of them with ONNX."""
    path, model = runs["cells"]
    out = tmp_path_factory.mktemp("export") / "net"
    assert export(path, out) == {
        "onnx": out / "model.onnx", "weights": out / "model.safetensors", "arch": out / "arch.json"
    }  # fmt: skip
    return out, model


def inputs(count: int) -> torch.Tensor:
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("name", SPACES)
def test_load_gives_the_trained_network_back(runs, name, tmp_path):
    path, model = runs[name]
    assert set(export(path, tmp_path / "net", onnx=False)) == {"weights", "arch"}
    state = torch.get_rng_state()
    loaded = load(tmp_path / "net")
    assert torch.equal(state, torch.get_rng_state())
    assert not loaded.training and type(loaded) is type(model)
    with torch.no_grad():
        assert torch.equal(loaded(inputs(4)), model(inputs(4)))


def test_a_network_is_loaded_onto_a_device(exported):
    assert home(load(exported[0], device="auto")) == device_of("auto")
    with pytest.raises(ValueError, match="torch has no device 'gpu' here"):
        load(exported[0], device="gpu")


def test_nothing_is_unpickled(exported, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("unpickled")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr("pickle.Unpickler", refuse)
    assert isinstance(load(exported[0]), nn.Module)
    assert not list(exported[0].glob("*.pt"))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_onnx_computes_the_same_at_any_batch_size(exported, count):
    folder, model = exported
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    assert entry.shape == ["batch", 1, 8, 8]
    (answer,) = session.run(None, {entry.name: inputs(count).numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(answer, model(inputs(count)).numpy(), atol=1e-5)


def test_arch_json_says_all_that_is_needed(exported, searched):
    content = json.loads((exported[0] / "arch.json").read_text())
    assert content["format"] == 1 and content["space"]["name"] == "cells"
    assert content["space"]["fields"]["width"] == 2
    assert tuple(content["arch"]) == searched["cells"].best
    assert set(content["options"]) == {"normal", "reduce"} and len(content["options"]["normal"]) == 14
    assert content["io"] == {"inputs": [1, 8, 8], "outputs": [10]}
    assert (content["method"], content["seed"], content["epochs"]) == ("random", 3, 2)
    assert set(content["versions"]) == {"appnas", "torch", "python"}
    assert content["weights"] == hashlib.sha256((exported[0] / "model.safetensors").read_bytes()).hexdigest()


def test_preprocessing_is_what_the_domain_does(exported):
    content = json.loads((exported[0] / "arch.json").read_text())["preprocessing"]
    raw = torch.rand(3, 1, 8, 8) * 16
    mean, std = (torch.tensor(content[name])[:, None, None] for name in ("mean", "std"))
    torch.testing.assert_close((raw - mean) / std, small_domain().normalised(raw))


def test_weights_are_the_networks(exported):
    folder, model = exported
    saved = load_file(folder / "model.safetensors")
    assert saved.keys() == model.state_dict().keys()
    assert all(torch.equal(saved[name], value) for name, value in model.state_dict().items())


def test_a_run_that_was_not_retrained_names_the_command(tmp_path):
    path = tmp_path / "run"
    appnas.search(SPACES["bench201"], small_domain(), "random", evaluations=1, budget=1, out=path)
    with pytest.raises(RunError, match=f"no trained network; train it first: appnas retrain {path} --epochs"):
        export(path, tmp_path / "net", onnx=False)
    assert not (tmp_path / "net").exists()


def test_a_damaged_training_is_named(runs, tmp_path):
    copy = tmp_path / "run"
    copy.mkdir()
    for file in runs["bench201"][0].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    weights = copy / "found.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"found\.safetensors is damaged"):
        export(copy, tmp_path / "net", onnx=False)
    weights.unlink()
    with pytest.raises(RunError, match="no trained network; train it first"):
        export(copy, tmp_path / "net", onnx=False)


def test_a_folder_that_holds_something_is_left_alone(runs, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(RunError, match="not empty"):
            export(runs["cells"][0], out, onnx=False)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("package", ["onnxscript", "onnxruntime"])
def test_a_missing_package_names_the_extra(runs, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # import now fails, as when it is not installed
    with pytest.raises(ImportError, match=rf"{package}.*appnas\[export\].*--no-onnx"):
        export(runs["cells"][0], tmp_path / "net")
    assert not (tmp_path / "net").exists()
    assert export(runs["cells"][0], tmp_path / "net", onnx=False)["weights"].exists()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("arch.json", lambda data: data.replace(b'"width": 2', b'"width": 4'), "was changed after the export"),
        ("arch.json", lambda data: data.replace(b'"format": 1', b'"format": 2'), "written in format 2"),
        ("arch.json", lambda data: data[:100], "is damaged"),
        ("model.safetensors", lambda data: data[:-4], "is damaged, or belongs to another"),
    ],
)
def test_changed_files_are_refused(exported, tmp_path, name, change, words):
    for file in exported[0].iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(change(data) if file.name == name else data)
    with pytest.raises(RunError, match=words):
        load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=f"is not an export: it has no {name}"):
        load(tmp_path)


def test_a_space_of_ones_own_is_passed_in(runs, tmp_path):
    class Mine(Bench201):
        pass

    space, domain = Mine(channels=2, repeats=1), small_domain()
    result = appnas.search(space, domain, "random", evaluations=1, budget=1, out=tmp_path / "run")
    model = result.retrain(1).model
    with pytest.raises(ValueError, match="a space of your own"):
        export(tmp_path / "run", tmp_path / "net", onnx=False)
    export(tmp_path / "run", tmp_path / "net", onnx=False, space=space)
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "net", space)(inputs(2)), model(inputs(2)))


def test_weights_of_a_domain_of_ones_own_need_it_no_more(tmp_path):
    images, labels = small_domain()._splits["train"]
    own = Images(images, labels, images[:8], labels[:8], Options(batch=16, crop=0))
    result = appnas.search(SPACES["bench201"], own, "random", evaluations=1, budget=1, out=tmp_path / "run")
    model = result.retrain(1).model.eval()
    export(tmp_path / "run", tmp_path / "net", onnx=False)
    assert torch.equal(load(tmp_path / "net")(inputs(3)), model(inputs(3)))
    saved = json.loads((tmp_path / "net" / "arch.json").read_text())
    assert saved["preprocessing"] == own.preprocessing() and saved["io"] == {"inputs": [1, 8, 8], "outputs": [10]}
    with pytest.raises(ValueError, match=r"a domain of your own, Images: from Python, give it as domain="):
        export(tmp_path / "run", tmp_path / "onnx")


def test_weights_of_a_training_that_was_interrupted_are_not_exported(searched, tmp_path):
    """A later one, of which the table was not written yet."""
    run = tmp_path / "run"
    shutil.copytree(searched["bench201"].info["path"], run)
    result = appnas.resume(run)
    result.retrain(1)
    weights = load_file(run / "found.safetensors")
    save_file({name: x + 1 if x.is_floating_point() else x for name, x in weights.items()}, run / "found.safetensors")
    with pytest.raises(RunError, match=r"is of another training than retrain.json, which was interrupted: repeat it"):
        export(run, tmp_path / "net", to=())


def test_an_empty_folder_is_filled_and_not_replaced(searched, tmp_path):
    """Somebody may stand in it, or have mounted it; its mode stays."""
    run, out = tmp_path / "run", tmp_path / "net"
    shutil.copytree(searched["bench201"].info["path"], run)
    appnas.resume(run).retrain(1)
    out.mkdir(0o750)
    before = out.stat()
    assert set(export(run, out, to=())) == {"weights", "arch"}
    assert (out.stat().st_ino, out.stat().st_mode) == (before.st_ino, before.st_mode)
    assert not out.with_name("net.partial").exists() and load(out) is not None
