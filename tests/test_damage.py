"""Damaged runs on the command line: one line and exit code 2, or a run that does; no traceback, and no file lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import shutil
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import appnas
from appnas.cli import main
from appnas.domains.images import Options
from appnas.loop import Observer
from appnas.retrain import load
from appnas.run import InterruptedSearchError, catalogue, save_showcase
from appnas.run.lock import OURS
from appnas.spaces import Bench201, Cells
from appnas.support import RunError

DEEP = "[" * 100_000 + "]" * 100_000
CONTENTS = {
    "empty": b"", "null": b"null", "number": b"7", "text": b'"x"', "list": b"[]", "object": b"{}", "true": b"true",
    "deep": DEEP.encode(), "binary": b"\xff\xfe\x00\x01" * 9, "digits": b"1" * 5000,
}  # fmt: skip
"""What may stand in a file instead of what was there."""
MISSING = object()


def said(*args) -> tuple[int, str]:
    """Exit code of a command and what it wrote to standard error; whatever it raises is raised here."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(arg) for arg in args])
    return code, err.getvalue()


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, and every folder; but what says who writes."""
    return {
        str(file.relative_to(folder)): None if file.is_dir() else file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.name not in OURS
    }


def refused(folder: Path, *args, names: str = "") -> None:
    """A command that gives one line, which names the file, exit code 2, and changes nothing."""
    assert both(folder, *args, names=names) == 2


def both(folder: Path, *args, names: str = "") -> int:
    """A command that either does what it should, or is `refused`. Returns its exit code."""
    before = contents(folder)
    code, err = said(*args)
    assert code in (0, 2), (code, err)
    if code == 2:
        line = err.strip().splitlines()[-1]
        assert line.startswith("error: ") and "Traceback" not in err and len(line) < 1500, err
        assert names in line
        assert contents(folder) == before
    return code


class Stop(Observer):
    """Ctrl-C after so many steps."""

    def __init__(self, step):
        self.at = step

    def step(self, loop, record):
        if loop.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Three runs: `done` and `other` (another space) are finished and retrained, `half` is a search stopped midway."""
    folder = tmp_path_factory.mktemp("damage")
    digits = catalogue.domain("digits", Options(batch=16, limit=48, crop=0, flip=False))
    spaces = {"done": Bench201(channels=2, repeats=1), "other": Cells(channels=2, cells=3, nodes=2, width=2, depth=3)}
    for name, space in spaces.items():
        result = appnas.search(space, digits, "random", evaluations=3, budget=1, out=folder / name)
        result.retrain(1)
    save_showcase(folder / "done", {"a digit": {"input": np.eye(8), "prediction": np.ones((8, 8))}})
    with pytest.raises(InterruptedSearchError):
        appnas.search(
            spaces["done"], digits, "darts", order="first", epochs=4, out=folder / "half", callbacks=[Stop(3)]
        )
    assert said("export", folder / "done", "--out", folder / "net", "--no-onnx") == (0, "")
    return folder


@pytest.fixture
def work(runs, tmp_path):
    """A copy of all of them, to damage."""
    for name in ("done", "other", "half"):
        shutil.copytree(runs / name, tmp_path / name)
    return tmp_path


def every(work: Path, file: str, only_code: int | None = None) -> list[int]:
    """The exit codes of the commands that open a file; each works on what the one before has left."""
    half, done = work / "half", work / "done"
    commands: dict[str, tuple] = {
        "compare": ("compare", done, work / "other"),
        "export": ("export", done, "--out", work / "net", "--no-onnx"),
        "retrain": ("retrain", done, "--epochs", 1),
        "resume": ("resume", done),
    }
    opens = {
        "config.json": ("compare", "export", "retrain", "resume"),
        "result.json": ("compare", "export", "retrain", "resume"),
        "retrain.json": ("compare", "export"), "found.safetensors": ("export",), "showcase.npz": ("compare",),
        "history.jsonl": ("compare", "retrain", "resume"), "train-found-1-0.pt": ("retrain",),
        "clock.jsonl": ("compare", "resume"), "checkpoint.pt": ("resume",), "alphas.jsonl": (),
    }  # fmt: skip
    codes = [both(done, *commands[name]) for name in opens[file]]
    if (half / file).exists():
        codes += [both(half, "resume", half)]
    return codes


FILES = (
    "config.json", "result.json", "retrain.json", "history.jsonl", "clock.jsonl", "checkpoint.pt", "found.safetensors",
    "showcase.npz", "train-found-1-0.pt", "alphas.jsonl",
)  # fmt: skip


def each(work: Path, file: str):
    """The file in the runs that have it."""
    return [path for path in (work / "done" / file, work / "half" / file) if path.exists()]


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("file", FILES)
def test_other_content(work, file, content):
    for path in each(work, file):
        path.write_bytes(CONTENTS[content] + b"\n" * (path.suffix == ".jsonl" and content != "empty"))
    codes = every(work, file)
    assert set(codes) == {2} or (file.endswith(".jsonl") and content == "empty")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("file", FILES)
