"""appnas.run.schema: the tables of a run's files, read strictly and fast. What damage does is in test_damage.py."""

from __future__ import annotations

import json
import time

import pytest

from appnas.run import gaps
from appnas.run.schema import lines, load, parse
from appnas.support import RunError, reading


def line(step, **more):
    return {"step": step, "arch": [1, 2], "value": 0.5, "metrics": {"accuracy": 50.0}, **more}


def write(file, content):
    file.write_text("".join(json.dumps(x) + "\n" for x in content))


def test_what_json_is():
    assert parse('{"a": [1, NaN]}')["a"][0] == 1
    for text, match in (('{"a": 1, "a": 2}', "'a' stands there twice"), ("[" * 10**5, "too deeply"), ("", "Expecting")):
        with pytest.raises(ValueError, match=match):
            parse(text)


def test_failures_may_be_told(tmp_path):
    file = tmp_path / "history.jsonl"
    failure = {"kind": "RuntimeError", "message": "no", "trace": None}
    write(file, [line(0, failure=None), line(1, failure=failure, value=float("-inf")), line(2)])
    assert [x.get("failure") for x in lines(file)] == [None, failure, None]


def test_steps_follow_one_another(tmp_path):
    file = tmp_path / "history.jsonl"
    write(file, [line(0), line(2)])
    with pytest.raises(RunError, match=r"history\.jsonl is damaged: in line 2, step must be 1, got 2"):
        list(lines(file))
    write(file, [line(0), line(1)])
    file.write_text(file.read_text() + '{"step": 2, "ar')  # torn by a kill
    assert len(list(lines(file))) == 2
    assert list(lines(tmp_path / "clock.jsonl")) == []


def test_a_file_without_a_table_is_only_read(tmp_path):
    (tmp_path / "own.json").write_text("[1]")
    assert load(tmp_path / "own.json") == [1]
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.json")


def test_what_code_makes_of_content_is_told_with_the_file(tmp_path):
    for error in (KeyError("x"), TypeError("a\nb"), ZeroDivisionError(), RecursionError(), AssertionError("c")):
        with pytest.raises(RunError, match=r"f is damaged: .*; do this") as caught, reading(tmp_path / "f", "do this"):
            raise error
        assert "\n" not in str(caught.value)
    for error in (MemoryError(), RuntimeError("out of memory"), ImportError("x"), OSError(2, "x")):
        with pytest.raises(type(error)), reading(tmp_path / "f"):
            raise error


def test_long_histories_are_read_in_linear_time(tmp_path):
    file = tmp_path / "history.jsonl"
    write(file, [line(step) for step in range(20_000)])
    began = time.process_time()
    assert len(list(lines(file))) == 20_000
    assert time.process_time() - began < 3.0  # 0.2 s on two cores of 2024


def test_gaps(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    assert gaps(run) == ["run/history.jsonl has 0 steps: nothing was scored, or the file was cut."]
    write(run / "history.jsonl", [line(0), line(1)])
    write(run / "clock.jsonl", [{"step": 0, "seconds": 1.0}])  # killed between the two
    assert gaps(run) == []
    (run / "result.json").write_text(json.dumps({"best": [1, 2], "value": 0.5, "steps": 3}))
    write(run / "clock.jsonl", [{"step": k, "seconds": 1.0} for k in range(5)])
    assert [text.split(", ")[1].split(":")[0] for text in gaps(run)] == [
        "but result.json tells of 3", "but clock.jsonl has 5"
    ]  # fmt: skip
    (run / "checkpoint.pt").write_text("x")
    assert "run/checkpoint.pt is damaged" in gaps(run)[1]


def test_gaps_of_the_seeds(tmp_path):
    for seed, count in enumerate((2, 0)):
        (tmp_path / f"seed-{seed}").mkdir()
        write(tmp_path / f"seed-{seed}" / "history.jsonl", [line(step) for step in range(count)])
    (text,) = gaps(tmp_path)
    assert text.startswith("seed-1/history.jsonl has 0 steps")
