"""appnas.run.lock: one writer a run, whoever and wherever it is."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import pytest

import appnas
from appnas.domains.images import Options
from appnas.loop import Observer
from appnas.run import catalogue, read_history, writing
from appnas.run.lock import LOCK, OURS, WRITER, writer
from appnas.spaces import Bench201
from appnas.support import RunError

SPACE = Bench201(channels=2, repeats=1)
DRIVER = """
import os, sys, time
import torch
torch.set_num_threads(1)
import appnas
from appnas.run import catalogue
from appnas.domains.images import Options
from appnas.loop import Observer
from appnas.spaces import Bench201
class Slow(Observer):
    def step(self, loop, record):
        print(loop.step, flush=True)
        time.sleep(float(sys.argv[3]))
path, what = sys.argv[1:3]
digits = catalogue.domain("digits", Options(batch=16, limit=48, crop=0, flip=False))
if what == "search":
    space = Bench201(channels=2, repeats=1)
    appnas.search(space, digits, "darts", order="first", epochs=3, out=path, callbacks=[Slow()])
else:
    appnas.resume(path, callbacks=[Slow()])
"""


@pytest.fixture(scope="module")
def digits():
    return catalogue.domain("digits", Options(batch=16, limit=48, crop=0, flip=False))


def search(digits, out, **more):
    return appnas.search(SPACE, digits, "darts", order="first", epochs=3, out=out, **more)


def process(path, what, pause=0.0) -> subprocess.Popen:
    command = [sys.executable, "-c", DRIVER, str(path), what, str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def contents(path):
    return {
        file.name: file.read_bytes() for file in path.iterdir() if file.name not in OURS and "tfevents" not in file.name
    }


@pytest.fixture(scope="module")
def alone(digits, tmp_path_factory):
    """A search that nobody disturbed."""
    path = tmp_path_factory.mktemp("alone") / "run"
    search(digits, path)
    return path


def test_a_second_writer_is_told_who_writes_and_changes_nothing(digits, alone, tmp_path):
    """Then the first is killed, and the run goes on at once, to the end that it would have had."""
    path = tmp_path / "run"
    first = process(path, "search", 60.0)
    assert first.stdout.readline() == "1\n"
    told = writer(path)
    assert told["process"] == first.pid and told["machine"] == socket.gethostname()
    before = contents(path)
    command = [sys.executable, "-m", "appnas.cli", "resume", str(path)]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 2 and second.stdout == "" and contents(path) == before
    line = f"error: {path} is being written by process {first.pid} on {socket.gethostname()} since "
    assert second.stderr.startswith(line) and second.stderr.count("\n") == 1
    assert second.stderr.endswith(": wait for it, stop it, or give another directory\n")
    with pytest.raises(RunError, match="run is being written by process"):
        appnas.resume(path)
    with pytest.raises(RunError, match="run is not empty: resume it"):
        search(digits, path)
    first.kill()
    first.communicate()
    assert (path / WRITER).exists()  # which nobody could take away
    appnas.resume(path)
    assert (path / "history.jsonl").read_bytes() == (alone / "history.jsonl").read_bytes()
    assert not (path / WRITER).exists()


def test_of_two_that_make_a_run_at_once_one_does(alone, tmp_path):
    path = tmp_path / "new" / "run"
    both = [process(path, "search") for _ in range(2)]
    ends = [(one.communicate()[1], one.returncode) for one in both]
    assert sorted(code for _, code in ends) == [0, 1]
    (error,) = [text for text, code in ends if code]
    assert "is being written by process" in error or "is not empty: resume it" in error
    assert (path / "history.jsonl").read_bytes() == (alone / "history.jsonl").read_bytes()


class Try(Observer):
    """Something to do while a search is under way."""

    def __init__(self, use):
        self.use, self.told = use, []

    def step(self, loop, record):
        if loop.step == 1:
            thread = threading.Thread(target=self._run)
            thread.start()
            thread.join()

    def _run(self):
        try:
            self.use()
        except RunError as error:
            self.told.append(str(error))


def test_two_threads_of_a_process(digits, alone, tmp_path):
    path = tmp_path / "run"
    second = Try(lambda: appnas.resume(path))
    result = search(digits, path, callbacks=[second])
    (text,) = second.told
    assert f"{path} is being written by process {os.getpid()} on " in text and "another thread of this process" in text
    assert (path / "history.jsonl").read_bytes() == (alone / "history.jsonl").read_bytes()
    assert len(result.retrain(1).rows) == 1 and len(appnas.resume(path).history) == len(result.history)


def test_the_run_of_a_seed_that_is_searched(digits, tmp_path):
    """While the whole is under way, its part is refused too, by its own name or by the whole's."""
    path = tmp_path / "run"
    part, whole = Try(lambda: appnas.resume(path / "seed-0")), Try(lambda: appnas.resume(path))
    search(digits, path, seeds=2, callbacks=[part, whole])
    assert [str(path / "seed-0") in text for text in part.told[:1]] == [True]
    assert len(whole.told) == 2 and all(f"{path} is being written" in text for text in whole.told)


