"""A folder as the hub has it, by Python and by the command line; the modes of its files."""

import json
import os
import stat
import subprocess
import sys

import pytest
import torch

import appnas
from appnas.domains.images import Images, Options
from appnas.retrain.hub import card
from appnas.spaces import Bench201
from appnas.support import RunError

CONTENT = {
    "space": {"name": "cells"}, "domain": {"name": ""}, "method": "darts", "epochs": 3, "options": {"normal": ["skip"]},
    "versions": {"appnas": "1", "torch": "2"}, "io": {"inputs": [1, 8, 8], "outputs": [2]},
    "preprocessing": {"mean": [0.5]},
}  # fmt: skip
ROWS = [
    {"name": "found", "parameters": 1000, "macs": 5, "tests": [{"accuracy": 50.0}, {"accuracy": 60.0}]},
    {"name": "random", "parameters": 10, "macs": 5, "tests": [{"accuracy": 40.0}, {"accuracy": 41.0}]},
]


def head(text):
    """The YAML between the first two lines of dashes; every value is JSON, which YAML has inside."""
    lines = text.split("---\n")[1].splitlines()
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines)}


def test_a_card_says_what_was_found_and_how_it_did():
    text = card(CONTENT, {"rows": ROWS}, "images", ["network.py"])
    told = head(text)
    assert told["library_name"] == "pytorch" and told["pipeline_tag"] == "image-classification"
    (result,) = told["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "accuracy", "name": "test accuracy", "value": 55.0}]
    assert result["dataset"] == {"name": "own data", "type": "own data"}
    assert "| found | 1,000 | 5 | 2 | 55 |" in text and "| random | 10 | 5 | 2 | 40.5 |" in text
    assert "from network import load" in text and '{"mean": [0.5]}' in text and "licence" in text
    assert "pipeline_tag" not in head(card(CONTENT, {"rows": ROWS}, "eda", []))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A retrained search on data of one's own."""
    x, y = torch.rand(32, 1, 8, 8), torch.arange(32) % 2
    domain = Images(x, y, x[:8], y[:8], Options(batch=16, crop=0))
    folder = tmp_path_factory.mktemp("hub")
    result = appnas.search(
        Bench201(channels=2, repeats=1), domain, "random", evaluations=1, budget=1, out=folder / "run"
    )
    return result, result.retrain(1).model.eval(), x


def test_a_result_is_exported_as_source_and_for_the_hub(run, tmp_path):
    result, model, x = run
    files = result.export(tmp_path / "net", to=("hub",))
    assert set(files) == {"weights", "arch", "source", "card", "config"}
    config = json.loads(files["config"].read_text())
    assert config["architectures"] == ["Network201"] and config["arch"] == list(result.best)
    assert head(files["card"].read_text())["tags"] == ["neural-architecture-search", "appnas", "bench201"]
    assert "- `network.py`" in files["card"].read_text()
    torch.save((x, model(x).detach()), tmp_path / "expected.pt")
    code = (
        "import sys; sys.path.insert(0, 'net'); sys.modules['appnas'] = None; import network, torch\n"
        "x, y = torch.load('expected.pt'); torch.testing.assert_close(network.load()(x), y, rtol=1e-4, atol=1e-4)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert torch.equal(appnas.retrain.load(tmp_path / "net")(x), model(x))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        result.export(tmp_path / "mine", to=("hub",))
    assert (tmp_path / "mine" / "README.md").read_text() == "mine"
    for out, to, words in (
        (tmp_path / "net", ("source",), "not empty"),
        (tmp_path / "a", ("onxx",), "onnx, source, hub"),
    ):
        with pytest.raises((RunError, ValueError), match=words):
            result.export(out, to=to)


def test_files_have_the_modes_that_the_umask_says(run, tmp_path):
    before = os.umask(0o022)
    try:
        result, _, _ = run
        files = result.export(tmp_path / "net", to=("source",))
        other = appnas.search(result.space, result.domain, "random", evaluations=1, budget=1, out=tmp_path / "run")
        other.retrain(1)
    finally:
        os.umask(before)
    every = [*files.values(), *(path for path in (tmp_path / "run").iterdir() if path.is_file())]
    assert "found.safetensors" in {path.name for path in every}
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in every} == {"0o644"}


def test_the_command_line_writes_them(tmp_path, monkeypatch, capsys):
    from appnas.cli import main

    monkeypatch.chdir(tmp_path)
    sizes = "--space.channels 2 --space.repeats 1 --domain.limit 64 --evaluations 1 --budget 1"
    assert main(f"search random --space bench201 --domain digits {sizes} --retrain-epochs 1 --out run".split()) == 0
    assert main("export run --out net --to source hub".split()) == 0
    assert {path.name for path in (tmp_path / "net").iterdir()} == {
        "network.py", "model.safetensors", "arch.json", "README.md", "config.json"
    }  # fmt: skip
    assert "source: net/network.py" in capsys.readouterr().out
