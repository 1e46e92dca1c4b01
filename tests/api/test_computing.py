"""appnas.api.computing: where networks are trained, who gets which device, and how that is said."""

from types import SimpleNamespace

import pytest
import torch

import appnas
from appnas.api import computing
from appnas.compute import CPU, Compute, compute_of
from appnas.compute import placement as compute
from appnas.estimate import Table
from appnas.run import places, ran, read_json
from appnas.task import on

TWO = ["cpu", "cuda:0", "cuda:1"]
"""What torch has on a machine of two accelerators."""


@pytest.fixture
def two(monkeypatch):
    """Such a machine on paper: names alone, nothing can be put there."""
    monkeypatch.setattr(compute, "devices", lambda: TWO)
    known = {"auto": "cuda:0", "cuda": "cuda:0"}

    def device_of(name):
        return torch.device(known.get(str(name), str(name)))

    for module in (compute, computing):
        monkeypatch.setattr(module, "device_of", device_of)
    monkeypatch.setattr("appnas.task.domain.device_of", device_of)


def settled(domain, device):
    return computing.on(domain, computing.chosen(device), device)


def test_a_domain_is_put_where_it_was_asked_for_and_left_where_it_says(digits, two):
    class Bare:  # keeps no data anywhere
        io, fit, score, test, example = digits.io, digits.fit, digits.score, digits.test, digits.example

    digits = Bare()
    assert compute_of(settled(digits, "auto")).device == torch.device("cuda:0")
    assert compute_of(settled(digits, "cuda:1")).device == torch.device("cuda:1")
    mine = on(digits, "cpu")
    assert settled(mine, "auto") is mine and compute_of(digits).device == CPU and mine is not digits
    assert compute_of(settled(mine, "cuda")).device == torch.device("cuda:0")
    assert [computing.named(domain, "auto") for domain in (digits, mine)] == ["auto", "cpu"]


def test_a_table_trains_nothing_but_a_device_must_be_there():
    table = Table([(0,)], {"v": [1.0]}, "v")
    assert settled(table, "auto") is table
    with pytest.raises(ValueError, match="torch has no device 'gpu' here, it has cpu"):
        settled(table, "gpu")


@pytest.mark.skipif(torch.accelerator.is_available(), reason="torch has an accelerator here")
def test_a_run_of_a_device_that_is_not_here_says_how_to_go_on(digits, bench201, tmp_path):
    with pytest.raises(ValueError, match=r"run was asked for on another device: .* 'cuda:3'.*with device= or --device"):
        computing.again({"device": "cuda:3", "norms": "own"}, tmp_path / "run")
    with pytest.raises(ValueError, match=r"torch has no device 'cuda:3' here, it has cpu; 'auto' takes"):
        appnas.search(bench201, digits, "random", device="cuda:3", out=tmp_path / "run")
    with pytest.raises(TypeError, match="device is a name such as 'auto', 'cpu' or 'cuda:0', got 0"):
        appnas.search(bench201, digits, "random", device=0)
    with pytest.raises(ValueError, match="the device 'meta' holds no numbers"):
        appnas.search(bench201, digits, "random", device="meta")
    assert not (tmp_path / "run").exists()


def test_workers_get_all_devices_of_the_kind_unless_one_is_named(two):
    domain = SimpleNamespace(compute=Compute(torch.device("cuda:0")))
    for name, found in (("auto", ["cuda:0", "cuda:1"]), ("cuda", ["cuda:0", "cuda:1"]), ("cuda:0", ["cuda:0"])):
        assert [str(device) for device in computing.employed(domain, name)] == found
    assert computing.employed(SimpleNamespace(), "auto") == [CPU]


def test_where_it_runs_in_words():
    here = computing.place([CPU])
    assert here["device"] == "cpu" and f"torch {torch.__version__}, threads: " in here["machine"]
    cluster = computing.place([torch.device("cuda:0")], cluster=True)
    assert cluster == {"device": "cuda", "machine": "workers of a Ray cluster"}


def test_it_is_said_at_the_start_and_of_the_cpu_on_terminals_alone(capsys, monkeypatch):
    computing.announce({"device": "cuda:0", "machine": "NVIDIA H100, torch 2.13"})
    computing.announce({"device": "cpu", "machine": "Xeon"})
    assert capsys.readouterr().err == "on cuda:0 NVIDIA H100\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    computing.announce({"device": "cpu", "machine": "Xeon"})
    assert capsys.readouterr().err == "on cpu\n"


def test_a_run_says_where_each_part_of_it_ran(bench201, digits, tmp_path, monkeypatch, capsys):
    """Begun on one machine and gone on with on another, as far as a run can tell."""
    from test_front import Stop

    few = {"evaluations": 4, "budget": 1}
    plain = appnas.search(bench201, digits, "random", **few)
    with pytest.raises(KeyboardInterrupt):
        appnas.search(bench201, digits, "random", out=tmp_path / "run", callbacks=[Stop(1)], progress=True, **few)
    assert "on cpu" not in capsys.readouterr().err  # which is for terminals
    elsewhere = {"device": "cuda:0", "machine": "NVIDIA H100, torch 2.13"}
    monkeypatch.setattr(computing, "place", lambda *_: elsewhere)
    found = appnas.resume(tmp_path / "run", space=bench201, domain=digits, progress=True)
    assert "on cuda:0 NVIDIA H100" in capsys.readouterr().err
    assert [step for step, _ in places(tmp_path / "run")] == [0, 2] and found.history == plain.history
    (text,) = ran(tmp_path / "run")
    assert text.startswith("steps 1-2 on cpu (") and "), 3-4 on cuda:0 (NVIDIA H100, torch 2.13): results of " in text
    assert text.endswith("differ in their last bits")
    found.retrain(1)
    assert [place["device"] for place in read_json(tmp_path / "run/retrain.json")["places"]] == ["cpu"]
    page = found.report().read_text()
    assert "It ran: steps 1-2 on cpu (" in page and "Trained on cpu (" in page
