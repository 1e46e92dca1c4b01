"""The command line, in process where that suffices: whole runs, every mistake, Ctrl-C."""

import contextlib
import importlib.util
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from appnas.cli import flags, main
from appnas.methods import METHODS
from appnas.retrain import load
from appnas.space import IO, describe
from appnas.spaces import SPACES, Bench201, Cells
from appnas.spaces.images import OPS_201
from appnas.task import training

SPACE = "--space.nodes 2 --space.channels 2 --space.cells 3 --space.width 2 --space.depth 3".split()
DATA = "--domain.limit 64 --domain.batch 16".split()
DARTS = ["search", "darts", "--order", "first", *SPACE, *DATA]


def call(*args) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(arg) for arg in args])
    return code, out.getvalue(), err.getvalue()


def process(*args, **more) -> subprocess.Popen:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "appnas.cli", *(str(arg) for arg in args)]
    environment = {**os.environ, "PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": ""}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, str]:
    """A finished search and what it printed."""
    path = tmp_path_factory.mktemp("cli") / "run"
    code, out, err = call(*DARTS, "--epochs", 1, "--out", path)
    assert (code, err) == (0, "")
    return path, out


@pytest.fixture(scope="module")
def retrained(run) -> tuple[Path, str]:
    """The same, trained from scratch beside two controls."""
    code, out, _ = call("retrain", run[0], "--epochs", 1, "--beside", "random", "sep_conv_3x3")
    assert code == 0
    return run[0], out


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A table of NAS-Bench-201's form with made-up figures: valid12 counts the 3x3 convolutions."""
    folder = tmp_path_factory.mktemp("table")
    ops = np.array(list(itertools.product(range(5), repeat=6)))
    count = (ops == OPS_201.index("nor_conv_3x3")).sum(1).astype(float)
    names = ("valid12", "valid200", "test200", "params", "macs", "train_seconds200")
    columns = {f"cifar10_{name}": count + 10 * i for i, name in enumerate(names)}
    np.savez(folder / "nb201.npz", ops=ops, op_names=np.array(OPS_201), **columns)
    return folder


def test_list_shows_everything():
    code, out, err = call("list", "--json")
    known = json.loads(out)
    assert (code, err) == (0, "")
    assert known["methods"]["darts"]["needs"] == "gates"
    assert set(known["methods"]) == set(METHODS) and set(known["spaces"]) == set(SPACES)
    assert known["spaces"]["bench201"]["log10_size"] == pytest.approx(np.log10(15625))
    assert "withheld" in known["domains"]["bench201:cifar10"]["about"]
    code, out, _ = call("list")
    assert code == 0 and all(f"  {name} " in out for kind in known.values() for name in kind)
    assert "10^4.2" in out and "1806.09055" in out


def test_search_prints_the_cell_the_value_and_what_to_do_next(run):
    path, out = run
    result = json.loads((path / "result.json").read_text())
    assert describe(Cells(nodes=2).choices, tuple(result["best"])) == result["named"]
    lines = out.splitlines()
    assert lines[0] == "normal:" and lines.count("  c_{k} <- concat(0, 1)") == 2
    for name in result["named"]["normal"] + result["named"]["reduce"]:
        assert name == "none" or f"{name}(" in out
    assert f"value {result['value']:.6g} (minus validation loss), the largest of {result['steps']} steps" in lines
    assert f"run: {path}" in lines and f"next: appnas retrain {path} --epochs 20 --beside random" in lines
    config = json.loads((path / "config.json").read_text())
    assert config["config"]["order"] == "first" and config["config"]["epochs"] == 1
    assert config["space"]["fields"]["channels"] == 2 and config["domain"]["options"]["batch"] == 16
    assert config["domain"]["options"]["recipe"]["lr"] == 0.1  # the digits' own default, not the class's


def test_resume_of_a_finished_run_shows_it_and_changes_nothing(run):
    path, out = run
    before = {file.name: file.read_bytes() for file in path.glob("*.json*")}
    code, again, err = call("resume", path)
    assert (code, err, again) == (0, "", out)
    assert {file.name: file.read_bytes() for file in path.glob("*.json*")} == before


