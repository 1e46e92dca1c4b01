"""appnas.run: a run survives kills, Ctrl-C and damage, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter  # imported here: the first import takes seconds

from appnas.estimate import Table
from appnas.loop import Budget, Observer, Record, search_loop
from appnas.methods import darts
from appnas.run import (
    InterruptedSearchError,
    Run,
    create,
    finish,
    load_config,
    read_history,
    read_json,
    read_lines,
    write_json,
)
from appnas.run.run import FORMAT, STATES, load_checkpoint
from appnas.space import describe
from appnas.strategy import Evolution
from appnas.support import RunError
from appnas.support.files import RoomError
from appnas.task import DivergedError, Locked

assert SummaryWriter

KILLS = 3
STEPS = 18
DRIVER = f'''
"""Forks searches and kills them: argv is the folder and a seed. The folders' names tell the checkpoints' seconds."""
import os, random, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from appnas.run import catalogue
from appnas.task import Locked
from appnas.domains.images import Options
from appnas.methods import darts
from appnas.run import Run, create, finish
from appnas.spaces import Cells

folder, rng = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
domain = Locked(catalogue.domain("digits", Options(batch=25, limit=150, crop=1, flip=False)))
space = Cells(channels=2, cells=3, nodes=2)


def run(path):
    torch.seed()  # the global generator is no part of a search
    keep = Run(path, every=float(path.name), snapshots=8, events=False)
    config = darts.Config(epochs=6, order="first", alpha_lr=0.02)
    finish(path, darts.search(space, domain, config, seed=3, callbacks=[keep]))


def fork(path):
    child = os.fork()
    if child == 0:
        run(path)
        os._exit(0)
    return child


def lines(path):
    file = path / "history.jsonl"
    return file.read_bytes().count(b"\\n") if file.exists() else 0


assert os.waitpid(fork(create(folder / "1000", {{}})), 0)[1] == 0
for every in ("0", "0.2"):
    path, died = create(folder / every, {{}}), []
    for target in sorted(rng.sample(range(1, {STEPS} - 3), {KILLS})):
        child = fork(path)
        while lines(path) < target:
            if os.waitpid(child, os.WNOHANG)[0]:
                sys.exit(f"the search ended by itself after {{lines(path)}} steps, before step {{target}}")
            time.sleep(0.001)
        time.sleep(rng.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
        died.append(lines(path))
    assert os.waitpid(fork(path), 0)[1] == 0
    print(every, died)
'''


def equal(first, second):
    """Bit for bit: torch.equal on every tensor, == on everything else."""
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return list(first) == list(second) and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(equal(a, b) for a, b in zip(first, second, strict=True))
    return type(first) is type(second) and first == second


def tensors(state):
    if isinstance(state, torch.Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return [x for part in parts for x in tensors(part)]


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """One search left alone, and two that were killed and resumed: one with a checkpoint a step, one with few."""
    folder, seed = tmp_path_factory.mktemp("runs"), random.SystemRandom().randrange(10**6)
    script = folder / "driver.py"
    script.write_text(DRIVER)
    done = subprocess.run([sys.executable, script, folder, str(seed)], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    return folder, f"seed {seed}, seconds between checkpoints and steps at the kills: {done.stdout}"


@pytest.mark.parametrize("every", ["0", "0.2"])
def test_killed_three_times_a_search_ends_as_one_left_alone(driven, every):
    """DARTS, SIGKILL at random steps: same architecture, history, and every tensor of the last checkpoint."""
    folder, said = driven
    alone, killed = folder / "1000", folder / every
    assert read_json(alone / "result.json") == read_json(killed / "result.json"), said
    for name in ("history.jsonl", "alphas.jsonl"):
        assert (alone / name).read_bytes() == (killed / name).read_bytes(), (name, said)
    assert len(read_history(killed)) == STEPS and len(read_lines(killed, "clock")) == STEPS
    assert [line["step"] for line in read_lines(killed, "alphas")] == list(range(0, STEPS + 1, 2))
    one, other = load_checkpoint(alone / "checkpoint.pt"), load_checkpoint(killed / "checkpoint.pt")
    for part in ("step", "strategy", "evaluator"):
        assert equal(one[part], other[part]), (part, said)
    assert len(tensors(one["evaluator"]["supernet"])) > 50 and len(tensors(one["strategy"])) > 2
    first = read_lines(alone, "alphas")
    assert first[0]["distribution"] != first[-1]["distribution"]


# A search in this process: evolution on a table that changes its mind nowhere.


@pytest.fixture(scope="module")
def table(bench201):
    archs = [(a, b, c, d, 0, 0) for a in range(5) for b in range(5) for c in range(5) for d in range(5)]
    every = [(*arch[:4], e, f) for arch in archs for e in range(5) for f in range(5)]
    values = [float(a + 2 * b - c + d * e + f) for a, b, c, d, e, f in every]
    return Table(every, {"value": values, "seconds": [1.0] * len(every)}, "value")


def evolve(space, table, path, steps=40, callbacks=(), **settings):
    strategy = Evolution(space, random.Random(0), population=5, sample=2)
    keep = Run(path, **{"events": False, **settings})
    result = search_loop(strategy, table, steps, callbacks=[keep, *callbacks])
    return result


class At(Observer):
    """Do something after so many steps."""

    def __init__(self, step, act):
        self.at, self.act = step, act

    def step(self, loop, record):
        if loop.step == self.at:
            self.act()


def fresh(path):
    return create(path, {"method": "evolution"})


def test_a_run_writes_what_it_promises(bench201, table, tmp_path):
    path = fresh(tmp_path / "deep" / "run")
    assert load_config(path)["format"] == FORMAT and load_config(path)["method"] == "evolution"
    result = evolve(bench201, table, path, steps=20)
    history = read_history(path)
    assert history == result.history and len(history) == 20
    assert history[3] == Record(
        3, result.history[3].arch, result.history[3].value, {"value": history[3].value, "seconds": 1.0}
    )
    times = [line["seconds"] for line in read_lines(path, "clock")]
    assert times == sorted(times) and len(times) == 20
    assert read_lines(path, "alphas") == []  # evolution has no distribution
    finish(path, replace(result, space=bench201))
    assert read_json(path / "result.json") == {
        "best": list(result.best), "named": describe(bench201.choices, result.best), "value": result.value, "steps": 20,
    }  # fmt: skip
    assert not list(path.glob("*.partial"))


def test_the_value_goes_to_tensorboard(bench201, table, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    path = fresh(tmp_path / "run")
    result = evolve(bench201, table, path, steps=5, events=True)
    events = EventAccumulator(str(path)).Reload().Scalars("value")
    assert [(e.step, e.value) for e in events] == [(r.step, r.value) for r in result.history]


def test_a_finished_run_is_loaded_not_repeated(bench201, table, tmp_path):
    path = fresh(tmp_path / "run")
    first = evolve(bench201, table, path, steps=20)
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    again = evolve(bench201, table, path, steps=20)
    assert again.history == first.history and again.best == first.best
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before


def test_checkpoints_come_by_the_clock_and_at_the_end(bench201, table, tmp_path):
    path = fresh(tmp_path / "run")
    seen = []
    look = [At(k, lambda: seen.append((path / "checkpoint.pt").exists())) for k in (1, 39, 40)]
    evolve(bench201, table, path, callbacks=look, every=1000.0)
    assert seen == [False, False, True] and load_checkpoint(path / "checkpoint.pt")["step"] == 40


def test_a_search_that_a_budget_stops_is_saved(bench201, table, tmp_path):
    path = fresh(tmp_path / "run")
    first = evolve(bench201, table, path, callbacks=[Budget("seconds", 7.0)])
    assert len(first.history) == 7 and load_checkpoint(path / "checkpoint.pt")["step"] == 7
    again = evolve(bench201, table, path, callbacks=[Budget("seconds", 7.0)])
    assert again.history == first.history and again.best == first.best


@pytest.mark.parametrize("step", [1, 17, 40])
def test_ctrl_c_saves_and_says_how_to_go_on(bench201, table, tmp_path, step):
    alone = evolve(bench201, table, fresh(tmp_path / "alone"))
    path = fresh(tmp_path / "a run")
    before = signal.getsignal(signal.SIGINT)
    stop = At(step, lambda: os.kill(os.getpid(), signal.SIGINT))
    told = min(step + 1, 40)  # the callback comes after the run: the next step notices
    if step < 40:
        with pytest.raises(
            InterruptedSearchError, match=rf"stopped at step {told} of 40; go on with: appnas resume '.*/a run'"
        ):
            evolve(bench201, table, path, callbacks=[stop])
        assert load_checkpoint(path / "checkpoint.pt")["step"] == told == len(read_history(path))
    else:
        evolve(bench201, table, path, callbacks=[stop])  # too late: it is done
    assert signal.getsignal(signal.SIGINT) is before
    resumed = evolve(bench201, table, path)
    assert resumed.history == alone.history and resumed.best == alone.best
    assert (path / "history.jsonl").read_bytes() == (tmp_path / "alone" / "history.jsonl").read_bytes()


def test_a_scheduler_that_ends_a_job_is_like_ctrl_c(bench201, table, tmp_path):
    """Saved, and the evaluation under way is not what kills the process, if somebody does."""
    path, before = fresh(tmp_path / "run"), signal.getsignal(signal.SIGTERM)
    seen = []

    def asked():
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append(json.loads((path / "underway.json").read_text())["running"])

    with pytest.raises(InterruptedSearchError, match="stopped at step 4 of 40; go on with"):
        evolve(bench201, table, path, callbacks=[At(3, asked)])
    assert seen == [None] and signal.getsignal(signal.SIGTERM) is before
    alone = evolve(bench201, table, fresh(tmp_path / "alone"))
    assert evolve(bench201, table, path).history == alone.history


def test_a_directory_that_another_run_took_is_left_alone(bench201, table, tmp_path):
    path = fresh(tmp_path / "run")

    def taken():
        path.rename(tmp_path / "old")
        fresh(path)
        (path / "history.jsonl").write_text("theirs")

    with pytest.raises(RoomError, match=r"is another file by now: .* another run has its place, which is left alone"):
        evolve(bench201, table, path, callbacks=[At(3, taken)])
    assert (path / "history.jsonl").read_text() == "theirs" and not (path / "checkpoint.pt").exists()


def test_a_second_ctrl_c_stops_at_once(bench201, table, tmp_path):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    path = fresh(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt) as caught:
        evolve(bench201, table, path, callbacks=[At(5, twice)])
    assert not isinstance(caught.value, InterruptedSearchError)
    assert len(read_history(path)) == 5


def test_the_command_names_the_run_that_a_part_belongs_to(bench201, table, tmp_path):
    path = fresh(tmp_path / "seed-1")
    stop = At(1, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(InterruptedSearchError, match=f"appnas resume {tmp_path}$"):
        evolve(bench201, table, path, callbacks=[stop], root=tmp_path)


def test_runs_work_outside_the_main_thread(bench201, table, tmp_path):
    path, done = fresh(tmp_path / "run"), []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: done.append(evolve(bench201, table, path, steps=5)))
    thread.start()
    thread.join()
    assert len(done[0].history) == 5 and signal.getsignal(signal.SIGINT) is before


def interrupted(space, table, path, step=20):
    """A run stopped in its middle by an error, with a checkpoint after every step."""

    class Full(Exception):
        pass

    def fail():
        raise Full

    with pytest.raises(Full):
        evolve(space, table, path, callbacks=[At(step, fail)], every=0.0)
    assert load_checkpoint(path / "checkpoint.pt")["step"] == step
    return path


def test_a_torn_last_line_is_written_again(bench201, table, tmp_path):
    alone = evolve(bench201, table, fresh(tmp_path / "alone"))
    path = interrupted(bench201, table, fresh(tmp_path / "run"))
    journal = path / "history.jsonl"
    following = (tmp_path / "alone" / "history.jsonl").read_text().splitlines(keepends=True)[20]
    journal.write_text(journal.read_text() + following + following[: len(following) // 2])
    assert len(read_history(path)) == 21
    assert evolve(bench201, table, path).history == alone.history
    assert journal.read_bytes() == (tmp_path / "alone" / "history.jsonl").read_bytes()


def test_a_run_killed_before_its_first_checkpoint_starts_again(bench201, table, tmp_path):
    alone = evolve(bench201, table, fresh(tmp_path / "alone"))
    path = interrupted(bench201, table, fresh(tmp_path / "run"))
    (path / "checkpoint.pt").unlink()
    assert evolve(bench201, table, path).history == alone.history
    assert (path / "history.jsonl").read_bytes() == (tmp_path / "alone" / "history.jsonl").read_bytes()


def refused(space, table, path, match):
    """One clear error, and not a file changed."""
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    with pytest.raises(RunError, match=match):
        evolve(space, table, path)
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before


@pytest.mark.parametrize("left", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_checkpoint_is_one_clear_error(bench201, table, tmp_path, left):
    path = interrupted(bench201, table, fresh(tmp_path / "run"))
    file = path / "checkpoint.pt"
    content = file.read_bytes()
    file.write_bytes(content[: left if isinstance(left, int) else int(left * len(content))])
    refused(bench201, table, path, r"checkpoint\.pt is damaged .*: delete it to start this run again from its config")


def test_a_damaged_journal_is_one_clear_error(bench201, table, tmp_path):
    path = interrupted(bench201, table, fresh(tmp_path / "run"))
    journal = path / "history.jsonl"
    whole = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*whole[:5], '{"step": \n', *whole[6:]]))
    refused(bench201, table, path, r"history\.jsonl is damaged")
    journal.write_text("".join(whole[:12]))
    refused(bench201, table, path, "the checkpoint is of step 20, the history has 12")


def test_a_run_of_another_format_is_refused(bench201, table, tmp_path):
    path = interrupted(bench201, table, fresh(tmp_path / "run"))
    write_json(path / "config.json", {**load_config(path), "format": 99})
    refused(bench201, table, path, f"was written in format 99, this version reads format {FORMAT}")
    write_json(path / "config.json", {})
    refused(bench201, table, path, "was written in format None")
    (path / "config.json").write_text('{"format": 1, "met')
    refused(bench201, table, path, r"config\.json is damaged")
    (path / "config.json").write_bytes(b"\xff\xfe\x00")
    refused(bench201, table, path, r"config\.json is damaged")
    (path / "config.json").unlink()
    refused(bench201, table, path, r"has no config\.json")


def test_nothing_is_written_over(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    create(path, {"a": 1})  # an empty directory will do
    before = (path / "config.json").read_bytes()
    with pytest.raises(RunError, match="run is not empty: resume it, or give another directory"):
        create(path, {"a": 2})
    assert (path / "config.json").read_bytes() == before
    with pytest.raises(RunError, match=r"config\.json is a file: give a directory"):
        create(path / "config.json", {})


def test_a_reader_never_sees_half_a_file(tmp_path):
    file = tmp_path / "x.json"
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert read_json(file) == {"a": 1}
    assert json.loads(file.read_text()) == {"a": 1}


class TurnsNaN:
    """The digits, whose loss is NaN from the k-th on."""

    def __init__(self, domain, k):
        self.domain, self.k, self.calls, self.io = domain, k, 0, domain.io
        self.batches, self.epoch, self.fit, self.score = domain.batches, domain.epoch, domain.fit, domain.score
        self.test, self.example = domain.test, domain.example

    def loss(self, model, batch):
        self.calls += 1
        return self.domain.loss(model, batch) * (float("nan") if self.calls > self.k else 1.0)


def test_a_nan_loss_stops_with_the_step_and_keeps_the_last_good_checkpoint(bench201, digits, tmp_path):
    """Two losses a step: the 14th is the training loss of step 6. Then the cause is removed, and the run goes on."""
    config = darts.Config(epochs=2, order="first")
    path = fresh(tmp_path / "run")
    with pytest.raises(DivergedError, match="the loss is nan at training, search step 6"):
        darts.search(bench201, Locked(TurnsNaN(digits, 13)), config, callbacks=[Run(path, every=0.0, events=False)])
    state = load_checkpoint(path / "checkpoint.pt")
    assert state["step"] == 6 == len(read_history(path))
    floats = [x for x in tensors(state) if x.is_floating_point()]
    assert len(floats) > 20 and all(torch.isfinite(x).all() for x in floats)
    resumed = darts.search(bench201, Locked(digits), config, callbacks=[Run(path, every=0.0, events=False)])
    alone = darts.search(bench201, Locked(digits), config)
    assert resumed.best == alone.best and resumed.history == alone.history
    assert equal(resumed.evaluator.state_dict(), alone.evaluator.state_dict())


def test_a_learning_rate_of_1e30_stops_the_search(bench201, digits, tmp_path):
    path = fresh(tmp_path / "run")
    config = darts.Config(epochs=2, order="first", lr=1e30, clip=0.0)
    with pytest.raises(DivergedError, match=r"the loss is (nan|inf) at (validation|training), search step \d"):
        darts.search(bench201, Locked(digits), config, callbacks=[Run(path, every=0.0, events=False)])
    assert load_checkpoint(path / "checkpoint.pt")["step"] == len(read_history(path)) >= 1


def test_states_that_another_version_kept_are_refused(tmp_path):
    state = {"step": 0, "seconds": 0.0, "strategy": {}, "evaluator": {}, "rng": torch.get_rng_state()}
    torch.save({**state, "states": STATES}, tmp_path / "checkpoint.pt")
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 0
    for other in ({}, {"states": STATES - 1}):
        torch.save({**state, **other}, tmp_path / "checkpoint.pt")
        with pytest.raises(RunError, match="as another version keeps them: go on with that version, or delete it"):
            load_checkpoint(tmp_path / "checkpoint.pt")


def test_checkpoints_take_a_twentieth_of_the_time(tmp_path):
    keep = Run(tmp_path, every=30.0)
    keep.took = 0.1
    assert keep._pause == 30.0
    keep.took = 5.0
    assert keep._pause == 100.0
    keep.every = 0.0
    assert keep._pause == 0.0  # one after every step, whatever it takes