@pytest.mark.parametrize("form", ["copy", "rename", "link"])
def test_copies_of_a_run_that_was_being_written_are_free(digits, tmp_path, form):
    path, other = tmp_path / "run", tmp_path / "other"
    search(digits, path)
    (path / WRITER).write_text(json.dumps({"process": 1, "machine": "x", "user": "y", "since": "z", "command": "c"}))
    with writing(path):
        if form == "copy":
            shutil.copytree(path, other)
            appnas.resume(other)
        elif form == "link":
            other.symlink_to(path)
    if form == "rename":
        path.rename(other)
    assert len(appnas.resume(other).history) == len(read_history(other))


def test_a_link_is_the_run_that_it_names(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with writing(tmp_path / "run"):
        with writing(tmp_path / "link"):  # the same thread
            assert writer(tmp_path / "link")["process"] == os.getpid()
        assert writer(tmp_path / "run") is not None  # still held
        script = (
            "import sys, pathlib; from appnas.run.lock import writing\nwith writing(pathlib.Path(sys.argv[1])): pass"
        )
        other = subprocess.run([sys.executable, "-c", script, str(tmp_path / "link")], capture_output=True, text=True)
        assert "RunError" in other.stderr
    assert writer(tmp_path / "run") is None


def test_it_is_given_back_after_errors_and_ctrl_c(tmp_path):
    for kind in (ValueError, KeyboardInterrupt):
        with pytest.raises(kind), writing(tmp_path):
            raise kind
        with writing(tmp_path):
            pass
    assert [file.name for file in tmp_path.iterdir()] == [LOCK]


def test_a_directory_that_is_gone_is_no_error_at_the_end(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    with writing(path):
        shutil.rmtree(path)
    path.mkdir()
    with writing(path):
        pass


def test_a_writer_on_another_machine_and_of_another_day(tmp_path):
    lock = filelock.FileLock(tmp_path / LOCK)
    with lock:
        told = {
            "process": 12,
            "machine": "far",
            "user": "me",
            "since": "2020-01-02T03:04:05+00:00",
            "command": "appnas x",
        }
        (tmp_path / WRITER).write_text(json.dumps(told))
        match = (
            rf"process 12 on far since 2020-01-0\d \d\d:\d\d \(appnas x\) \(if that machine is gone .*delete .*{LOCK}"
        )
        with pytest.raises(RunError, match=match), writing(tmp_path):
            pass
        for content in ("", "[]", "[" * 10**5, '{"process": 1}'):
            (tmp_path / WRITER).write_text(content)
            with pytest.raises(RunError, match="is being written by another process: wait"), writing(tmp_path):
                pass


def test_readers_need_no_lock(digits, tmp_path):
    path = tmp_path / "run"
    result = search(digits, path)
    with writing(path):
        thread = threading.Thread(target=lambda: result.report(tmp_path / "elsewhere"))
        thread.start()
        thread.join()
    assert (tmp_path / "elsewhere" / "report.html").exists()
    mode = path.stat().st_mode
    path.chmod(0o500)
    try:
        assert result.report(tmp_path / "again").exists()
    finally:
        path.chmod(mode)


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """The soft lock of filelock: of this process, then of one that died."""
    fcntl = pytest.importorskip("fcntl")

    def missing(*_):
        raise OSError(errno.ENOSYS, "not implemented")

    monkeypatch.setattr(fcntl, "flock", missing)
    try:
        with writing(tmp_path):
            assert (tmp_path / LOCK).exists()
    except NotImplementedError:
        pytest.skip("this filelock has no soft lock to fall back to")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / LOCK).write_text(f"{dead.pid}\n{socket.gethostname()}\n")
    os.utime(tmp_path / LOCK, (time.time() - 60,) * 2)
    with writing(tmp_path):
        pass


def test_ctrl_c_in_the_middle_leaves_no_lock(tmp_path):
    path = tmp_path / "run"
    first = process(path, "search", 0.5)
    assert first.stdout.readline() == "1\n"
    first.send_signal(signal.SIGINT)
    assert "InterruptedSearchError" in first.communicate()[1]
    assert not Path(path, WRITER).exists()
    assert appnas.resume(path).history
