"""A report that grows: served to this machine alone, from the run's directory alone, which it leaves as it is."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import tool
from test_story import small_table

import appnas
from appnas.methods.baselines import EvolutionConfig
from appnas.report.shown import watch
from appnas.spaces import Bench201


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("watch") / "run"
    appnas.search(Bench201(), small_table(), "evolution", config=EvolutionConfig(20, 5, 2), out=path)
    return path


def part(run: Path, path: Path, lines: int) -> Path:
    """A run as it was after so many scores."""
    path.mkdir(exist_ok=True)
    shutil.copy(run / "config.json", path)
    for name in ("history.jsonl", "clock.jsonl"):
        kept = (run / name).read_text().splitlines(keepends=True)[:lines]
        (path / name).write_text("".join(kept))
    return path


@contextlib.contextmanager
def served(path: Path):
    """Its port."""
    with watch.server(path) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made.server_address[1]
        made.shutdown()


def ask(port: int, path: str = "/", method: str = "GET", host: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_page_grows_with_its_run_and_the_run_stays_as_it_is(run, tmp_path):
    path = part(run, tmp_path / "run", 5)
    before = {file: file.stat().st_mtime_ns for file in path.iterdir()}
    with served(path) as port:
        status, text = ask(port)
        assert status == 200 and "<dd class=big>5</dd>" in text and "The search is unfinished." in text
        stamp = ask(port, "/stamp")[1]
        assert f'data-stamp="{stamp}"' in text and watch.HASH in text
        assert {file: file.stat().st_mtime_ns for file in path.iterdir()} == before
        part(run, path, 9)
        later = time.monotonic() + 60
        while ask(port, "/stamp")[1] == stamp and time.monotonic() < later:
            time.sleep(0.2)
        assert "<dd class=big>9</dd>" in ask(port)[1]


def test_a_run_that_is_not_there_yet_is_waited_for(tmp_path):
    with served(tmp_path / "later") as port:
        status, text = ask(port)
    assert status == 200 and "Waiting for the run" in text


def test_only_this_machine_reads_and_nobody_writes(tmp_path):
    with served(tmp_path) as port:
        assert ask(port, host=f"evil.example:{port}")[0] == 403
        assert ask(port, host=f"localhost:{port}", method="HEAD") == (200, "")
        for path in ("/config.json", "/../config.json", "/report.html"):
            assert ask(port, path)[0] == 404
        for method in ("POST", "PUT", "DELETE"):
            assert ask(port, method=method)[0] == 501


def test_the_script_is_the_only_one_that_may_run():
    assert "'unsafe-inline'" not in watch.POLICY.split("script-src")[1] and "http" not in watch.SCRIPT


@pytest.mark.slow
def test_a_browser_takes_over_what_is_new(run, tmp_path):
    """A real one: the page that it loaded shows the later scores without being loaded again.

    Its time is virtual and runs ahead while the page waits: two hours of it are some seconds.
    """
    path = part(run, tmp_path / "run", 5)
    command = [tool("chromium", "chromium-browser", "google-chrome"), "--headless", "--no-sandbox", "--disable-gpu",
               "--no-first-run", "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}",
               "--virtual-time-budget=7200000", "--dump-dom"]  # fmt: skip
    with served(path) as port:
        ask(port)
        browser = subprocess.Popen([*command, f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE, text=True)
        time.sleep(3)
        part(run, path, 9)
        shown, _ = browser.communicate(timeout=200)
    assert '<dd class="big">9</dd>' in shown and 'id="live"' in shown


def test_its_process_ends_with_its_parent_and_prints_the_address(run, tmp_path):
    starter = "import subprocess, sys, os, time; subprocess.Popen([sys.executable, '-m', 'appnas.report.shown.watch'," \
        " sys.argv[1], str(os.getpid())]); time.sleep(float(sys.argv[2]))"  # fmt: skip
    errors = tmp_path / "errors"
    with errors.open("w") as file:
        parent = subprocess.Popen([sys.executable, "-c", starter, str(run), "120"], stderr=file, env=os.environ)
        later = time.monotonic() + 100
        while "http://127.0.0.1:" not in errors.read_text() and time.monotonic() < later:
            time.sleep(0.2)
        port = int(errors.read_text().split("127.0.0.1:")[1].split("/")[0])
        assert ask(port, "/stamp")[0] == 200
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    later = time.monotonic() + 20
    with pytest.raises(OSError):
        while time.monotonic() < later:
            ask(port, "/stamp")
            time.sleep(0.2)
