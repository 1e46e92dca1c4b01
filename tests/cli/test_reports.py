"""appnas report of several runs, and appnas watch."""

import signal
import urllib.request

from test_app import call, process

TABLE = ["search", "random", "--domain", "digits", "--domain.limit", 64, "--space", "bench201", "--space.channels", 2,
         "--space.repeats", 1, "--evaluations", 1, "--budget", 1]  # fmt: skip


def test_several_runs_get_one_page(tmp_path):
    for name in "ab":
        assert call(*TABLE, "--out", tmp_path / name)[0] == 0
    code, out, err = call("report", tmp_path / "a", tmp_path / "b")
    assert (code, err) == (0, "") and out.strip() == str(tmp_path / "reports.html")
    code, _, err = call("report", tmp_path / "a", "--out", tmp_path)
    assert code == 2 and "holds a report already" in err
    code, _, err = call("report")
    assert code == 2


def test_a_run_is_served_until_ctrl_c(tmp_path):
    running = process("watch", tmp_path / "later")
    try:
        address = running.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert b"Waiting for the run" in urllib.request.urlopen(address).read()
    finally:
        running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert call("watch", tmp_path, "--port", 70_000)[0] == 2


def test_a_search_serves_its_page_while_it_runs(tmp_path):
    code, _, _ = call(*TABLE, "--watch", "--out", tmp_path / "run")
    assert code == 0
