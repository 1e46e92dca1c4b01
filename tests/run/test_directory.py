"""appnas.run.directory: directories for new runs."""

from __future__ import annotations

import pytest

from appnas.run import create, created, reserve
from appnas.run.directory import check_empty
from appnas.run.lock import LOCK, WRITER, writer
from appnas.support import RunError


def test_the_next_number_is_free(tmp_path):
    assert [reserve(tmp_path / "runs" / "x").name for _ in range(3)] == ["x-1", "x-2", "x-3"]


def test_what_says_who_writes_is_no_content(tmp_path):
    for name in (LOCK, WRITER):
        (tmp_path / name).write_text("")
    check_empty(tmp_path)
    (tmp_path / "more").write_text("")
    with pytest.raises(RunError, match="is not empty"):
        check_empty(tmp_path)


@pytest.mark.parametrize("there", [True, False])
def test_a_run_that_fails_at_once_leaves_what_was_before(tmp_path, there):
    path = tmp_path / "run"
    if there:
        path.mkdir()
    with pytest.raises(KeyError), created(path, {}):
        assert writer(path) is not None
        raise KeyError
    assert path.exists() == there and not (there and (path / "config.json").exists())


def test_a_run_with_a_score_stays(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyError), created(path, {}):
        (path / "history.jsonl").write_text("{}\n")
        raise KeyError
    assert {file.name for file in path.iterdir()} == {"config.json", "history.jsonl", LOCK}


def test_a_run_that_was_deleted_meanwhile_raises_what_happened(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyError), created(path, {}):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
        raise KeyError


def test_another_run_is_never_taken_away(tmp_path):
    create(tmp_path / "run", {"method": "x"})
    with pytest.raises(RunError, match="is not empty"), created(tmp_path / "run", {}):
        pass
    assert (tmp_path / "run" / "config.json").exists()
