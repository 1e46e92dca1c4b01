"""Spaces, domains and models of one's own by dotted names, from the command line and from Python."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

import appnas
from appnas.cli import main
from appnas.cli.flags import parse
from appnas.retrain import load
from appnas.run import catalogue
from appnas.support import AbsentError

MINE = '''
"""A model, a space and a domain, as users write them."""
from __future__ import annotations
from dataclasses import dataclass
import time
import torch
from torch import nn
import appnas
from appnas import IO, Choice, Table
from appnas.domains import Source
from appnas.task import Recipe, fit


class Chain(nn.Sequential):
    def __init__(self, io, acts, width):
        layers = [part for act in acts for part in (nn.Linear(width, width), getattr(nn, act)())]
        super().__init__(nn.Linear(io.inputs[0], width), *layers, nn.Linear(width, io.outputs[0]))


@dataclass(frozen=True)
class Acts:
    """Activations of a perceptron."""
    width: int = 6
    layers: int = 2
    mask = None
    @property
    def choices(self): return (Choice("act", ("ReLU", "Tanh", "GELU"), self.layers),)
    def valid(self, arch): return True
    def discretise(self, gates): return tuple(int(row.argmax()) for row in gates[0])
    def build(self, arch, io): return Chain(io, [self.choices[0].options[i] for i in arch], self.width)


class Net(nn.Module):
    """The same, written as a model."""
    def __init__(self, io: IO, width: int = 6):
        super().__init__()
        self.first, self.last = nn.Linear(io.inputs[0], width), nn.Linear(width, io.outputs[0])
        self.act = appnas.pick("act", {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU})
    def forward(self, x): return self.last(self.act(self.first(x)))


def deep(layers: int, width: int = 4): return Acts(width, layers)
ready = Acts(5, 1)
def no_space(): return 3
def pairs(count: int = 40): return torch.linspace(0, 1, 3 * count).view(count, 3), torch.linspace(0, 1, count)


@dataclass(frozen=True)
class Options:
    """Points of a curve."""
    count: int = 96
    batch: int = 8
    pause: float = 0.0
    kind: str = "sin"


class Curve:
    """y = sin x_1."""
    def __init__(self, options: Options = Options()):
        x = torch.randn(options.count, 3, generator=torch.Generator().manual_seed(7))
        y, n = getattr(torch, options.kind)(x[:, :1]), options.count // 4
        cut = {"train": slice(2 * n), "valid": slice(2 * n, 3 * n), "all": slice(3 * n), "test": slice(3 * n, None)}
        self.parts = {name: (x[part], y[part]) for name, part in cut.items()}
        self.io, self.options = IO((3,), (1,)), options
    def batches(self, split, rng):
        x, y = self.parts[split]
        for part in torch.randperm(len(x), generator=rng).split(self.options.batch): yield x[part], y[part]
    def epoch(self, split): return -(-len(self.parts[split][0]) // self.options.batch)
    def loss(self, model, batch): return (model(batch[0]) - batch[1]).pow(2).squeeze(1)
    def fit(self, model, budget, *, final=False, seed=0, checkpoint=None, on_epoch=None):
        time.sleep(self.options.pause)
        fit(model, self, "all" if final else "train", self.loss, budget, Recipe(lr=0.05), seed, checkpoint, on_epoch)
    @torch.no_grad()
    def _error(self, model, split):
        model.eval()
        return float(self.loss(model, self.parts[split]).mean())
    def score(self, model): return {"value": -self._error(model, "valid")}
    def test(self, model): return {"mse": self._error(model, "test")}
    def example(self, count): return (self.parts["train"][0][:count],)


curve = Source(Curve, Options(count=64), "fewer points")
table = Table([(i, j) for i in range(3) for j in range(3)], {"value": list(range(9))}, "value")
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the module `mine_of_tests`, from which Python runs; forgotten afterwards."""
    (tmp_path / "mine_of_tests.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("mine_of_tests")]:
        del sys.modules[name]


def call(*args):
    """Exit code, standard output, standard error; the module is imported anew, as in another process."""
    sys.modules.pop("mine_of_tests", None)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(arg) for arg in args])
    return code, out.getvalue(), err.getvalue()


OWN = ("--space", "mine_of_tests:Acts", "--domain", "mine_of_tests:Curve", "--evaluations", 3, "--budget", 1)


