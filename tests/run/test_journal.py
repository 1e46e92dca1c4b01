"""appnas.run.journal: the plain files of a run."""

import json

import pytest

from appnas.loop import Record
from appnas.run import read_history, read_json, read_lines, write_json
from appnas.support import Failure, RunError


def test_a_history_tells_what_failed_and_why(tmp_path):
    (tmp_path / "failures").mkdir()
    (tmp_path / "failures/000001.txt").write_text("step 1\nValueError: no\n\nTraceback\n\n  all of it\n")
    lines = [
        {"step": 0, "arch": [1, 2], "value": 0.5, "metrics": {"a": 1.0}},
        {"step": 1, "arch": [3, 2], "value": -1.0, "metrics": {"failed": 1.0},
         "failure": {"kind": "ValueError", "message": "no", "trace": "failures/000001.txt"}},
        {"step": 2, "arch": [0, 0], "value": -1.0, "metrics": {"failed": 1.0},
         "failure": {"kind": "Died", "message": "", "trace": "failures/gone.txt"}},
    ]  # fmt: skip
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 3, "ar')
    assert read_history(tmp_path) == [
        Record(0, (1, 2), 0.5, {"a": 1.0}),
        Record(1, (3, 2), -1.0, {"failed": 1.0}, Failure("ValueError", "no", "Traceback\n\n  all of it\n")),
        Record(2, (0, 0), -1.0, {"failed": 1.0}, Failure("Died", "", "")),
    ]
    assert read_lines(tmp_path, "clock") == []


def test_json_is_whole_or_named(tmp_path):
    found = {"best": [1], "value": 0.5, "steps": 3}
    write_json(tmp_path / "result.json", found)
    assert read_json(tmp_path / "result.json") == found
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(RunError, match=r"result\.json is damaged"):
        read_json(tmp_path / "result.json")
    with pytest.raises(RunError, match=r"is not a finished run: it has no other\.json"):
        read_json(tmp_path / "other.json")