def test_files_that_were_cut(work, file, share):
    for path in each(work, file):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
    codes = every(work, file)
    assert file.endswith(".jsonl") or share > 0.99 or set(codes) == {2}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("file", FILES)
def test_flipped_bits(work, file, seed):
    """Half of the bits of text make other text; a number may be another number."""
    rng = np.random.default_rng(seed)
    for path in each(work, file):
        data = bytearray(path.read_bytes())
        for place in rng.integers(0, len(data), 3) if data else ():
            data[place] ^= 1 << int(rng.integers(0, 7))
        path.write_bytes(bytes(data))
    every(work, file)


@pytest.mark.parametrize("file", FILES)
def test_directories_in_place_of_files(work, file):
    for path in each(work, file):
        path.unlink()
        path.mkdir()
    assert set(every(work, file)) == {2}


def put(content, keys: str, value) -> None:
    """Set a value deep inside, or take it away."""
    *path, last = keys.split(".")
    for key in path:
        content = content[int(key) if isinstance(content, list) else key]
    if value is MISSING:
        del content[last]
    else:
        content[int(last) if isinstance(content, list) else last] = value


VALUES = [
    *(("config.json", key, MISSING) for key in ("method", "config", "space", "domain", "seed", "versions", "format")),
    ("config.json", "method", 7), ("config.json", "method", "rndom"), ("config.json", "method", ["random"]),
    ("config.json", "config", []), ("config.json", "config.evaluations", "3"), ("config.json", "config.budget", 1.5),
    ("config.json", "config.evaluations", 10**30), ("config.json", "config.evaluations", True),
    ("config.json", "config.more", 1), ("config.json", "space", "cells"), ("config.json", "space.name", 3),
    ("config.json", "space.name", "nowhere"), ("config.json", "space.fields", MISSING),
    ("config.json", "space.fields.channels", "2"), ("config.json", "space.fields.channels", None),
    ("config.json", "space.fields.channels", [2]), ("config.json", "domain.name", "nothing"),
    ("config.json", "domain.options", None), ("config.json", "domain.options.batch", "16"),
    ("config.json", "domain.options.recipe.lr", "fast"), ("config.json", "domain.options.recipe", 3),
    ("config.json", "seed", "0"), ("config.json", "seed", 0.5), ("config.json", "seed", 2**70),
    ("config.json", "seeds", 0), ("config.json", "seeds", 10**9), ("config.json", "beside", "random"),
    ("config.json", "workers", -1), ("config.json", "versions", 1), ("config.json", "versions.appnas", 1),
    ("config.json", "format", 2), ("config.json", "format", "1"),
    ("result.json", "best", MISSING), ("result.json", "best", []), ("result.json", "best", [0, 0]),
    ("result.json", "best", [9, 0, 0, 0, 0, 0]), ("result.json", "best", ["a", 0, 0, 0, 0, 0]),
    ("result.json", "best", [0.5, 0, 0, 0, 0, 0]), ("result.json", "best", [-1, 0, 0, 0, 0, 0]),
    ("result.json", "best", "cell"), ("result.json", "value", "1"), ("result.json", "value", None),
    ("result.json", "value", MISSING), ("result.json", "named", 3), ("result.json", "runs", []),
    ("result.json", "runs", [1]), ("result.json", "control", {"best": [1]}), ("result.json", "steps", -1),
    ("retrain.json", "epochs", "1"), ("retrain.json", "epochs", 0), ("retrain.json", "epochs", MISSING),
    ("retrain.json", "rows", MISSING), ("retrain.json", "rows", []), ("retrain.json", "rows", {}),
    ("retrain.json", "rows.0", None), ("retrain.json", "rows.0.arch", "x"), ("retrain.json", "rows.0.tests", []),
    ("retrain.json", "rows.0.tests", [1]), ("retrain.json", "rows.0.tests.0.accuracy", "9"),
    ("retrain.json", "rows.0.name", 1), ("retrain.json", "rows.0.macs", 1.5), ("retrain.json", "rows.0.members", 0),
    ("retrain.json", "split", 1), ("retrain.json", "rows.0.latency", "1"),
    ("retrain.json", "io", []),
]  # fmt: skip


@pytest.mark.parametrize(("file", "key", "value"), VALUES, ids=lambda x: "missing" if x is MISSING else str(x)[:30])
def test_values_of_another_kind(work, file, key, value):
    path = work / "done" / file
    content = json.loads(path.read_text())
    put(content, key, value)
    path.write_text(json.dumps(content))
    shutil.rmtree(work / "half")
    (work / "half").mkdir()
    for command in (
        ("compare", path.parent, work / "other"),
        ("export", path.parent, "--out", work / "net", "--no-onnx"),
    ):
        refused(path.parent, *command, names=str(path.parent))
    if file != "retrain.json":
        refused(path.parent, "retrain", path.parent, names=str(path.parent))
        refused(path.parent, "resume", path.parent, names=str(path.parent))