def test_every_command_takes_what_is_ones_own(here, monkeypatch):
    """Fields are flags; afterwards the run knows by itself where its space and its domain are, from anywhere."""
    code, out, err = call("search", "random", *OWN, "--space.width", 7, "--domain.count", 64, "--out", "run")
    assert (code, err) == (0, "") and "act: " in out
    config = json.loads((here / "run" / "config.json").read_text())
    assert config["space"]["name"] == "mine_of_tests:Acts" and config["space"]["fields"] == {"width": 7, "layers": 2}
    assert config["domain"]["options"] == {"count": 64, "batch": 8, "pause": 0.0, "kind": "sin"}
    assert config["space"]["folder"] == config["domain"]["folder"] == str(here)
    monkeypatch.chdir("/")
    sys.path[:] = [path for path in sys.path if path != str(here)]
    run = here / "run"
    assert call("resume", run) == (0, out.replace("run: run", f"run: {run}").replace(" run\n", f" {run}\n").replace(
        "retrain run ", f"retrain {run} "), "")  # fmt: skip
    code, out, err = call("retrain", run, "--epochs", 1, "--beside", "random", "Tanh")
    assert (code, err) == (0, "") and "all Tanh" in out and "test mse" in out
    for command in (("report", run), ("compare", run), ("export", run, "--out", here / "net", "--no-onnx")):
        code, _, err = call(*command)
        assert (code, err) == (0, "")
    content = json.loads((here / "net" / "arch.json").read_text())
    assert "folder" not in content["space"] | content["domain"] and content["space"]["fields"]["width"] == 7
    sys.modules.pop("mine_of_tests", None)
    sys.path[:] = [path for path in sys.path if path != str(here)]
    with pytest.raises(
        AbsentError, match="the space mine_of_tests:Acts of this run cannot be made again: there is no m"
    ):
        load(here / "net")  # an export may be anyone's: its folder is not kept, and nothing is imported from there
    monkeypatch.chdir(here)
    assert load(here / "net")(torch.zeros(2, 3)).shape == (2, 1)


def test_an_export_calls_no_function_that_it_names(here):
    few = ["--domain", "mine_of_tests:Curve", "--evaluations", 1, "--budget", 1, "--retrain-epochs", 1, "--out", "run"]
    assert call("search", "random", "--space", "mine_of_tests:deep", "--space.layers", 2, *few)[0] == 0
    assert call("export", "run", "--out", "net", "--no-onnx")[0] == 0
    with pytest.raises(ValueError, match=r"made by mine_of_tests:deep, which is no class .* give what it returns"):
        load("net")
    space = sys.modules["mine_of_tests"].deep(2)
    assert load("net", space)(torch.zeros(2, 3)).shape == (2, 1)


def test_a_killed_search_goes_on(here):
    """As one that was never killed, bit for bit, from another folder."""
    asked = ["search", "evolution", *OWN[:4], "--evaluations", 30, "--population", 6, "--sample", 2, "--budget", 1]
    whole = call(*asked, "--domain.pause", 0.02, "--out", "whole")
    assert whole[0] == 0
    command = [sys.executable, "-m", "appnas.cli", *map(str, asked), "--domain.pause", "0.02", "--out", "run"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=here) as process:
        journal, end = here / "run" / "history.jsonl", time.time() + 60
        while (not journal.exists() or journal.read_text().count("\n") < 5) and time.time() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    done = journal.read_text().count("\n")
    assert 5 <= done < 30
    (here / "elsewhere").mkdir()
    os.chdir(here / "elsewhere")
    code, _, err = call("resume", here / "run")
    assert (code, err) == (0, "")
    assert (here / "run" / "history.jsonl").read_text() == (here / "whole" / "history.jsonl").read_text()
    assert appnas.resume(here / "run").best == appnas.resume(here / "whole").best


def test_python_takes_the_same_names(here):
    few = {"evaluations": 2, "budget": 1}
    result = appnas.search("mine_of_tests:Acts", "mine_of_tests:curve", "random", **few, out="run")
    assert type(result.domain).__name__ == "Curve" and result.domain.options.count == 64
    again = appnas.resume("run")
    assert again.best == result.best and again.space == result.space and again.domain.options.count == 64
    mine = sys.modules["mine_of_tests"]
    result = appnas.search(mine.Acts(9), "mine_of_tests:Curve", "random", **few, out="instance")
    assert appnas.resume("instance").space == mine.Acts(9)  # an instance is known by its class
    table = appnas.search("mine_of_tests:Acts", "mine_of_tests:table", "random", evaluations=4, out="table")
    assert appnas.resume("table").value == table.value
    assert catalogue.space_type("mine_of_tests:deep")(layers=3) == mine.Acts(4, 3)


