"""appnas.support.memory: every form in which memory runs out is known, and told in one line with what helps."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys

import pytest
import torch
from test_damage import Stop

import appnas
from appnas.domains.images import Options
from appnas.run import InterruptedSearchError, catalogue
from appnas.spaces import Cells
from appnas.support import MIB, explained, memory, out_of_memory, told

SPACE = Cells(nodes=2, channels=16, cells=5)
FLAGS = "--space.nodes 2 --space.channels 16 --space.cells 5 --domain.limit 128 --domain.batch 64".split()
LIMITED = """
import resource, sys
import torch
torch.set_num_threads(1)
from sklearn.datasets import load_digits
from torch.utils.tensorboard import SummaryWriter
from appnas.cli import app, main
from appnas.methods import darts
from appnas.domains.images import data
from appnas.spaces import Cells
from appnas.cost import counts
load_digits()  # libraries that get no memory while they are loaded may wait for it for ever
if len(sys.argv) > 1 and sys.argv[1].isdigit():
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv.pop(1)) * 2**20, resource.RLIM_INFINITY))
    counts.check_memory = lambda *_, **__: None  # which would refuse at the start
raise SystemExit(main())
"""


def test_all_forms_are_known():
    with pytest.raises(RuntimeError, match="allocate") as torch_says:
        torch.empty(2**60, dtype=torch.uint8)
    known = [
        MemoryError(), torch_says.value, torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("std::bad_alloc"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), RuntimeError("out of memory"),
    ]  # fmt: skip
    assert all(map(out_of_memory, known))
    others = [
        ValueError("out of memory"),
        RuntimeError("shapes differ"),
        OSError(errno.ENOSPC, "no space"),
        KeyboardInterrupt(),
    ]
    assert not any(map(out_of_memory, others))


@pytest.mark.parametrize("free", [None, 2**20, 2**40])
def test_a_vague_error_counts_when_little_is_free(monkeypatch, free):
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    assert out_of_memory(RuntimeError("could not create a primitive")) == (free == 2**20)


def test_one_line_with_the_estimate_what_is_free_and_what_helps(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 12 * MIB)
    error = RuntimeError(
        "[enforce fail at alloc_cpu.cpp] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"
        " 99 bytes.\nmore"
    )
    text = explained(error, 50 * MIB, "All is safe")
    assert text.startswith("memory ran out (can't allocate memory: you tried to allocate 99 bytes.); one step was ")
    assert "estimated at 50 MiB, 12 MiB are free now: half the batch" in text and text.endswith(". All is safe")
    assert explained(MemoryError(text)) == text and "\n" not in text
    assert explained(MemoryError()).startswith("memory ran out (no more could be allocated); 12 MiB are free now: ")


def test_other_errors_pass():
    with pytest.raises(KeyError), told(None):
        raise KeyError
    with pytest.raises(MemoryError, match=r"memory ran out \(out of memory\)"), told(None):
        raise RuntimeError("out of memory")


def test_a_limit_on_the_address_space_counts_as_what_is_free(tmp_path):
    code = (
        "import resource, torch; from appnas.support import memory;"
        "resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33));"
        "print(memory.free_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 2**33 - 2**28
    assert memory._limit_bytes(tmp_path / "nothing") == []


def limited(*args) -> tuple[int, str]:
    command = [sys.executable, "-c", LIMITED, *map(str, args)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("more", [70, 150])
def test_a_search_that_runs_out_gives_one_line(tmp_path, more):
    """At first nothing is left for the supernet, then for its training."""
    out = tmp_path / "run"
    code, err = limited(more, "search", "darts", "--order", "first", "--epochs", 1, *FLAGS, "--out", out)
    assert code == 2 and err.count("\n") == 1, err
    assert re.match(
        r"error: memory ran out \(.*\); .*MiB (are free now|free are unknown): half the batch \(--domain.batch\)", err
    )
    assert not out.exists()


def test_a_run_goes_on_with_more_memory(tmp_path):
    digits = catalogue.domain("digits", Options(batch=64, limit=128, crop=1))
    with pytest.raises(InterruptedSearchError):
        appnas.search(SPACE, digits, "darts", order="first", epochs=4, out=tmp_path / "run", callbacks=[Stop(1)])
    code, err = limited(150, "resume", tmp_path / "run")
    assert code == 2 and err.count("\n") == 1 and "error: memory ran out" in err, err
    assert err.endswith(f"What was saved is safe, go on with: appnas resume {tmp_path / 'run'}\n")
    assert "one step was estimated at" in err
    assert len(appnas.resume(tmp_path / "run").history) == 4


def test_on_a_device_its_own_memory_is_told(monkeypatch):
    free = {"cpu": 900 * MIB, "cuda:1": 12 * MIB}
    monkeypatch.setattr(memory, "free_bytes", lambda device: free[str(device)])
    said = (
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.10 GiB of which 1.2 GiB ..."
    )
    with pytest.raises(MemoryError) as told_of, told(50 * MIB, device=torch.device("cuda:1")):
        raise torch.OutOfMemoryError(said)
    text = str(told_of.value)
    assert text.startswith(
        "memory ran out (CUDA out of memory. Tried to allocate 2.00 GiB.); one step was estimated at"
    )
    assert "50 MiB, 12 MiB are free on cuda:1 now: half the batch (--domain.batch), half the channels" in text
    here = explained(MemoryError(), device=torch.device("cuda:1"))
    assert "900 MiB are free now" in here  # the CPU's own ran out
