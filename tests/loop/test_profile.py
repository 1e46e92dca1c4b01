"""Where a search's time went: parts of real searches, their sum, and the advice."""

import time
from dataclasses import replace

import pytest

import appnas
from appnas.cli.bench import where
from appnas.domains.images.data import DIGITS
from appnas.loop.profile import PARTS, advice, listed_parts
from appnas.spaces import Bench201

SPACE = Bench201(channels=2, repeats=1)


@pytest.fixture
def small():
    from appnas.run import catalogue

    return catalogue.domain("digits", replace(DIGITS, limit=64, batch=16))


def test_the_parts_of_a_search_from_scratch(small, tmp_path):
    start = time.perf_counter()
    appnas.search(SPACE, small, "random", evaluations=3, budget=1, out=tmp_path / "run")
    whole = time.perf_counter() - start
    seconds, steps, config = where(tmp_path / "run")
    assert steps == 3 and config["method"] == "random" and set(seconds) <= set(PARTS)
    assert {"data", "forward", "backward", "weights", "validation", "evaluation", "bookkeeping"} <= set(seconds)
    assert "gates" not in seconds and 0 < sum(seconds.values()) <= whole
    rows = listed_parts(seconds)
    assert sum(share for _, _, share in rows) == pytest.approx(1)
    assert sum(spent for _, spent, _ in rows) == pytest.approx(sum(seconds.values()))
    assert [spent for _, spent, _ in rows] == sorted(seconds.values(), reverse=True)
    assert seconds["forward"] > seconds["data"] and seconds["backward"] > seconds["bookkeeping"] / 10


def test_the_parts_of_a_search_by_gates_and_that_going_on_adds_to_them(small, tmp_path):
    class Stop(appnas.loop.Observer):
        def step(self, loop, record):
            return record.step == 1

    path = tmp_path / "run"
    appnas.search(SPACE, small, "darts", epochs=3, order="first", out=path, callbacks=[Stop()])
    first, steps, _ = where(path)
    assert steps == 2 and {"data", "gates", "weights", "evaluation"} <= set(first) and "forward" not in first
    assert first["gates"] > 0.01 * sum(first.values()) and first["weights"] > 0.05 * sum(first.values())
    (path / "result.json").unlink()  # as if it had been interrupted
    appnas.resume(path)
    second, steps, _ = where(path)
    assert steps > 2 and all(second[part] >= spent for part, spent in first.items())
    assert second["weights"] > first["weights"]


def test_what_to_change():
    config = {"workers": 0, "threads": 4}
    said = advice({"data": 4.0, "forward": 3.0, "backward": 3.0}, config, cores=2)
    assert len(said) == 2 and said[0].startswith("data take 40%") and "--domain.loaders 2" in said[0]
    assert "--workers 2" in said[1] and "--threads 1 instead of 4" in said[1]
    assert advice({"forward": 5.0, "backward": 5.0}, config, cores=1) == []
    assert advice({"workers": 9.0, "strategy": 1.0}, {**config, "workers": 2}, cores=2) == []
    (only,) = advice({"gates": 5.0, "weights": 5.0}, {**config, "threads": 1}, cores=2)
    assert "--threads 0" in only
    (only,) = advice({"evaluation": 8.0, "checkpoint": 2.0}, config, cores=1)
    assert only.startswith("checkpoints take 20%")
    assert "bookkeeping takes 50%" in advice({"evaluation": 5.0, "bookkeeping": 5.0}, {}, cores=1)[0]
    assert "validation takes 60%" in advice({"forward": 4.0, "validation": 6.0}, {}, cores=1)[0]
    with pytest.raises(ValueError, match="no time was counted"):
        listed_parts({})
