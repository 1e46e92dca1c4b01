"""appnas.failure: what a history keeps of a failed evaluation."""

import json
import math

from appnas.failure import Failure
from appnas.run import Run, create, read_history
from appnas.search import Loop, Record


def test_a_failure_comes_back_from_the_history(tmp_path):
    path = create(tmp_path / "run", {})
    run = Run(path, events=False)
    loop = Loop(object(), object(), steps=3)
    records = [
        Record(0, (1, 2), -math.inf, {"failed": 1.0}, Failure("RuntimeError", "shapes do not fit", "0.txt")),
        Record(1, (0, 2), -math.inf, {"failed": 1.0}, Failure("timed out", "after 3 s")),
        Record(2, (0, 0), 0.5, {"accuracy": 0.5}),
    ]
    run.start(loop)
    for record in records:
        loop.pending = 1  # nothing to save
        run.step(loop, record)
    run.end(loop)
    assert read_history(path) == records
    lines = [json.loads(line) for line in (path / "history.jsonl").read_text().splitlines()]
    assert lines[1]["failure"] == {"kind": "timed out", "message": "after 3 s", "trace": None}
    assert "failure" not in lines[2]
