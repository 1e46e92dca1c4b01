"""appnas.run.journal: the plain files of a run."""

import json

import pytest

from appnas.loop import Record
from appnas.run import BITS, add_place, places, ran, read_history, read_json, read_lines, told_places, write_json
from appnas.run.journal import keep_lines
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


def test_a_journal_is_cut_behind_a_step(tmp_path):
    keep_lines(tmp_path / "none.jsonl", 3)
    for text, count, kept in (
        ("a\nbc\nd\n", 2, "a\nbc\n"),
        ("a\nbc\nd", 3, "a\nbc\n"),
        ("a\n", 5, "a\n"),
        ("a\n", 0, ""),
    ):
        (tmp_path / "it.jsonl").write_text(text)
        keep_lines(tmp_path / "it.jsonl", count)
        assert (tmp_path / "it.jsonl").read_text() == kept


def clock(folder, *on):
    folder.mkdir(exist_ok=True)
    lines = [{"step": i, "seconds": 1.0, **({"on": place} if place else {})} for i, place in enumerate(on)]
    (folder / "clock.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


CUDA, HERE = {"device": "cuda:0", "machine": "NVIDIA H100"}, {"device": "cpu", "machine": "Xeon"}


def test_where_steps_ran_in_words(tmp_path):
    assert ran(tmp_path) == places(tmp_path) == []
    clock(tmp_path, CUDA, None, None)
    assert ran(tmp_path) == ["all steps on cuda:0 (NVIDIA H100)"]
    clock(tmp_path, CUDA, None, HERE, CUDA)
    assert ran(tmp_path) == [f"steps 1-2 on cuda:0 (NVIDIA H100), 3 on cpu (Xeon), 4 on cuda:0 (NVIDIA H100): {BITS}"]
    clock(tmp_path, None, None, HERE)  # begun with a version that did not say
    assert ran(tmp_path) == [f"steps 3 on cpu (Xeon): {BITS}"]


def test_the_seeds_of_a_run_are_told_apart_where_they_differ(tmp_path):
    for seed in range(3):
        clock(tmp_path / f"seed-{seed}", CUDA)
    assert ran(tmp_path) == ["all steps on cuda:0 (NVIDIA H100)"]
    clock(tmp_path / "seed-1", HERE)
    assert ran(tmp_path) == ["seed-0, seed-2: all steps on cuda:0 (NVIDIA H100)", "seed-1: all steps on cpu (Xeon)"]


def test_where_trainings_ran_is_kept_by_their_length(tmp_path):
    for epochs, place in ((5, CUDA), (5, CUDA), (5, HERE), (9, HERE)):
        add_place(tmp_path, epochs, place)
    assert told_places(tmp_path, 5) == [CUDA, HERE] and told_places(tmp_path, 9) == [HERE]
    assert len((tmp_path / "places.jsonl").read_text().splitlines()) == 3


def test_a_place_is_a_device_and_a_machine(tmp_path):
    clock(tmp_path, {"device": "cpu"})
    with pytest.raises(RunError, match="on does not tell machine"):
        ran(tmp_path)