def test_retrain_shows_controls_and_goes_on_from_what_is_there(retrained):
    path, out = retrained
    rows = json.loads((path / "retrain.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["found", "random", "all sep_conv_3x3"]
    for row in rows:
        (shown,) = [line for line in out.splitlines() if f"│ {row['name']} " in line]
        assert f"{row['parameters']:,}" in shown and f"{row['macs']:,}" in shown
        assert f"{row['tests'][0]['accuracy']:.4g}" in shown
    trained = {file: file.stat().st_mtime_ns for file in path.glob("train-*.pt")}
    code, again, err = call("retrain", path, "--epochs", 1, "--seeds", 2)
    assert code == 0 and len(trained) == 3
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in trained.items())
    assert " ± " in again and err == ""


@pytest.mark.skipif(not importlib.util.find_spec("appnas.report"), reason="the report is not there yet")
def test_report_prints_where_it_lies(retrained):
    code, out, err = call("report", retrained[0])
    assert (code, err) == (0, "")
    assert Path(out.strip()).is_file()


def test_export_writes_what_load_reads(retrained, tmp_path):
    code, out, err = call("export", retrained[0], "--out", tmp_path / "net", "--no-onnx")
    assert (code, err) == (0, "")
    assert f"weights: {tmp_path / 'net' / 'model.safetensors'}" in out and "onnx" not in out
    model = load(tmp_path / "net")
    assert model(torch.zeros(3, 1, 8, 8)).shape == (3, 10) and not model.training


def test_more_threads_than_libraries_survive_are_refused(tmp_path):
    code, _, err = call(*DARTS, "--epochs", 1, "--threads", 10**9, "--out", tmp_path / "run")
    assert code == 2 and "threads must be at most" in err and "on this machine, got 1000000000" in err


def test_table_search_prints_withheld_figures_and_resumes(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APPNAS_DATA", raising=False)
    args = ("search", "random", "--domain", "bench201:cifar10", "--domain.path", table, "--evaluations", 30)
    code, out, err = call(*args, "--seeds", 2, "--control")
    assert (code, err) == (0, "")
    path = Path("runs/random-bench201-bench201-cifar10-1")
    result = json.loads((path / "result.json").read_text())
    convolutions = result["named"]["cell"].count("nor_conv_3x3")
    assert result["value"] == convolutions
    assert f"withheld until now: valid200 {convolutions + 10}, test200 {convolutions + 20}" in out
    assert "seed 1: value" in out and "random search at equal budget, 60 evaluations: value" in out
    history = (path / "seed-0" / "history.jsonl").read_text()
    assert "test200" not in history and "valid200" not in history
    assert call("resume", path) == (0, out, "")
    assert call(*args, "--seed=1")[0] == 0
    assert sorted(p.name[-2:] for p in Path("runs").iterdir()) == ["-1", "-2"]


def test_search_help_shows_every_setting_with_its_text_and_default(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = call("search", "darts", "--space", "bench201", "--help-all")
    assert (code, err) == (0, "")
    names = [f"--{f.name}" for f in fields(METHODS["darts"].config)]
    names += [f"--{f.name}" for f in fields(flags.Options)]
    names += ["--space {", "--space.repeats", "--domain {", "--domain.batch", "--domain.recipe.lr"]
    for name in names:
        assert name.replace("_", "-") in out
    assert "Passes over the training half" in out and "(default: 50)" in out
    assert "mask" not in out and "1806.09055" in out
    assert "Cells in each of the three stages" in out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("search dart", "there is no method 'dart', there are: agnn, bananas, ctnas, darts, "),
        ("search darts --space cel", "did you mean 'cells'?"),
        ("search darts --domain digit", "did you mean 'digits'?"),
        ("search random --domain=cifar", "did you mean 'cifar10'?"),
        ("search darts --threads -1", "threads must be at least 1, got -1"),
        ("search random --seeds 0", "seeds must be at least 1, got 0"),
        ("search random --evaluations 0", "evaluations must be at least 1, got 0"),
        ("search random --domain folder --domain.path nowhere", "must be a folder"),
        ("search random --domain bench201:cifar10", "set APPNAS_DATA"),
        (
            "search darts --domain bench201:cifar10",
            "'bench201:cifar10' is a table of results; methods for it: agnn, bananas, ctnas, evolution",
        ),
        ("search random --domain bench201:cifar10 --space cells", "of the space 'bench201', got 'cells'"),
        ("search random --domain bench201:cifar10 --space.channels 4", "leave out --space.*"),
        ("search darts --space.channels 2 --space.cells 3 --domain.batch 99999999", "MiB are free"),
        ("resume nowhere", "no config.json"),
        ("retrain nowhere --epochs 1", "no config.json"),
        ("report nowhere", "no config.json"),
        ("export nowhere --out net --no-onnx", "no config.json"),
        (
            "search rl_darts",
            "an agent trains, and Images has no training loop of its own (`host`); methods for it: agnn,",
        ),
        ("search random --retrain-epochs 1 --beside sep_conv", "no choice offers 'sep_conv'"),
        ("compare nowhere", "no such directory"),
        ("bench --spaces cellz", "did you mean 'cells'?"),
        ("search random --device gpu", "torch has no device 'gpu' here, it has cpu"),
        ("search random --device meta", "the device 'meta' holds no numbers"),
        ("bench --device gpu", "torch has no device 'gpu' here, it has cpu"),
        ("bench --repeats 0", "repeats must be at least 1, got 0"),
        (
            "serch darts",
            "list, show, search, resume, retrain, report, watch, compare, export, bench, eda, completion; did you",
        ),
        ("--verison", "did you mean '--version'"),
        ("eda doktor", "did you mean 'doctor'?"),
        ("show method dart", "did you mean 'darts'?"),
        ("show space cels", "did you mean 'cells'?"),
        ("show domain digit", "did you mean 'digits'?"),
        ("show metod darts", "did you mean 'method'?"),
        ("list metods", "did you mean 'methods'?"),
        ("list spaces nothing", "no spaces with 'nothing'"),
        ("eda features here there", "here: no such file or directory"),
        ("resume /dev/null", "/dev/null/config.json: not a directory"),
    ],
)
def test_a_mistake_gives_one_line_and_leaves_nothing(args, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APPNAS_DATA", raising=False)
    code, out, err = call(*args.split())
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and words in err
    assert not any(path.is_file() or path.name.endswith("-1") for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("search darts --epochz 3", "--epochs INT"),
        ("search darts --epochs many", "invalid literal for int()"),
        ("search darts --order third", "'third'"),
        ("search darts --space.channels 0", "channels must be at least 1, got 0"),
        ("search darts --space.mask 1", "--space.mask"),
        ("search", "METHOD"),
        ("retrain", "PATH"),
    ],
)
def test_a_wrong_flag_is_explained_with_its_help(args, words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = call(*args.split())
    assert (code, out) == (2, "")
    assert words in err and "--help" in err and "Traceback" not in err


def test_runs_that_cannot_be_used_are_refused_and_stay(retrained, tmp_path):
    path = retrained[0]
    before = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}
    for args, words in [
        ((*DARTS, "--out", path), "is not empty: resume it, or give another directory"),
        (("retrain", path, "--epochs", 0), "at least 1"),
        (("retrain", path, "--epochs", 1, "--beside", "sep_conv"), "no choice offers 'sep_conv'"),
        (("export", path, "--out", path, "--no-onnx"), "is not empty"),
        ((*DARTS, "--out", path / "config.json"), "is a file"),
    ]:
        code, _, err = call(*args)
        assert code == 2 and err.count("\n") == 1 and words in err
    assert {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()} == before


def test_a_device_that_is_not_there_is_one_line(run):
    for command in ("resume", "retrain"):
        code, out, err = call(command, str(run[0]), "--device", "gpu")
        assert (code, out) == (2, "") and err.startswith("error: torch has no device 'gpu' here, it has cpu")


def test_damaged_runs_are_named(run, tmp_path):
    for name, content, words in [
        ("config.json", '{"format": 99}', "written in format 99"),
        ("config.json", '{"form', "is damaged"),
        ("checkpoint.pt", "PK\x03\x04", "checkpoint.pt is damaged"),
    ]:
        copy = tmp_path / f"{name}-{len(content)}"
        copy.mkdir()
        for file in run[0].glob("*.json*"):
            (copy / file.name).write_bytes(file.read_bytes())
        (copy / name).write_text(content)
        code, _, err = call("resume", copy)
        assert code == 2 and err.count("\n") == 1 and words in err
        assert (copy / name).read_text() == content


def test_an_empty_out_may_be_used_again_after_a_failed_start(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for _ in range(2):
        assert call("search", "random", *SPACE, "--evaluations", 0, "--out", out)[0] == 2
        assert list(out.iterdir()) == []


def test_a_table_cannot_be_retrained_and_a_search_must_be_finished(run, table, tmp_path):
    path = tmp_path / "table"
    args = ("--domain", "bench201:cifar10", "--domain.path", table, "--evaluations", 2, "--out", path)
    assert call("search", "random", *args)[0] == 0
    code, _, err = call("retrain", path, "--epochs", 1)
    assert code == 2 and "a table has its own `test`" in err
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "config.json").write_bytes((run[0] / "config.json").read_bytes())
    code, _, err = call("retrain", unfinished, "--epochs", 1)
    assert code == 2 and "no result.json" in err


def test_a_collapse_is_one_plain_line(tmp_path):
    small = ["--domain.batch", 4, "--domain.limit", 32, "--out", tmp_path / "run"]
    code, _, err = call(*DARTS[:-4], *small, "--epochs", 13, "--alpha-lr", 0)
    assert code == 0
    assert err.count("\n") == err.count("warning: ") >= 1
    assert "no probability has moved" in err and ".py" not in err


def test_a_diverged_search_says_where_and_keeps_its_run(tmp_path):
    path = tmp_path / "run"
    code, _, err = call(*DARTS, "--epochs", 3, "--lr", 1e38, "--clip", 0, "--out", path)
    assert code == 2 and err.startswith("error: ") and err.count("\n") == 1 and "search step" in err
    assert (path / "config.json").exists() and (path / "history.jsonl").exists()


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("APPNAS_DEBUG", "1")
    with pytest.raises(ValueError, match="has no config"):
        call("resume", "nowhere")


def test_bench_measures_what_the_supernet_keeps():
    code, out, err = call("bench", "--spaces", "bench201", "--channels", 2, "--batch", 4, "--repeats", 1)
    assert (code, err) == (0, "")
    parameters = sum(w.numel() for w in Bench201(2, 1).supernet(IO((1, 8, 8), (10,))).parameters())
    assert f"{parameters:,}" in out and "CPU seconds" in out


def test_a_search_may_retrain_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    args = [*SPACE, *DATA, "--evaluations", 1, "--budget", 1, "--retrain-epochs", 1, "--beside", "sep_conv_3x3"]
    code, out, err = call("search", "random", *args)
    assert (code, err) == (0, "")
    assert "│ found " in out and "│ all sep_conv_3x3 " in out and "test accuracy" in out
    assert Path("runs/random-cells-digits-1/retrain.json").exists()


def test_ctrl_c_while_retraining_keeps_the_epochs_done(run, monkeypatch):
    path, epochs = run[0], 5
    file = path / f"train-found-{epochs}-0.pt"
    save = training.save

    def interrupted(*args):
        save(*args)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training, "save", interrupted)
        code, out, err = call("retrain", path, "--epochs", epochs)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].endswith(f"Go on with: appnas retrain {path} --epochs {epochs} --seeds 1")
    assert len(torch.load(file, weights_only=True)["losses"]) == 1
    assert call("retrain", path, "--epochs", epochs)[0] == 0
    assert len(torch.load(file, weights_only=True)["losses"]) == epochs


