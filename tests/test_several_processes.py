"""Two processes (gloo, CPU) do what one does: losses, gates and weights; how they start, stop, and one of them dies."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import several
import torch

from appnas.compute import Compute

ROOT = Path(__file__).parent.parent
SCRIPT = Path(__file__).parent / "several.py"
CHECKS = (
    "first", "own", "second", "finite", "sampled", "recomputed", "zarts", "two_temperature", "text", "paths",
    "retraining",
)  # fmt: skip
"""First, second order and finite differences of DARTS; gradients over weights recomputed; further loops."""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}


def loaded(folder, name, rank):
    return torch.load(folder / f"{name}-{rank}.pt", weights_only=True)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The folder in which two processes left all that they found."""
    folder = tmp_path_factory.mktemp("both")
    command = [*TORCHRUN, str(SCRIPT), str(folder), "run", "step", *CHECKS]
    result = subprocess.run(command, env=ALONE, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stderr[-3000:]
    return folder


@pytest.fixture
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "own"])
def test_two_processes_find_what_one_does(both, double, name):
    """In double precision, where sums in another order differ in the last digits alone."""
    alone = getattr(several, f"check_{name}")(Compute())
    for rank in (0, 1):
        found = loaded(both, name, rank)
        assert found.keys() == alone.keys()
        for key, value in alone.items():
            torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-9, msg=lambda m, key=key: f"{key}: {m}")
    if name in ("first", "retraining"):
        assert len(alone["values" if name == "first" else "losses"]) == (20 if name == "first" else 2)
        assert any(float(value.abs().sum()) for value in alone.values())


def test_norms_of_their_own_keep_processes_in_step_but_are_not_those_of_one(both, double):
    alone, found = several.check_own(Compute()), [loaded(both, "own", rank) for rank in (0, 1)]
    assert all(torch.equal(found[0][key], found[1][key]) for key in alone)
    assert float((found[0]["values"] - alone["values"]).abs().max()) > 1e-3


def test_the_first_process_is_heard_and_all_stop_where_one_would(both):
    for rank in (0, 1):
        assert loaded(both, "step", rank)["values"].tolist() == [3.0, 3.0]


def test_one_process_writes_and_all_have_the_result(both, tmp_path):
    alone = several.check_run(tmp_path)
    found = [loaded(both, "run", rank) for rank in (0, 1)]
    assert found[0] == found[1]
    assert found[0]["best"] == alone["best"] and found[0]["value"] == pytest.approx(alone["value"], abs=1e-5)
    assert found[0]["tests"][0]["loss"] == pytest.approx(alone["tests"][0]["loss"], abs=1e-4)
    files = sorted(path.name for path in (both / "run").iterdir() if "events" not in path.name)
    assert files == sorted(path.name for path in (tmp_path / "run").iterdir() if "events" not in path.name)
    assert len(list((both / "run").glob("events*"))) == 1
    assert len((both / "run" / "history.jsonl").read_text().splitlines()) == 6
    assert json.loads((both / "run" / "config.json").read_text())["processes"] == 2


def started(folder, *names):
    """Two processes with torchrun's environment, but without torchrun, which would end one after the other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder), *names],
            env={**ALONE, **told, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]


def test_ctrl_c_stops_all_and_when_one_is_killed_the_other_says_how_to_go_on(both, tmp_path):
    processes = started(tmp_path, "ended")
    (out, err), (other, _) = (process.communicate(timeout=200) for process in processes)
    stopped = "stopped at step 3 of 6; go on with: appnas resume"
    assert stopped in out and stopped in other
    assert [process.returncode for process in processes] == [1, -signal.SIGKILL]
    last = err.splitlines()[-1]
    assert "PeerError: another process of this search ended or does not answer (process 0 of 2 waited" in last
    assert last.endswith(f"What was saved is safe, go on with: appnas resume {tmp_path / 'run'}")
    steps = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert 3 <= len(steps) < 6

    for process in (processes := started(tmp_path, "run")):
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err[-3000:]
    assert loaded(tmp_path, "run", 0) == loaded(tmp_path, "run", 1) == loaded(both, "run", 0)
    assert (tmp_path / "run" / "history.jsonl").read_text() == (both / "run" / "history.jsonl").read_text()


def test_the_command_line_under_torchrun_prints_once(tmp_path):
    small = "--space bench201 --space.channels 2 --space.repeats 1 --domain.limit 32 --domain.batch 8".split()
    command = ["-m", "appnas.cli", "search", "random", *small, "--evaluations", "2", "--budget", "1"]
    result = subprocess.run(
        [*TORCHRUN, *command, "--processes", "2"], env=ALONE, cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert result.returncode == 0, result.stderr
    assert re.findall(r"^run: (.*)$", result.stdout, re.MULTILINE) == ["runs/random-bench201-digits-1"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["random-bench201-digits-1"]
