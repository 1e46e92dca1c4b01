"""Full disks, files that grow too large, and runs that are deleted: one line that names the file and what is safe."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_damage import Stop, said

import appnas
from appnas.domains.images import Options
from appnas.loop import Observer
from appnas.run import InterruptedSearchError, catalogue, read_history
from appnas.spaces import Cells
from appnas.support.files import RoomError

SPACE = Cells(channels=2, cells=3, nodes=2, width=2, depth=3)  # its checkpoint has 270 kB


@pytest.fixture(scope="module")
def digits():
    return catalogue.domain("digits", Options(batch=16, limit=64, crop=0, flip=False))


def search(digits, out, **more):
    return appnas.search(SPACE, digits, "darts", order="first", epochs=3, out=out, **more)


@pytest.fixture
def disk(tmp_path):
    """A disk of 400 kB, and a function that makes it larger."""

    def mount(*options) -> int:
        return subprocess.run(["mount", *options, str(tmp_path)], capture_output=True, check=False).returncode

    if (
        os.name != "posix"
        or os.geteuid()
        or not shutil.which("mount")
        or mount("-t", "tmpfs", "-o", "size=400k", "none")
    ):
        pytest.skip("only root can mount a small disk")
    try:
        yield tmp_path, lambda: mount("-o", "remount,size=16m")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def fill(folder: Path) -> Path:
    """Use up what is free."""
    with open(os.open(folder / "filler", os.O_CREAT | os.O_WRONLY), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return folder / "filler"


def test_a_full_disk(digits, disk, tmp_path_factory):
    folder, enlarge = disk
    path = folder / "run"
    with pytest.raises(InterruptedSearchError):
        search(digits, path, callbacks=[Stop(3)])
    code, err = said("resume", path)
    assert code == 2 and err.startswith(f"error: {path}/checkpoint.pt cannot be written: the disk is full")
    assert err.endswith(f"; the checkpoint of step 4 is safe: make room, then go on with: appnas resume {path}\n")
    assert not (path / "checkpoint.pt.partial").exists()
    filler = fill(folder)
    for command in (("resume", path), ("report", path)):
        code, err = said(*command)
        assert code == 2 and err.startswith(f"error: {path}/") and "the disk is full" in err and err.count("\n") == 1
    with pytest.raises(RoomError, match=r"config\.json cannot be written: the disk is full"):
        search(digits, folder / "new")
    assert not (folder / "new").exists()
    filler.unlink()
    enlarge()
    alone = tmp_path_factory.mktemp("alone") / "run"
    search(digits, alone)
    assert said("resume", path) == (0, "")
    assert (path / "history.jsonl").read_bytes() == (alone / "history.jsonl").read_bytes()
    enlarge()
    assert said("retrain", path, "--epochs", 1) == (0, "")
    with open(fill(folder), "r+b") as file:
        file.truncate(file.seek(0, 2) - 8192)
    code, err = said("export", path, "--out", folder / "net", "--no-onnx")
    assert code == 2 and "model.safetensors cannot be written: the disk is full" in err
    assert f"nothing was exported to {folder / 'net'}" in err
    assert {file.name for file in folder.iterdir()} == {"run", "filler"}
    filler.unlink()
    assert said("export", path, "--out", folder / "net", "--no-onnx") == (0, "")


def test_a_file_that_grows_too_large(digits, tmp_path):
    path = tmp_path / "run"
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(RoomError, match=r"checkpoint\.pt cannot be written: .*larger than files may be here"):
            search(digits, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(appnas.resume(path).history) == len(read_history(path)) == 6


class Delete(Observer):
    """Take the run away, or elsewhere, while it is searched."""

    def __init__(self, path, to=None):
        self.path, self.to = path, to

    def step(self, loop, record):
        if loop.step == 2:
            self.path.rename(self.to) if self.to else shutil.rmtree(self.path)


@pytest.mark.parametrize("to", [None, "elsewhere"])
def test_a_run_that_is_deleted_or_moved(digits, tmp_path, to):
    path = tmp_path / "run"
    with pytest.raises(RoomError, match=r"run was deleted or moved while it was written to, and history\.jsonl"):
        search(digits, path, callbacks=[Delete(path, to and tmp_path / to)])
    assert not path.exists()
    if to:
        assert len(appnas.resume(tmp_path / to).history) == 6


def test_what_a_killed_export_left_is_replaced(digits, tmp_path):
    path, net = tmp_path / "run", tmp_path / "net"
    search(digits, path).retrain(1)
    command = ("export", path, "--out", net, "--no-onnx")
    beside = tmp_path / "net.partial"
    beside.mkdir()
    (beside / "model.safetensors").write_bytes(b"half")
    net.mkdir()
    (net / "model.onnx").write_bytes(b"of an earlier version, without arch.json")
    assert said(*command) == (0, "")
    assert {file.name for file in net.iterdir()} == {"arch.json", "model.safetensors"} and not beside.exists()
    assert said(*command)[0] == 2  # a whole one is not
    shutil.rmtree(net)
    beside.mkdir()
    (beside / "thesis.txt").write_text("mine")
    code, err = said(*command)
    assert code == 2 and "net.partial is in the way" in err and (beside / "thesis.txt").exists()


def test_a_message_of_the_command_line_has_one_line(tmp_path):
    """What is said when the run that a command works on is deleted: as a process of its own."""
    script = (
        "import shutil, sys; from appnas.cli import main; from appnas.run import Run\n"
        "save = Run.save\n"
        "Run.save = lambda self, loop: (shutil.rmtree(self.path), save(self, loop))\n"
        "sys.exit(main())"
    )
    flags = "--order first --epochs 1 --domain.limit 64 --domain.batch 16 --space.channels 2 --space.cells 3".split()
    command = [sys.executable, "-c", script, "search", "darts", *flags, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "run was deleted or moved while it was written to" in done.stderr
