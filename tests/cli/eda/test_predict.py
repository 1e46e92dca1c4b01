"""appnas.cli.eda.predict: exported networks on DEF files, beside the router, and what they were not trained on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from test_eda_features import made

import appnas
from appnas.cli import main
from appnas.cli.eda.features import features_of
from appnas.cli.eda.predict import agreement
from appnas.domains.eda import Options, Placements, Routability, nets
from appnas.domains.eda.flow import OVERFLOW, TRACKS
from appnas.domains.eda.flow.netlists import netlist, tensor
from appnas.retrain import export
from appnas.space import IO
from appnas.spaces import GuideDag, NetMap
from appnas.support import seeded

CHANNELS = ("pin", "load_h", "overflow_h")
SPACE = GuideDag(width=2, strides=(1,), branches=1, vertices=("conv",), kernels=(3,), dense=2)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return made(tmp_path_factory.mktemp("files"))


def exported(files, folder, task, scale=1.0, **more):
    """A network that was trained on placements like the one of the files, or with maps `scale` as high."""
    _, _, maps = features_of([Path(f) for f in files], "6", "", (*TRACKS, *OVERFLOW))
    one, rng = np.stack([maps[name] for name in CHANNELS]), np.random.default_rng(0)
    x = (scale * one * rng.uniform(0.8, 1.25, (12, 3, 1, 1))).astype(np.float32)
    names = tuple(f"p{k}" for k in range(12))
    data = Placements(x, CHANNELS, tuple("abcd"[k % 4] for k in range(12)), names, {"drc": x[:, 0] > x[:, 0].mean()},
                      np.arange(12))  # fmt: skip
    domain = Routability(data, Options(task=task, channels=CHANNELS, **more))
    appnas.search(SPACE, domain, "random", evaluations=1, budget=1, out=folder / "run").retrain(1)
    export(folder / "run", folder / "net", to=(), domain=domain)
    return str(folder / "net")


def said(capsys):
    return " ".join("".join(capsys.readouterr()).split())


def test_beside_the_router(files, tmp_path, capsys):
    """A network that reads tracks and overflow, on the design that it was trained on."""
    net, out = exported(files, tmp_path, "hotspots"), tmp_path / "maps.npz"
    assert main(["eda", "predict", net, *files, "--out", str(out), "--strict"]) == 0
    text, found = said(capsys), np.load(out)
    assert "all 3 channels have means as in the training designs" in text and "from 0." in text
    _, _, maps = features_of([Path(f) for f in files], "6", "", OVERFLOW)
    np.testing.assert_array_equal(found["router"], maps["overflow_h"] + maps["overflow_v"])
    assert found["prediction"].shape == (6, 6) and out.with_suffix(".png").exists()
    assert main(["eda", "predict", net, *files, "--out", str(out), "--no-router"]) == 0
    assert "router" not in np.load(out)


def test_agreement_with_the_router():
    slope = np.arange(6.0).reshape(2, 3)
    assert agreement(slope, {"router": slope**2}).endswith("pattern router's overflow 1.00")
    assert agreement(slope, {}) == agreement(slope, {"router": np.zeros((2, 3))}) == ""


def test_designs_unlike_the_training_s(files, tmp_path, capsys):
    """Worst first; --strict fails, and writes nothing; earlier exports say that they cannot tell."""
    net, out = exported(files, tmp_path, "violated_nets", scale=0.01), tmp_path / "maps.npz"
    assert main(["eda", "predict", net, *files, "--out", str(out), "--strict"]) == 2
    assert "do not trust the prediction" in said(capsys) and not out.exists()
    assert main(["eda", "predict", net, *files, "--out", str(out)]) == 0
    text, found = said(capsys), np.load(out)["prediction"]
    assert "deviations above the training designs" in text and "of 2 nets" in text and found.min() >= 0
    total = float(text.split("top: ")[1].split()[0])
    assert total == pytest.approx(found.sum(), abs=0.06)
    arch = Path(net) / "arch.json"
    content = json.loads(arch.read_text())
    for name in ("levels", "head", "count_bias"):
        del content["preprocessing"][name]
    (older := tmp_path / "older").mkdir()
    shutil.copy(Path(net) / "model.safetensors", older)
    resigned(older / "arch.json", content)
    assert main(["eda", "predict", str(older), *files, "--out", str(out), "--strict"]) == 2
    assert "export it anew" in said(capsys)


def resigned(path, content):
    """Write arch.json with a hash that fits."""
    from appnas.retrain.exporting import _digest

    content.pop("hash")
    path.write_text(json.dumps({**content, "hash": _digest(content)}))


def test_a_number_and_a_network_of_the_package(files, tmp_path, capsys, monkeypatch):
    exported(files, tmp_path, "violated_nets", head="mean")
    monkeypatch.setattr(nets, "FILES", tmp_path)
    assert main(["eda", "predict", "appnas:net", *files]) == 0
    text = said(capsys)
    assert "of 2 nets" in text and "pattern router's overflow, to compare:" in text
    assert not list(Path(files[1]).parent.glob("*.npz"))
    assert main(["eda", "predict", "appnas:nets", *files]) == 2 and "it has appnas:net" in said(capsys)


def test_predictions_in_tiles(files, tmp_path, capsys, monkeypatch):
    """A network that says what it reads, of 4 x 4 gcells, on 10 x 10: as on the whole. It is an earlier export."""
    plain = {"task": "congestion", "channels": ["pin", "load_h"], "scale": "train", "mean": [0, 0], "std": [1, 1],
             "count_mean": 0, "count_std": 1}  # fmt: skip
    content = {"preprocessing": plain, "io": {"inputs": [2, 4, 4]}}
    monkeypatch.setattr("appnas.run.read_json", lambda path: content)
    monkeypatch.setattr("appnas.retrain.load", lambda folder: lambda x: x.sum(1))
    out = tmp_path / "maps.v1.npz"
    assert main(["eda", "predict", str(tmp_path), *files, "--out", str(tmp_path / "maps.v1"), "--grid", "10"]) == 0
    told = said(capsys)
    assert out.name in told and "cannot be compared" in told and out.with_suffix(".png").exists()
    found = np.load(out)["prediction"]
    _, _, maps = features_of([Path(f) for f in files], "10", "", TRACKS)
    np.testing.assert_allclose(found, maps["pin"] + maps["load_h"], rtol=1e-6)
    assert main(["eda", "predict", str(tmp_path), *files, "--out", str(out)]) == 0
    assert np.load(out)["prediction"].shape == (4, 4)
    assert main(["eda", "predict", str(tmp_path), *files, "--grid", "2"]) == 2
    assert "--grid 2 is 2x2 gcells, the network needs 4x4" in said(capsys)


@pytest.mark.parametrize("grid", ["", "12"])
def test_networks_on_nets(tmp_path, monkeypatch, grid):
    """One of net_map, on its own grid and in tiles: as it says itself, with pins made of the DEF file."""
    plain = {"task": "congestion", "channels": ["pin"], "scale": "sample", "mean": [], "std": [], "count_mean": 0,
             "count_std": 1}  # fmt: skip
    content = {"preprocessing": plain, "io": {"inputs": [1, 8, 8], "nets": True}}
    space = NetMap(width=8, strides=(1,), branches=1, vertices=("conv",), kernels=(3,), rounds=1, hidden=(8,))
    network = seeded(0, lambda: space.build((0, 1, 0, 0, 0, 0, 0, 1), IO((1, 8, 8), (8, 8), nets=True))).eval()
    monkeypatch.setattr("appnas.run.read_json", lambda path: content)
    monkeypatch.setattr("appnas.retrain.load", lambda folder: network)
    files, out = made(tmp_path), tmp_path / "maps.npz"
    said = ["--grid", grid] if grid else []
    assert main(["eda", "predict", str(tmp_path), *files, "--out", str(out), "--no-router", *said]) == 0
    found = np.load(out)["prediction"]
    design, where, maps = features_of([Path(f) for f in files], grid or "8x8")
    x = torch.from_numpy(maps["pin"] / maps["pin"].max())[None, None]
    assert found.shape == where.shape
    if not grid:
        wanted = network(x, tensor([netlist(design, where)])).detach()
        np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=1e-5)
        assert not np.allclose(found, network(x, tensor([netlist(design, where)[:20]])).detach()[0], atol=1e-4)