def test_a_mistake_in_a_process_of_its_own(tmp_path):
    with process("search", "darts", "--domain", "digit", cwd=tmp_path) as command:
        out, err = command.communicate(timeout=120)
    assert (command.returncode, out) == (2, "")
    assert err.startswith("error: there is no domain 'digit'") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_mistake():
    with process("list", "--json") as command:
        command.stdout.close()
        assert (command.wait(timeout=120), command.stderr.read()) == (0, "")


def test_ctrl_c_saves_and_resume_finishes(tmp_path):
    path, epochs = tmp_path / "my run", 10
    with process(*DARTS, "--epochs", epochs, "--out", path) as command:
        history = path / "history.jsonl"
        while command.poll() is None and not (history.exists() and history.read_text().count("\n") >= 2):
            time.sleep(0.02)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=120)
    assert (command.returncode, out) == (130, "")
    assert f"go on with: appnas resume '{path}'" in err and err.startswith("\nstopping after this step")
    steps = torch.load(path / "checkpoint.pt", weights_only=True)["step"]
    assert 2 <= steps < 2 * epochs and history.read_text().count("\n") == steps
    code, out, err = call("resume", path)
    assert (code, err) == (0, "") and f"the largest of {2 * epochs} steps" in out
    assert [json.loads(line)["step"] for line in history.read_text().splitlines()] == list(range(2 * epochs))


def test_flags_that_would_be_ignored_are_refused():
    code, _, err = call(
        "search", "random", "--space", "bench201", "--domain", "bench201:cifar10", "--retrain-epochs", 3
    )
    assert code == 2 and "--retrain-epochs needs a domain with data" in err
    code, _, err = call("search", "random", "--domain", "bench201:cifar10", "--rank-epochs", 3)
    assert code == 2 and "--rank-epochs needs a domain with data" in err
    code, _, err = call("search", "random", "--beside", "sep_conv_3x3")
    assert code == 2 and "give --retrain-epochs too" in err
    code, _, err = call("search", "darts", "--control")
    assert code == 2 and err.startswith("error: --control compares") and "give --rank-epochs too" in err