def test_a_result_without_a_seed_or_of_another(work):
    for change in (MISSING, 5):
        path = work / "done" / "result.json"
        content = json.loads(path.read_text())
        put(content, "seed", change)
        path.write_text(json.dumps(content))
        for command in ("retrain", "resume"):
            refused(path.parent, command, path.parent, names=f"{path} is of another run")
        content["seed"] = 0
        path.write_text(json.dumps(content))


def test_threads_that_no_machine_has(work):
    for threads in (10**9, 0, -1, "4", 5000):
        path = work / "half" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"threads": threads}))
        refused(path.parent, "resume", path.parent, names="threads")


def test_more_keys_are_let_be(work):
    for file in ("config.json", "result.json", "retrain.json"):
        path = work / "done" / file
        path.write_text(json.dumps(json.loads(path.read_text()) | {"later": {"a": [1]}}))
    assert set(every(work, "config.json")) == {0}


def test_keys_that_stand_twice(work):
    path = work / "done" / "result.json"
    path.write_text('{"steps": 3,' + path.read_text().lstrip()[1:])
    refused(path.parent, "retrain", path.parent, names=f"{path} is damaged: the key 'steps' stands there twice")


LINES = [
    {"step": MISSING}, {"step": "0"}, {"step": 5}, {"step": True}, {"arch": MISSING}, {"arch": None}, {"arch": [0]},
    {"arch": [9] * 6}, {"arch": [-1] * 6}, {"value": "1"}, {"value": None}, {"metrics": None}, {"metrics": [1]},
    {"metrics": {"accuracy": "1"}}, {"metrics": MISSING}, {"failure": 1}, {"failure": {"kind": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("change", LINES, ids=lambda x: str({k: "gone" if v is MISSING else v for k, v in x.items()}))
def test_lines_of_another_kind(work, change):
    for path in each(work, "history.jsonl"):
        first, *rest = path.read_text().splitlines(keepends=True)
        content = json.loads(first)
        for key, value in change.items():
            put(content, key, value)
        path.write_text("".join([json.dumps(content) + "\n", *rest]))
    done, half = work / "done", work / "half"
    refused(done, "compare", done, work / "other", names="done")
    refused(half, "resume", half, names=str(half / "history.jsonl"))


def state(path: Path, change, save=torch.save) -> None:
    """Change what a file of torch's holds."""
    content = torch.load(path, weights_only=True)
    save(change(content), path)


CHECKPOINTS = {
    **{f"no {key}": lambda x, key=key: {k: v for k, v in x.items() if k != key}
       for key in ("step", "seconds", "strategy", "evaluator", "rng")},
    "a short random state": lambda x: x | {"rng": x["rng"][:100]},
    "a random state of floats": lambda x: x | {"rng": x["rng"].float()},
    "a random state of ones": lambda x: x | {"rng": torch.ones_like(x["rng"]) * 255},
    "step as text": lambda x: x | {"step": "3"},
    "a later step": lambda x: x | {"step": 300},
    "a negative step": lambda x: x | {"step": -1},
    "seconds of NaN": lambda x: x | {"seconds": float("nan")},
    "an empty strategy": lambda x: x | {"strategy": {}},
    "a strategy as list": lambda x: x | {"strategy": []},
    "an empty evaluator": lambda x: x | {"evaluator": {}},
    "no dictionary": lambda x: [1, 2],
    "another run's": lambda x: x | {"of": "0"},
    "a tensor": lambda x: torch.ones(3),
}  # fmt: skip


@pytest.mark.parametrize("change", CHECKPOINTS)
def test_checkpoints_of_another_kind(work, change):
    path = work / "half" / "checkpoint.pt"
    state(path, CHECKPOINTS[change])
    refused(path.parent, "resume", path.parent, names="checkpoint" if change == "a later step" else str(path))


TRAININGS = {
    **{f"no {key}": lambda x, key=key: {k: v for k, v in x.items() if k != key}
       for key in ("plan", "model", "optimiser", "rng", "global_rng", "losses", "best")},
    "a short random state": lambda x: x | {"rng": x["rng"][:100]},
    "another plan": lambda x: x | {"plan": x["plan"] | {"epochs": 7}},
    "an empty model": lambda x: x | {"model": {}},
    "an empty optimiser": lambda x: x | {"optimiser": {}},
    "a text as plan": lambda x: x | {"plan": "x"},
}  # fmt: skip


@pytest.mark.parametrize("change", TRAININGS)
def test_trainings_of_another_kind(work, change):
    path = work / "done" / "train-found-1-0.pt"
    state(path, TRAININGS[change])
    refused(path.parent, "retrain", path.parent, "--epochs", 1, names=str(path))


class Code:
    """What a pickle runs when it is loaded."""

    def __reduce__(self):
        return os.mkdir, (os.environ["TRAP"],)


@pytest.mark.parametrize("form", ["pickle", "torch"])
@pytest.mark.parametrize("file", ["checkpoint.pt", "train-found-1-0.pt", "found.safetensors", "showcase.npz"])
def test_no_code_is_run(work, monkeypatch, file, form):
    monkeypatch.setenv("TRAP", str(work / "trap"))
    for path in each(work, file):
        if form == "torch":
            torch.save({"step": Code()}, path)
        else:
            path.write_bytes(pickle.dumps({"step": Code()}))
    assert set(every(work, file)) == {2}
    assert not (work / "trap").exists()


def test_maps_of_objects_are_not_unpickled(work, monkeypatch):
    monkeypatch.setenv("TRAP", str(work / "trap"))
    np.savez(
        work / "done" / "showcase.npz", examples=np.array([Code()], object), names=["a"], maps=np.ones((1, 1, 2, 2))
    )
    assert every(work, "showcase.npz") == [2] and not (work / "trap").exists()


@pytest.mark.parametrize(
    "changed", [{"maps": np.ones(3)}, {"names": np.array(["a", "b", "c"])}, {"maps": np.array("x")}]
)
def test_maps_of_another_kind(work, changed):
    path = work / "done" / "showcase.npz"
    with np.load(path) as kept:
        content = dict(kept)
    np.savez(path, **content | changed)
    assert every(work, "showcase.npz") == [2]


def test_an_archive_in_another_form(work):
    path = work / "done" / "showcase.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("maps.npy", "no array")
    assert every(work, "showcase.npz") == [2]


@pytest.mark.parametrize("file", [f for f in FILES if f != "alphas.jsonl"])
def test_files_of_another_run(work, file):
    """The space differs: what was found there is nothing here. Times and maps fit anywhere."""
    shutil.copy(work / "other" / file, work / "done" / file) if (work / "other" / file).exists() else None
    shutil.rmtree(work / "half")
    (work / "half").mkdir()
    codes = every(work, file)
    same = {"clock.jsonl", "showcase.npz", "config.json"}
    assert file in same or 2 in codes


def test_weights_of_another_network_are_named(work):
    shutil.copy(work / "other" / "found.safetensors", work / "done" / "found.safetensors")
    done = work / "done"
    command = ("export", done, "--out", work / "net", "--no-onnx")
    refused(done, *command, names="found.safetensors is of another network: ")
    assert not (work / "net").exists()


def test_a_checkpoint_of_another_method(work):
    shutil.copy(work / "done" / "checkpoint.pt", work / "half" / "checkpoint.pt")
    refused(work / "half", "resume", work / "half", names="checkpoint.pt is of a run with another method")


def test_a_finished_run_whose_history_was_cut_is_not_written_over(work):
    done = work / "done"
    (done / "checkpoint.pt").unlink()
    refused(done, "resume", done, names="result.json is of 3 steps, the checkpoint of step 0")
    (work / "half" / "history.jsonl").write_text("")
    refused(work / "half", "resume", work / "half", names="the checkpoint is of step 4, the history has 0")


def test_an_export_that_was_changed(runs, work):
    shutil.copytree(runs / "net", work / "net")
    for name in ("arch.json", "model.safetensors"):
        for content in CONTENTS.values():
            path = work / "net" / name
            whole = path.read_bytes()
            path.write_bytes(content)
            with pytest.raises(RunError, match=name):
                load(work / "net")
            path.write_bytes(whole)
    assert load(work / "net") is not None


def test_a_run_without_a_result_names_resume(work):
    half = work / "half"
    refused(half, "retrain", half, names=f"finish it first: appnas resume {half}")


def note(folder: Path) -> str:
    code, err = said("report", folder)
    assert (code, err) == (0, "")
    return (folder / "report.html").read_text()


def test_the_report_says_what_was_cut(work):
    done, half = work / "done", work / "half"
    whole = (done / "history.jsonl").read_text()
    assert "Something is missing" not in note(done)
    (done / "history.jsonl").write_text(whole.splitlines(keepends=True)[0])
    text = note(done)
    assert "has 1 steps, but result.json tells of 3" in text and "but checkpoint.pt is of step 3" in text
    assert "but clock.jsonl has 3" in text
    (half / "history.jsonl").write_text("")
    assert "has 0 steps, but checkpoint.pt is of step 4" in note(half)
    (half / "checkpoint.pt").write_bytes(b"")
    assert "checkpoint.pt is damaged" in note(half)