@pytest.mark.parametrize("space", ["mine_of_tests:Net", "net"])
def test_models_that_pick_are_spaces(here, space):
    """By name their arguments are flags; given as spaces, they are known by the model's class."""
    if space == "net":
        curve = catalogue.domain("mine_of_tests:Curve")
        net = appnas.space_of(sys.modules["mine_of_tests"].Net, curve.io, width=8)
        appnas.search(net, curve, "darts", order="first", epochs=1, out="run").retrain(1)
    else:
        code, _, err = call("search", "darts", "--space", space, "--space.width", 8, *OWN[2:4], "--order", "first",
                            "--epochs", 1, "--retrain-epochs", 1, "--out", "run")  # fmt: skip
        assert (code, err) == (0, "")
    saved = json.loads((here / "run" / "config.json").read_text())["space"]
    assert saved["name"] == "mine_of_tests:Net" and saved["fields"] == {"width": 8} and saved["io"]["inputs"] == [3]
    resumed = appnas.resume("run")
    assert resumed.space.source.kwargs["width"] == 8
    assert call("export", "run", "--out", "net", "--no-onnx")[0] == 0
    assert load("net")(torch.zeros(2, 3)).shape == (2, 1)


def test_flags_of_ones_own(here):
    parsed = parse("random", "--space mine_of_tests:deep --space.layers 3 --domain mine_of_tests:curve".split())
    assert parsed.space.layers == 3 and parsed.space.width == 4 and parsed.domain.count == 64
    code, out, _ = call(
        "search", "random", "--space", "mine_of_tests:deep", "--domain", "mine_of_tests:Curve", "--help-all"
    )
    for words in ("--space.layers INT", "--space.width INT", "--domain.count INT", "--domain.kind STR", "MODULE:NAME"):
        assert words in out
    assert code == 0 and "y = sin x_1." not in out.split("--domain.count")[1]
    assert "MODULE:NAME" in call("list")[1]


@pytest.mark.parametrize(
    ("space", "domain", "said"),
    [
        ("mine_of_tests:Actz", "mine_of_tests:Curve", "has no 'Actz'; did you mean 'Acts'?"),
        ("mine_of_test:Acts", "digits", "there is no module 'mine_of_test' in "),
        ("mine_of_tests:deep", "mine_of_tests:Curve", "mine_of_tests:deep needs 'layers', without a default: give --s"),
        ("mine_of_tests:no_space", "mine_of_tests:Curve", "mine_of_tests:no_space gives int, which is no space"),
        ("mine_of_tests:Curve", "mine_of_tests:Curve", "mine_of_tests:Curve gives Curve, which is no space: an insta"),
        ("mine_of_tests:Acts", "mine_of_tests:Acts", "mine_of_tests:Acts gives Acts, which is no domain: an instance"),
        ("mine_of_tests:Net", "mine_of_tests:table", "mine_of_tests:Net takes the sizes of a domain, io: give a dom"),
        ("mine_of_tests", "digits", "there is no space 'mine_of_tests', there are: "),
        ("mine_of_tests:MINE", "digits", "has no 'MINE'"),
        ("cells", "mine_of_tests:Curve", "Cells is a space of images [channels, height, width], and inputs of this"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(here, space, domain, said):
    code, out, err = call("search", "random", "--space", space, "--domain", domain, "--evaluations", 1, "--budget", 1)
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1 and said in err
    assert not (here / "runs").exists()


def test_a_function_may_give_data(here):
    few = ["--evaluations", 1, "--budget", 1, "--out", "run"]
    given = ["--space", "mine_of_tests:Net", "--domain", "mine_of_tests:pairs", "--domain.count", 48]
    assert call("search", "random", *given, *few)[0] == 0
    assert json.loads((here / "run" / "config.json").read_text())["domain"]["options"] == {"count": 48}
    assert appnas.resume("run").domain.metric.name == "r2"


def test_a_run_whose_code_is_gone_says_what_to_do(here):
    assert call("search", "random", *OWN, "--out", "run")[0] == 0
    (here / "mine_of_tests.py").rename(here / "moved.py")
    code, _, err = call("resume", "run")
    assert code == 2 and err.count("\n") == 1
    assert "the space mine_of_tests:Acts of this run cannot be made again: there is no module" in err
    assert "from Python give space=..." in err
    assert call("report", "run")[0] == 0  # which needs no code
